# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules as conditions on packets: each is read once, its words resolved by the machine."""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windows.fake.machine import Machine, Packet, number
from windows.fake.rule import Rule
from windows.fake.values import ADDRESS_KEYWORDS, ICMP4, ICMP6

if TYPE_CHECKING:
    from windows.fake.state import State

Span = tuple[int, int]
EPMAP, MDNS = 135, 5353
EVERYONE = "WD"
LINK_LOCAL = "fe80::/64"


class Idle(Exception):
    """A word of the rule means nothing now: Windows does not enforce such a rule at all."""


def merged(spans: list[Span]) -> tuple[Span, ...]:
    result: list[Span] = []
    for low, high in sorted(spans):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


@dataclass(frozen=True)
class Spans:
    """Numbers in intervals that neither touch nor overlap."""

    spans: tuple[Span, ...]
    starts: tuple[int, ...]

    @classmethod
    def of(cls, spans: list[Span]) -> Spans:
        kept = merged(spans)
        return cls(kept, tuple(low for low, _high in kept))

    def __contains__(self, one: int) -> bool:
        at = bisect_right(self.starts, one) - 1
        return at >= 0 and one <= self.spans[at][1]


@dataclass(frozen=True)
class Addresses:
    four: Spans
    six: Spans

    def holds(self, version: int, address: int) -> bool:
        return address in (self.four if version == 4 else self.six)


@dataclass(frozen=True)
class Ports:
    plain: Spans
    every: Spans
    """With those that the words add, for whichever service."""
    words: frozenset[str]

    def holds(self, port: int, packet: Packet, machine: Machine) -> bool:
        if port in self.plain:
            return True
        return port in self.every and any(port in word_ports(word, packet.service, machine) for word in self.words)


@dataclass(frozen=True)
class Condition:
    """One enforced rule."""

    name: str
    allow: bool
    bypass: bool
    inbound: bool
    profiles: int
    protocol: int
    of_policy: bool
    local_ports: Ports | None
    remote_ports: Ports | None
    local: Addresses | None
    remote: Addresses | None
    icmp: frozenset[tuple[int, int | None]] | None
    program: str | None
    service: str | None
    interfaces: frozenset[str] | None
    kinds: frozenset[str] | None
    package: str | None
    owner: str | None
    users: frozenset[str] | None
    secured: bool
    edge: int

    def matches(self, packet: Packet, machine: Machine) -> bool:
        """Direction, profile and protocol have been compared."""
        return (
            self._ends(packet, machine)
            and self._process(packet)
            and (self.interfaces is None or packet.interface.lower() in self.interfaces)
            and (self.kinds is None or machine.interface(packet.interface).kind in self.kinds)
            and (not self.secured or packet.secured)
            and (not packet.via_edge or self._by_edge(packet))
        )

    def _ends(self, packet: Packet, machine: Machine) -> bool:
        if self.local_ports is not None and not self.local_ports.holds(packet.local_port, packet, machine):
            return False
        if self.remote_ports is not None and not self.remote_ports.holds(packet.remote_port, packet, machine):
            return False
        if self.remote is not None and not self.remote.holds(*number(packet.remote)):
            return False
        if self.local is not None and not self.local.holds(*number(packet.local)):
            return False
        if self.protocol in (ICMP4, ICMP6):
            if number(packet.remote)[0] != (4 if self.protocol == ICMP4 else 6):
                return False
            kind, code = packet.icmp
            return self.icmp is None or (kind, code) in self.icmp or (kind, None) in self.icmp
        return True

    def _process(self, packet: Packet) -> bool:
        if self.program is not None and (packet.program or "").lower() != self.program:
            return False
        if self.service is not None:
            if packet.service is None:
                return False
            if self.service not in ("*", packet.service.lower()):
                return False
        if self.package is not None and (packet.app or "").lower() != self.package:
            return False
        if self.owner is not None and (packet.user or "").lower() != self.owner:
            return False
        return self.users is None or EVERYONE.lower() in self.users or (packet.user or "").lower() in self.users

    def _by_edge(self, packet: Packet) -> bool:
        if not self.allow or self.edge == 1:
            return True
        if self.edge == 2:
            return packet.edge_wanted
        # The user is asked for a program, whatever its ports.
        needed = self.program is not None and self.local_ports is None and self.remote_ports is None
        return self.edge == 3 and packet.edge_wanted and needed


# ------------------------------------------------------------------ from the store's words
def word_ports(word: str, service: str | None, machine: Machine) -> frozenset[int]:
    """Of the ports that a word stands for, those that belong to this service."""
    if word == "RPC":
        return machine.rpc_ports.get((service or "").lower(), frozenset())
    if word == "RPC-EPMap":
        return frozenset({EPMAP}) if machine.rpc_mapper and (service or "").lower() == "rpcss" else frozenset()
    return all_word_ports(word, None, machine)


def all_word_ports(word: str, service: str | None, machine: Machine) -> frozenset[int]:
    """What a rule with this word may match at all."""
    if word == "RPC":
        if service not in (None, "*"):
            return word_ports(word, service, machine)
        return frozenset(port for ports in machine.rpc_ports.values() for port in ports)
    known = {
        "RPC-EPMap": EPMAP if machine.rpc_mapper else None,
        "IPHTTPS": machine.iphttps,
        "Teredo": machine.teredo,
        "mDNS": MDNS,
    }
    port = known.get(word)
    return frozenset() if port is None else frozenset({port})


