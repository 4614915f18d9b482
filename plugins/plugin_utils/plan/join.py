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

from ..catalog.book import Catalog
from ..catalog.model import Component, End, Flow
from ..inventory.settings import Override, PeerEntry, Profile
from ..net.ports import NO_PORTS, PortSet

PortsByProtocol = tuple[tuple[str, PortSet], ...]
OTHER: Mapping[End, End] = {"initiator": "responder", "responder": "initiator"}

_NO_VARIABLES = Profile()


def in_order(ports: PortsByProtocol) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """For sorting."""
    return tuple((protocol, one.texts) for protocol, one in ports)


@dataclass(frozen=True)
class Figures:
    """What the deciding end says of a flow: whether it is on, and at which ports by protocol."""

    ports: PortsByProtocol = ()
    off: str = ""
    other_version: bool = False


@dataclass(frozen=True)
class Side:
    """One end of a flow, as far as the flow depends on it."""

    component: str
    realms: frozenset[str] | None
    override: Override | None = None
    figures: Figures | None = None


@dataclass(eq=False)
class Group:
    side: Side
    hosts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Joined:
    """What two sides agree on; `off` tells why they don't."""

    ports: PortsByProtocol = ()
    off: str = ""
    other_version: bool = False


@dataclass(frozen=True, eq=False)
class Met:
    """Counterparts of one component that a side meets on the same ports."""

    component: str
    ports: PortsByProtocol
    groups: tuple[Group, ...]
    peers_override: Override | None


@dataclass(frozen=True, eq=False)
class Meeting:
    met: tuple[Met, ...]
    off: tuple[str, ...]
    strangers: bool
    """Somebody is there, but shares no realm."""
    other_version: bool


class FlowJoin:
    """All members of both ends of one flow."""

    def __init__(self, flow: Flow, figures: FigureReader, today: date) -> None:
        self.flow = flow
        self._figures = figures
        self._today = today
        self._groups: dict[End, dict[Side, Group]] = {"initiator": {}, "responder": {}}
        self._by_realm: dict[End, dict[str, list[Group]]] = {"initiator": {}, "responder": {}}
        self._meetings: dict[tuple[End, Side], Meeting] = {}

    def side(self, end: End, component: str, profile: Profile) -> Side:
        return Side(
            component,
            profile.realms_of(component),
            self._override(profile) if end == "responder" else None,
            self._figures.of(self.flow, component, profile) if self.flow.decided_by == end else None,
        )

    def entry_side(self, end: End, component: str, entry: PeerEntry, viewer: Profile) -> Side:
        """Somebody outside the inventory, with the viewer's variables where the entry is silent."""
        return Side(
            component,
            entry.realms,
            self._override(viewer) if end == "responder" else None,
            self._figures.of(self.flow, component, viewer, entry) if self.flow.decided_by == end else None,
        )

    def _override(self, profile: Profile) -> Override | None:
        """An expired word drops the flow instead of changing it."""
        override = profile.flows.get(self.flow.id)
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

    def meeting(self, end: End, side: Side) -> Meeting:
        """Whom a side at this end meets at the other one."""
        key = (end, side)
        if key not in self._meetings:
            self._meetings[key] = self._meet(end, side)
        return self._meetings[key]

    def _meet(self, end: End, side: Side) -> Meeting:
        other = OTHER[end]
        near = {id(group): group for realm in side.realms or () for group in self._by_realm[other].get(realm, ())}
        found: dict[tuple[str, PortsByProtocol, Override | None], list[Group]] = {}
        off: list[str] = []
        other_version = False
        for group in near.values():
            joined = self.join(end, side, group.side)
            if joined.ports:
                override = group.side.override if end == "initiator" and group.side.override else None
                narrowing = override if override and override.peers is not None else None
                found.setdefault((group.side.component, joined.ports, narrowing), []).append(group)
            elif joined.other_version:
                other_version = True
            else:
                off.append(joined.off)
        met = tuple(
            Met(component, ports, tuple(groups), narrowing)
            for (component, ports, narrowing), groups in sorted(
                found.items(), key=lambda one: (one[0][0], in_order(one[0][1]), str(one[0][2]))
            )
        )
        return Meeting(met, tuple(sorted(set(off))), bool(self._groups[other]) and not near, other_version)

    def join(self, end: End, side: Side, counterpart: Side) -> Joined:
        initiator, responder = (side, counterpart) if end == "initiator" else (counterpart, side)
        figures = initiator.figures or responder.figures or Figures(off="nobody decides")
        override = responder.override or Override()
        if override.state == "disabled":
            expired = f": expired on {override.expires}" if override.expires else ""
            return Joined(off=f"disabled by portbook_flows{expired}")
        if figures.other_version:
            if override.state == "enabled":
                return Joined(off="portbook_flows enables it, but its version has no such flow")
            return Joined(other_version=True)
        if figures.off and override.state != "enabled":
            return Joined(off=figures.off)
        if override.ports is not None:
            return Joined(tuple((protocol, override.ports) for protocol in self.flow.protocols))
        if not figures.ports:
            return Joined(off=figures.off or "no port is known")
        return Joined(figures.ports)


