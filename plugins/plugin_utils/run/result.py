# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task's result says of the plan. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..catalog.model import SYMBOLIC_PEERS
from ..plan import file as plan_file
from ..plan.model import Rule
from .head import Head
from .host_part import HostPart

MOST_BYTES = 50_000
"""Of a result: callbacks, AWX and ARA keep each of them."""


def of(
    part: HostPart, head: Head, components: list[str] | None, networks: Callable[[str], list[str]]
) -> dict[str, Any]:
    rules = spoken_of(part, components)
    skipped = [one for one in part.not_planned if components is None or one.component in components]
    sets = sorted({rule.peers for rule in rules if rule.peers not in SYMBOLIC_PEERS})
    found = {
        "rules": [plan_file.rule_data(rule) for rule in rules],
        "not_planned": [plan_file.not_planned_data(one) for one in skipped],
        "peers": {name: networks(part.peers[name].digest) for name in sets},
        "notes": _notes(rules),
    }
    counts = {
        "digest": part.digest or head.digest,
        "components": components or list(part.components),
        "backend": part.backend,
        "posture": part.posture,
        "outbound": part.outbound,
        "rules_in": sum(one.direction == "in" for one in rules),
        "rules_out": sum(one.direction == "out" for one in rules),
        **({"plan_file": head.plan_file} if head.plan_file else {}),
    }
    if len(json.dumps(found)) <= MOST_BYTES:
        return {**counts, "truncated": False, **found}
    return {**counts, "truncated": True, "counts": {name: len(one) for name, one in found.items()}}


def spoken_of(part: HostPart, components: list[str] | None) -> list[Rule]:
    """The rules of some components; of all, with management access."""
    rules = list(part.of_components(components))
    return [part.way_in, *rules] if part.way_in and components is None else rules


def _notes(rules: list[Rule]) -> list[str]:
    """What an administrator should know of some flows."""
    doubts = [f"{rule.flow}: {rule.doubt}" for rule in rules if rule.doubt]
    empty = [
        f"{rule.flow}: not restricted to its peers, since the group of {' and '.join(rule.empty_groups)} is empty"
        for rule in rules
        if rule.empty_groups
    ]
    return list(dict.fromkeys([*doubts, *empty]))
