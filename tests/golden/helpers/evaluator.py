# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan's file lets pass: a firewall of a few lines that knows the file's format and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any

from golden.helpers.book import Book
from golden.helpers.network import Node, Universe, contains, packets
from golden.helpers.table import Pairs, Table


def evaluate(data: Mapping[str, Any], book: Book, network: tuple[Node, ...], tried: Universe) -> Table:
    found: Table = defaultdict(set)
    for node in network:
        host = data["hosts"].get(node.name, {"rules": []})
        for rule in host["rules"]:
            covered = _addresses(rule, data["peers"], node, tried)
            some = _packets(rule, book, tried) if covered else frozenset()
            for address in covered:
                if some:
                    found[node.name, rule["direction"], address] |= some
    return dict(found)


def _addresses(rule: Mapping[str, Any], sets: Mapping[str, list[str]], node: Node, tried: Universe) -> list[str]:
    peers = rule["peers"]
    if peers == "management":
        return []
    others = [address for address in tried.addresses if address != node.address]
    if peers == "any":
        return others
    if peers == "local_subnet":
        return [address for address in others if node.near(address)]
    inside = _inside(tuple(sets[peers]), tried)
    return [address for address in others if address in inside]


@cache
def _inside(networks: tuple[str, ...], tried: Universe) -> frozenset[str]:
    return frozenset(address for address in tried.addresses if any(contains(one, address) for one in networks))


def _packets(rule: Mapping[str, Any], book: Book, tried: Universe) -> Any:
    tokens = book.platform["tokens"]
    ports = [figure for one in rule["ports"] for figure in (tokens[one]["ports"] if one in tokens else [one])]
    return packets(
        tried, rule["protocol"], rule["cast"], tuple(rule["group"] or []), tuple(rule["source_ports"]), tuple(ports)
    )


def both_ends(table: Table, network: tuple[Node, ...]) -> Pairs:
    """What passes the initiator on its way out and the responder on its way in."""
    found = {}
    for a in network:
        for b in network:
            passing = table.get((a.name, "out", b.address), set()) & table.get((b.name, "in", a.address), set())
            if a is not b and passing:
                found[a.name, b.name] = passing
    return found


def differences(expected: Mapping[Any, set[Any]], actual: Mapping[Any, set[Any]], most: int = 12) -> list[str]:
    """In words, and not more than a reader can take in."""
    found = []
    for key in sorted({*expected, *actual}):
        missing, extra = (
            expected.get(key, set()) - actual.get(key, set()),
            actual.get(key, set()) - expected.get(key, set()),
        )
        for what, some in (("the plan lacks", missing), ("the plan adds", extra)):
            if some:
                first = min(some)
                found.append(f"{' '.join(key)}: {what} {first} and {len(some) - 1} more packets")
    return found if len(found) <= most else [*found[:most], f"and {len(found) - most} more"]
