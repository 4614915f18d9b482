# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done at a Windows host: its rules and settings, and what is asked of it, become operations. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ....module_utils.shrinking import Held, Inventory, left, losses, refusal
from ...catalog.model import VendorRule
from ...problems import few
from . import baseline, foreign, host, order
from . import network_profiles as profiles
from .difference import Difference, difference
from .foreign import Finding
from .guard import Guards, Permission, guards, permissions_of
from .held import OF_NO_COMPONENT, held
from .lock_out import REMEDY, UNCONFIRMED, lock_out
from .memory import Disabled, Forgotten, Memory, by_id, remembered
from .order import Operation, in_order
from .rule import BASELINE, PREFIX, PROFILES, WAY_IN, FirewallRule, StoredRule
from .store import Store
from .wanted import Wanted


@dataclass(frozen=True)
class Asked:
    """What the plan and the variables ask of one host. `ports` are those that Ansible comes in by."""

    wanted: Mapping[str, Wanted]
    replace_all: bool = True
    posture: str = "guard"
    outbound: str = "off"
    foreign: str = "auto"
    policy: str = "fail"
    others: str = "report"
    """What is done with permissions of others that a posture has no room for: report or disable."""
    management: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    over_network: bool = True
    vendors: tuple[VendorRule, ...] = ()
    inventory: Inventory | None = None
    """Without it, what the host loses is not asked about: somebody decided it."""

    @property
    def refuses(self) -> bool:
        return self.posture in ("guard", "strict")

    @property
    def strict(self) -> bool:
        return self.posture == "strict"

    @property
    def strict_out(self) -> bool:
        return self.outbound == "strict"

    @property
    def strict_directions(self) -> frozenset[str]:
        return frozenset([*["in"] * self.strict, *["out"] * self.strict_out])

    @property
    def may_disable(self) -> bool:
        return self.others == "disable"