def ports(written: str | None, service: str | None, machine: Machine) -> Ports | None:
    if written is None:
        return None
    plain: list[Span] = []
    more: list[Span] = []
    words = set()
    for token in written.split(","):
        if token[:1].isdigit():
            low, _dash, high = token.partition("-")
            plain.append((int(low), int(high or low)))
        elif token:
            meant = all_word_ports(token, service, machine)
            if not meant:
                raise Idle(token)
            words.add(token)
            more += [(port, port) for port in meant]
    return Ports(Spans.of(plain), Spans.of(plain + more), frozenset(words))


def keyword(word: str, machine: Machine) -> tuple[str, ...]:
    subnets = tuple(subnet for interface in machine.interfaces for subnet in interface.subnets)
    if any(interface.subnets for interface in machine.interfaces):
        subnets += (LINK_LOCAL,)
    meant = {
        "LocalSubnet": subnets,
        "LocalSubnet4": tuple(subnet for subnet in subnets if ":" not in subnet),
        "LocalSubnet6": tuple(subnet for subnet in subnets if ":" in subnet),
        "DNS": machine.dns,
        "DHCP": machine.dhcp,
        "WINS": machine.wins,
        "DefaultGateway": machine.gateways,
    }
    return meant.get(word, machine.isolation.get(word, ()))


def span(written: str) -> tuple[int, Span]:
    """The version and the first and last address of a subnet, a range or one address."""
    if "-" in written:
        low, _dash, high = written.partition("-")
        return number(low)[0], (number(low)[1], number(high)[1])
    network = ipaddress.ip_network(written, strict=False)
    return network.version, (int(network.network_address), int(network.broadcast_address))


def addresses(written: str, machine: Machine, remote: bool) -> Addresses | None:
    if written == "*":
        return None
    found: dict[int, list[Span]] = {4: [], 6: []}
    for token in written.split(","):
        word = ADDRESS_KEYWORDS.get(token.lower())
        if word is None:
            meant: tuple[str, ...] = (token,)
        else:
            # Windows' protocol knows no words for local addresses.
            meant = keyword(word, machine) if remote else ()
            if not meant:
                raise Idle(token)
        for one in meant:
            version, kept = span(one)
            found[version].append(kept)
    return Addresses(Spans.of(found[4]), Spans.of(found[6]))


def icmp(written: str | None) -> frozenset[tuple[int, int | None]] | None:
    if written is None:
        return None
    pairs = (token.partition(":") for token in written.split(","))
    return frozenset((int(kind), None if code == "*" else int(code)) for kind, _colon, code in pairs)


def program(written: str | None, environment: dict[str, str]) -> str | None:
    if not written:
        return None

    def value(found: re.Match[str]) -> str:
        if found[1].lower() not in environment:
            raise Idle(written)
        return environment[found[1].lower()]

    return re.sub("%([^%]+)%", value, written).lower()


def users(written: str | None) -> frozenset[str] | None:
    """Whom an SDDL list lets in."""
    if written is None:
        return None
    return frozenset(sid.lower() for sid in re.findall(r"\(A;[^;)]*;[^;)]*;[^;)]*;[^;)]*;([^)]*)\)", written))


def condition(rule: Rule, store: State, machine: Machine) -> Condition | None:
    """None for a rule that is not enforced now, whatever the profile."""
    if not rule.enabled:
        return None
    known = {name.lower(): value for name, value in (machine.environment or store.environment).items()}
    there = {interface.name.lower() for interface in machine.interfaces}
    wanted = None if rule.interfaces is None else frozenset(name.lower() for name in rule.interfaces)
    if wanted is not None and not wanted <= there:
        return None
    inbound, allow = rule.direction == 1, rule.action == 1
    listed = not inbound or rule.remote_machine_authorized_list is not None
    try:
        return Condition(
            name=store.resolve(rule.name) or "",
            allow=allow,
            bypass=allow and rule.secure_flags == 4 and listed,
            inbound=inbound,
            profiles=rule.profiles,
            protocol=rule.protocol,
            of_policy=rule.of_policy,
            local_ports=ports(rule.local_ports, rule.service_name, machine),
            remote_ports=ports(rule.remote_ports, None, machine),
            local=addresses(rule.local_addresses, machine, remote=False),
            remote=addresses(rule.remote_addresses, machine, remote=True),
            icmp=icmp(rule.icmp),
            program=program(rule.application_name, known),
            service=rule.service_name.lower() if rule.service_name else None,
            interfaces=wanted,
            kinds=None if rule.interface_types == "All" else frozenset(rule.interface_types.split(",")),
            package=rule.local_app_package_id.lower() if rule.local_app_package_id else None,
            owner=rule.local_user_owner.lower() if rule.local_user_owner else None,
            users=users(rule.local_user_authorized_list),
            secured=rule.secure_flags != 0,
            edge=rule.edge_options,
        )
    except Idle:
        return None
