# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host always needs where everything else is refused. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ....module_utils.intervals import Span, Spans
from ...catalog.model import Direction
from ...net.addresses import AddressSet, parse
from .rule import BASELINE, NAMES, NUMBERS, WAY_IN, FirewallRule, Traffic, same_path
from .store import Domain, FoundProgram
from .texts import ANYWHERE, Addresses, Ports

SVCHOST = "%SystemRoot%\\system32\\svchost.exe"
_ICMP = ("8:*", "3:*", "11:*", "12:*")
# Errors, echo, listeners of groups, routers and neighbours.
_ICMP6 = tuple(f"{kind}:*" for kind in (1, 2, 3, 4, 128, 130, 131, 132, 133, 134, 135, 136, 143))
# Kerberos, endpoint mapper, LDAP, group policy over SMB, passwords, LDAPS, global catalogue, and what the mapper says.
_DOMAIN_TCP = ((88, 88), (135, 135), (389, 389), (445, 445), (464, 464), (636, 636), (3268, 3269), (49152, 65535))
_DOMAIN_UDP = ((88, 88), (123, 123), (389, 389), (464, 464))


def inbound(programs: Mapping[str, FoundProgram]) -> list[FirewallRule]:
    return _both("in", programs)


def outbound(programs: Mapping[str, FoundProgram], domain: Domain) -> list[FirewallRule]:
    resolvers = Addresses(words=frozenset({"DNS"}))
    rules = _both("out", programs)
    for protocol in ("udp", "tcp"):
        rules.append(_out(f"dns-{protocol}", protocol, ((53, 53),), resolvers, "Names are looked up."))
    clock = _out("ntp", "udp", ((123, 123),), ANYWHERE, "The clock is set.")
    rules.append(_bound(clock, "w32time", programs))
    if domain.member and domain.addresses:
        controllers = Addresses(_known(domain.addresses))
        for protocol, spans in (("tcp", _DOMAIN_TCP), ("udp", _DOMAIN_UDP)):
            why = "The domain's controllers, for logons and group policy."
            rules.append(_out(f"domain-{protocol}", protocol, spans, controllers, why))
    return rules


def way_in(addresses: Iterable[str], ports: Iterable[int]) -> FirewallRule:
    known = AddressSet.union(map(parse, addresses))
    spans = Spans.of((port, port) for port in ports)
    traffic = Traffic(protocol=NUMBERS["tcp"], local_ports=Ports(spans), remote=Addresses(known))
    return FirewallRule(f"{NAMES}way-in/in/1", WAY_IN, traffic, "Management access for Ansible.")


def _both(direction: Direction, programs: Mapping[str, FoundProgram]) -> list[FirewallRule]:
    return [
        _icmp(direction, "icmp", _ICMP),
        _icmp(direction, "icmpv6", _ICMP6),
        _named(direction, "igmp", Traffic(direction, protocol=NUMBERS["igmp"]), "Groups of multicast are joined."),
        _lease(direction, "dhcp", 68, 67, programs),
        _lease(direction, "dhcpv6", 546, 547, programs),
    ]


def _icmp(direction: Direction, protocol: str, kinds: tuple[str, ...]) -> FirewallRule:
    traffic = Traffic(direction, protocol=NUMBERS[protocol], icmp=frozenset(kinds))
    return _named(direction, protocol, traffic, "Errors, echo, and finding neighbours and routers.")


def _lease(
    direction: Direction, name: str, own: int, servers: int, programs: Mapping[str, FoundProgram]
) -> FirewallRule:
    traffic = Traffic(
        direction,
        protocol=NUMBERS["udp"],
        local_ports=Ports(Spans(((own, own),))),
        remote_ports=Ports(Spans(((servers, servers),))),
    )
    return _bound(_named(direction, name, traffic, "The host gets its own address."), "dhcp", programs)


def _out(name: str, protocol: str, spans: Iterable[Span], remote: Addresses, why: str) -> FirewallRule:
    traffic = Traffic("out", protocol=NUMBERS[protocol], remote_ports=Ports(Spans.of(spans)), remote=remote)
    return _named("out", name, traffic, why)


def _named(direction: Direction, name: str, traffic: Traffic, why: str) -> FirewallRule:
    return FirewallRule(f"{NAMES}baseline/{direction}/{name}", BASELINE, traffic, why)


def _bound(rule: FirewallRule, service: str, programs: Mapping[str, FoundProgram]) -> FirewallRule:
    path = programs[SVCHOST].path if SVCHOST in programs else SVCHOST
    traffic = replace(rule.traffic, program=same_path(path), service=service)
    return replace(rule, traffic=traffic, program=SVCHOST, service=service)


def _known(addresses: Iterable[str]) -> AddressSet:
    return AddressSet.union(map(parse, addresses))
