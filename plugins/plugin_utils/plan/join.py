# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who meets whom on a flow: the two ends, grouped by what matters to the flow, joined by realm.

Cost grows with groups, not with hosts: ten thousand clients with the same settings are one group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from ..catalog.model import End, Flow
from ..inventory.settings import HostSettings, Override, PeerEntry
from ..net.addresses import AddressSet
from .terms import PortsByProtocol, Terms, TermsReader, in_order

EncounterKey = tuple[str, PortsByProtocol, Override | None]
OTHER: Mapping[End, End] = {"initiator": "responder", "responder": "initiator"}


@dataclass(frozen=True)
class Side:
    """One end of a flow, as far as the flow depends on it."""

    component: str
    realms: frozenset[str] | None
    override: Override | None = None
    terms: Terms | None = None


@dataclass(eq=False)
class Group:
    side: Side
    hosts: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Encounter:
    """Counterparts of one component that a side meets on the same ports. `narrowing` is the word of responders that
    names other peers; `outsiders` are not in the inventory."""

    component: str
    ports: PortsByProtocol
    narrowing: Override | None = None
    groups: tuple[Group, ...] = ()
    outsiders: tuple[AddressSet, ...] = ()
    any: bool = False

    @property
    def key(self) -> EncounterKey:
        return self.component, self.ports, self.narrowing

    @property
    def hosts(self) -> list[str]:
        return [host for group in self.groups for host in group.hosts]


@dataclass(frozen=True, eq=False)
class OtherEnd:
    """Of a flow, as one side finds it; `off` says why it meets no more there."""

    encounters: tuple[Encounter, ...]
    off: tuple[str, ...]
    strangers: bool
    """Somebody is there, but shares no realm."""
    other_version: bool


class FlowJoin:
    """All members of both ends of one flow."""

    def __init__(self, flow: Flow, terms: TermsReader, today: date) -> None:
        self.flow = flow
        self._terms = terms
        self._today = today
        self._groups: dict[End, dict[Side, Group]] = {"initiator": {}, "responder": {}}
        self._by_realm: dict[End, dict[str, list[Group]]] = {"initiator": {}, "responder": {}}
        self._other_ends: dict[tuple[End, Side], OtherEnd] = {}
        self._sides: dict[tuple[End, str, int], Side] = {}

    def side(self, end: End, component: str, settings: HostSettings) -> Side:
        key = (end, component, id(settings))
        if key not in self._sides:
            self._sides[key] = Side(
                component,
                settings.realms_of(component),
                self._override(settings) if end == "responder" else None,
                self._terms.of(self.flow, component, settings) if self.flow.decided_by == end else None,
            )
        return self._sides[key]

    def entry_side(self, end: End, component: str, entry: PeerEntry, viewer: HostSettings) -> Side:
        """Somebody outside the inventory, with the viewer's variables where the entry is silent."""
        return Side(
            component,
            entry.realms,
            self._override(viewer) if end == "responder" else None,
            self._terms.of(self.flow, component, viewer, entry) if self.flow.decided_by == end else None,
        )

    def _override(self, settings: HostSettings) -> Override | None:
        """An expired word drops the flow instead of changing it."""
        override = settings.flows.get(self.flow.id)
        if override and override.expires and override.expires < self._today:
            return Override(state="disabled", expires=override.expires)
        return override

    def add(self, end: End, side: Side, hosts: Iterable[str]) -> None:
        group = self._groups[end].get(side)
        if group is None:
            group = self._groups[end][side] = Group(side)
            for realm in side.realms or ():
                self._by_realm[end].setdefault(realm, []).append(group)
        group.hosts.extend(hosts)

    def other_end(self, end: End, side: Side) -> OtherEnd:
        """As a side at this end finds it."""
        key = (end, side)
        if key not in self._other_ends:
            self._other_ends[key] = self._meet(end, side)
        return self._other_ends[key]

    def _meet(self, end: End, side: Side) -> OtherEnd:
        other = OTHER[end]
        near = {id(group): group for realm in side.realms or () for group in self._by_realm[other].get(realm, ())}
        found: dict[EncounterKey, list[Group]] = {}
        off: list[str] = []
        other_version = False
        for group in near.values():
            terms = self.agreed(end, side, group.side)
            if terms.ports:
                override = group.side.override if end == "initiator" and group.side.override else None
                narrowing = override if override and override.peers is not None else None
                found.setdefault((group.side.component, terms.ports, narrowing), []).append(group)
            elif terms.other_version:
                other_version = True
            else:
                off.append(terms.off)
        encounters = tuple(
            Encounter(component, ports, narrowing, tuple(groups))
            for (component, ports, narrowing), groups in sorted(
                found.items(), key=lambda one: (one[0][0], in_order(one[0][1]), str(one[0][2]))
            )
        )
        return OtherEnd(encounters, tuple(sorted(set(off))), bool(self._groups[other]) and not near, other_version)

    def agreed(self, end: End, side: Side, counterpart: Side) -> Terms:
        """The deciding end's terms, as far as the responder's own word lets them stand."""
        initiator, responder = (side, counterpart) if end == "initiator" else (counterpart, side)
        terms = initiator.terms or responder.terms or Terms(off="nobody decides")
        override = responder.override or Override()
        if override.state == "disabled":
            expired = f": expired on {override.expires}" if override.expires else ""
            return Terms(off=f"disabled by portbook_flows{expired}")
        if terms.other_version:
            if override.state == "enabled":
                return Terms(off="portbook_flows enables it, but its version has no such flow")
            return Terms(other_version=True)
        if terms.off and override.state != "enabled":
            return Terms(off=terms.off)
        if override.ports is not None:
            return Terms(tuple((protocol, override.ports) for protocol in self.flow.protocols))
        if not terms.ports:
            return Terms(off=terms.off or "no port is known")
        return Terms(terms.ports)
