# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a host over the years: our runs, some of them killed, people with ideas, programs that start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st
from windows.fake.hresult import Crashed
from windows.fake.plans import Want, bring, take_away
from windows.fake.rule import Rule
from windows.fake.store import Faults, Store
from windows.fake.worlds import WANTS, add, foreign_rules, is_ours, lets_the_controller_in, ours


@dataclass(frozen=True)
class Step:
    """`alone` is the world in which we never were: it sees what others do."""

    text: str
    act: Callable[[Store, Store], None]

    def __repr__(self) -> str:
        return self.text


FAULTS = st.one_of(
    st.none(),
    st.integers(1, 30).map(lambda number: Faults(crash_write=frozenset({number}))),
    st.integers(1, 30).map(lambda number: Faults(fail_write=frozenset({number}))),
    st.integers(1, 30).map(lambda number: Faults(fail_after=frozenset({number}))),
    st.integers(1, 30).map(lambda number: Faults(fail_write=frozenset({number}), item_blind="doomed-")),
)


def _run(run: Callable[[Store], Any]) -> Callable[[Store, Store], None]:
    def act(store: Store, alone: Store) -> None:
        try:
            brought = run(store)
        except Crashed:
            return
        assert brought.decision.errors == []

    return act


def _applied(want: Want, faults: Faults | None) -> Step:
    return Step(f"bring({want}, {faults})", _run(lambda store: bring(store, want, faults)))


def _removed(components: tuple[str, ...] | None, faults: Faults | None) -> Step:
    return Step(f"take_away({components}, {faults})", _run(lambda store: take_away(store, components, faults)))


COMPONENTS = st.sampled_from([None, None, ("app",), ("other",)])
RUNS = st.builds(
    lambda want, components, faults: _applied(replace(want, components=components), faults), WANTS, COMPONENTS, FAULTS
)
REMOVALS = st.builds(_removed, COMPONENTS, FAULTS)


# -- people -------------------------------------------------------------------------------------------
def _rename(store: Store, rule: Rule) -> None:
    rule.name = "Renamed by somebody"


def _regroup(store: Store, rule: Rule) -> None:
    rule.grouping = "Somebody's group"


def _disable(store: Store, rule: Rule) -> None:
    rule.enabled = False


def _delete(store: Store, rule: Rule) -> None:
    store.take_out(rule.id)


def _repeat(store: Store, rule: Rule) -> None:
    store.rules.append(replace(rule, id=f"{rule.id}-again-{len(store.rules)}"))


def _widen(store: Store, rule: Rule) -> None:
    rule.remote_addresses = "*"


def _of_memory(rule: Rule) -> bool:
    return "memory" in f"{rule.grouping} {rule.name}"


def _meddled(what: Callable[[Store, Rule], None], number: int) -> Step:
    """With a rule of ours. What the host remembers may be renamed or moved, and not more."""

    def act(store: Store, alone: Store) -> None:
        found = [rule for rule in ours(store) if what in (_rename, _regroup) or not _of_memory(rule)]
        if found:
            rule = found[number % len(found)]
            what(store, rule)
            # Under a name and in a group of somebody's own it is somebody's own.
            if not is_ours(rule):
                rule.grouping = "portbook: app"

    return Step(f"{what.__name__}({number})", act)


MEDDLING = st.builds(
    _meddled, st.sampled_from([_rename, _regroup, _disable, _delete, _repeat, _widen]), st.integers(0, 40)
)


# -- programs, and networks ---------------------------------------------------------------------------
def _added(given: dict[str, Any]) -> Step:
    def act(store: Store, alone: Store) -> None:
        """But what would keep the controller out: nothing could be run after that."""
        tried = alone.copy()
        add(tried, given)
        if lets_the_controller_in(tried):
            add(store, given)
            add(alone, given)

    return Step(f"add({given})", act)


def _restarted(number: int) -> Step:
    """A program makes its rule anew at each start."""

    def act(store: Store, alone: Store) -> None:
        found = [rule for rule in alone.rules if rule.enabled]
        if found:
            made = replace(found[number % len(found)], id=f"again-{len(store.rules)}-{len(alone.rules)}")
            store.rules.append(made)
            alone.rules.append(replace(made))

    return Step(f"restart({number})", act)


def _moved(profiles: int) -> Step:
    def act(store: Store, alone: Store) -> None:
        store.current_profiles = alone.current_profiles = profiles

    return Step(f"move({profiles})", act)


HISTORIES = st.lists(
    st.one_of(
        RUNS,
        RUNS,
        RUNS,
        REMOVALS,
        MEDDLING,
        foreign_rules().map(_added),
        st.integers(0, 20).map(_restarted),
        st.sampled_from([1, 2, 4, 7]).map(_moved),
    ),
    min_size=1,
    max_size=7,
)
