# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this collection has on a Windows host, or would hold, for comparing the two. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from ....module_utils import shrinking
from ....module_utils.shrinking import Held
from .rule import BASELINE, GUARD, MEMORY, NAMES, NUMBERS, PREFIX, WAY_IN, WITH_PORTS, FirewallRule, StoredRule
from .wanted import NO_PEERS, Wanted

OF_NO_COMPONENT = (GUARD, BASELINE, WAY_IN, MEMORY)
"""Groups of this collection that belong to the host as a whole."""
_PROTOCOLS = {number: name for name, number in NUMBERS.items()}


def held(
    owned: Iterable[StoredRule],
    guarded: Mapping[str, Iterable[str]],
    wanted: Iterable[Wanted] = (),
    *,
    outbound: bool = True,
    strict: frozenset[str] = frozenset(),
) -> Held:
    """Of rules that the host has (`guarded`: their names by group) and of wanted ones. Without `outbound` it is
    nobody's loss that outbound rules go."""
    rules = [
        (one.rule, one.rule.name in guarded.get(one.rule.group, ()))
        for one in owned
        if one.rule.group.startswith(PREFIX) and one.rule.group not in OF_NO_COMPONENT
    ]
    rules += [(rule, rule.name in one.guarded) for one in wanted for rule in one.rules]
    counted = [one for one in rules if outbound or one[0].traffic.direction == "in"]
    return Held(
        Counter(_component(rule) for rule, _guarded in counted),
        tuple(_opening(*one) for one in counted if one[0].traffic.protocol in WITH_PORTS),
        strict,
    )


def _opening(rule: FirewallRule, guarded: bool) -> shrinking.Opening:
    one = rule.traffic
    known = one.remote.known - NO_PEERS
    everyone = one.remote.every or one.remote.words
    return shrinking.Opening(
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
