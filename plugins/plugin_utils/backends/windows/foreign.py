# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unmanaged rules: which of them refuse what we permit, and which permit what we refuse. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...catalog.model import VendorRule
from .rule import ANY_PROTOCOL, FirewallRule, StoredRule, Traffic
from .store import Store
from .texts import Addresses, Ports


@dataclass(frozen=True)
class Finding:
    """`outcome`: lost, unknown, open to others, or refused to others: a guard holds against it."""

    where: str
    flow: str
    outcome: str

    def data(self) -> dict[str, str]:
        return {"where": self.where, "flow": self.flow, "outcome": self.outcome}


def acts(one: StoredRule, store: Store) -> bool:
    return one.rule.enabled and any(one.rule.traffic.profiles & bit for bit in store.current)


def hindrances(permissions: Iterable[FirewallRule], store: Store) -> list[Finding]:
    """Blocks of others beat our permissions, whatever the order."""
    blocks = [one.rule for one in store.foreign if acts(one, store) and one.rule.traffic.action == "block"]
    return _hindrances(permissions, blocks, "rule")


def policy_hindrances(permissions: Iterable[FirewallRule], store: Store) -> list[Finding]:
    blocks = [one for one in store.policy_rules if one.traffic.action == "block"]
    return _hindrances(permissions, blocks, "rule of a group policy")


def _hindrances(permissions: Iterable[FirewallRule], blocks: list[FirewallRule], what: str) -> list[Finding]:
    found = []
    for rule in permissions:
        for block in blocks:
            if meet(block.traffic, rule.traffic):
                outcome = "lost" if covers(block.traffic, rule.traffic) else "unknown"
                found.append(Finding(f"{what} {named(block)}", rule.name, outcome))
    return found


def doors(ports: Iterable[tuple[Traffic, str]], store: Store) -> Iterator[tuple[StoredRule, str]]:
    """Permissions of others for ports that are to be refused, with what they are open for."""
    asked = list(ports)
    for one in store.foreign:
        if acts(one, store):
            flow = _open_for(one.rule, asked)
            if flow:
                yield one, flow


def policy_doors(ports: Iterable[tuple[Traffic, str]], store: Store) -> Iterator[tuple[FirewallRule, str]]:
    asked = list(ports)
    for one in store.policy_rules:
        flow = _open_for(one, asked) if any(one.traffic.profiles & bit for bit in store.current) else ""
        if flow:
            yield one, flow


def _open_for(rule: FirewallRule, ports: Iterable[tuple[Traffic, str]]) -> str:
    one = rule.traffic
    if one.action != "allow":
        return ""
    found = (flow for traffic, flow in ports if meet(one, traffic) and not _within(one.remote, traffic.remote))
    return next(found, "")


def beyond(rule: FirewallRule, direction: str, known: Iterable[Traffic]) -> bool:
    """Whether it permits more than what is known: the baseline and our own rules."""
    return (
        rule.enabled
        and rule.traffic.direction == direction
        and rule.traffic.action == "allow"
        and not any(covers(traffic, rule.traffic) for traffic in known)
    )


def maker(rule: FirewallRule, vendors: Iterable[VendorRule]) -> VendorRule | None:
    """Who makes such rules, by what the catalogue knows of them."""
    for one in vendors:
        if rule.name.lower() == one.name.lower() or (one.group and rule.group.lower() == one.group.lower()):
            return one
    return None


def named(rule: FirewallRule, vendors: Iterable[VendorRule] = ()) -> str:
    made = maker(rule, vendors)
    by = f", created by {made.made_by}" if made else ""
    return f"{rule.name!r}" + (f" ({rule.group})" if rule.group else "") + by


def meet(one: Traffic, other: Traffic) -> bool:
    """Whether a packet may be matched by both. What is not known is taken for possible."""
    return (
        one.direction == other.direction
        and (one.protocol == other.protocol or ANY_PROTOCOL in (one.protocol, other.protocol))
        and _ports_meet(one.local_ports, other.local_ports)
        and _ports_meet(one.remote_ports, other.remote_ports)
        and _addresses_meet(one.remote, other.remote)
        and _addresses_meet(one.local, other.local)
        and (not one.program or not other.program or one.program == other.program)
        and (not one.service or not other.service or one.service == other.service)
        and (not one.icmp or not other.icmp or bool(_kinds(one.icmp) & _kinds(other.icmp)))
        and bool(one.profiles & other.profiles)
    )


def covers(wide: Traffic, narrow: Traffic) -> bool:
    """Whether each packet of the one is surely matched by the other."""
    return (
        wide.direction == narrow.direction
        and wide.protocol in (narrow.protocol, ANY_PROTOCOL)
        and _ports_within(narrow.local_ports, wide.local_ports)
        and _ports_within(narrow.remote_ports, wide.remote_ports)
        and _within(narrow.remote, wide.remote)
        and _within(narrow.local, wide.local)
        and wide.program in ("", narrow.program)
        and wide.service in ("", narrow.service)
        and _icmp_within(narrow.icmp, wide.icmp)
        and narrow.profiles & ~wide.profiles == 0
        and not wide.others
        and not _goes_round(narrow)
    )


def _goes_round(traffic: Traffic) -> bool:
    """What comes through a tunnel, or authenticated and then past blocks, no rule of another kind lets in."""
    return any(key in ("EdgeTraversalOptions", "SecureFlags") for key, _value in traffic.others)


def _ports_meet(one: Ports, other: Ports) -> bool:
    return bool(one.covered & other.covered)


def _ports_within(narrow: Ports, wide: Ports) -> bool:
    return wide.every or (not narrow.every and narrow.spans <= wide.spans and narrow.words <= wide.words)


def _addresses_meet(one: Addresses, other: Addresses) -> bool:
    return one.every or other.every or bool(one.words or other.words) or bool(one.known & other.known)


def _within(narrow: Addresses, wide: Addresses) -> bool:
    return wide.every or (not narrow.every and narrow.known <= wide.known and narrow.words <= wide.words)


def _icmp_within(narrow: frozenset[str], wide: frozenset[str]) -> bool:
    if not wide:
        return True
    return bool(narrow) and all(one in wide or f"{one.partition(':')[0]}:*" in wide for one in narrow)


def _kinds(icmp: frozenset[str]) -> frozenset[str]:
    return frozenset(one.partition(":")[0] for one in icmp)
