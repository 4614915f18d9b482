# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel holds of our openings, whatever firewalld believes. Pure."""

from __future__ import annotations

import json
from typing import Any, Dict, FrozenSet, List, Optional, Set

from ..nftables.kernel import plain
from .objects import POLICY, ours

TABLE, BLOCKED = "firewalld", "firewalld_policy_drop"
"""Of firewalld, and the one that drops everything while it reloads."""
_CHAIN = f"filter_IN_policy_{POLICY}"


def meaning(table: Optional[List[Any]]) -> List[str]:
    """Rules of our policy, the sets that they name, and whether packets come there; empty if nothing opens."""
    rules = [one["rule"] for one in table or () if "rule" in one]
    mine = [one["expr"] for one in rules if one["chain"].startswith(f"{_CHAIN}_") and not _jumps(one)]
    if not mine:
        return []
    texts = [json.dumps(plain(one), sort_keys=True) for one in mine]
    named = _sets(texts)
    found = [one["set"] for one in table or () if "set" in one and one["set"]["name"] in named]
    elements = [f"{one['name']} {json.dumps(plain(one).get('elem', []))}" for one in found]
    ways = sorted({one["chain"] for one in rules if {"jump": {"target": _CHAIN}} in one["expr"]})
    return sorted([*texts, *elements, f"from {ways}"])


def entries(table: Optional[List[Any]]) -> Dict[str, FrozenSet[str]]:
    """Of the sets of this collection, as firewalld writes them."""
    found = [one["set"] for one in table or () if "set" in one and ours(one["set"]["name"])]
    return {one["name"]: frozenset(map(_entry, one.get("elem", ()))) for one in found}


def _entry(element: Any) -> str:
    if isinstance(element, dict) and set(element) == {"prefix"}:
        return f"{element['prefix']['addr']}/{element['prefix']['len']}"
    return element if isinstance(element, str) else json.dumps(element)


def _jumps(rule: Any) -> bool:
    return any("jump" in one for one in rule["expr"])


def _sets(texts: List[str]) -> Set[str]:
    return {word[1:] for text in texts for word in text.split('"') if word.startswith("@") and ours(word[1:])}
