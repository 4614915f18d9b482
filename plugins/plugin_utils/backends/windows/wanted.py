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
from ...catalog.model import LOCAL_SUBNET, MANAGEMENT, SYMBOLIC_PEERS
from ...net.addresses import AddressSet, parse
from ...run.show import signature
from ..host_part import spans_of, watched
from .rule import NAMES, NUMBERS, PREFIX, WITH_PORTS, FirewallRule, Traffic, same_path
from .store import FoundProgram
from .texts import ANY_PORTS, ANYWHERE, MOST_ADDRESSES, WRITABLE, Addresses, Ports

_LONGEST_DESCRIPTION = 1000
_UNSET = AddressSet(Spans(((0, 0),)))
_EVERYONE_NEAR = AddressSet(Spans(((2**32 - 1, 2**32 - 1),)))
# Windows has no rule for nobody: nothing comes from the address of all, and nothing goes to the one of none.
_NOBODY = {"in": Addresses(_EVERYONE_NEAR), "out": Addresses(_UNSET)}
NO_PEERS = _UNSET | _EVERYONE_NEAR
RuleData = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """One component's rules, and the names of those whose ports are refused to everyone else."""

    rules: tuple[FirewallRule, ...] = ()
    guarded: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Renderer:
    """`networks` gives a set's addresses by its digest, `programs` what the host made of paths with variables."""

    tokens: Mapping[str, list[list[int]]]
    networks: Callable[[str], list[str]]
    programs: Mapping[str, FoundProgram]

    def wanted(self, slice_: Mapping[str, Any], components: Iterable[str] | None) -> dict[str, Wanted]:
        """By component. Rules are numbered within component, flow and direction, so that which other
        components are asked for at the same time changes no name."""
        found: dict[str, Wanted] = {name: Wanted() for name in components or ()}
        groups: dict[tuple[str, str, str], dict[tuple[Any, ...], list[RuleData]]] = {}
        outbound = slice_["host"]["outbound"] != "off"
        for rule in sorted(slice_["rules"], key=lambda one: str(one["id"])):
            if rule["peers"] == MANAGEMENT or (rule["direction"] == "out" and not outbound):
                continue
            if components is not None and rule["component"] not in found:
                continue
            where = (rule["component"], rule["flow"], rule["direction"])
            groups.setdefault(where, {}).setdefault(_alike(rule), []).append(rule)
        for (component, flow, direction), alike in groups.items():
            before = found.get(component, Wanted())
            for number, rules in enumerate(alike.values(), 1):
                for part, some in _mapper_apart(rules):
                    one = self._one(slice_, f"{NAMES}{flow}/{direction}/{number}{part}", some)
                    before = Wanted(
                        (*before.rules, *one.rules), before.guarded | one.guarded, (*before.notes, *one.notes)
                    )
            found[component] = before
        return found

    def _one(self, slice_: Mapping[str, Any], name: str, rules: list[RuleData]) -> Wanted:
        first = rules[0]
        number = NUMBERS[first["protocol"]]
        figures = [figure for rule in rules for figure in rule["ports"]]
        if figures and number not in WITH_PORTS:
            return Wanted(
                notes=(f"{first['flow']}: Windows Firewall knows no ports of {first['protocol']}, so it has no rule",)
            )
        asked, other = self._asked_ports(first, figures), self._ports(first["source_ports"])
        inbound = first["direction"] == "in"
        program = first["program"] or ""
        traffic = Traffic(
            direction=first["direction"],
            protocol=number,
            local_ports=asked if inbound else other,
            remote_ports=other if inbound else asked,
            program=same_path(self.programs[program].path if program in self.programs else program),
            service=(first["service"] or "").lower(),
        )
        rule = FirewallRule(
            _tame(name), f"{PREFIX}{first['component']}", traffic, _description(first), program, first["service"] or ""
        )
        guarded = first["guarded"] and not watched(slice_, first)
        remote = self._remote(slice_, rules)
        if not (remote.every or remote.known or remote.words):
            remote = _NOBODY[first["direction"]]
        split_rules = tuple(
            replace(rule, name=f"{rule.name}{suffix}", traffic=replace(traffic, remote=part))
            for suffix, part in split(remote)
        )
        return Wanted(split_rules, frozenset(one.name for one in split_rules) if guarded else frozenset())

    def _asked_ports(self, rule: RuleData, figures: list[str]) -> Ports:
        """Inbound, Windows itself knows which ports its endpoint mapper gave out, and a program's own ports."""
        if not figures:
            return ANY_PORTS
        if rule["direction"] == "in" and "tftp_data" in figures and rule["program"]:
            return ANY_PORTS
        if rule["direction"] == "in" and "rpc_dynamic" in figures:
            words = {"RPC"} | ({"RPC-EPMap"} if "135" in figures else set())
            return replace(
                self._ports(one for one in figures if one not in ("rpc_dynamic", "135")),
                words=frozenset(words),
                every=False,
            )
        return self._ports(figures)

    def _ports(self, figures: Iterable[str]) -> Ports:
        found = spans_of(figures, self.tokens)
        return Ports(Spans.of((low, high) for low, high in found)) if found else ANY_PORTS

    def _remote(self, slice_: Mapping[str, Any], rules: list[RuleData]) -> Addresses:
        peers = rules[0]["peers"]
        casts = {rule["cast"] for rule in rules}
        if rules[0]["direction"] == "out" and casts != {"unicast"}:
            return self._cast_out(slice_, rules)
        found = self._peers(slice_, peers)
        return found if found.every or "broadcast" not in casts else found | Addresses(_UNSET)

    def _peers(self, slice_: Mapping[str, Any], peers: str) -> Addresses:
        if peers == LOCAL_SUBNET:
            return Addresses(words=frozenset({"LocalSubnet"}))
        if peers in SYMBOLIC_PEERS:
            return ANYWHERE
        found = AddressSet.union(map(parse, self.networks(slice_["sets"][peers]["digest"]))) & WRITABLE
        return ANYWHERE if found == WRITABLE else Addresses(found)

    def _cast_out(self, slice_: Mapping[str, Any], rules: list[RuleData]) -> Addresses:
        """What is sent to all or to a group has their address, not the peers'. Windows takes no IPv6 group
        as an address, and lets what goes to one pass where the local subnet may be reached."""
        found = Addresses(words=frozenset({"LocalSubnet"}))
        for rule in rules:
            if rule["cast"] == "unicast":
                found |= self._peers(slice_, rule["peers"])
            elif rule["cast"] == "broadcast":
                found |= Addresses(_EVERYONE_NEAR)
            else:
                groups = [parse(one) for one in rule["group"] or () if ":" not in one]
                found |= Addresses(AddressSet.union(groups))
        return found


