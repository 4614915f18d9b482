# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the rules of ours that a host has to those that are wanted, with as few operations as it takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windows.fake.engine import apply, asked, read_it, rule, wanted
from windows.fake.store import Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.difference import difference
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.rule import FirewallRule, StoredRule

ONE, OTHER = rule("a/in/1", "80", "192.0.2.7"), rule("b/in/1", "81", "192.0.2.7")


def present(*rules: FirewallRule) -> list[StoredRule]:
    return [StoredRule(f"id-{number}", True, False, one) for number, one in enumerate(rules)]


def kinds(found: list[Any]) -> list[str]:
    return [one.data["op"] for one in sorted(found, key=lambda one: one.phase)]


def test_what_is_right_is_kept_and_nothing_is_done() -> None:
    found = difference([ONE, OTHER], present(OTHER, ONE))
    assert (sorted(found.keep), found.operations) == ([ONE.name, OTHER.name], [])


def test_what_lacks_is_created_and_what_is_too_much_deleted() -> None:
    found = difference([ONE], present(OTHER))
    assert (found.create, found.delete, found.change) == ([ONE.name], [OTHER.name], [])
    assert kinds(found.operations) == ["create", "disable", "delete"]


def test_other_traffic_is_a_change_in_which_the_new_rule_comes_first() -> None:
    new = replace(ONE, traffic=OTHER.traffic)
    found = difference([new], present(ONE))
    assert found.change == [ONE.name]
    assert kinds(found.operations) == ["create", "disable", "delete"]


@pytest.mark.parametrize("change", [{"description": "other words"}, {"group": "portbook: moved"}])
def test_other_texts_are_changed_in_one_operation(change: dict[str, str]) -> None:
    found = difference([ONE], present(replace(ONE, **change)))  # type: ignore[arg-type]
    assert (found.change, kinds(found.operations)) == ([ONE.name], ["change"])


def test_a_rule_that_was_renamed_is_known_by_what_it_says() -> None:
    found = difference([ONE], present(replace(ONE, name="My rule")))
    assert (found.change, found.create, kinds(found.operations)) == ([ONE.name], [], ["change"])


def test_a_rule_that_was_switched_off_is_switched_on() -> None:
    found = difference([ONE], present(replace(ONE, enabled=False)))
    assert (found.change, kinds(found.operations)) == ([ONE.name], ["enable"])


def test_of_two_rules_of_one_name_the_right_one_stays() -> None:
    wrong = replace(ONE, traffic=OTHER.traffic)
    found = difference([ONE], present(wrong, ONE))
    assert (found.keep, found.delete) == ([ONE.name], [ONE.name])
    assert [one.data["id"] for one in found.operations] == ["id-0", "id-0"]


def test_of_two_rules_that_are_alike_one_stays() -> None:
    found = difference([ONE], present(ONE, ONE))
    assert (found.keep, found.delete) == ([ONE.name], [ONE.name])


def test_what_is_off_already_is_deleted_without_being_switched_off() -> None:
    assert kinds(difference([], present(replace(ONE, enabled=False))).operations) == ["delete"]


def test_a_path_in_other_letters_is_no_difference_on_a_host() -> None:
    store = Store()
    upper, lower = (rule(program=path) for path in ("C:\\Program Files\\App\\A.EXE", "c:\\program files\\app\\a.exe"))
    apply(store, asked(wanted(upper), posture="open"))
    assert not apply(store, asked(wanted(lower), posture="open")).decision.changed


RULES = st.builds(
    lambda name, port, group, on: replace(rule(f"{name}/in/1", str(port), component=group), enabled=on),
    st.sampled_from("abc"),
    st.integers(80, 82),
    st.sampled_from(["app", "other"]),
    st.sampled_from([True, True, True, False]),
)


@given(st.lists(RULES, max_size=6), st.lists(RULES.map(lambda one: replace(one, enabled=True)), max_size=5))
def test_afterwards_a_host_has_what_is_wanted_and_nothing_else(
    had: list[FirewallRule], want: list[FirewallRule]
) -> None:
    """Names are used once in a plan; a host may have any number of them."""
    want = list({one.name: one for one in want}.values())
    store = Store()
    apply(store, asked(wanted(*had), posture="open"))
    for one in had:
        if not one.enabled:
            next(held for held in store.rules if held.name == one.name).enabled = False
    apply(store, asked(wanted(*want), posture="open"))
    assert Counter(one.rule for one in read_it(store).owned) == Counter(want)
    assert not apply(store, asked(wanted(*want), posture="open")).decision.changed


@given(st.lists(RULES, max_size=6), st.lists(RULES, max_size=6))
def test_every_rule_that_was_or_will_be_is_spoken_of_once(had: list[FirewallRule], want: list[FirewallRule]) -> None:
    found = difference(want, present(*had))
    assert len(found.keep) + len(found.change) + len(found.create) == len(want)
    assert len(found.keep) + len(found.change) + len(found.delete) == len(had)
    assert Counter(one.data["id"] for one in found.operations if one.data["op"] == "delete").most_common(1)[:1] in (
        [],
        *([(f"id-{number}", 1)] for number in range(len(had))),
    )
