# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of numbers, against Python's own."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.portbook.firewall.plugins.module_utils.intervals import Spans

NUMBERS = st.integers(0, 60)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS).map(lambda pair: (min(pair), max(pair))), max_size=8)


def numbers(spans: Spans | list[tuple[int, int]]) -> set[int]:
    return {number for low, high in spans for number in range(low, high + 1)}


@given(PAIRS)
def test_spans_hold_exactly_the_numbers_that_were_given(pairs):
    spans = Spans.of(pairs)
    assert numbers(spans) == numbers(pairs)
    assert len(spans) == len(numbers(pairs))
    assert bool(spans) == bool(pairs)
    assert {number for number in range(62) if number in spans} == numbers(pairs)


@given(PAIRS)
def test_spans_are_sorted_and_neither_touch_nor_overlap(pairs):
    items = Spans.of(pairs).items
    assert all(low <= high for low, high in items)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(items))


@given(PAIRS, PAIRS)
def test_spans_unite_intersect_and_subtract_like_sets(left, right):
    one, other = Spans.of(left), Spans.of(right)
    assert numbers(one | other) == numbers(left) | numbers(right)
    assert numbers(one & other) == numbers(left) & numbers(right)
    assert numbers(one - other) == numbers(left) - numbers(right)
    assert (one <= other) == (numbers(left) <= numbers(right))


@given(PAIRS, PAIRS)
def test_results_of_spans_are_as_canonical_as_their_operands(left, right):
    one, other = Spans.of(left), Spans.of(right)
    for result in (one | other, one & other, one - other):
        assert result == Spans.of(result.items)


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_in_which_spans_are_written_does_not_count(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert Spans.of(shuffled) == Spans.of(pairs)