def _mapper_apart(rules: list[RuleData]) -> Iterator[tuple[str, list[RuleData]]]:
    """The endpoint mapper is a service of its own: a rule that is bound to another one would never match it."""
    first = rules[0]
    both = any({"135", "rpc_dynamic"} <= set(rule["ports"]) for rule in rules)
    if not both or first["direction"] == "out" or not (first["program"] or first["service"]):
        yield "", rules
        return
    yield "", [{**rule, "ports": [one for one in rule["ports"] if one != "135"]} for rule in rules]
    yield "/mapper", [{**rule, "ports": ["135"], "program": None, "service": None} for rule in rules]


def _alike(rule: RuleData) -> tuple[Any, ...]:
    """Rules that differ in nothing but ports and cast become one."""
    return (
        *(rule[key] for key in ("protocol", "peers", "program", "service", "guarded")),
        tuple(rule["source_ports"]),
    )


def _description(rule: RuleData) -> str:
    text = f"{rule['why']} [{', '.join([rule['flow'], *rule['rows']])}] {signature(rule)}".rstrip()
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


def programs_of(slice_: Mapping[str, Any]) -> list[str]:
    return sorted({rule["program"] for rule in slice_["rules"] if rule["program"]})


def services_of(slice_: Mapping[str, Any]) -> list[str]:
    return sorted({rule["service"] for rule in slice_["rules"] if rule["service"]})
