# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""More addresses than a rule may have are parted so that a new one changes one part, whatever their number."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.portbook.firewall.plugins.module_utils.intervals import Spans
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.texts import (
    ANYWHERE,
    MOST_ADDRESSES,
    Addresses,
    write_addresses,
)
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.wanted import split
from ansible_collections.portbook.firewall.plugins.plugin_utils.net.addresses import AddressSet

V6 = 0x20010DB8 << 96


def scattered(count: int, seed: int = 1) -> Addresses:
    """Addresses none of which touches another, in both families."""
    generator = random.Random(seed)
    v4 = sorted({generator.randrange(1 << 24, 223 << 24) & ~1 for _number in range(count)})
    v6 = sorted({(V6 + generator.randrange(1 << 80)) & ~1 for _number in range(count // 4)})
    return Addresses(AddressSet(Spans.of((one, one) for one in v4), Spans.of((one, one) for one in v6)))


def parts(remote: Addresses) -> dict[str, str]:
    return {suffix: write_addresses(part) for suffix, part in split(remote)}


def also(remote: Addresses, number: int) -> Addresses:
    return remote | Addresses(AddressSet(Spans(((number, number),))))


@pytest.mark.parametrize("remote", [ANYWHERE, Addresses(words=frozenset({"LocalSubnet"})), scattered(400)])
def test_what_a_rule_can_hold_stays_one_rule(remote: Addresses) -> None:
    assert list(split(remote)) == [("", remote)]


@pytest.mark.parametrize("count", [500, 501, 3000, 50_000])
def test_all_addresses_are_in_exactly_one_part(count: int) -> None:
    remote = scattered(count)
    found = [part for _suffix, part in split(remote)]
    assert AddressSet.union(part.known for part in found) == remote.known
    assert sum(len(part.known.v4) + len(part.known.v6) for part in found) == len(remote.known.v4) + len(remote.known.v6)


def test_no_part_holds_more_than_a_rule_can_and_none_is_empty() -> None:
    for part in parts(scattered(20_000)).values():
        assert 1 <= len(part.split(",")) <= MOST_ADDRESSES


def test_parts_have_names_of_their_own() -> None:
    names = [suffix for suffix, _part in split(scattered(20_000))]
    assert len(set(names)) == len(names) > 40
    assert all(name.startswith("/") and "|" not in name for name in names)


@pytest.mark.parametrize("seed", range(12))
def test_one_address_more_changes_one_part(seed: int) -> None:
    """Or parts one in two, where it was full."""
    before = scattered(3000)
    new = random.Random(seed).randrange(1 << 24, 223 << 24) | 1
    one, other = parts(before), parts(also(before, new))
    gone, come = one.items() - other.items(), other.items() - one.items()
    assert len(gone) <= 1
    assert 1 <= len(come) <= 2


def test_adding_and_taking_away_an_address_gives_the_parts_of_before() -> None:
    before = scattered(3000)
    new = AddressSet(Spans(((7 << 24, 7 << 24),)))
    again = Addresses((before | Addresses(new)).known - new)
    assert parts(again) == parts(before)


def test_words_have_a_part_of_their_own_when_there_are_too_many_addresses() -> None:
    words = frozenset({"LocalSubnet"})
    few, many = Addresses(scattered(10).known, words), Addresses(scattered(3000).known, words)
    assert [suffix for suffix, _part in split(few)] == [""]
    assert parts(many).pop("/words") == "LocalSubnet"


def test_a_range_across_a_border_is_in_one_part_only() -> None:
    wide = Spans.of([((1 << 31) - 5, (1 << 31) + 5), *scattered(2000).known.v4.items])
    remote = Addresses(AddressSet(wide))
    found = [part.known.v4 for _suffix, part in split(remote)]
    assert sum(len(one) for one in found) == len(wide)


def test_fifty_thousand_addresses_take_no_time() -> None:
    remote = scattered(50_000)
    start = time.process_time()
    assert len(parts(remote)) > 100
    assert time.process_time() - start < 5


@given(st.integers(501, 1500), st.integers(0, 2**16))
def test_a_dense_network_is_parted_as_well(count: int, start: int) -> None:
    spans = Spans.of(((10 << 24) + start + 2 * number, (10 << 24) + start + 2 * number) for number in range(count))
    found = [part.known.v4 for _suffix, part in split(Addresses(AddressSet(spans)))]
    assert all(len(one.items) <= MOST_ADDRESSES for one in found)
    assert sum(len(one) for one in found) == count
