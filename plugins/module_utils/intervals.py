# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut overlapping spans of ports into disjoint intervals, as sets and maps of a firewall need them."""

from __future__ import annotations

from typing import Dict, Hashable, Iterable, List, Tuple, TypeVar

Span = Tuple[int, int]
T = TypeVar("T", bound=Hashable)


def cut(items: Iterable[Tuple[T, Iterable[Span]]]) -> List[Tuple[Span, List[T]]]:
    """Every stretch on which the same items meet, in order; no two overlap, and none is without an item."""
    opening: Dict[int, List[T]] = {}
    closing: Dict[int, List[T]] = {}
    order: Dict[T, int] = {}
    for item, spans in items:
        order.setdefault(item, len(order))
        for low, high in spans:
            opening.setdefault(low, []).append(item)
            closing.setdefault(high + 1, []).append(item)
    here: Dict[T, int] = {}
    found: List[Tuple[Span, List[T]]] = []
    edges = sorted(set(opening) | set(closing))
    for place, edge in enumerate(edges):
        for item in closing.get(edge, ()):
            here[item] -= 1
            if not here[item]:
                del here[item]
        for item in opening.get(edge, ()):
            here[item] = here.get(item, 0) + 1
        if here:
            found.append(((edge, edges[place + 1] - 1), sorted(here, key=order.__getitem__)))
    return found
