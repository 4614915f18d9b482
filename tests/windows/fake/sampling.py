# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets at the edges of what rules say, by which two stores are told apart that mean something different."""

from __future__ import annotations

import ipaddress
import random
from dataclasses import replace
from typing import Any

from windows.fake.machine import SVCHOST, Direction, Interface, Machine, Packet
from windows.fake.matching import all_word_ports, keyword, span
from windows.fake.rule import Rule
from windows.fake.state import State
from windows.fake.values import ADDRESS_KEYWORDS, ANY_PROTOCOL, ICMP4, ICMP6, PORTS, TCP, UDP

Axes = dict[str, list[Any]]

ELSEWHERE = ("203.0.113.9", "2001:db8:ffff::9")
"""Of no rule, it is hoped; one of each version."""
SOME_PORT, OTHER_PORT = 40000, 50001
OTHER_PROGRAM, OTHER_SERVICE = "C:\\other.exe", "otherservice"
OTHER_PROTOCOL = 47
LAST = {4: 2**32 - 1, 6: 2**128 - 1}


def written(version: int, address: int) -> str:
    return str(ipaddress.IPv4Address(address) if version == 4 else ipaddress.IPv6Address(address))


def around(text: str, machine: Machine) -> list[str]:
    """The first and last address of each part of a list, then those just outside; one that the list holds is first."""
    inside, outside = [], []
    for token in text.split(",") if text != "*" else []:
        word = ADDRESS_KEYWORDS.get(token.lower())
        for one in (token,) if word is None else keyword(word, machine):
            version, (low, high) = span(one)
            inside += [written(version, low), written(version, high)]
            outside += [written(version, n) for n in (low - 1, high + 1) if 0 <= n <= LAST[version]]
    return [*inside, *outside, *ELSEWHERE]


def ports(text: str | None, service: str | None, machine: Machine) -> list[int]:
    inside: list[int] = []
    for token in text.split(",") if text else []:
        if token[:1].isdigit():
            low, _dash, high = token.partition("-")
            inside += [int(low), int(high or low)]
        elif token:
            inside += sorted(all_word_ports(token, service, machine))
    outside = [port + step for port in inside for step in (-1, 1) if 0 <= port + step <= 65535]
    return [*inside, *outside, SOME_PORT, OTHER_PORT]


def icmp(text: str | None) -> list[tuple[int, int]]:
    found = []
    for token in text.split(",") if text else []:
        kind, _colon, code = token.partition(":")
        number = 0 if code == "*" else int(code)
        found += [(int(kind), number), (int(kind), number ^ 1), (int(kind) ^ 1, number)]
    return [*found, (8, 0)]


def axes(rule: Rule, store: State, machine: Machine) -> Axes:
    """What each part of a packet may be; the first of each fits the rule, as far as can be told."""
    program = store.expand(rule.application_name)
    protocols = [rule.protocol] if rule.protocol != ANY_PROTOCOL else [TCP, UDP, OTHER_PROTOCOL]
    has_ports = bool(PORTS & set(protocols))
    names = [one.name for one in machine.interfaces]
    fitting = [one.name for one in machine.interfaces if fits(rule, one)]
    way: Direction = "in" if rule.direction == 1 else "out"
    service = None if rule.service_name == "*" else rule.service_name
    return {
        "direction": [way],
        "protocol": protocols,
        "remote": around(rule.remote_addresses, machine),
        "local": around(rule.local_addresses, machine) if rule.local_addresses != "*" else [],
        "local_port": ports(rule.local_ports, rule.service_name, machine) if has_ports else [0],
        "remote_port": ports(rule.remote_ports, None, machine) if has_ports else [0],
        "interface": [*fitting, *names] or [Interface().name],
        "program": [program or (SVCHOST if rule.service_name else OTHER_PROGRAM), OTHER_PROGRAM, None],
        "service": [service or (OTHER_SERVICE if rule.service_name else None), None, OTHER_SERVICE],
        "icmp": icmp(rule.icmp),
        "app": [rule.local_app_package_id, None],
        "user": [rule.local_user_owner, None],
        "via_edge": [False, True] if rule.edge_options or rule.direction == 1 else [False],
        "edge_wanted": [False, True] if rule.edge_options > 1 else [False],
        "secured": [rule.secure_flags != 0, False],
    }


