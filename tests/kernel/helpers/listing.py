# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel's table permits and refuses, read back: the inverse of nftables/ruleset.py. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
ANYBODY = ("any",)


class Opening(NamedTuple):
    """One stretch of ports as the table treats it."""

    where: str
    protocol: str
    low: int
    high: int
    guarded: bool
    peers: tuple[tuple[str, tuple[str, ...]], ...]
    """Source ports (empty: any) with the networks that may use them."""
    logged: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The same of those whose new connections are logged."""


def openings(objects: Iterable[dict[str, Any]]) -> list[Opening]:
    sets: dict[str, list[Any]] = {}
    maps: dict[str, list[Any]] = {}
    rules: dict[str, list[list[Any]]] = {}
    for one in objects:
        if "set" in one:
            sets[one["set"]["name"]] = one["set"].get("elem", [])
        elif "map" in one:
            maps[one["map"]["name"]] = one["map"].get("elem", [])
        elif "rule" in one:
            rules.setdefault(one["rule"]["chain"], []).append(one["rule"]["expr"])
    found = []
    for name, elements in maps.items():
        for key, verdict in elements:
            protocol, port = key["concat"]
            low, high = port["range"] if isinstance(port, dict) else (port, port)
            chain, statement = _reached(verdict, rules)
            found.append(
                Opening(
                    name.rpartition("_")[0],
                    _PROTOCOLS.get(protocol, str(protocol)),
                    low,
                    high,
                    any("jump" in expression for rule in chain for expression in rule),
                    _peers(chain, sets, statement),
                    _peers(chain, sets, "log"),
                )
            )
    return sorted(found)


def _reached(verdict: dict[str, Any], rules: dict[str, list[list[Any]]]) -> tuple[list[list[Any]], str]:
    """The chain of a stretch of ports, and what is done there with its peers."""
    ((kind, body),) = verdict.items()
    chain = rules.get(body["target"], [])
    if kind == "jump":
        return chain, "accept"
    # Where everybody is a peer, there is no chain but the one that marks.
    return (chain if any("goto" in part for rule in chain for part in rule) else [[{"goto": {}}]]), "goto"


def _peers(
    chain: list[list[Any]], sets: dict[str, list[Any]], statement: str
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    by_source: dict[str, set[str]] = {}
    for rule in chain:
        if not any(statement in expression for expression in rule):
            continue
        source = ""
        networks = None
        for expression in rule:
            match = expression.get("match")
            payload = match["left"].get("payload", {}) if match else {}
            if payload.get("field") == "sport":
                source = _ports(match["right"])
            elif payload.get("field") in ("saddr", "daddr"):
                networks = [_network(one) for one in sets.get(str(match["right"]).lstrip("@"), [])]
        by_source.setdefault(source, set()).update(ANYBODY if networks is None else networks)
    return tuple(
        sorted(
            (source, ANYBODY if peers >= set(ANYBODY) else tuple(sorted(peers))) for source, peers in by_source.items()
        )
    )


def _ports(right: Any) -> str:
    if isinstance(right, dict) and "set" in right:
        return ",".join(sorted(_ports(one) for one in right["set"]))
    if isinstance(right, dict):
        return "-".join(str(one) for one in right["range"])
    return str(right)


def _network(element: Any) -> str:
    if isinstance(element, dict) and "prefix" in element:
        return f"{element['prefix']['addr']}/{element['prefix']['len']}"
    if isinstance(element, dict) and "range" in element:
        return "-".join(element["range"])
    return str(element)
