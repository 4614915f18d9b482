# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows times hosts give rules. Hosts that play the same parts with the same variables are planned once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from ...module_utils.shrinking import ALLOW_COMPONENT
from ..catalog.model import ANY, LOCAL_SUBNET, MANAGEMENT, Direction, End, Flow
from ..inventory.settings import Override, PeerEntry, Peers, Profile
from ..inventory.world import Host, World
from ..net.addresses import AddressSet, parse
from ..problems import Problems
from . import empty_groups
from .empty_groups import OpenQuestion, behind
from .join import OTHER, FigureReader, FlowJoin, Meeting, Met, PortsByProtocol, Side, in_order
from .missing_peers import MissingPeers
from .model import HostPlan, NotPlanned, Plan, Rule
from .peer_sets import NOBODY, PeerSet, PeerSets, by_name
from .rule_maker import RuleMaker, allow_rule, way_in

_WARN_BEFORE_EXPIRY = timedelta(days=14)
_Found = dict[
    tuple[str, PortsByProtocol, Override | None],
    tuple[list[Met], list[AddressSet], list[bool]],
]
"""By counterpart, ports and narrowing word: those met in the inventory, addresses beside it, and whether it is any."""


@dataclass(frozen=True, eq=False)
class _Kin:
    """Hosts that differ in nothing but name and addresses."""

    profile: Profile
    components: tuple[str, ...]
    parts: frozenset[str]
    platform: str
    hosts: list[str] = field(default_factory=list)
    rules: list[_Draft] = field(default_factory=list)
    not_planned: list[NotPlanned] = field(default_factory=list)
    questions: list[OpenQuestion] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Draft:
    """A rule whose set has no name yet; `only` if it is not for all hosts of the kin."""

    rule: Rule
    set_number: int
    symbol: str | None
    only: frozenset[str] | None = None
    guard_asked: bool = False
    """By portbook_flows, whatever else is known."""


def make_plan(
    world: World,
    today: date,
    problems: Problems,
    guests: Mapping[str, str] | None = None,
) -> Plan:
    """The plan of all hosts; or of `guests` alone: hosts that play a component nobody else knows of."""
    return _Planner(world, today, problems, guests or {}).plan()


