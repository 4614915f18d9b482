# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows times hosts give rules. Hosts that play the same parts with the same variables are planned once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from ...module_utils.shrinking import ALLOW_COMPONENT
from ..catalog.model import ANY, LOCAL_SUBNET, MANAGEMENT, Direction, End, Flow
from ..inventory.settings import Override, PeerEntry, Peers
from ..inventory.world import Host, World
from ..net.addresses import AddressSet, parse
from ..problems import Problems
from . import empty_groups, idle_peers
from .empty_groups import OpenQuestion, behind
from .expiries import Expiries
from .join import OTHER, Encounter, EncounterKey, FlowJoin, Side
from .kin import Kin, RuleDraft, alike, kins_of
from .missing_peers import MissingPeers
from .model import HostPlan, NotPlanned, Plan, Rule
from .not_planned import Reasons, told_once
from .overlay import interpreted
from .peer_sets import NOBODY, PeerSet, PeerSets, by_name
from .rule_maker import RuleMaker, allow_rule, way_in
from .terms import TermsReader, in_order


def make_plan(
    world: World,
    today: date,
    problems: Problems,
    viewers: Iterable[Host] | None = None,
) -> Plan:
    """The plan of all hosts; or of `viewers` alone, as no other host knows them: with a component or settings that the
    inventory does not give them."""
    return _Planner(world, today, problems, None if viewers is None else kins_of(viewers)).plan()


