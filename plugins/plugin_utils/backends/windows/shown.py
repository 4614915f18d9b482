# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator is shown of a change of a Windows host: the host as it was read, and as the operations leave it.
Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from ....module_utils import access, difference, networks
from ....module_utils.difference import Rule, Section, Setting, View
from ....module_utils.intervals import Spans
from ...net.addresses import AddressSet
from .admitted import after
from .decision import Decision
from .guard import Permission, guards
from .memory import Forgotten, Memory, remembered
from .rule import (
    ALL_PROFILES,
    GUARD,
    MEMORY,
    NAMES,
    NUMBERS,
    PREFIX,
    PROFILES,
    WAY_IN,
    WITH_PORTS,
    FirewallRule,
    Traffic,
    same_path,
)
from .store import Store
from .texts import ANY_PORTS, ANYWHERE, Addresses, write_addresses, write_ports
from .wanted import NO_PEERS

_DETAILS = 2
"""The verbosity from which single operations are shown."""
_PROTOCOLS = {number: name for name, number in NUMBERS.items()} | {256: "any protocol"}
_DEFAULT = {0: "refused", 1: "accepted"}
_NEAR = frozenset({"LocalSubnet"})


def sections(
    store: Store, decision: Decision, verbosity: int = 0, stays: frozenset[str] = frozenset()
) -> list[Section]:
    """`stays` are unmanaged rules that Windows refused to disable."""
    done = [one for one in decision.operations if not (one.get("may_stay") and one["name"] in stays)]
    left, programs = after(store, done), dict[str, str]()
    # Rules have their peers in common: those of thousands of addresses are written once.
    written = cache(lambda known: frozenset(networks.written((known.v4, known.v6))))
    before, then = (_Host(one, decision.peers, programs, written) for one in (store, left))
    by_hand = _by_hand(store, before.memory, done)
    known = {rule.peers: rule.who for rule in then.rules if rule.peers is not None}
    views = []
    for host, word, texts in zip((before, then), ("changed by hand", "as planned"), _texts(store, done), strict=True):
        guarding = {name: Setting(word) for name in by_hand}
        views.append(host.view({**guarding, **_unmanaged(host.store, done), **texts}, known))
    found = difference.sections(views[0], views[1])
    if verbosity >= _DETAILS:
        names = {one.id: one.rule.name for one in store.rules}
        found += difference.section("operations", (), (_operation(one, names) for one in done))
    return found or _rest(store, left)