class _Planner:
    def __init__(self, world: World, today: date, problems: Problems, guests: Mapping[str, str]) -> None:
        self.world, self.today, self.problems, self.guests = world, today, problems, guests
        self.catalog = world.catalog
        self.figures = FigureReader(world.catalog, world.settings.evidence == "strict")
        self.sets = PeerSets(world.book)
        self.kins = _kins(world.hosts)
        self.maker = RuleMaker(world.catalog, self.figures, world.settings.evidence == "strict")
        self.missing = MissingPeers(world)
        self.expiring: dict[tuple[str, str], set[str]] = {}
        self.unguarded: dict[tuple[str, tuple[str, ...]], set[str]] = {}

    def plan(self) -> Plan:
        viewers = self._guest_kins() if self.guests else self.kins
        for flow in self.catalog.flows.values():
            self._plan_flow(flow, viewers)
        for kin in viewers:
            self._leave_open(kin)
            self._allow(kin)
            kin.rules.append(_Draft(way_in(kin.profile), -1, MANAGEMENT))
        self.missing.tell(self.problems)
        for (what, wrong), names in self.expiring.items():
            self.problems.warn(names, what, wrong, "Renew it or take it out")
        empty_groups.warn(self.unguarded, self.problems)
        named = self.sets.named()
        hosts = {
            plan.name: plan
            for kin in viewers
            if kin.components or kin.profile.allow
            for plan in self._hosts(kin, named)
        }
        used = {rule.peers for host in hosts.values() for rule in host.rules}
        return Plan(by_name(one for one in named if one.name in used), dict(sorted(hosts.items())))

    def _guest_kins(self) -> list[_Kin]:
        playing = [
            replace(host, components=(self.guests[host.name],)) for host in self.world.hosts if host.name in self.guests
        ]
        return _kins(playing)

    # -- one flow -----------------------------------------------------------------------------------

    def _plan_flow(self, flow: Flow, viewers: Iterable[_Kin]) -> None:
        join = FlowJoin(flow, self.figures, self.today)
        ends: tuple[tuple[End, tuple[str, ...]], ...] = (("initiator", flow.initiators), ("responder", flow.responders))
        for end, components in ends:
            for component in components:
                for kin in self.kins:
                    if component in kin.parts and not _elsewhere(flow, end, kin):
                        join.add(end, join.side(end, component, kin.profile), kin.hosts)
        for end, components in ends:
            for component in components:
                for kin in viewers:
                    if component in kin.components:
                        self._view(flow, join, end, component, kin)

    def _view(self, flow: Flow, join: FlowJoin, end: End, component: str, kin: _Kin) -> None:
        """The flow as hosts at this end see it."""
        if _elsewhere(flow, end, kin):
            self._skip(kin, component, flow, f"not on {kin.platform}")
            return
        self._tell_expired(flow, kin)
        side = join.side(end, component, kin.profile)
        if not flow.initiators:
            self._keep_shut(flow, join, side, kin)
            return
        meeting = join.meeting(end, side)
        found: _Found = {}
        reasons = list(meeting.off)
        for met in meeting.met:
            key = (met.component, met.ports, met.peers_override)
            found.setdefault(key, ([], [], []))[0].append(met)
        counterparts = flow.initiators if end == "responder" else flow.responders
        for counterpart in counterparts:
            self._ask(flow, join, end, side, counterpart, kin)
            self._add_outsiders(flow, join, end, side, counterpart, kin, found, reasons)
        for (counterpart, ports, _narrowing), (mets, outsiders, any_) in sorted(
            found.items(), key=lambda one: (one[0][0], in_order(one[0][1]))
        ):
            self._rules(flow, end, side, counterpart, kin, ports, mets, outsiders, any(any_))
        if end == "responder" and side.override and side.override.peers and not found:
            # The user named the peers, so it needs no initiator in the inventory.
            joined = join.join(end, side, join.entry_side("initiator", counterparts[0], PeerEntry(), kin.profile))
            if joined.ports:
                found[counterparts[0], joined.ports, None] = ([], [], [])
                self._rules(flow, end, side, counterparts[0], kin, joined.ports, [], [], False)
        if not found:
            decided = side.override is not None and side.override.state == "disabled"
            missing = () if decided else tuple(one for one in counterparts if not self._said_empty(one, kin))
            self._nobody(flow, end, component, kin, counterparts, meeting, reasons, missing)

    def _add_outsiders(
        self,
        flow: Flow,
        join: FlowJoin,
        end: End,
        side: Side,
        counterpart: str,
        kin: _Kin,
        found: _Found,
        reasons: list[str],
    ) -> None:
        """Peers that the host's variables name, beside those of the inventory."""
        peers = kin.profile.peers.get(counterpart)
        if peers is None:
            return
        own = kin.profile.flows.get(flow.id) if end == "initiator" else None
        narrowing = own if own and own.peers is not None else None
        entries = (PeerEntry(),) if peers.any else peers.entries
        for entry in entries:
            if entry.realms is not None and side.realms is not None and not entry.realms & side.realms:
                continue
            joined = join.join(end, side, join.entry_side(OTHER[end], counterpart, entry, kin.profile))
            if not joined.ports:
                if joined.off:
                    reasons.append(joined.off)
                continue
            place = found.setdefault((counterpart, joined.ports, narrowing), ([], [], []))
            place[1].append(self.world.book.entry(entry))
            place[2].append(peers.any)

    def _rules(
        self,
        flow: Flow,
        end: End,
        side: Side,
        counterpart: str,
        kin: _Kin,
        ports: PortsByProtocol,
        mets: list[Met],
        outsiders: list[AddressSet],
        any_: bool,
    ) -> None:
        hosts = [host for met in mets for group in met.groups for host in group.hosts]
        extra = [*outsiders, *(self._tunnel(flow, end, side.component, counterpart) if hosts or outsiders else [])]
        override = side.override if end == "responder" else _one_override(mets, kin.profile.flows.get(flow.id))
        only: frozenset[str] | None = None
        if override and override.peers is not None:
            if end == "responder":
                hosts, extra, any_ = (
                    [],
                    [self.world.book.entry(one) for one in override.peers.entries],
                    override.peers.any,
                )
            elif not override.peers.any:
                only = self._admitted(kin, override.peers)
        number = self.sets.add(counterpart, side.realms, hosts, AddressSet.union(extra))
        symbol = ANY if any_ or flow.reach == ANY else LOCAL_SUBNET if flow.reach == LOCAL_SUBNET else None
        if self.sets.empty(number) and not any_:
            self._skip(kin, side.component, flow, f"{counterpart} is empty")
            return
        word = override or Override()
        self._watch_expiry(f"portbook_flows.{flow.id}", word.expires, kin)
        for protocol, asked in ports:
            for cast in flow.casts:
                rule = self.maker.rule(flow, end, side.component, counterpart, kin.profile, protocol, asked, cast, word)
                if end == "initiator" and word.peers is not None:
                    rule = replace(rule, id=f"{rule.id}/{_short_digest(word.peers)}")
                kin.rules.append(_Draft(rule, -1 if any_ else number, symbol, only, bool(word.guard)))

    def _ask(self, flow: Flow, join: FlowJoin, end: End, side: Side, counterpart: str, kin: _Kin) -> None:
        """Whether there are hosts of the counterpart that the inventory does not show."""
        if counterpart not in self.world.undecided or counterpart in kin.profile.peers:
            return
        joined = join.join(end, side, join.entry_side(OTHER[end], counterpart, PeerEntry(), kin.profile))
        direction: Direction = "in" if end == "responder" else "out"
        for protocol, asked in joined.ports:
            spans = self.catalog.spans(asked)
            kin.questions.append(OpenQuestion(direction, protocol, spans, counterpart))

    def _leave_open(self, kin: _Kin) -> None:
        """Guards that rest on a group which is there and empty."""
        for number, draft in enumerate(kin.rules if kin.questions else ()):
            rule = draft.rule
            if rule.guarded and not draft.guard_asked and draft.symbol != ANY:
                components = behind(rule, self.catalog.spans(rule.ports), kin.questions)
                if components:
                    kin.rules[number] = replace(draft, rule=replace(rule, refusal="open", empty_groups=components))
                    self.unguarded.setdefault((rule.flow, components), set()).update(draft.only or kin.hosts)

    def _admitted(self, kin: _Kin, peers: Peers) -> frozenset[str]:
        """Hosts of the kin that the responder lets in."""
        allowed = AddressSet.union(self.world.book.entry(one) for one in peers.entries)
        return frozenset(host for host in kin.hosts if self.world.book.of_host.get(host, AddressSet()) & allowed)

    def _tunnel(self, flow: Flow, end: End, own: str, counterpart: str) -> list[AddressSet]:
        """Through a tunnel of the responder's own, both ends show an address of the tunnel."""
        initiator, responder = (own, counterpart) if end == "initiator" else (counterpart, own)
        tunnel = self.catalog.components[responder].tunnel
        if tunnel is None or initiator not in tunnel.peers or flow.id == tunnel.carried_by:
            return []
        return [AddressSet.union(parse(network) for network in tunnel.networks)]

    def _keep_shut(self, flow: Flow, join: FlowJoin, side: Side, kin: _Kin) -> None:
        """A port that nobody should reach: a rule for nobody, so that the guard knows of it."""
        joined = join.join("responder", side, Side(side.component, None))
        if joined.ports:
            number = self.sets.add(NOBODY, None, (), AddressSet())
            for protocol, asked in joined.ports:
                rule = self.maker.rule(
                    flow,
                    "responder",
                    side.component,
                    NOBODY,
                    kin.profile,
                    protocol,
                    asked,
                    "unicast",
                    side.override or Override(),
                )
                kin.rules.append(_Draft(replace(rule, peer_components=()), number, None))
        elif joined.off:
            self._skip(kin, side.component, flow, joined.off)

    # -- nobody there -------------------------------------------------------------------------------

    def _nobody(
        self,
        flow: Flow,
        end: End,
        component: str,
        kin: _Kin,
        counterparts: tuple[str, ...],
        meeting: Meeting,
        reasons: list[str],
        missing: tuple[str, ...],
    ) -> None:
        if reasons:
            unseen = tuple(one for one in missing if one not in self.world.members)
            self._skip(kin, component, flow, "; ".join(sorted(set(reasons))), unseen)
            return
        if meeting.other_version or self._of_other_version(flow, component, kin.profile):
            return
        off = [self.figures.of(flow, one, kin.profile) for one in flow.deciders]
        if all(one.other_version for one in off):
            return
        if all(one.off or one.other_version for one in off):
            self._skip(kin, component, flow, next(one.off for one in off if one.off))
            return
        names = " or ".join(counterparts)
        decided = any(one in self.world.declared or one in kin.profile.peers for one in counterparts)
        named = [kin.profile.peers[one] for one in counterparts if one in kin.profile.peers]
        said_empty = any(self._said_empty(one, kin) for one in counterparts)
        # What the user named and is not here belongs to another realm.
        strangers = meeting.strangers or any(one.entries for one in named)
        needed = flow.needs_responder if end == "initiator" else flow.needs_initiator
        if strangers:
            why = f"no {names} shares a realm with it"
        elif decided:
            why = f"{names} is empty"
        else:
            why = f"nobody is {names}: no group of that name, no entry in portbook_peers"
        self._skip(kin, component, flow, why, missing)
        if needed and not said_empty and (strangers or not decided):
            self.missing.note(component, counterparts, flow.id, kin.hosts, strangers)

    def _of_other_version(self, flow: Flow, component: str, profile: Profile) -> bool:
        """Whether the component itself, in its version, has nothing to do with the flow."""
        own = self.catalog.components[component]
        comparable = set(flow.versions) & set(own.versions)
        return bool(comparable) and profile.versions.get(component, own.default_version) not in comparable

    def _said_empty(self, component: str, kin: _Kin) -> bool:
        """Whether somebody wrote that there is none."""
        peers = kin.profile.peers.get(component)
        return self.world.settings.groups.get(component) == () or (
            peers is not None and not peers.entries and not peers.any
        )

    def _skip(self, kin: _Kin, component: str, flow: Flow, why: str, missing: tuple[str, ...] = ()) -> None:
        kin.not_planned.append(NotPlanned(component, flow.id, why, missing))

    # -- what is no flow of the catalogue -----------------------------------------------------------

    def _allow(self, kin: _Kin) -> None:
        for allow in kin.profile.allow:
            what = f"portbook_allow.{allow.name}"
            if allow.expires and allow.expires < self.today:
                self.expiring.setdefault((what, f"expired on {allow.expires} and is left out"), set()).update(kin.hosts)
                kin.not_planned.append(
                    NotPlanned(ALLOW_COMPONENT, f"allow.{allow.name}", f"expired on {allow.expires}")
                )
                continue
            self._watch_expiry(what, allow.expires, kin)
            addresses = AddressSet.union(self.world.book.entry(one) for one in allow.peers.entries)
            number = -1 if allow.peers.any or allow.local_subnet else self.sets.add(what, None, (), addresses)
            symbol = ANY if allow.peers.any else LOCAL_SUBNET if allow.local_subnet else None
            if symbol is None and not addresses:
                kin.not_planned.append(NotPlanned(ALLOW_COMPONENT, f"allow.{allow.name}", "its peers are empty"))
                continue
            kin.rules.append(_Draft(allow_rule(allow), number, symbol))

    def _tell_expired(self, flow: Flow, kin: _Kin) -> None:
        word = kin.profile.flows.get(flow.id)
        if word and word.expires and word.expires < self.today:
            what = (f"portbook_flows.{flow.id}", f"expired on {word.expires} and drops the flow")
            self.expiring.setdefault(what, set()).update(kin.hosts)

    def _watch_expiry(self, what: str, expires: date | None, kin: _Kin) -> None:
        if expires and expires - self.today <= _WARN_BEFORE_EXPIRY:
            self.expiring.setdefault((what, f"expires on {expires}"), set()).update(kin.hosts)

    # -- hosts --------------------------------------------------------------------------------------

    def _hosts(self, kin: _Kin, named: list[PeerSet]) -> Iterable[HostPlan]:
        drafts = sorted(
            ((replace(draft.rule, peers=draft.symbol or named[draft.set_number].name), draft) for draft in kin.rules),
            key=lambda one: one[0].id,
        )
        everyone = tuple(rule for rule, _draft in drafts)
        skipped = _told_once(kin.not_planned)
        realms = tuple(
            sorted({realm for one in kin.components for realm in kin.profile.realms_of(one)} or kin.profile.realm)
        )
        members = set(kin.hosts)
        shared = all(
            draft.only is None and (draft.set_number < 0 or named[draft.set_number].sole not in members)
            for _rule, draft in drafts
        )
        for host in kin.hosts:
            rules, not_planned = (everyone, skipped) if shared else self._for_host(host, drafts, named, skipped)
            yield HostPlan(host, kin.platform, kin.profile, kin.components, realms, rules, not_planned)

    def _for_host(
        self, host: str, drafts: list[tuple[Rule, _Draft]], named: list[PeerSet], skipped: tuple[NotPlanned, ...]
    ) -> tuple[tuple[Rule, ...], tuple[NotPlanned, ...]]:
        own = self.world.book.of_host.get(host, AddressSet())
        rules: list[Rule] = []
        alone: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {}
        for rule, draft in drafts:
            if draft.only is not None and host not in draft.only:
                alone[rule.component, rule.flow] = "the responder's portbook_flows names other peers", ()
            elif draft.set_number >= 0 and named[draft.set_number].only(host, own):
                why = f"only this host itself is {' or '.join(rule.peer_components)}"
                alone[rule.component, rule.flow] = why, rule.peer_components
            else:
                rules.append(rule)
        planned = {(rule.component, rule.flow) for rule in rules}
        more = (NotPlanned(*key, why, missing) for key, (why, missing) in alone.items() if key not in planned)
        return tuple(rules), _told_once((*skipped, *more))


