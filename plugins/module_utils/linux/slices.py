# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slices add up: what a host holds is the union of those applied to it. Pure."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable, Iterator, List, Tuple

from .. import shrinking
from ..intervals import Spans
from .model import GUARD, Permission, Settings

Slice = Dict[str, Any]
"""`rules`: list of mappings with an id; `sets`: name to networks, for this slice's rules alone."""


def united(kept: Dict[str, Slice], given: Dict[str, Slice], replace_all: bool) -> Dict[str, Slice]:
    """What the host holds after `given` was applied; an empty slice is none."""
    slices = {} if replace_all else dict(kept)
    slices.update(given)
    return {name: slices[name] for name in sorted(slices) if slices[name].get("rules")}


def permissions(slices: Dict[str, Slice]) -> List[Permission]:
    return sorted((one for _component, one in by_component(slices)), key=repr)


def by_component(slices: Dict[str, Slice]) -> Iterator[Tuple[str, Permission]]:
    """In the order of the plan."""
    for name, one in slices.items():
        for rule in one["rules"]:
            yield name, _permission(rule, one.get("sets", {}))


def _permission(rule: Dict[str, Any], sets: Dict[str, List[str]]) -> Permission:
    peers = rule["peers"]
    return Permission(
        direction=rule["direction"],
        protocol=rule["protocol"],
        spans=_spans(rule["spans"]),
        source_spans=_spans(rule["source_spans"]),
        networks=None if peers in ("any", "local_subnet") else tuple(sorted(sets[peers])),
        local_subnet=peers == "local_subnet",
        cast=rule["cast"],
        refusal=rule["refusal"],
        container_spans=_spans(rule["container_spans"]),
        flow=rule["flow"],
        logged=bool(rule.get("log")),
        peers=peers,
    )


def held(slices: Dict[str, Slice], settings: Settings, other: str = "") -> shrinking.Held:
    """What the host holds by these slices, for comparing it with what it would hold."""
    return shrinking.Held(
        {name: len(one["rules"]) for name, one in slices.items() if one["rules"]},
        tuple(found for name, one in slices.items() for found in _openings(name, one)),
        frozenset(
            direction for direction, strict in (("in", settings.strict_in), ("out", settings.strict_out)) if strict
        ),
        other,
    )


def _openings(component: str, one: Slice) -> Iterable[shrinking.Opening]:
    sets = {name: shrinking.Addresses.of(networks) for name, networks in one.get("sets", {}).items()}
    for rule in one["rules"]:
        yield shrinking.Opening(
            component,
            rule["flow"],
            rule["direction"],
            rule["protocol"],
            Spans.of(_spans(rule["spans"])),
            sets.get(rule["peers"]),
            rule["refusal"] == GUARD,
        )


def _spans(raw: Iterable[Iterable[int]]) -> Tuple[Tuple[int, int], ...]:
    return tuple((int(low), int(high)) for low, high in raw)


def difference(before: Dict[str, Slice], after: Dict[str, Slice]) -> Dict[str, List[str]]:
    """Rules to create, change, delete and keep, by their ids."""
    old, new = _by_id(before), _by_id(after)
    return {
        "create": sorted(set(new) - set(old)),
        "change": sorted(one for one in set(new) & set(old) if new[one] != old[one]),
        "delete": sorted(set(old) - set(new)),
        "keep": sorted(one for one in set(new) & set(old) if new[one] == old[one]),
    }


def _by_id(slices: Dict[str, Slice]) -> Dict[str, str]:
    """Rules as text, with the addresses in place of a set's name: names are opaque."""
    return {
        rule["id"]: json.dumps({**rule, "peers": _content(rule["peers"], one.get("sets", {}))}, sort_keys=True)
        for one in slices.values()
        for rule in one["rules"]
    }


def _content(peers: str, sets: Dict[str, List[str]]) -> Any:
    return sorted(sets[peers]) if peers in sets else peers