class _Planner:
    def __init__(self, world: World, today: date, problems: Problems, viewers: list[Kin] | None) -> None:
        self.world, self.today, self.problems, self.viewers = world, today, problems, viewers
        self.catalog = world.catalog
        self.terms = TermsReader(world.catalog, world.run.evidence == "strict")
        self.sets = PeerSets(world.book)
        self.kins = kins_of(world.hosts)
        self.players = _by_name((part, kin) for kin in self.kins for part in kin.parts)
        self.maker = RuleMaker(world.catalog, self.terms, world.run.evidence == "strict")
        self.missing = MissingPeers(world)
        self.reasons = Reasons(world, self.terms, self.missing)
        self.expiries = Expiries(today)
        self.used_peers: set[str] = set()
        self.unguarded: dict[tuple[str, tuple[str, ...]], set[str]] = {}
        self.named_rules: dict[tuple[int, str], Rule] = {}

    def plan(self) -> Plan:
        viewers = self.kins if self.viewers is None else self.viewers
        viewers_of = _by_name((component, kin) for kin in viewers for component in kin.components)
        for flow in self.catalog.flows.values():
            self._plan_flow(flow, viewers_of)
        for kin in viewers:
            self._leave_open(kin)
            self._allow(kin)
            kin.rules.append(RuleDraft(way_in(kin.settings), -1, MANAGEMENT))
        self.missing.tell(self.problems)
        self.expiries.warn(self.problems)
        empty_groups.warn(self.unguarded, self.problems)
        if self.viewers is None:
            idle_peers.warn(self.world, self.kins, self.used_peers, self.problems)
        named = self.sets.named()
        hosts = {
            plan.name: plan
            for kin in viewers
            if kin.components or kin.settings.allow
            for plan in self._hosts(kin, named)
        }
        used = {rule.peers for host in hosts.values() for rule in host.rules}
        return Plan(by_name(one for one in named if one.name in used), dict(sorted(hosts.items())))

    # -- one flow -----------------------------------------------------------------------------------

    def _plan_flow(self, flow: Flow, viewers_of: Mapping[str, list[Kin]]) -> None:
        join = FlowJoin(flow, self.terms, self.today)
        ends: tuple[tuple[End, tuple[str, ...]], ...] = (("initiator", flow.initiators), ("responder", flow.responders))
        for end, components in ends:
            for component in components:
                for kin in alike(flow, self.players.get(component, ())):
                    if not kin.is_elsewhere(flow, end):
                        join.add(end, join.side(end, component, kin.settings), kin.hosts)
        for end, components in ends:
            for component in components:
                for kin in alike(flow, viewers_of.get(component, ())):
                    self._view(flow, join, end, component, kin)

    def _view(self, flow: Flow, join: FlowJoin, end: End, component: str, kin: Kin) -> None:
        """The flow as hosts at this end see it."""
        if kin.is_elsewhere(flow, end):
            kin.skip(component, flow.id, f"not on {kin.platform}")
            return
        word = kin.settings.flows.get(flow.id)
        if word and self.expiries.over(word.expires):
            self.expiries.note_over(f"portbook_flows.{flow.id}", word.expires, "drops the flow", kin.hosts)
        side = join.side(end, component, kin.settings)
        if not flow.initiators:
            self._keep_shut(flow, join, side, kin)
            return
        other = join.other_end(end, side)
        found = {one.key: one for one in other.encounters}
        off = list(other.off)
        counterparts = flow.initiators if end == "responder" else flow.responders
        for counterpart in counterparts:
            self._ask(flow, join, end, side, counterpart, kin)
            self._add_outsiders(flow, join, end, side, counterpart, kin, found, off)
        for encounter in sorted(found.values(), key=lambda one: (one.component, in_order(one.ports))):
            self._rules(flow, end, side, kin, encounter)
        if end == "responder" and side.override and side.override.peers and not found:
            # The user named the peers, so it needs no initiator in the inventory.
            terms = join.agreed(end, side, join.entry_side("initiator", counterparts[0], PeerEntry(), kin.settings))
            if terms.ports:
                self._rules(flow, end, side, kin, Encounter(counterparts[0], terms.ports))
                return
        if not found:
            disabled = side.override is not None and side.override.state == "disabled"
            self.reasons.note_nobody(flow, end, component, kin, other, off, disabled=disabled)

    def _add_outsiders(
        self,
        flow: Flow,
        join: FlowJoin,
        end: End,
        side: Side,
        counterpart: str,
        kin: Kin,
        found: dict[EncounterKey, Encounter],
        off: list[str],
    ) -> None:
        """Peers that the host's variables name, in addition to those of the inventory."""
        peers = kin.settings.peers.get(counterpart)
        if peers is None:
            return
        own = kin.settings.flows.get(flow.id) if end == "initiator" else None
        narrowing = own if own and own.peers is not None else None
        entries = (PeerEntry(),) if peers.any else peers.entries
        for entry in entries:
            if entry.realms is not None and side.realms is not None and not entry.realms & side.realms:
                continue
            terms = join.agreed(end, side, join.entry_side(OTHER[end], counterpart, entry, kin.settings))
            if not terms.ports:
                if terms.off:
                    off.append(terms.off)
                continue
            self.used_peers.add(counterpart)
            key = (counterpart, terms.ports, narrowing)
            before = found.get(key) or Encounter(*key)
            outsiders = (*before.outsiders, self.world.book.entry(entry))
            found[key] = replace(before, outsiders=outsiders, any=before.any or peers.any)

    def _rules(self, flow: Flow, end: End, side: Side, kin: Kin, encounter: Encounter) -> None:
        counterpart, hosts, any_ = encounter.component, encounter.hosts, encounter.any
        there = bool(hosts or encounter.outsiders)
        extra = [*encounter.outsiders, *(self._tunnel(flow, end, side.component, counterpart) if there else [])]
        override = side.override if end == "responder" else _one_override(encounter, kin.settings.flows.get(flow.id))
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
            kin.skip(side.component, flow.id, f"{counterpart} is empty")
            return
        word = override or Override()
        self.expiries.watch(f"portbook_flows.{flow.id}", word.expires, kin.hosts)
        for protocol, ports in encounter.ports:
            for cast in flow.casts:
                rule = self.maker.rule(
                    flow, end, side.component, counterpart, kin.settings, protocol, ports, cast, word
                )
                if end == "initiator" and word.peers is not None:
                    rule = replace(rule, id=f"{rule.id}/{_short_digest(word.peers)}")
                kin.rules.append(RuleDraft(rule, -1 if any_ else number, symbol, only, bool(word.guard)))

    def _ask(self, flow: Flow, join: FlowJoin, end: End, side: Side, counterpart: str, kin: Kin) -> None:
        """Whether there are hosts of the counterpart that the inventory does not show."""
        if counterpart not in self.world.undecided or counterpart in kin.settings.peers:
            return
        terms = join.agreed(end, side, join.entry_side(OTHER[end], counterpart, PeerEntry(), kin.settings))
        direction: Direction = "in" if end == "responder" else "out"
        for protocol, ports in terms.ports:
            spans = self.catalog.spans(ports)
            kin.questions.append(OpenQuestion(direction, protocol, spans, counterpart))

    def _leave_open(self, kin: Kin) -> None:
        """Guards that rest on a group which is there and empty."""
        for number, draft in enumerate(kin.rules if kin.questions else ()):
            rule = draft.rule
            if rule.guards != "never" and not draft.guard_asked and draft.symbol != ANY:
                components = behind(rule, self.catalog.spans(rule.ports), kin.questions)
                if components:
                    rule = interpreted(replace(rule, waits_for=components), kin.settings)
                    kin.rules[number] = replace(draft, rule=rule)
                if rule.empty_groups:
                    hosts = kin.hosts.keys() if draft.only is None else draft.only & kin.hosts.keys()
                    if hosts:
                        self.unguarded.setdefault((rule.flow, components), set()).update(hosts)

    def _admitted(self, kin: Kin, peers: Peers) -> frozenset[str]:
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

    def _keep_shut(self, flow: Flow, join: FlowJoin, side: Side, kin: Kin) -> None:
        """A port that nobody should reach: a rule for nobody, so that the guard knows of it."""
        terms = join.agreed("responder", side, Side(side.component, None))
        if terms.ports:
            number = self.sets.add(NOBODY, None, (), AddressSet())
            for protocol, ports in terms.ports:
                rule = self.maker.rule(
                    flow,
                    "responder",
                    side.component,
                    NOBODY,
                    kin.settings,
                    protocol,
                    ports,
                    "unicast",
                    side.override or Override(),
                )
                kin.rules.append(RuleDraft(replace(rule, peer_components=()), number, None))
        elif terms.off:
            kin.skip(side.component, flow.id, terms.off)

    # -- what is no flow of the catalogue -----------------------------------------------------------

    def _allow(self, kin: Kin) -> None:
        for allow in kin.settings.allow:
            what = f"portbook_allow.{allow.name}"
            if self.expiries.over(allow.expires):
                self.expiries.note_over(what, allow.expires, "is left out", kin.hosts)
                kin.skip(ALLOW_COMPONENT, f"allow.{allow.name}", f"expired on {allow.expires}")
                continue
            self.expiries.watch(what, allow.expires, kin.hosts)
            addresses = AddressSet.union(self.world.book.entry(one) for one in allow.peers.entries)
            number = -1 if allow.peers.any or allow.local_subnet else self.sets.add(what, None, (), addresses)
            symbol = ANY if allow.peers.any else LOCAL_SUBNET if allow.local_subnet else None
            if symbol is None and not addresses:
                kin.skip(ALLOW_COMPONENT, f"allow.{allow.name}", "its peers are empty")
                continue
            kin.rules.append(RuleDraft(allow_rule(allow), number, symbol))

    # -- hosts --------------------------------------------------------------------------------------

    def _hosts(self, kin: Kin, named: list[PeerSet]) -> Iterable[HostPlan]:
        drafts = sorted(
            ((self._named(draft.rule, draft.symbol or named[draft.set_number].name), draft) for draft in kin.rules),
            key=lambda one: one[0].id,
        )
        everyone = tuple(rule for rule, _draft in drafts)
        skipped = told_once(kin.not_planned)
        realms = tuple(
            sorted({realm for one in kin.components for realm in kin.settings.realms_of(one)} or kin.settings.realm)
        )
        narrowed = any(draft.only is not None for _rule, draft in drafts)
        alone = {named[draft.set_number].sole for _rule, draft in drafts if draft.set_number >= 0}
        for host, settings in kin.hosts.items():
            shared = not narrowed and host not in alone
            rules, not_planned = (everyone, skipped) if shared else self._for_host(host, drafts, named, skipped)
            yield HostPlan(host, kin.platform, settings, kin.components, realms, rules, not_planned)

    def _named(self, rule: Rule, peers: str) -> Rule:
        """The same one for all kins that share the rule."""
        key = (id(rule), peers)
        if key not in self.named_rules:
            self.named_rules[key] = replace(rule, peers=peers)
        return self.named_rules[key]

    def _for_host(
        self, host: str, drafts: list[tuple[Rule, RuleDraft]], named: list[PeerSet], skipped: tuple[NotPlanned, ...]
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
        return tuple(rules), told_once((*skipped, *more))


def _by_name(pairs: Iterable[tuple[str, Kin]]) -> dict[str, list[Kin]]:
    found: dict[str, list[Kin]] = {}
    for name, kin in pairs:
        found.setdefault(name, []).append(kin)
    return found


def _short_digest(peers: Peers | None) -> str:
    """Distinguishes responders that let in different peers."""
    return hashlib.sha256(repr(peers).encode()).hexdigest()[:6]


def _one_override(encounter: Encounter, own: Override | None) -> Override | None:
    """The responders' word, as their initiators follow it; without a responder in the inventory, one's own."""
    if not encounter.groups:
        return own
    words = {group.side.override for group in encounter.groups}
    return next(iter(words)) if len(words) == 1 else None