class FigureReader:
    """What variables, or an entry of portbook_peers, say of version, features and ports."""

    def __init__(self, catalog: Catalog, strict_evidence: bool) -> None:
        self._catalog = catalog
        self._strict = strict_evidence
        self._cache: dict[tuple[str, str, int, PeerEntry | None], Figures] = {}
        self._usual: dict[str, PortSet] = {}

    def of(self, flow: Flow, component: str, profile: Profile, entry: PeerEntry | None = None) -> Figures:
        key = (flow.id, component, id(profile), entry)
        if key not in self._cache:
            self._cache[key] = self._read(flow, self._catalog.components[component], profile, entry)
        return self._cache[key]

    def ports_of(
        self, component: Component, port: str, profile: Profile, entry: PeerEntry | None = None
    ) -> PortSet | None:
        given = dict(entry.ports).get(port) if entry else None
        if given is None:
            given = profile.ports.get((component.name, port))
        if given is not None:
            return given
        setting = component.ports[port]
        if setting.next_to is None:
            return setting.default
        below = self.ports_of(component, setting.next_to, profile, entry)
        return below.above() if below else None

    def usual(self, flow: Flow) -> PortSet:
        """What the catalogue gives when no variable says otherwise."""
        if flow.id not in self._usual:
            ports, _unknown = self._resolve(flow, self._catalog.components[flow.deciders[0]], _NO_VARIABLES, None)
            self._usual[flow.id] = ports[0][1] if ports else NO_PORTS
        return self._usual[flow.id]

    def _read(self, flow: Flow, component: Component, profile: Profile, entry: PeerEntry | None) -> Figures:
        given = entry.version if entry else None
        version = given or profile.versions.get(component.name, component.default_version)
        if flow.versions and version not in flow.versions:
            return self._of_other_version(flow, component, profile, version)
        off = ""
        if flow.feature:
            on = dict(entry.features).get(flow.feature) if entry else None
            if on is None:
                on = profile.features.get((component.name, flow.feature), component.features[flow.feature].default)
            if not on:
                off = f"off: {component.feature_variable(flow.feature)}: true turns it on"
        ports, unknown = self._resolve(flow, component, profile, entry)
        if unknown:
            return Figures((), off or f"no port is known: set {component.port_variable(unknown)}")
        if self._strict and flow.doubts:
            ports = _without_doubts(flow, ports)
            if not ports:
                return Figures((), f"left out by portbook_evidence: strict: {flow.doubts[0].why}")
        return Figures(ports, off)

    def _of_other_version(self, flow: Flow, component: Component, profile: Profile, version: str | None) -> Figures:
        """Silent, unless the user turned the flow's feature on and would wait in vain."""
        if flow.feature and profile.features.get((component.name, flow.feature)):
            variable = component.feature_variable(flow.feature)
            only = " and ".join(flow.versions)
            return Figures(off=f"{variable} is true, but version {version} has no such flow, only {only}")
        return Figures(other_version=True)

    def _resolve(
        self, flow: Flow, component: Component, profile: Profile, entry: PeerEntry | None
    ) -> tuple[PortsByProtocol, str]:
        found: list[PortSet] = []
        for port in flow.ports:
            given = port if isinstance(port, PortSet) else self.ports_of(component, port, profile, entry)
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
