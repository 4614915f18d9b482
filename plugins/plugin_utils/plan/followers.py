# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose rules depend on the variables of one host, and on whose its own depend. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from ..catalog.model import Flow
from ..inventory.settings import HostSettings
from ..inventory.world import Host, World
from .join import OTHER, FlowJoin
from .kin import Kin, kins_of
from .terms import TermsReader

HostsOfFlow = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Tied:
    """Other hosts of the inventory, by the flow that ties them to a change of one host's variables."""

    followers: HostsOfFlow = field(default_factory=dict)
    """Their rules follow the host's variables."""
    deciders: HostsOfFlow = field(default_factory=dict)
    """They decide about the flow, so what the host's own variables say of it counts for nothing."""

    def __bool__(self) -> bool:
        return bool(self.followers or self.deciders)


class Followers:
    def __init__(self, world: World, today: date) -> None:
        self._world = world
        self._today = today
        self._terms = TermsReader(world.catalog, world.run.evidence == "strict")
        self._kins = kins_of(world.hosts)

    def of(self, host: Host, changed: HostSettings, components: Iterable[str]) -> Tied:
        """Who is tied to the host by what `changed` says of these components and its own settings do not."""
        followers: dict[str, tuple[str, ...]] = {}
        deciders: dict[str, tuple[str, ...]] = {}
        for component in components:
            for flow in self._world.catalog.flows_of(component):
                if component not in flow.deciders:
                    continue
                if component in host.parts:
                    self._note(followers, flow, self._that_follow(flow, component, host, changed))
                elif self._reads_other_terms(flow, component, host, changed):
                    self._note(deciders, flow, self._that_decide(flow, component, host))
        return Tied(followers, deciders)

    @staticmethod
    def _note(found: dict[str, tuple[str, ...]], flow: Flow, hosts: Iterable[str]) -> None:
        names = tuple(sorted({*hosts, *found.get(flow.id, ())}))
        if names:
            found[flow.id] = names

    def _reads_other_terms(self, flow: Flow, component: str, host: Host, changed: HostSettings) -> bool:
        return self._terms.of(flow, component, host.settings) != self._terms.of(flow, component, changed)

    def _that_follow(self, flow: Flow, component: str, host: Host, changed: HostSettings) -> Iterable[str]:
        """Hosts with rules at the other end, which would be others if they knew of the change."""
        end = flow.decided_by
        if not self._reads_other_terms(flow, component, host, changed) or _of(host).is_elsewhere(flow, end):
            return
        join = FlowJoin(flow, self._terms, self._today)
        before, after = join.side(end, component, host.settings), join.side(end, component, changed)
        for counterpart in flow.initiators if end == "responder" else flow.responders:
            for kin in self._kins:
                if counterpart not in kin.components or kin.is_elsewhere(flow, OTHER[end]):
                    continue
                other = join.side(OTHER[end], counterpart, kin.settings)
                if not (before.realms or frozenset()) & (other.realms or frozenset()):
                    continue
                if join.agreed(end, before, other).ports != join.agreed(end, after, other).ports:
                    yield from (name for name in kin.hosts if name != host.name)

    def _that_decide(self, flow: Flow, component: str, host: Host) -> Iterable[str]:
        counterparts = flow.initiators if flow.decided_by == "responder" else flow.responders
        realms = {realm for one in counterparts if one in host.parts for realm in host.settings.realms_of(one)}
        for kin in self._kins:
            if component in kin.parts and realms & kin.settings.realms_of(component):
                yield from (name for name in kin.hosts if name != host.name)


def _of(host: Host) -> Kin:
    return kins_of([host])[0]
