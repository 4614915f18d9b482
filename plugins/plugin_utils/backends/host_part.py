# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is asked to hold: its slice of the plan, with numbers in place of names. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...module_utils.intervals import Span
from ...module_utils.shrinking import Inventory
from ..catalog.model import MANAGEMENT, SYMBOLIC_PEERS
from ..net import ports as port_text
from ..run.cache import Head

_FOR_THE_HOST = ("posture", "outbound", "refuse", "log", "cut", "foreign", "trusted_interfaces", "management")


def host_settings(slice_: Mapping[str, Any]) -> dict[str, Any]:
    head = slice_["host"]
    ways_in = [rule for rule in slice_["rules"] if rule["peers"] == MANAGEMENT]
    ports = [
        low for rule in ways_in for low, high in map(port_text.span_of, rule["ports"]) for low in range(low, high + 1)
    ]
    return {
        **{key: head[key] for key in _FOR_THE_HOST},
        "restore_after_flush": head.get("restore_after_flush", False),
        "management_ports": ports,
    }


def host_inventory(slice_: Mapping[str, Any], head: Head, emptied: bool) -> Inventory:
    """What the inventory says of the host beside its rules; `emptied` if its variables say that it plays no part."""
    return Inventory(
        hosts=head.inventory_hosts,
        members=head.members,
        missing={one["flow"]: tuple(one["missing"]) for one in slice_["not_planned"] if one.get("missing")},
        unguarded={one["flow"]: tuple(one["empty_groups"]) for one in slice_["rules"] if one.get("empty_groups")},
        emptied=emptied,
    )


def host_slices(
    slice_: Mapping[str, Any],
    components: Iterable[str] | None,
    tokens: Mapping[str, list[list[int]]],
    networks: Callable[[str], list[str]],
) -> dict[str, dict[str, Any]]:
    """By component; `networks` gives a set's addresses by its digest. A named component without rules is empty."""
    found: dict[str, dict[str, Any]] = {name: {"rules": [], "sets": {}} for name in components or ()}
    for rule in slice_["rules"]:
        if rule["peers"] == MANAGEMENT or (components is not None and rule["component"] not in found):
            continue
        one = found.setdefault(rule["component"], {"rules": [], "sets": {}})
        one["rules"].append({**_rule(rule, tokens), "watched": rule["guarded"] and watched(slice_, rule)})
        if rule["peers"] not in SYMBOLIC_PEERS:
            one["sets"][rule["peers"]] = networks(slice_["sets"][rule["peers"]]["digest"])
    return found


def watched(slice_: Mapping[str, Any], rule: Mapping[str, Any]) -> bool:
    head = slice_["host"]
    posture = head.get("postures", {}).get(rule["component"], head["posture"])
    return bool(rule["direction"] == "in" and posture == "watch")


def _rule(rule: Mapping[str, Any], tokens: Mapping[str, list[list[int]]]) -> dict[str, Any]:
    return {
        **{key: rule[key] for key in ("id", "flow", "direction", "protocol", "peers", "cast", "guarded", "log")},
        "spans": spans_of(rule["ports"], tokens),
        "source_spans": spans_of(rule["source_ports"], tokens),
        "container_spans": spans_of(rule["container_ports"], tokens) or _published(rule, tokens),
    }


def _published(rule: Mapping[str, Any], tokens: Mapping[str, list[list[int]]]) -> list[list[int]]:
    """A container that listens on the port it publishes."""
    return spans_of(rule["ports"], tokens) if rule["listener"].startswith("docker") else []


def spans_of(figures: Iterable[str], tokens: Mapping[str, list[list[int]]]) -> list[list[int]]:
    """Of ports as a plan has them, with numbers in place of tokens."""
    found: list[list[int]] = []
    for figure in figures:
        span: Span | None = None if figure in tokens else port_text.span_of(figure)
        found += tokens[figure] if span is None else [list(span)]
    return found
