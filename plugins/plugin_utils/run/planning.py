# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run as the action plugins ask for it: inputs in, what to keep out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from ..catalog.book import Catalog
from ..catalog.load import load
from ..inventory import hostvars as inventory
from ..inventory import world as peers
from ..inventory.names import Names
from ..inventory.values import Untemplated
from ..inventory.variables import Variable
from ..inventory.world import HostInput, Resolver, World
from ..plan.compute import Computed, compute
from ..plan.model import Plan
from ..problems import Problem, Problems, shown
from .head import Head


@dataclass
class Planning:
    catalog: Catalog
    catalog_problems: Problems
    inputs: list[HostInput]
    groups: list[str]
    today: date
    resolve: Resolver
    default_connection: str

    @cached_property
    def computed(self) -> Computed:
        return compute(
            self.catalog,
            self.catalog_problems,
            self.inputs,
            self.groups,
            self.today,
            self.resolve,
            self.default_connection,
        )

    def compute(self, by: str) -> tuple[Plan | None, Head]:
        computed = self.computed
        plan, world = computed.plan, computed.world
        run = world.run if world else None
        return plan, Head(
            digest=computed.digest,
            listed_by=by,
            own_errors=_own_errors(computed.errors),
            errors=tuple(str(one) for one in computed.errors),
            warnings=tuple(str(one) for one in computed.warnings),
            hosts=len(plan.hosts) if plan else 0,
            rules=sum(len(host.rules) for host in plan.hosts.values()) if plan else 0,
            sets=len(plan.peers) if plan else 0,
            unsupported=run.unsupported if run else "warn",
            plan_file=run.plan_file if run else None,
            inventory_hosts=world.hosts_in_inventory if world else 0,
            members=dict(world.members) if world else {},
            shrink=bool(run and run.shrink),
            compare=bool(run and run.compare),
            variables=self._variables,
            fingerprint=inventory.fingerprint(self.inputs, self._variables),
            tokens=self.catalog.numbers,
            vendor_rules=tuple(
                dict.fromkeys(rule for one in self.catalog.components.values() for rule in one.vendor_rules)
            ),
            components=tuple(sorted(name for name, one in self.catalog.components.items() if not one.party)),
        )

    @cached_property
    def _variables(self) -> frozenset[str]:
        """Names of all variables that count, those with suffixes as the hosts have them."""
        names = Names(self.catalog, Problems())
        given = {name for one in self.inputs for name in one.variables}
        return frozenset(names.known) | {name for name in given if isinstance(names.read(name), Variable)}

    @cached_property
    def world(self) -> World:
        """Without planning it; what is wrong with it was said when it was planned."""
        return peers.build(self.catalog, self.inputs, self.groups, Problems(), self.resolve, self.default_connection)


def _own_errors(errors: Iterable[Problem]) -> dict[str, int]:
    own: dict[str, int] = {}
    for number, one in enumerate(errors):
        for place in one.places if len(one.places) <= _OWN_OF_MOST else ():
            own.setdefault(place, number)
    return own


# An error that more hosts share is that of a group.
_OWN_OF_MOST = 5


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)  # Nobody's home; loading reports that it does not exist.


def catalog_of(paths: object, problems: Problems) -> Catalog:
    """With the user's own catalogues, if the variable is a list of paths."""
    own: list[Path] = []
    listed = [paths] if isinstance(paths, str) else paths
    if isinstance(listed, list) and all(isinstance(path, str) and path.strip() for path in listed):
        own = [_expanded(path) for path in listed]
    elif isinstance(paths, Untemplated):
        problems.error("all hosts", "portbook_catalogs", f"cannot be rendered: {paths.reason}", "Fix the template")
    elif paths is not None:
        problems.error(
            "all hosts",
            "portbook_catalogs",
            f"is {shown(paths)}, which is not a list of paths",
            "Give a list of catalogue files or folders",
        )
    return load(own, problems)
