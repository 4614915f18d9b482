# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of Windows Firewall that a host's part of the plan asks for: one a flow and peer set, with lists. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ....module_utils.intervals import Span, Spans
from ...catalog.model import LOCAL_SUBNET, SYMBOLIC_PEERS, Direction
from ...net.addresses import AddressSet, parse
from ...net.ports import Numbers, PortSet
from ...plan.model import Rule
from ...run.host_part import HostPart
from ...run.show import signature
from .rule import NAMES, NUMBERS, PREFIX, WITH_PORTS, FirewallRule, Traffic, same_path
from .store import FoundProgram
from .texts import ANY_PORTS, ANYWHERE, MOST_ADDRESSES, WRITABLE, Addresses, Ports

_LONGEST_DESCRIPTION = 1000
_RPC, _TFTP = "rpc_dynamic", "tftp_data"
_MAPPER = Spans(((135, 135),))
_UNSET = AddressSet(Spans(((0, 0),)))
_EVERYONE_NEAR = AddressSet(Spans(((2**32 - 1, 2**32 - 1),)))
# Windows has no rule for nobody: nothing comes from the address of all, and nothing goes to the one of none.
NOBODY = {"in": Addresses(_EVERYONE_NEAR), "out": Addresses(_UNSET)}
NO_PEERS = _UNSET | _EVERYONE_NEAR


@dataclass(frozen=True)
class Wanted:
    """One component's rules, and the names of those whose ports are refused to everyone else."""

    rules: tuple[FirewallRule, ...] = ()
    guarded: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Renderer:
    """`networks` gives a set's addresses by its digest, `programs` what the host made of paths with variables."""

    tokens: Numbers
    networks: Callable[[str], list[str]]
    programs: Mapping[str, FoundProgram]

    def wanted(
        self, part: HostPart, components: Iterable[str] | None, directions: Iterable[Direction] | None = None
    ) -> dict[str, Wanted]:
        """By component. Rules are numbered within component, flow and direction, so that which other
        components are asked for at the same time changes no name."""
        found: dict[str, Wanted] = {name: Wanted() for name in components or ()}
        groups: dict[tuple[str, str, str], dict[tuple[Any, ...], list[Rule]]] = {}
        here = part.directions if directions is None else tuple(directions)
        for rule in sorted(part.of_components(None if components is None else found), key=lambda one: one.id):
            if rule.direction not in here:
                continue
            where = (rule.component, rule.flow, rule.direction)
            groups.setdefault(where, {}).setdefault(_alike(rule), []).append(rule)
        for (component, flow, direction), alike in groups.items():
            before = found.get(component, Wanted())
            for number, rules in enumerate(alike.values(), 1):
                for suffix, some in _mapper_apart(rules):
                    one = self._one(part, f"{NAMES}{flow}/{direction}/{number}{suffix}", some)
                    before = Wanted(
                        (*before.rules, *one.rules), before.guarded | one.guarded, (*before.notes, *one.notes)
                    )
            found[component] = before
        return found

    def _one(self, part: HostPart, name: str, rules: list[Rule]) -> Wanted:
        first = rules[0]
        number = NUMBERS[first.protocol]
        if any(rule.ports for rule in rules) and number not in WITH_PORTS:
            return Wanted(
                notes=(f"{first.flow}: Windows Firewall knows no ports of {first.protocol}, so it has no rule",)
            )
        asked, other = self._asked_ports(first, [rule.ports for rule in rules]), self._ports(first.source_ports)
        inbound = first.direction == "in"
        program = first.program or ""
        traffic = Traffic(
            direction=first.direction,
            protocol=number,
            local_ports=asked if inbound else other,
            remote_ports=other if inbound else asked,
            program=same_path(self.programs[program].path if program in self.programs else program),
            service=(first.service or "").lower(),
        )
        rule = FirewallRule(
            _tame(name),
            f"{PREFIX}{first.component}",
            traffic,
            _description(first),
            program,
            first.service or "",
            # Sets of one name differ in what follows the tilde.
            peers="" if first.peers in SYMBOLIC_PEERS else first.peers.partition("~")[0],
        )
        guarded = first.refusal == "guard"
        remote = self._remote(part, rules)
        if not (remote.every or remote.known or remote.words):
            remote = NOBODY[first.direction]
        split_rules = tuple(
            replace(rule, name=f"{rule.name}{suffix}", traffic=replace(traffic, remote=part))
            for suffix, part in split(remote)
        )
        return Wanted(split_rules, frozenset(one.name for one in split_rules) if guarded else frozenset())

    def _asked_ports(self, rule: Rule, asked: list[PortSet]) -> Ports:
        """Inbound, Windows itself knows which ports its endpoint mapper gave out, and a program's own ports."""
        ports = PortSet.union(asked)
        if rule.direction == "in" and _TFTP in ports.tokens and rule.program:
            return ANY_PORTS
        if rule.direction == "in" and _RPC in ports.tokens:
            words = {"RPC"} | ({"RPC-EPMap"} if any(map(_has_mapper, asked)) else set())
            rest = PortSet.union(map(_without_mapper, asked)).without(_RPC)
            return Ports(rest.covered(self.tokens), frozenset(words))
        return self._ports(ports)

    def _ports(self, ports: PortSet) -> Ports:
        return Ports(ports.covered(self.tokens)) if ports else ANY_PORTS

    def _remote(self, part: HostPart, rules: list[Rule]) -> Addresses:
        peers = rules[0].peers
        casts = {rule.cast for rule in rules}
        if rules[0].direction == "out" and casts != {"unicast"}:
            return self._cast_out(part, rules)
        found = self._peers(part, peers)
        return found if found.every or "broadcast" not in casts else found | Addresses(_UNSET)

    def _peers(self, part: HostPart, peers: str) -> Addresses:
        if peers == LOCAL_SUBNET:
            return Addresses(words=frozenset({"LocalSubnet"}))
        if peers in SYMBOLIC_PEERS:
            return ANYWHERE
        found = AddressSet.union(map(parse, self.networks(part.peers[peers].digest))) & WRITABLE
        return ANYWHERE if found == WRITABLE else Addresses(found)

    def _cast_out(self, part: HostPart, rules: list[Rule]) -> Addresses:
        """What is sent to all or to a group has their address, not the peers'. Windows takes no IPv6 group
        as an address, and lets what goes to one pass where the local subnet may be reached."""
        found = Addresses(words=frozenset({"LocalSubnet"}))
        for rule in rules:
            if rule.cast == "unicast":
                found |= self._peers(part, rule.peers)
            elif rule.cast == "broadcast":
                found |= Addresses(_EVERYONE_NEAR)
            else:
                groups = [parse(one) for one in rule.group or () if ":" not in one]
                found |= Addresses(AddressSet.union(groups))
        return found