def fits(rule: Rule, interface: Interface) -> bool:
    names = None if rule.interfaces is None else {name.lower() for name in rule.interfaces}
    return (
        bool(rule.profiles & interface.profile)
        and (names is None or interface.name.lower() in names)
        and (rule.interface_types == "All" or interface.kind in rule.interface_types.split(","))
    )


def consistent(packet: Packet, machine: Machine) -> Packet:
    """With both addresses of one version, the one that the protocol asks for."""
    remote = packet.remote
    if packet.protocol in (ICMP4, ICMP6) and (":" in remote) != (packet.protocol == ICMP6):
        remote = ELSEWHERE[packet.protocol == ICMP6]
    local = packet.local
    if not local or (":" in local) != (":" in remote):
        own = machine.interface(packet.interface).addresses
        spare = ("192.0.2.10", "2001:db8::10")[":" in remote]
        local = next((one for one in own if (":" in one) == (":" in remote)), spare)
    return replace(packet, remote=remote, local=local)


def built(choice: dict[str, Any], machine: Machine) -> Packet:
    return consistent(Packet(**{"local": "", **choice}), machine)


def plain(machine: Machine) -> list[Packet]:
    """What no rule needs to speak of: for the defaults and settings of each profile."""
    ways: tuple[Direction, Direction] = ("in", "out")
    found = []
    for interface in machine.interfaces:
        for way in ways:
            for protocol in (TCP, UDP, ICMP4, ICMP6, OTHER_PROTOCOL):
                port = SOME_PORT if protocol in PORTS else 0
                one = Packet(way, protocol, ELSEWHERE[0], "", port, port, interface.name)
                found.append(consistent(one, machine))
    return found


def content(rule: Rule) -> Rule:
    return replace(rule, id="", name=None, description=None, grouping=None)


def apart(stores: tuple[State, ...]) -> list[tuple[Rule, State]]:
    """The enabled rules that not every store has; of one store all."""
    enabled = [[rule for rule in store.rules if rule.enabled] for store in stores]
    keys = [{repr(content(rule)) for rule in rules} for rules in enabled]
    common = set.intersection(*keys) if len(stores) > 1 else set()
    return [
        (rule, store)
        for rules, store in zip(enabled, stores, strict=True)
        for rule in rules
        if repr(content(rule)) not in common
    ]


def interesting_packets(
    *stores: State, machine: Machine | None = None, more: int = 2000, seed: int = 1
) -> list[Packet]:
    """At the edges of every rule that one of the stores has and another not, and `more` that mix such edges.

    Each rule gives a packet that fits it, and from this one others that differ in one part.
    """
    machine = machine or Machine()
    every = [axes(rule, store, machine) for rule, store in apart(stores)]
    packets = plain(machine)
    for one in every:
        first = {name: values[0] for name, values in one.items() if values}
        packets.append(built(first, machine))
        for name, values in one.items():
            packets += [built({**first, name: value}, machine) for value in values[1:] or values]
    packets += mixed(every, machine, more, random.Random(seed))
    return list(dict.fromkeys(packets))


def mixed(every: list[Axes], machine: Machine, number: int, chance: random.Random) -> list[Packet]:
    found = []
    for _number in range(number if every else 0):
        one = chance.choice(every)
        protocol = chance.choice(one["protocol"])
        choice: dict[str, Any] = {"direction": one["direction"][0], "protocol": protocol}
        for name in one:
            # A part of another rule now and then, where two rules overlap.
            values = one[name] if chance.random() < 0.7 else chance.choice(every)[name]
            if name not in choice and values:
                choice[name] = values[0] if chance.random() < 0.5 else chance.choice(values)
        if protocol not in PORTS:
            choice |= {"local_port": 0, "remote_port": 0}
        found.append(built(choice, machine))
    return found
