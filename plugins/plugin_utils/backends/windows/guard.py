# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals belong to the host: block rules for everyone but the peers of a port, out of all permissions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ....module_utils.intervals import Span, Spans, cut
from ...catalog.model import Direction
from ...net import ports as port_text
from .rule import GUARD, NAMES, WITH_PORTS, FirewallRule, Traffic
from .texts import ANY_PORTS, MOST_ADDRESSES, Addresses, Ports, complement, entries
from .wanted import Wanted

_NAMES = {6: "tcp", 17: "udp"}


@dataclass(frozen=True)
class Permission:
    traffic: Traffic
    guarded: bool


@dataclass(frozen=True)
class Unguarded:
    """Ports that cannot be refused by a block rule, and why."""

    direction: Direction
    protocol: int
    spans: Spans
    why: str

    @property
    def text(self) -> str:
        return f"{_NAMES[self.protocol]} {', '.join(port_text.texts(self.spans))}"

    @property
    def note(self) -> str:
        return f"not restricted: {self.direction} {self.text}: {self.why}"


@dataclass(frozen=True)
class Guards:
    rules: tuple[FirewallRule, ...]
    unguarded: tuple[Unguarded, ...]


def permissions_of(wanted: Iterable[Wanted], always: Iterable[FirewallRule]) -> list[Permission]:
    """Of components, and of what the host has whatever they are."""
    return [
        *(Permission(rule.traffic, False) for rule in always),
        *(Permission(rule.traffic, rule.name in one.guarded) for one in wanted for rule in one.rules),
    ]


def guards(permissions: Iterable[Permission]) -> Guards:
    given = list(permissions)
    rules: list[FirewallRule] = []
    left: list[Unguarded] = []
    directions: tuple[Direction, ...] = ("in", "out")
    for direction in directions:
        for protocol in WITH_PORTS:
            here = [one for one in given if (one.traffic.direction, one.traffic.protocol) == (direction, protocol)]
            for peers, spans in _stretches(here).items():
                made = _guard(direction, protocol, spans, peers)
                if isinstance(made, Unguarded):
                    left.append(made)
                elif made is not None:
                    rules.append(made)
    return Guards(tuple(rules), tuple(left))


def _stretches(given: list[Permission]) -> dict[Addresses, Spans]:
    """Guarded ports by the union of the peers of all permissions that cover them."""
    if not any(one.guarded for one in given):
        return {}
    found: dict[Addresses, list[Span]] = {}
    numbered = dict(enumerate(given))
    items = ((number, one.traffic.ports.covered.items) for number, one in numbered.items())
    for span, numbers in cut(items):
        here = [numbered[number] for number in numbers]
        if any(one.guarded for one in here):
            peers = here[0].traffic.remote
            for one in here[1:]:
                peers |= one.traffic.remote
            found.setdefault(peers, []).append(span)
    return {peers: Spans.of(spans) for peers, spans in found.items()}


def _guard(direction: Direction, protocol: int, spans: Spans, peers: Addresses) -> FirewallRule | Unguarded | None:
    if peers.every:
        return None
    if peers.words:
        why = f"its peers include {', '.join(sorted(peers.words))}, and Windows cannot name everyone else"
        return Unguarded(direction, protocol, spans, why)
    others = complement(peers)
    if not others:
        return None
    count = len(entries(others))
    if count > MOST_ADDRESSES:
        why = f"everyone but its peers is {count} ranges of addresses, and a rule takes {MOST_ADDRESSES}"
        return Unguarded(direction, protocol, spans, why)
    ports = Ports(spans)
    return FirewallRule(
        name=f"{NAMES}guard/{direction}/{_NAMES[protocol]}-{spans.items[0][0]}",
        group=GUARD,
        traffic=Traffic(
            direction=direction,
            action="block",
            protocol=protocol,
            local_ports=ports if direction == "in" else ANY_PORTS,
            remote_ports=ports if direction == "out" else ANY_PORTS,
            remote=Addresses(others),
        ),
        description="Refuses these ports to everyone but their peers. Created again from all rules of this "
        "collection at every apply.",
    )