@dataclass
class _Host:
    store: Store
    peers: Mapping[str, str]
    """Names of sets, by rule."""
    programs: dict[str, str]
    """As they are shown, by what is compared."""
    networks: Callable[[AddressSet], frozenset[str]]

    @cached_property
    def memory(self) -> Memory:
        try:
            return remembered(self.store.owned)
        except Forgotten:
            return Memory()

    def view(self, more: Mapping[str, Setting], known: Mapping[frozenset[str], str]) -> View:
        """A set that this run does not name (its rule goes, say) has the name of one with the same content."""
        rules = tuple(
            replace(one, who=known.get(one.peers, one.who))
            if one.peers and one.who.startswith(difference.PEERS_OF)
            else one
            for one in self.rules
        )
        return View(
            {**more, **self._settings()}, rules=rules, unnamed={"in": self._unnamed(1), "out": self._unnamed(2)}
        )

    def _settings(self) -> dict[str, Setting]:
        found = {}
        for bit, profile in PROFILES.items():
            values = {name: self.store.settings[bit, name] for name in _WORDS}
            for name, (what, words, more) in _WORDS.items():
                value = values[name]
                found[f"profile {profile}{what}"] = Setting(words.get(value, str(value)), value * more)
        return found

    def _unnamed(self, direction: int) -> int:
        """What a profile refuses by default, unmanaged rules may let through."""
        settings, name = self.store.effective, "DefaultInboundAction" if direction == 1 else "DefaultOutboundAction"
        open_ = any(not settings[bit, "FirewallEnabled"] or settings[bit, name] for bit in self.store.current)
        return access.EVERYBODY if open_ else access.SOME

    @cached_property
    def rules(self) -> list[Rule]:
        """Rules that were split for their number of addresses are one."""
        whole: dict[tuple[str, str, bool, Traffic], list[FirewallRule]] = {}
        for one in self.store.owned:
            rule = one.rule
            if rule.group in (GUARD, MEMORY):
                continue
            key = _base(rule.name), rule.group, rule.enabled, replace(rule.traffic, remote=ANYWHERE)
            whole.setdefault(key, []).append(rule)
        count: Counter[str] = Counter()
        found = []
        for (base, group, _enabled, _traffic), parts in whole.items():
            count[base] += 1
            id_ = base if count[base] == 1 else f"{base}#{count[base]}"
            found.append(self._rule(id_, group, parts[-1], _together([one.traffic.remote for one in parts])))
        return found

    @cached_property
    def _refused(self) -> dict[tuple[str, int], Spans]:
        """Ports that are refused to others indeed, by direction and protocol."""
        spans: dict[tuple[str, int], Spans] = {}
        for one in self.store.owned:
            if one.rule.group == GUARD and one.rule.enabled:
                key = one.rule.traffic.direction, one.rule.traffic.protocol
                spans[key] = spans.get(key, Spans()) | one.rule.traffic.ports.covered
        return spans

    def _rule(self, id_: str, group: str, rule: FirewallRule, remote: Addresses) -> Rule:
        one, flow = rule.traffic, id_.removeprefix(NAMES).partition("/")[0]
        known = remote.known
        if any(low in known.v4 for low, _high in NO_PEERS.v4):
            known -= NO_PEERS
        has_ports = one.protocol in WITH_PORTS
        everyone = remote.every or (remote.words and not known)
        words = ", ".join(sorted(remote.words))
        label = self.peers.get(rule.name) or f"{difference.PEERS_OF}{group.removeprefix(PREFIX)}"
        ports = one.ports.covered if has_ports else Spans()
        refused = ports <= self._refused.get((one.direction, one.protocol), Spans())
        if group == WAY_IN:
            label = difference.MANAGEMENT
        elif everyone:
            label = difference.ANYONE if remote.every else difference.LOCAL_SUBNET if remote.words == _NEAR else words
        return Rule(
            id=id_,
            flow="" if group == WAY_IN else flow,
            direction=one.direction,
            protocol=_PROTOCOLS.get(one.protocol, f"protocol {one.protocol}"),
            spans=ports.items,
            who=label,
            # A rule that somebody disabled lets nobody in.
            peers=frozenset() if not rule.enabled else None if everyone else self.networks(known),
            guarded=bool(ports) and refused and rule.name in self.memory.guarded.get(group, ()),
            narrowed=tuple(self._narrowed(rule)),
            notes=(
                *([f"also from {words}"] if words and not everyone else []),
                *([] if rule.enabled else ["disabled"]),
            ),
            ports=_ports(one) if has_ports and (one.ports.words or one.ports.every) else "",
        )

    def _narrowed(self, rule: FirewallRule) -> Iterator[str]:
        """What else a packet has to have, be it by a hand's change."""
        one = rule.traffic
        other_end, what = (one.remote_ports, "source") if one.direction == "in" else (one.local_ports, "own")
        if one.action == "block":
            yield "block"
        if other_end != ANY_PORTS:
            yield f"{what} port {write_ports(other_end)}"
        if one.icmp:
            yield f"types {','.join(sorted(one.icmp))}"
        if one.local != ANYWHERE:
            yield f"own address {write_addresses(one.local)}"
        if rule.program:
            found = self.store.programs.get(rule.program)
            path = found.path if found else rule.program
            yield f"program {self.programs.setdefault(same_path(path), path)}"
        if rule.service:
            yield f"service {one.service}"
        if one.profiles != ALL_PROFILES:
            yield f"profiles {', '.join(name for bit, name in PROFILES.items() if one.profiles & bit)}"
        yield from (f"{key} {value}" for key, value in one.others)


_WORDS: Mapping[str, tuple[str, Mapping[int, str], int]] = {
    "FirewallEnabled": ("", {0: "off", 1: "on"}, 1),
    "DefaultInboundAction": (", inbound traffic without a rule", _DEFAULT, -1),
    "DefaultOutboundAction": (", outbound traffic without a rule", _DEFAULT, -1),
    "BlockAllInboundTraffic": (", all inbound traffic is blocked", {0: "no", 1: "yes"}, 1),
}
"""What a setting is called and its values are, and whether a higher one refuses more."""


