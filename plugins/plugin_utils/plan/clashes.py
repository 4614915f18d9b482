# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks over the finished plan: components of one host that want the same port."""

from __future__ import annotations

from collections.abc import Iterable

from ...module_utils.shrinking import ALLOW_COMPONENT
from ..catalog.book import WIDEST_GUARD, Catalog
from ..problems import Problems
from .model import HostPlan, Plan, Rule
from .rule_maker import OWN_COMPONENT


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
        if rule.ports.tokens or len(rule.ports.spans) > WIDEST_GUARD:
            continue
        owner = _owner(rule, catalog)
        for port in rule.ports.numbers:
            before = listening.setdefault((rule.protocol, port), (owner, rule.component, rule.flow))
            if before[0] != owner and before[1] != rule.component:
                yield (
                    f"{before[1]} and {rule.component}",
                    f"both want {rule.protocol} {port} for programs of their own ({before[2]} and {rule.flow})",
                    "One host cannot have both; move one of them, or change the port of one if it has a variable",
                )


def _owner(rule: Rule, catalog: Catalog) -> str:
    """Who holds the socket. http.sys and Windows' own services serve many at once."""
    if rule.listener == "http.sys":
        return "http.sys"
    flow = catalog.flows[rule.flow]
    return flow.responder.owner or flow.responder.service or rule.program or rule.component