@dataclass
class Decision:
    """With errors there are no operations."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    operations: list[dict[str, Any]] = field(default_factory=list)
    words: Difference = field(default_factory=Difference)
    foreign: list[Finding] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    enabled: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    """What the host would lose that nobody decided: an error, too."""
    unconfirmed: str = ""
    """Why a change that refuses something is not confirmed by a new connection."""
    left: dict[str, int] = field(default_factory=dict)
    """Components that the host no longer has, and how many rules went with each."""

    @property
    def changed(self) -> bool:
        return bool(self.operations)


def decide(store: Store, asked: Asked) -> Decision:
    decision = Decision()
    try:
        memory = remembered(store.owned)
    except Forgotten as error:
        return Decision(errors=[str(error)])
    _Deciding(store, asked, memory, decision).run()
    if decision.errors:
        decision.operations = []
    return decision


def decide_removal(store: Store, components: list[str] | None, inventory: Inventory | None = None) -> Decision:
    """Of some components, or of everything that is ours; then what was changed for us is as it was. With an inventory
    it is the inventory that gives the host nothing, and nobody has asked for the removal."""
    if components is not None:
        asked = Asked({name: Wanted() for name in components}, replace_all=False, posture="open", over_network=False)
        try:
            kept = remembered(store.owned)
        except Forgotten as error:
            return Decision(errors=[str(error)])
        groups = {f"{PREFIX}{name}" for name in components}
        if any(one.rule.group not in (*groups, *OF_NO_COMPONENT) for one in store.owned):
            return _removal_of_some(store, asked, kept)
    decision = _removal_of_all(store)
    before = held(store.owned, {})
    if store.owned and not before.rules:
        before = Held(other=f"{len(store.owned)} rules of portbook that belong to no component")
    _compare(decision, before, Held(), inventory)
    return decision


def _removal_of_some(store: Store, asked: Asked, memory: Memory) -> Decision:
    """What the others need stays, with the guards that their rules ask for."""
    decision = Decision()
    deciding = _Deciding(store, asked, memory, decision)
    kept = [one.rule for one in store.owned if one.rule.group in (BASELINE, WAY_IN)]
    made = guards(deciding.permissions(kept))
    after = Memory(deciding.guarded_names(), memory.disabled, memory.settings, memory.ways)
    decision.words = difference([*kept, *made.rules, *after.rules()], deciding.replaced)
    decision.operations = in_order(decision.words.operations)
    return decision


def _removal_of_all(store: Store) -> Decision:
    decision = Decision()
    try:
        memory = remembered(store.owned)
    except Forgotten as error:
        decision.warnings.append(f"{error}; everything else is taken away")
        memory = Memory()
    decision.words = difference([], store.owned)
    operations = [*decision.words.operations, *profiles.restored(store, memory)]
    for one, _known in memory.still_disabled(store.foreign):
        operations.append(order.enable(one))
        decision.enabled.append(one.rule.name)
    decision.settings = [_setting_text(one) for one in operations if one.data["op"] == "profile"]
    decision.operations = in_order(operations)
    return decision


def _compare(decision: Decision, before: Held, after: Held, inventory: Inventory | None) -> None:
    """Refused is what an inventory would take away that is short of hosts."""
    decision.left = {name: before.rules[name] for name in left(before, after)}
    found = losses(before, after, inventory) if inventory is not None else []
    if inventory is not None and found:
        decision.losses, decision.operations = found, []
        decision.errors.insert(0, refusal(found, inventory))


class _Deciding:
    def __init__(self, store: Store, asked: Asked, memory: Memory, decision: Decision) -> None:
        self.store, self.asked, self.memory, self.decision = store, asked, memory, decision
        self.own = [rule for one in asked.wanted.values() for rule in one.rules]
        self._groups = {f"{PREFIX}{name}" for name in asked.wanted}

    def run(self) -> None:
        self._look_at_host()
        ways, way_in = self._way_in()
        always = self._baseline() + way_in
        made = guards(self.permissions(always))
        wanted = profiles.needed(
            self.store,
            self.memory,
            refuses=self.asked.refuses or bool(made.rules),
            strict=self.asked.strict,
            strict_out=self.asked.strict_out,
        )
        setting, settings = profiles.settle(self.store, self.memory, wanted)
        switching, disabled = self._others(always, made)
        self._hindrances()
        after = Memory(self.guarded_names(), disabled, settings, ways)
        words = difference([*self.own, *always, *made.rules, *after.rules()], self.replaced)
        self.decision.words = words
        self.decision.settings = [_setting_text(one) for one in setting]
        self.decision.operations = in_order([*words.operations, *setting, *switching])
        if not self.asked.over_network:
            self._local_lock_out(made, self.decision.operations)
        had, has = self._held(self.store.owned), self._held(self._kept, self.asked.wanted.values())
        _compare(self.decision, had, has, self.asked.inventory)

    # -- what is ours ---------------------------------------------------------------------------------

    @cached_property
    def replaced(self) -> list[StoredRule]:
        """Rules of ours that stay only if they are wanted; one that was moved to another group is known by its name."""
        if self.asked.replace_all:
            return self.store.owned
        names = {rule.name for rule in self.own}
        return [
            one
            for one in self.store.owned
            if one.rule.group in self._groups
            or one.rule.group in OF_NO_COMPONENT
            or (one.rule.name in names and not one.rule.group.startswith(PREFIX))
        ]

    @cached_property
    def _kept(self) -> list[StoredRule]:
        """Rules of components that are not spoken of now."""
        replaced = {id(one) for one in self.replaced}
        return [one for one in self.store.owned if id(one) not in replaced]

    def permissions(self, always: list[FirewallRule]) -> list[Permission]:
        found = permissions_of(self.asked.wanted.values(), always)
        for kept in self._kept:
            if kept.rule.enabled and kept.rule.traffic.action == "allow":
                guarded = kept.rule.name in self.memory.guarded.get(kept.rule.group, ())
                found.append(Permission(kept.rule.traffic, guarded))
        return found

    def guarded_names(self) -> dict[str, tuple[str, ...]]:
        found = {f"{PREFIX}{name}": tuple(sorted(one.guarded)) for name, one in self.asked.wanted.items()}
        if not self.asked.replace_all:
            groups = {one.rule.group for one in self._kept}
            found |= {group: names for group, names in self.memory.guarded.items() if group in groups}
        return found

    def _way_in(self) -> tuple[tuple[str, ...], list[FirewallRule]]:
        """Also where only one component has guards, whatever the host's own posture."""
        asked = self.asked
        guarded = any(one.guarded and one.traffic.direction == "in" for one in self.permissions([]))
        if not (asked.refuses or guarded):
            return self.memory.ways, []
        ways = self.memory.came_from(self.store.connected if asked.over_network else ())
        addresses = [*asked.management, *ways]
        if not addresses or not asked.ports:
            if asked.over_network:
                self._error(
                    f"posture {asked.posture}: it is not known from where Ansible comes in, so it could be locked out",
                    "Set portbook_management to the addresses of your controllers"
                    + ("" if asked.ports else " and portbook_management_ports to the port it uses"),
                )
            return ways, []
        return ways, [baseline.way_in(addresses, asked.ports)]

    def _held(self, owned: Iterable[StoredRule], wanted: Iterable[Wanted] = ()) -> Held:
        outbound, strict = self.asked.outbound != "off", self.asked.strict_directions
        return held(owned, self.memory.guarded, wanted, outbound=outbound, strict=strict)

    def _local_lock_out(self, made: Guards, operations: list[dict[str, Any]]) -> None:
        refuses = self.asked.refuses or bool(made.rules)
        if refuses and operations:
            self.decision.unconfirmed = UNCONFIRMED
        disabled = [one.rule for one in self.store.foreign if one.rule.name in self.decision.disabled]
        wrong = "" if self.asked.management else lock_out(self.asked.ports, made.rules, disabled, operations)
        if wrong:
            self._error(wrong, REMEDY)

    def _baseline(self) -> list[FirewallRule]:
        found: list[FirewallRule] = []
        if self.asked.strict:
            found += baseline.inbound(self.store.programs)
        if self.asked.strict_out:
            domain = self.store.domain
            if domain.member and not domain.addresses:
                self._error(
                    f"portbook_outbound: strict: the controllers of the host's domain {domain.name} were not found",
                    "Mend the host's name resolution first: without its controllers it could not be logged on to",
                )
            found += baseline.outbound(self.store.programs, domain)
        return found

    # -- what is others' ------------------------------------------------------------------------------

    def _others(self, always: list[FirewallRule], made: Guards) -> tuple[list[Operation], dict[str, Disabled]]:
        """Operations on rules of others, and which of them stay disabled by us."""
        wanted: dict[str, tuple[StoredRule, str]] = {}
        reasons = set()
        for direction, on in (("in", self.asked.strict), ("out", self.asked.strict_out)):
            if on:
                reasons.add(direction)
                for one in foreign.beyond(self.store, direction, always, self.own):
                    wanted[one.id] = (one, direction)
        if made.unguarded:
            reasons.add("door")
            self._doors(made, wanted)
        if not self.asked.may_disable:
            self._tell_what_stays(wanted)
            wanted, reasons = {}, set()
        operations = [order.disable(one) for one, _reason in wanted.values()]
        self._tell_what_will_not_last(one for one, _reason in wanted.values())
        disabled = []
        for one, known in self.memory.still_disabled(self.store.foreign):
            if known.reason in reasons or one.rule.traffic.direction in reasons:
                disabled.append((one, known))
            else:
                operations.append(order.enable(one))
                self.decision.enabled.append(one.rule.name)
        disabled += [(one, Disabled(one.rule.name, reason)) for one, reason in wanted.values()]
        self.decision.disabled = sorted(one.rule.name for one, _reason in wanted.values())
        if self.asked.refuses:
            self._tell_vendors(made)
        else:
            self._tell_what_is_open()
        return operations, by_id(disabled)

    def _doors(self, made: Guards, wanted: dict[str, tuple[StoredRule, str]]) -> None:
        """A port that no block rule can refuse is as open as the rules of others make it."""
        for one in made.unguarded:
            self.decision.warnings.append(one.note)
        ports = [
            (rule.traffic, rule.name)
            for rule in self.own
            for one in made.unguarded
            if (rule.traffic.direction, rule.traffic.protocol) == (one.direction, one.protocol)
            and rule.traffic.ports.spans & one.spans
        ]
        for stored, flow in foreign.doors(ports, self.store):
            if self.asked.may_disable:
                wanted[stored.id] = (stored, "door")
            else:
                self._find(f"rule {self._named(stored.rule)}", flow, "open to others")

    def _tell_what_stays(self, wanted: Mapping[str, tuple[StoredRule, str]]) -> None:
        stays = {"in": "strict", "out": "outbound strict"}
        for reason, what in stays.items():
            names = sorted(one.rule.name for one, why in wanted.values() if why == reason)
            if names:
                self.decision.warnings.append(
                    f"not {what}: {len(names)} permissions of others stay: {few(names, 5)}. "
                    "portbook_windows_foreign: disable disables them until portbook is removed"
                )

    def _tell_what_is_open(self) -> None:
        for text in host.wide_open(self.store):
            self._find(text, "all inbound flows", "open to others")
        ports = [
            (rule.traffic, rule.name)
            for rule in self.own
            if rule.traffic.direction == "in" and rule.traffic.ports.spans
        ]
        for one, flow in foreign.doors(ports, self.store):
            self._find(f"rule {self._named(one.rule)}", flow, "open to others")

    def _tell_vendors(self, made: Guards) -> None:
        """Rules that the products themselves made for everyone: nobody needs them, and a guard holds against them."""
        ports = [(rule.traffic, rule.name) for rule in self.own if rule.traffic.direction == "in"]
        held = [rule.traffic.local_ports.spans for rule in made.rules]
        for one, flow in foreign.doors(ports, self.store):
            known = foreign.maker(one.rule, self.asked.vendors)
            if known and any(one.rule.traffic.ports.spans & spans for spans in held):
                self._find(f"rule {self._named(one.rule)}", flow, "refused to others")

    def _tell_what_will_not_last(self, disabled: Iterable[StoredRule]) -> None:
        for one in disabled:
            made = foreign.maker(one.rule, self.asked.vendors)
            if made and made.remade:
                self.decision.warnings.append(
                    f"the rule {one.rule.name!r} is disabled, but {made.made_by} makes it anew; guards hold against it"
                )

    def _named(self, rule: FirewallRule) -> str:
        return foreign.named(rule, self.asked.vendors)

    def _hindrances(self) -> None:
        # A block of others is harmless as long as its profile is off.
        came = self.store.connected if self.asked.over_network and self.asked.ports else ()
        ways = [baseline.way_in([address], self.asked.ports) for address in came]
        found = foreign.hindrances([*self.own, *ways], self.store)
        found += [
            Finding(f"profile {name} blocks all inbound traffic", "all inbound flows", "lost")
            for name in host.all_blocked(self.store)
        ]
        for one in found:
            if one.outcome == "lost" and self.asked.foreign != "warn":
                remedy = "Mend or remove it, or set portbook_foreign: warn"
                self._error(f"{one.where} refuses what {one.flow} permits, and a block wins", remedy)
            elif one.outcome == "unknown" and self.asked.foreign == "fail":
                remedy = "Look at it, or set portbook_foreign: warn"
                self._error(f"{one.where} may refuse what {one.flow} permits", remedy)
        self.decision.foreign = [*found, *self.decision.foreign]

    # -- the host itself ------------------------------------------------------------------------------

    def _look_at_host(self) -> None:
        asked, store = self.asked, self.store
        policies = host.policies(store, refuses=asked.refuses, strict=asked.strict, strict_out=asked.strict_out)
        for one in foreign.policy_hindrances(self.own, store):
            if one.outcome == "lost":
                policies.append(f"{one.where} refuses what {one.flow} permits")
            else:
                self.decision.foreign.append(one)
        for text in policies:
            if asked.policy == "fail":
                self._error(text, "Change the policy, or set portbook_windows_policy: warn")
            else:
                self.decision.warnings.append(text)
        for path in host.unknown_variables(store):
            self._error(f"the program {path} names a variable that the host does not have", "Give the whole path")
        for name, what in host.missing(self.own, store):
            self.decision.warnings.append(
                f"{name}: {what} is not on this host, so the rule matches nothing until it is"
            )
        for wanted in asked.wanted.values():
            self.decision.warnings += wanted.notes
        for product in store.products:
            text = f"{product} is registered as a firewall of this host: Windows' own rules may not decide"
            if asked.refuses and asked.foreign == "fail":
                self._error(text, "Remove it, or set portbook_foreign: warn")
            else:
                self.decision.warnings.append(text)
        if asked.posture == "watch":
            self.decision.warnings.append(
                "posture watch: Windows cannot count what it would refuse, so only permissions are added"
            )
        if asked.refuses:
            self.decision.warnings += host.unfiltered(store)

    def _error(self, what: str, remedy: str) -> None:
        self.decision.errors.append(f"{what}. {remedy}")

    def _find(self, where: str, flow: str, outcome: str) -> None:
        self.decision.foreign.append(Finding(where, flow, outcome))


def _setting_text(operation: Operation) -> str:
    data = operation.data
    return f"profile {PROFILES[data['profile']]}: {data['setting']} = {data['value']}"
