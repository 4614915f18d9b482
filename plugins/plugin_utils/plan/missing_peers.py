# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that a component cannot do without and that are not defined: gathered, then reported once each."""

from __future__ import annotations

from collections.abc import Iterable

from ..inventory.world import World
from ..problems import Problems

_Key = tuple[str, tuple[str, ...], bool]


class MissingPeers:
    def __init__(self, world: World) -> None:
        self._world = world
        self._found: dict[_Key, tuple[set[str], set[str]]] = {}

    def note(
        self, component: str, counterparts: tuple[str, ...], flow: str, hosts: Iterable[str], other_realm: bool
    ) -> None:
        where, flows = self._found.setdefault((component, counterparts, other_realm), (set(), set()))
        where.update(hosts)
        flows.add(flow)

    def tell(self, problems: Problems) -> None:
        for (component, counterparts, other_realm), (hosts, flows) in sorted(self._found.items()):
            names, first = " or ".join(counterparts), counterparts[0]
            for_what = min(flows) if len(flows) == 1 else f"{min(flows)} and {len(flows) - 1} more flows"
            needs = f"needs {names} for {for_what}, and"
            if other_realm:
                variable = f"{self._world.catalog.components[first].prefix}_realm"
                wrong = f"{needs} none is in the same realm"
                right = f"Set portbook_realm or {variable} so that both have a realm in common"
            else:
                wrong = f"{needs} no host has it: the inventory has no group {' or '.join(self._groups(counterparts))}"
                right = "Create the group"
            right += f", or set portbook_peers: {{{first}: [addresses]}}; an empty list means that there is none"
            problems.error(hosts, component, wrong, right + self._other_versions(component, flows))

    def _groups(self, components: Iterable[str]) -> list[str]:
        given = self._world.run.groups
        return [group for component in components for group in given.get(component, (component,))]

    def _other_versions(self, component: str, flows: set[str]) -> str:
        """Those in which the component has none of these flows."""
        catalog = self._world.catalog
        own = catalog.components[component].versions
        needing = {version for flow in flows for version in catalog.flows[flow].versions} & set(own)
        others = [one for one in own if one not in needing] if needing else []
        if not others:
            return ""
        variable = f"{catalog.components[component].prefix}_version"
        there = self._there(component, others)
        if there:
            host, other, version = there
            return f'. {host} is {other} in version {version}: set {variable}: "{version}" (group_vars/{component}.yml)'
        return f". Version {' or '.join(others)} does without: {variable}"

    def _there(self, component: str, versions: list[str]) -> tuple[str, str, str] | None:
        """A host that the component would meet in one of the versions, what it is, and the version."""
        catalog = self._world.catalog
        for host in self._world.hosts:
            for other in sorted(host.parts - {component}):
                version = host.settings.versions.get(other, catalog.components[other].default_version)
                flows = catalog.flows_of(component)
                if version in versions and any(other in one.components and version in one.versions for one in flows):
                    return host.name, other, str(version)
        return None
