# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who could no longer log in to a Windows host, where the connection that Ansible uses is a local one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ....module_utils.intervals import Spans
from ...net.ports import texts
from .network_profiles import BLOCK
from .rule import ANY_PROTOCOL, NUMBERS, PROFILES, FirewallRule

UNCONFIRMED = "not confirmed: local connection"
PORTS = (22, 5985, 5986)
"""Of sshd and WinRM, as Windows has them."""
REMEDY = "Set portbook_management to all addresses that must get in"


def lock_out(
    ports: Iterable[int],
    guards: Iterable[FirewallRule],
    disabled: Iterable[FirewallRule],
    operations: Iterable[Mapping[str, Any]],
) -> str:
    """Nobody can confirm over a local connection that others still get in, so what they may use now has to stay."""
    spans = Spans.of((port, port) for port in (*ports, *PORTS))
    why = next(_closing(spans, guards, disabled, operations), "")
    if not why:
        return ""
    return (
        f"over a local connection it cannot be confirmed that the management ports ({', '.join(texts(spans))}) "
        "can still "
        f"be reached, and {why}"
    )


def _closing(
    ports: Spans,
    guards: Iterable[FirewallRule],
    disabled: Iterable[FirewallRule],
    operations: Iterable[Mapping[str, Any]],
) -> Iterator[str]:
    yield from (f"the rule {one.name} would refuse them to others" for one in guards if _comes_to(one, ports))
    yield from (f"the rule {one.name!r} would be disabled" for one in disabled if _comes_to(one, ports))
    for one in operations:
        if one["op"] == "profile" and one["setting"] == "DefaultInboundAction" and one["value"] == BLOCK:
            yield f"the profile {PROFILES[one['profile']]}, which lets in everyone now, would refuse by default"


def _comes_to(rule: FirewallRule, ports: Spans) -> bool:
    one = rule.traffic
    return one.direction == "in" and one.protocol in (NUMBERS["tcp"], ANY_PROTOCOL) and bool(one.ports.covered & ports)