def _mapper_apart(rules: list[Rule]) -> Iterator[tuple[str, list[Rule]]]:
    """The endpoint mapper is a service of its own: a rule that is bound to another one would never match it."""
    first = rules[0]
    both = any(_has_mapper(rule.ports) and _RPC in rule.ports.tokens for rule in rules)
    if not both or first.direction == "out" or not (first.program or first.service):
        yield "", rules
        return
    yield "", [replace(rule, ports=_without_mapper(rule.ports)) for rule in rules]
    yield "/mapper", [replace(rule, ports=PortSet(_MAPPER), program=None, service=None) for rule in rules]


def _has_mapper(ports: PortSet) -> bool:
    """By itself; in a range of others it is one of them."""
    return _MAPPER.items[0] in ports.spans.items


def _without_mapper(ports: PortSet) -> PortSet:
    return ports - _MAPPER if _has_mapper(ports) else ports


def _alike(rule: Rule) -> tuple[Any, ...]:
    """Rules that differ in nothing but ports and cast become one."""
    return (
        *(rule.protocol, rule.peers, rule.program, rule.service, rule.guarded),
        rule.source_ports,
    )


def _description(rule: Rule) -> str:
    text = f"{rule.why} [{', '.join([rule.flow, *rule.rows])}] {signature(rule)}".rstrip()
    return _tame(text)[:_LONGEST_DESCRIPTION].lstrip("@ ")


def _tame(text: str) -> str:
    """A pipe parts the fields of a stored rule, so Windows refuses it."""
    return "".join(one if one.isprintable() else " " for one in text.replace("|", "/"))


def split(remote: Addresses) -> Iterator[tuple[str, Addresses]]:
    """More addresses than a rule may have are parted at the borders of networks: a new address changes one part."""
    known = remote.known
    if len(known.v4.items) + len(known.v6.items) + len(remote.words) <= MOST_ADDRESSES:
        yield "", remote
        return
    if remote.words:
        yield "/words", Addresses(words=remote.words)
    for suffix, spans in _parts(known.v4.items, 0, 0, 32):
        yield suffix, Addresses(AddressSet(v4=Spans(spans)))
    for suffix, spans in _parts(known.v6.items, 0, 0, 128):
        yield suffix, Addresses(AddressSet(v6=Spans(spans)))


def _parts(spans: tuple[Span, ...], start: int, length: int, bits: int) -> Iterator[tuple[str, tuple[Span, ...]]]:
    if not spans:
        return
    if len(spans) <= MOST_ADDRESSES or length == bits:
        address = ipaddress.IPv4Address(start) if bits == 32 else ipaddress.IPv6Address(start)
        yield f"/{address}-{length}", spans
        return
    middle = start + (1 << (bits - length - 1))
    yield from _parts(tuple(one for one in spans if one[0] < middle), start, length + 1, bits)
    yield from _parts(tuple(one for one in spans if one[0] >= middle), middle, length + 1, bits)


def programs_of(part: HostPart) -> list[str]:
    return sorted({rule.program for rule in part.rules if rule.program})


def services_of(part: HostPart) -> list[str]:
    return sorted({rule.service for rule in part.rules if rule.service})
