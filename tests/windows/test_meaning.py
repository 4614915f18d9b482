# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a host held before: after a run it means what the plan says, and after removal what it meant without us."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from windows.fake.histories import HISTORIES, Step
from windows.fake.longer import LONGER
from windows.fake.packets import Packet, interesting_packets, truth
from windows.fake.plans import Want, bring, machine, meant, take_away
from windows.fake.store import Store
from windows.fake.worlds import WANTS, others, ours, stores
from windows.fake.worlds import settings as settings_of

pytestmark = pytest.mark.longer

EXAMPLES = settings(
    max_examples=30 * LONGER,
    derandomize=LONGER == 1,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def unlike(actual: Store, expected: Store, *more: Store) -> list[str]:
    """Packets that one lets pass and the other not."""
    here = machine(actual.current_profiles)
    packets = list(filter(possible, interesting_packets(actual, expected, *more, machine=here, more=300)))
    return [
        f"{'passes' if one else 'is lost'}: {packet}"
        for packet, one, other in zip(
            packets, truth(packets, actual, here), truth(packets, expected, here), strict=True
        )
        if one != other
    ]


def possible(packet: Packet) -> bool:
    """Nothing comes from the address of all, and nothing goes to the one of none."""
    return packet.remote != ("255.255.255.255" if packet.direction == "in" else "0.0.0.0")


@EXAMPLES
@given(stores(), WANTS)
def test_a_host_means_what_the_plan_says(before: Store, want: Want) -> None:
    store = before.copy()
    brought = bring(store, want)
    note(f"{brought.operations}")
    assert brought.decision.errors == []
    assert brought.written is None or not brought.written.get("failed"), brought.written
    assert unlike(store, meant(before, want), before) == []
    assert not bring(store, want).decision.changed
    if not (want.disable and "strict" in (want.posture, want.outbound)):
        assert others(store) == others(before)


@EXAMPLES
@given(stores(), st.lists(WANTS, min_size=1, max_size=3))
def test_removal_leaves_what_was_before(before: Store, wants: list[Want]) -> None:
    store = before.copy()
    for want in wants:
        bring(store, want)
    take_away(store)
    assert ours(store) == []
    assert others(store) == others(before)
    assert settings_of(store) == settings_of(before)
    assert not take_away(store).decision.changed


@EXAMPLES
@given(stores(most=4), HISTORIES, WANTS)
def test_whatever_happened_before_the_host_means_what_the_plan_says(
    before: Store, steps: list[Step], want: Want
) -> None:
    store, alone = before.copy(), before.copy()
    for step in steps:
        step.act(store, alone)
    brought = bring(store, want)
    note(f"{brought.operations}")
    assert brought.decision.errors == []
    assert brought.written is None or not brought.written.get("failed"), brought.written
    assert unlike(store, meant(alone, want)) == []
    assert not bring(store, want).decision.changed


@EXAMPLES
@given(stores(most=4), HISTORIES)
def test_whatever_happened_before_removal_leaves_what_others_made(before: Store, steps: list[Step]) -> None:
    store, alone = before.copy(), before.copy()
    for step in steps:
        step.act(store, alone)
    take_away(store)
    assert ours(store) == []
    assert others(store) == others(alone)
    assert settings_of(store) == settings_of(alone)
