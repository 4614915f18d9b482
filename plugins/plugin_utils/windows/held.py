# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows host holds of ours, or would hold, for comparing the two. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ...module_utils import shrinking
from ...module_utils.shrinking import Held
from .model import NAMES, NUMBERS, PREFIX, WITH_PORTS, FirewallRule
from .rules import NO_PEERS

_PROTOCOLS = {number: name for name, number in NUMBERS.items()}


def held(rules: Iterable[tuple[FirewallRule, bool]], *, outbound: bool, strict: bool, strict_out: bool) -> Held:
    """Of rules that permit something, and whether their ports are guarded. Without `outbound` it is nobody's loss
    that outbound rules go."""
    counted = [
        (rule, guarded)
        for rule, guarded in rules
        if rule.traffic.action == "allow" and (outbound or rule.traffic.direction == "in")
    ]
    return Held(
        Counter(_component(rule) for rule, _guarded in counted),
        tuple(_permission(rule, guarded) for rule, guarded in counted if rule.traffic.protocol in WITH_PORTS),
        frozenset([*["in"] * strict, *["out"] * strict_out]),
    )


def _permission(rule: FirewallRule, guarded: bool) -> shrinking.Permission:
    one = rule.traffic
    known = one.remote.known - NO_PEERS
    everyone = one.remote.every or one.remote.words
    return shrinking.Permission(
        component=_component(rule),
        flow=rule.name.removeprefix(NAMES).partition("/")[0],
        direction=one.direction,
        protocol=_PROTOCOLS[one.protocol],
        spans=one.ports.covered,
        peers=None if everyone else shrinking.Addresses(known.v4, known.v6),
        guarded=guarded,
    )


def _component(rule: FirewallRule) -> str:
    return rule.group.removeprefix(PREFIX)
