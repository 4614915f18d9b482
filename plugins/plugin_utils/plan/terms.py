# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The terms of a flow: at which ports the deciding end has it, or why not."""

from __future__ import annotations

from dataclasses import dataclass

from ..catalog.book import Catalog
from ..catalog.model import Component, Flow
from ..inventory.settings import HostSettings, PeerEntry
from ..net.ports import NO_PORTS, PortSet

PortsByProtocol = tuple[tuple[str, PortSet], ...]

_NO_VARIABLES = HostSettings()


@dataclass(frozen=True)
class Terms:
    """Of the deciding end, or what two ends agree on; `off` says why there are no ports."""

    ports: PortsByProtocol = ()
    off: str = ""
    other_version: bool = False


def in_order(ports: PortsByProtocol) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """For sorting."""
    return tuple((protocol, one.texts) for protocol, one in ports)


class TermsReader:
    """What variables, or an entry of portbook_peers, say of version, features and ports."""

    def __init__(self, catalog: Catalog, strict_evidence: bool) -> None:
        self._catalog = catalog
        self._strict = strict_evidence
        self._cache: dict[tuple[str, str, int, PeerEntry | None], Terms] = {}
        self._usual: dict[str, PortSet] = {}

    def of(self, flow: Flow, component: str, settings: HostSettings, entry: PeerEntry | None = None) -> Terms:
        key = (flow.id, component, id(settings), entry)
        if key not in self._cache:
            self._cache[key] = self._read(flow, self._catalog.components[component], settings, entry)
        return self._cache[key]

    def ports_of(
        self, component: Component, port: str, settings: HostSettings, entry: PeerEntry | None = None
    ) -> PortSet | None:
        given = dict(entry.ports).get(port) if entry else None
        if given is None:
            given = settings.ports.get((component.name, port))
        if given is not None:
            return given
        setting = component.ports[port]
        if setting.next_to is None:
            return setting.default
        below = self.ports_of(component, setting.next_to, settings, entry)
        return below.above() if below else None

    def usual(self, flow: Flow) -> PortSet:
        """What the catalogue gives when no variable says otherwise."""
        if flow.id not in self._usual:
            ports, _unknown = self._resolve(flow, self._catalog.components[flow.deciders[0]], _NO_VARIABLES, None)
            self._usual[flow.id] = ports[0][1] if ports else NO_PORTS
        return self._usual[flow.id]

    def _read(self, flow: Flow, component: Component, settings: HostSettings, entry: PeerEntry | None) -> Terms:
        given = entry.version if entry else None
        version = given or settings.versions.get(component.name, component.default_version)
        if flow.versions and version not in flow.versions:
            return self._of_other_version(flow, component, settings, version)
        off = ""
        if flow.feature:
            on = dict(entry.features).get(flow.feature) if entry else None
            if on is None:
                on = settings.features.get((component.name, flow.feature), component.features[flow.feature].default)
            if not on:
                off = f"off: {component.feature_variable(flow.feature)}: true turns it on"
        ports, unknown = self._resolve(flow, component, settings, entry)
        if unknown:
            return Terms((), off or f"no port is known: set {component.port_variable(unknown)}")
        if self._strict and flow.doubts:
            ports = _without_doubts(flow, ports)
            if not ports:
                return Terms((), f"left out by portbook_evidence: strict: {flow.doubts[0].why}")
        return Terms(ports, off)

    def _of_other_version(self, flow: Flow, component: Component, settings: HostSettings, version: str | None) -> Terms:
        """Silent, unless the user turned the flow's feature on and would wait in vain."""
        if flow.feature and settings.features.get((component.name, flow.feature)):
            variable = component.feature_variable(flow.feature)
            only = " and ".join(flow.versions)
            return Terms(off=f"{variable} is true, but version {version} has no such flow, only {only}")
        return Terms(other_version=True)

    def _resolve(
        self, flow: Flow, component: Component, settings: HostSettings, entry: PeerEntry | None
    ) -> tuple[PortsByProtocol, str]:
        found: list[PortSet] = []
        for port in flow.ports:
            given = port if isinstance(port, PortSet) else self.ports_of(component, port, settings, entry)
            if given is None:
                return (), str(port)
            found.append(given)
        ports = PortSet.union(found)
        return tuple((protocol, ports) for protocol in flow.protocols), ""


def _without_doubts(flow: Flow, ports: PortsByProtocol) -> PortsByProtocol:
    left = []
    for protocol, asked in ports:
        doubtful = [one for one in flow.doubts if one.protocol in (None, protocol)]
        if any(not one.ports for one in doubtful):
            continue
        kept = asked - PortSet.union(one.ports for one in doubtful).spans
        if kept:
            left.append((protocol, kept))
    return tuple(left)
