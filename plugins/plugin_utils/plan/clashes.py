# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks over the finished plan: ports cut into disjoint intervals, and components that want the same one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...module_utils import intervals
from ...module_utils.intervals import Span, Spans
from ..catalog.book import WIDEST_GUARD, Catalog
from ..catalog.model import ANY, LOCAL_SUBNET, MANAGEMENT
from ..net import ports as port_text
from ..net.addresses import EVERYWHERE, AddressSet
from ..problems import Problems
from .model import HostPlan, Plan, Rule
from .peer_sets import PeerSet
from .rule_maker import ALLOW_COMPONENT, OWN_COMPONENT


@dataclass(frozen=True)
class Interval:
    """A stretch of ports of one host on which the same flows meet."""

    direction: str
    protocol: str
    ports: Span
    peers: AddressSet
    symbols: frozenset[str]
    flows: tuple[str, ...]
    guarded: bool


def cut(rules: Iterable[Rule], sets: Mapping[str, PeerSet], catalog: Catalog) -> tuple[Interval, ...]:
    """Disjoint intervals, each with the union of its flows' peers; `any` is every address."""
    by_kind: dict[tuple[str, str], list[tuple[Rule, Spans]]] = {}
    for rule in rules:
        if rule.peers != MANAGEMENT and rule.ports and rule.cast == "unicast":
            by_kind.setdefault((rule.direction, rule.protocol), []).append((rule, catalog.spans(rule.ports)))
    return tuple(
        interval
        for (direction, protocol), found in sorted(by_kind.items())
        for interval in _cut(direction, protocol, found, sets)
    )


def _cut(
    direction: str, protocol: str, found: list[tuple[Rule, Spans]], sets: Mapping[str, PeerSet]
) -> Iterable[Interval]:
    for ports, here in intervals.cut(found):
        named = [sets[rule.peers].addresses for rule in here if rule.peers in sets]
        everyone = [EVERYWHERE for rule in here if rule.peers == ANY]
        yield Interval(
            direction,
            protocol,
            ports,
            AddressSet.union([*named, *everyone]),
            frozenset(rule.peers for rule in here if rule.peers == LOCAL_SUBNET),
            tuple(sorted({rule.flow for rule in here})),
            any(rule.guarded for rule in here),
        )


def check(plan: Plan, catalog: Catalog, problems: Problems) -> None:
    seen: dict[int, list[tuple[str, str, str]]] = {}
    for host in plan.hosts.values():
        if id(host.rules) not in seen:
            seen[id(host.rules)] = list(_clashes(host, catalog))
        for what, wrong, right in seen[id(host.rules)]:
            problems.error(host.name, what, wrong, right)


def _clashes(host: HostPlan, catalog: Catalog) -> Iterable[tuple[str, str, str]]:
    """Two components of one host that would both listen on a port, with different programs."""
    listening: dict[tuple[str, int], tuple[str, str, str]] = {}
    for rule in host.rules:
        if rule.direction != "in" or rule.component in (ALLOW_COMPONENT, OWN_COMPONENT) or rule.cast != "unicast":
            continue
        if any(figure in catalog.tokens for figure in rule.ports):
            continue
        spans = port_text.spans_of(rule.ports)
        if len(spans) > WIDEST_GUARD:
            continue
        owner = _owner(rule, catalog)
        for low, high in spans:
            for port in range(low, high + 1):
                before = listening.setdefault((rule.protocol, port), (owner, rule.component, rule.flow))
                if before[0] != owner and before[1] != rule.component:
                    yield (
                        f"{before[1]} and {rule.component}",
                        f"both want {rule.protocol} {port} for programs of their own ({before[2]} and {rule.flow})",
                        "One host cannot play both; move one of them, or change the port of one if it has a variable",
                    )


def _owner(rule: Rule, catalog: Catalog) -> str:
    """Who holds the socket. http.sys and Windows' own services serve many at once."""
    if rule.listener == "http.sys":
        return "http.sys"
    flow = catalog.flows[rule.flow]
    return flow.responder.owner or flow.responder.service or rule.program or rule.component