def _told_once(skipped: Iterable[NotPlanned]) -> tuple[NotPlanned, ...]:
    """A component may be both ends of a flow; the reasons of both stand together."""
    reasons: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
    for one in skipped:
        whys, missing = reasons.setdefault((one.component, one.flow), (set(), set()))
        whys.update(one.why.split("; "))
        missing.update(one.missing)
    return tuple(
        NotPlanned(*key, "; ".join(sorted(whys)), tuple(sorted(missing)))
        for key, (whys, missing) in sorted(reasons.items())
    )


def _elsewhere(flow: Flow, end: End, kin: _Kin) -> bool:
    """Whether the flow is none of the deciding end on this platform."""
    return end == flow.decided_by and bool(flow.platforms) and kin.platform not in (*flow.platforms, "other")


def _kins(hosts: Iterable[Host]) -> list[_Kin]:
    found: dict[tuple[int, tuple[str, ...], frozenset[str], str], _Kin] = {}
    for host in hosts:
        key = (id(host.profile), host.components, host.parts, host.platform)
        if key not in found:
            found[key] = _Kin(host.profile, host.components, host.parts, host.platform)
        found[key].hosts.append(host.name)
    return list(found.values())


def _short_digest(peers: Peers | None) -> str:
    """Tells responders apart that let in different peers."""
    return hashlib.sha256(repr(peers).encode()).hexdigest()[:6]


def _one_override(mets: list[Met], own: Override | None) -> Override | None:
    """The responders' word, as their initiators follow it; without a responder in the inventory, one's own."""
    if not mets:
        return own
    words = {group.side.override for met in mets for group in met.groups}
    return next(iter(words)) if len(words) == 1 else None
