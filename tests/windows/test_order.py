# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between any two writes, on the way there and on the way back, nothing is let in that neither was nor will be, and
nothing is cut off that was and will be; and a run that dies is mended by the next."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from windows.fake.bringing import Brought
from windows.fake.engine import read_it
from windows.fake.film import Filmed, Frame, Projector, filmed
from windows.fake.hresult import Crashed
from windows.fake.longer import LONGER
from windows.fake.packets import interesting_packets, truth
from windows.fake.plans import Line, Want, bring, machine, take_away
from windows.fake.store import Faults, Store
from windows.fake.worlds import WANTS, others, ours, stores
from windows.fake.worlds import settings as settings_of

pytestmark = pytest.mark.longer

EXAMPLES = settings(
    max_examples=8 * LONGER,
    derandomize=LONGER == 1,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
Run = Callable[[Store, Faults | None], Brought]


def bringing(want: Want) -> Run:
    return lambda store, faults: bring(store, want, faults)


def removing(components: tuple[str, ...] | None) -> Run:
    return lambda store, faults: take_away(store, components, faults)


FIRST = st.one_of(st.none(), WANTS, WANTS)
"""What was applied before, if anything."""
RUNS = st.one_of(WANTS.map(bringing), WANTS.map(bringing), st.sampled_from([None, ("app",)]).map(removing))


def film(store: Store, run: Run, faults: Faults | None = None) -> tuple[Filmed, list[Frame], dict[str, Any]]:
    """The store after it, what it held on the way, and what the module said."""
    after = filmed(store)
    after.start()
    brought = run(after, faults)
    assert brought.decision.errors == []
    return after, after.end(), brought.written or {}


def projector(before: Store, after: Store) -> Projector:
    here = machine(before.current_profiles)
    return Projector(before, interesting_packets(before, after, machine=here, more=150), here)


def wrong_moments(frames: list[Frame], judge: Projector, ends: tuple[Frame, Frame]) -> list[str]:
    was, will = map(judge.passing, ends)
    found = []
    for number, frame in enumerate(frames):
        for at, now in enumerate(judge.passing(frame)):
            if now != was[at] and now != will[at]:
                word = "is let in" if now else "is cut off"
                found.append(f"moment {number}, before {frame.next!r}: {judge._packets[at]} {word}")
                break
    return found


def held_before(world: Store, first: Want | None) -> Store:
    before = world.copy()
    if first is not None:
        bring(before, first)
    return before


def state(store: Store) -> Any:
    """All that can be read of a host: ids, every property, the settings."""
    return read_it(store)


def held(store: Store) -> Counter[str]:
    """Rules of ours, whatever their number in the store."""
    return Counter(repr(replace(rule, id="")) for rule in ours(store))


@settings(EXAMPLES, max_examples=30 * LONGER)
@given(stores(most=5), FIRST, RUNS)
def test_at_every_moment_only_what_was_or_will_be_passes(world: Store, first: Want | None, run: Run) -> None:
    before = held_before(world, first)
    after, frames, _done = film(before, run)
    note(" / ".join(frame.next for frame in frames))
    assert wrong_moments(frames, projector(before, after), (frames[0], frames[-1])) == []


@EXAMPLES
@given(stores(most=5), FIRST, RUNS)
def test_a_write_that_fails_is_taken_back_and_on_the_way_only_what_was_or_would_be_passes(
    world: Store, first: Want | None, run: Run
) -> None:
    before = held_before(world, first)
    after, whole, _done = film(before, run)
    judge = projector(before, after)
    for number, made in itertools.product(range(1, len(whole)), (False, True)):
        at = frozenset({number})
        store, frames, failed = film(before, run, Faults(fail_after=at) if made else Faults(fail_write=at))
        note(f"write {number}{' was made, and' if made else ''}: {whole[number - 1].next}")
        assert wrong_moments(frames, judge, (whole[0], whole[-1])) == []
        if failed.get("failed"):
            assert failed["undone"] is True
            assert not failed["changed"]
            assert state(store) == state(before)
            assert [rule.copy() for rule in store.rules] == before.rules
        else:
            # Of a rule that cannot be removed, which is off by then.
            assert failed["leftover"]
            assert judge.passing(frames[-1]) == judge.passing(whole[-1])


@EXAMPLES
@given(stores(most=5), FIRST, WANTS)
def test_a_run_that_is_killed_at_any_write_is_repaired_by_the_next(
    world: Store, first: Want | None, want: Want
) -> None:
    before = held_before(world, first)
    after, whole, _done = film(before, bringing(want))
    for number in range(1, len(whole)):
        note(f"killed at {number}: {whole[number - 1].next}")
        store = before.copy()
        with pytest.raises(Crashed):
            bring(store, want, Faults(crash_write=frozenset({number})))
        mended = bring(store, want)
        assert mended.decision.errors == []
        assert held(store) == held(after)
        assert others(store) == others(after)
        assert settings_of(store) == settings_of(after)
        assert not bring(store, want).decision.changed
        take_away(store)
        assert (others(store), settings_of(store), ours(store)) == (others(world), settings_of(world), [])


@pytest.mark.more
@EXAMPLES
@given(stores(most=5), WANTS)
def test_a_removal_that_is_killed_at_any_write_is_ended_by_the_next(world: Store, want: Want) -> None:
    before = world.copy()
    bring(before, want)
    _after, whole, _done = film(before, removing(None))
    for number in range(1, len(whole)):
        note(f"killed at {number}: {whole[number - 1].next}")
        store = before.copy()
        with pytest.raises(Crashed):
            take_away(store, None, Faults(crash_write=frozenset({number})))
        again = store.copy()
        take_away(store)
        assert (others(store), settings_of(store), ours(store)) == (others(world), settings_of(world), [])
        assert bring(again, want).decision.errors == []
        assert held(again) == held(before)


# -- examples that are worth a name -------------------------------------------------------------------
STRICT = Want((Line(guarded=True),), posture="strict", disable=True)
THEIRS: dict[str, Any] = {"Name": "theirs", "Enabled": True, "Direction": 1, "Action": 1, "Protocol": 6}


@pytest.mark.more
def test_a_hundred_unmanaged_rules_are_disabled_and_remembered_whenever_the_run_is_killed() -> None:
    """What is remembered takes several rules, and may be killed between them."""
    world = Store.of(*({**THEIRS, "Name": f"Rule {number} of somebody's " + "long " * 20} for number in range(100)))
    whole = world.copy()
    bring(whole, STRICT)
    memories = sum(str(rule.name).startswith("portbook/memory/") for rule in whole.rules)
    assert memories > 2
    for number in [*range(1, 12), 60, 100, 110]:
        store = world.copy()
        with pytest.raises(Crashed):
            bring(store, STRICT, Faults(crash_write=frozenset({number})))
        removed = store.copy()
        take_away(removed)
        assert (others(removed), ours(removed)) == (others(world), [])
        assert bring(store, STRICT).decision.errors == []
        assert held(store) == held(whole)
        with pytest.raises(Crashed):
            # Among the last: what is remembered goes, one after the other.
            take_away(store, None, Faults(crash_write=frozenset({110 + number % 12})))
        assert bring(store, STRICT).decision.errors == []
        take_away(store)
        assert (others(store), ours(store)) == (others(world), [])


def test_taking_back_that_fails_too_forgets_nothing() -> None:
    """Of the rules of others that could not be enabled again."""
    world = Store.of(THEIRS).profile(4, enabled=False)
    for number in range(1, 30):
        for second in range(number + 1, 30):
            store = world.copy()
            bring(store, STRICT, Faults(fail_write=frozenset({number, second})))
            take_away(store)
            assert (others(store), ours(store)) == (others(world), []), (number, second)


def test_a_killed_update_leaves_the_old_rule_disabled_next_to_the_new_one_and_the_next_run_cleans_up() -> None:
    old, new = Want((Line(peers=("192.0.2.7",)),)), Want((Line(peers=("192.0.2.8",)),))
    before = Store()
    bring(before, old)
    _after, whole, _done = film(before, bringing(new))
    seen = set()
    for number in range(1, len(whole)):
        store = before.copy()
        with pytest.raises(Crashed):
            bring(store, new, Faults(crash_write=frozenset({number})))
        here = [rule for rule in store.rules if "flow-0" in str(rule.name) or "doomed" in str(rule.name)]
        seen.add(tuple(sorted((rule.remote_addresses.partition("/")[0], rule.enabled) for rule in here)))
        bring(store, new)
        left = [rule.remote_addresses for rule in store.rules if rule.grouping == "portbook: app"]
        assert left == ["192.0.2.8/255.255.255.255"]
    assert (("192.0.2.7", False), ("192.0.2.8", True)) in seen


def test_the_order_of_a_change_is_refusals_then_permissions_then_what_goes() -> None:
    store = Store.of({**THEIRS, "LocalPorts": "80-90"})
    bring(store, Want((Line(ports=("80",), guarded=True), Line(ports=("81",), guarded=True))))
    want = Want((Line(ports=("80",), peers=("192.0.2.8",), guarded=True), Line(ports=("82",), guarded=True)))
    _after, frames, _done = film(store, bringing(want))
    kinds = [frame.next.split()[0] for frame in frames if frame.next]
    assert kinds == sorted(kinds, key=["Add", "put.Enabled", "put.Name", "Remove"].index) or kinds[-1] == "Remove"
    created = [one["rule"]["Action"] for one in bring(store, want).operations if one["op"] == "create"]
    acting = [action for action in created if action is not None]
    assert acting == sorted(acting)


@pytest.mark.parametrize("posture", ["guard", "strict"])
def test_a_run_that_changes_nothing_writes_nothing(posture: str) -> None:
    store = Store()
    want = Want((Line(guarded=True),), posture=posture)
    bring(store, want)
    _same, frames, _done = film(store, bringing(want))
    assert len(frames) == 1


def test_the_film_would_show_a_wrong_order() -> None:
    """What goes first and what comes last cuts off in between whoever was and will be let in."""
    before, after = Store(), Store()
    bring(before, Want((Line(peers=("192.0.2.7",)),)))
    bring(after, Want((Line(peers=("192.0.2.7", "192.0.2.8")),)))
    judge = projector(before, after)
    ends = [Frame(tuple(one.rules), tuple(one.profiles.items()), "") for one in (before, after)]
    between = replace(ends[0], rules=tuple(rule for rule in before.rules if rule.grouping != "portbook: app"))
    assert wrong_moments([between], judge, (ends[0], ends[1])) != []
    wide = [*before.rules, *after.rules, *Store.of(THEIRS).rules]
    assert wrong_moments([replace(ends[0], rules=tuple(wide))], judge, (ends[0], ends[1])) != []
    assert truth(judge._packets, before, judge._machine) == judge.passing(ends[0])