def _together(found: list[Addresses]) -> Addresses:
    if any(one.every for one in found):
        return ANYWHERE
    return Addresses(AddressSet.union(one.known for one in found), frozenset().union(*(one.words for one in found)))


def _ports(traffic: Traffic) -> str:
    return "all ports" if traffic.ports.every else write_ports(traffic.ports)


def _base(name: str) -> str:
    """Without what parts of a rule add to its name."""
    parts = name.split("/")
    return "/".join(parts[: 5 if parts[4:5] == ["mapper"] else 4])


def _unmanaged(store: Store, operations: Iterable[Mapping[str, Any]]) -> dict[str, Setting]:
    """Those unmanaged rules that are switched and are on; of one name together, since a host has packages by user."""
    rules = {one.id: one.rule for one in store.rules if not one.owned}
    switched = [rules[one["id"]] for one in operations if one["op"] in ("disable", "enable") and one["id"] in rules]
    count = Counter(rule.name for rule in switched if rule.enabled)
    return {f"unmanaged rule {name}": _switch(count[name]) for name in sorted(count)}


def _switch(count: int) -> Setting:
    """They are permissions: others are never switched."""
    return Setting("enabled" if count == 1 else f"enabled ({count} rules)", -count)


def _by_hand(store: Store, memory: Memory, operations: Iterable[Mapping[str, Any]]) -> list[str]:
    """Guards that are written again, and are not what the collection's other rules on the host ask for."""
    gone = {one.get("id") for one in operations if one["op"] in ("delete", "change", "enable")}
    touched = [one.rule for one in store.owned if one.rule.group == GUARD and one.id in gone]
    if not touched:
        return []
    permissions = [
        Permission(one.rule.traffic, one.rule.name in memory.guarded.get(one.rule.group, ()))
        for one in store.owned
        if one.rule.group not in (GUARD, MEMORY) and one.rule.enabled and one.rule.traffic.action == "allow"
    ]
    applied = {one.name: one.traffic for one in guards(permissions).rules}
    return sorted(f"rule {rule.name}" for rule in touched if applied.get(rule.name) != rule.traffic)


def _texts(store: Store, operations: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Setting], dict[str, Setting]]:
    """Properties other than the traffic of rules that are changed, before and after."""
    rules = {one.id: one.rule for one in store.owned if one.rule.group != MEMORY}
    before, then = dict[str, Setting](), dict[str, Setting]()
    for one in operations:
        old, new = rules.get(one.get("id", "")), one.get("rule")
        if old and new:
            name = new["Name"]
            before |= {
                f"group of rule {name}": Setting(old.group),
                f"description of rule {name}": Setting(old.description),
            }
            then[f"group of rule {name}"] = Setting(new["Grouping"])
            then[f"description of rule {name}"] = Setting(new.get("Description", ""))
    return before, then


def _rest(store: Store, left: Store) -> list[Section]:
    """By name, what shows in no other way: what the host remembers of us, say."""
    there, here = ({one.rule for one in side.owned} for side in (store, left))
    gone, come = ({rule.name for rule in some} for some in (there - here, here - there))
    lines = (
        [f"rule {name}{': as it was' if name in gone & come else ''}" for name in sorted(gone)],
        [f"rule {name}{': written again' if name in gone & come else ''}" for name in sorted(come)],
    )
    return difference.section(difference.OTHER, *lines)


def _operation(data: Mapping[str, Any], names: Mapping[str, str]) -> str:
    kind = data["op"]
    if kind == "profile":
        return f"profile {PROFILES[data['profile']]}: {data['setting']} = {data['value']}"
    if kind in ("create", "change"):
        record = {key: value for key, value in data["rule"].items() if key not in ("Name", "Description")}
        return f"{kind} {data['rule']['Name']}: {', '.join(f'{key}={value}' for key, value in record.items())}"
    return f"{kind} {names.get(data['id'], data['id'])}"
