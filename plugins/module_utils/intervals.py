# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of whole numbers as spans, and overlapping spans cut into disjoint intervals, as a firewall's maps need them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Dict, Hashable, Iterable, Iterator, List, Tuple, TypeVar

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


@dataclass(frozen=True)
class Spans:
    """Sorted spans that neither touch nor overlap."""

    items: Tuple[Span, ...] = ()

    @staticmethod
    def of(spans: Iterable[Span]) -> Spans:
        merged: List[Span] = []
        for low, high in sorted(spans):
            if merged and low <= merged[-1][1] + 1:
                if high > merged[-1][1]:
                    merged[-1] = (merged[-1][0], high)
            else:
                merged.append((low, high))
        return Spans(tuple(merged))

    def __bool__(self) -> bool:
        return bool(self.items)

    def __iter__(self) -> Iterator[Span]:
        return iter(self.items)

    def __len__(self) -> int:
        return sum(high - low + 1 for low, high in self.items)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.items, (number, float("inf"))) - 1
        return place >= 0 and number <= self.items[place][1]

    def __or__(self, other: Spans) -> Spans:
        return Spans.of((*self.items, *other.items))

    def __and__(self, other: Spans) -> Spans:
        found: List[Span] = []
        left, right = 0, 0
        while left < len(self.items) and right < len(other.items):
            low = max(self.items[left][0], other.items[right][0])
            high = min(self.items[left][1], other.items[right][1])
            if low <= high:
                found.append((low, high))
            if self.items[left][1] < other.items[right][1]:
                left += 1
            else:
                right += 1
        return Spans(tuple(found))

    def __sub__(self, other: Spans) -> Spans:
        left: List[Span] = []
        place = 0
        for low, high in self.items:
            while place < len(other.items) and other.items[place][1] < low:
                place += 1
            here = place
            while here < len(other.items) and other.items[here][0] <= high:
                if other.items[here][0] > low:
                    left.append((low, other.items[here][0] - 1))
                low = other.items[here][1] + 1
                here += 1
            if low <= high:
                left.append((low, high))
        return Spans(tuple(left))

    def __le__(self, other: Spans) -> bool:
        return not self - other
