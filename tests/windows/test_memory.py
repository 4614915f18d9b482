# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host remembers of us survives everything but somebody who rewrites it, and that is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windows.fake.engine import apply, asked, foreign, read_it, rule, wanted
from windows.fake.host import Host
from windows.fake.rule import Rule, commit
from windows.fake.store import Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.memory import (
    Changed,
    Disabled,
    Forgotten,
    Memory,
    numbered,
    remembered,
)
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.recall import recall
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.removal import decide_removal
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.rule import (
    MEMORY,
    PREFIX,
    FirewallRule,
    StoredRule,
    Traffic,
)

SMALL = Memory(
    {f"{PREFIX}app": ("portbook/a/in/1", "portbook/b/in/1")},
    {"0123": Disabled("theirs", "in")},
    {(4, "FirewallEnabled"): Changed.to(0, 1)},
    ("198.51.100.200",),
)
LARGE = replace(SMALL, disabled={f"{number:032x}": Disabled(f"Rule {number}", "in") for number in range(700)})
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


def kept(rules: Iterable[FirewallRule]) -> list[StoredRule]:
    return [StoredRule(f"id-{number}", True, False, one) for number, one in enumerate(rules)]


def described(one: StoredRule, text: str) -> StoredRule:
    return replace(one, rule=replace(one.rule, description=text))


@pytest.mark.parametrize("memory", [SMALL, LARGE, Memory()])
def test_what_is_remembered_is_what_was_to_be_remembered(memory: Memory) -> None:
    assert remembered(kept(memory.rules())) == memory


@given(st.dictionaries(TEXTS, st.builds(Disabled, TEXTS, st.sampled_from(["in", "out", "door"])), max_size=5))
def test_names_of_any_letters_are_remembered_and_windows_takes_them(disabled: dict[str, Disabled]) -> None:
    rules = Memory(disabled=disabled).rules()
    assert remembered(kept(rules)).disabled == disabled
    for one in rules:
        assert "|" not in one.description
        commit(Rule("", one.name, one.description, grouping=one.group, action=0))


def test_nothing_to_remember_is_no_rule() -> None:
    assert Memory().rules() == []
    assert Memory(guarded={f"{PREFIX}app": ()}).rules() == []


def test_more_than_a_description_takes_stands_in_several_rules() -> None:
    rules = LARGE.rules()
    assert len(rules) > 3
    assert all(len(one.description) < 9000 for one in rules)
    assert len({one.name for one in rules}) == len(rules)


def test_the_rules_of_memory_refuse_nothing() -> None:
    assert [(one.enabled, one.group) for one in LARGE.rules()] == [(False, MEMORY)] * len(LARGE.rules())


def test_a_name_without_end_is_remembered_by_its_beginning() -> None:
    memory = Memory(disabled={"1": Disabled("x" * 9999, "in")})
    assert remembered(kept(memory.rules())).disabled["1"].name == "x" * 200


def test_each_rule_of_a_large_memory_is_understood_without_the_others() -> None:
    """A write may be killed between any two of them."""
    rules = kept(LARGE.rules())
    for number in range(len(rules)):
        some = remembered(rules[:number] + rules[number + 1 :])
        assert 0 < len(some.disabled) < len(LARGE.disabled)
        assert some.disabled.items() <= LARGE.disabled.items()


def test_two_memories_after_a_kill_are_one_that_knows_what_either_does() -> None:
    other = Memory(
        {f"{PREFIX}app": ("portbook/b/in/1", "portbook/c/in/1"), f"{PREFIX}other": ("portbook/d/in/1",)},
        {"4567": Disabled("more of theirs", "out")},
        {(1, "DefaultInboundAction"): Changed.to(1, 0)},
        ("203.0.113.1", "198.51.100.200"),
    )
    found = remembered(kept([*SMALL.rules(), *other.rules()]))
    assert found.guarded[f"{PREFIX}app"] == ("portbook/a/in/1", "portbook/b/in/1", "portbook/c/in/1")
    assert {*found.guarded} == {f"{PREFIX}app", f"{PREFIX}other"}
    assert {*found.disabled} == {"0123", "4567"}
    assert {*found.settings} == {*SMALL.settings, *other.settings}
    assert found.ways == ("198.51.100.200", "203.0.113.1")


@pytest.mark.parametrize("change", [{"name": "Renamed"}, {"group": "Somebody's"}])
def test_a_memory_that_was_renamed_or_moved_is_found(change: dict[str, str]) -> None:
    (one,) = kept(SMALL.rules())
    assert remembered([replace(one, rule=replace(one.rule, **change))]) == SMALL  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        *("", "my own words", '{"format":1,"known":[]}'),
        *('HEAD{"format":1', 'HEAD{"format":1}', 'HEAD{"format":1,"known":[["else"]]}', "HEAD[]", "HEADnull"),
        *('HEAD{"format":1,"known":[["disabled","id"]]}', 'HEAD{"format":1,"known":[["setting",4,"x",0]]}'),
        'HEAD{"format":1,"known":[["setting","four","x",0,1]]}',
    ],
)
def test_a_memory_that_was_rewritten_is_an_error_that_says_what_to_do(text: str) -> None:
    (one,) = kept(SMALL.rules())
    head = one.rule.description.partition("{")[0]
    with pytest.raises(Forgotten, match=r"portbook/memory/1.*changed by hand.*delete this rule"):
        remembered([described(one, text.replace("HEAD", head))])


def test_a_memory_of_another_version_names_both() -> None:
    (one,) = kept(SMALL.rules())
    with pytest.raises(Forgotten, match=r"format 7.* knows 1 and 2.*newer"):
        remembered([described(one, one.rule.description.replace('"format":2', '"format":7'))])


def test_other_rules_of_the_collection_are_no_memory() -> None:
    assert remembered(kept([rule(), FirewallRule("portbook/guard/in/tcp-80", f"{PREFIX}guard", Traffic())])) == Memory()


# -- addresses that ansible came from -----------------------------------------------------------------
def test_a_controller_that_is_known_changes_nothing() -> None:
    assert SMALL.came_from(["198.51.100.200"]) == SMALL.ways
    assert SMALL.came_from([]) == SMALL.ways


def test_the_newest_comes_first_and_four_are_kept() -> None:
    memory = Memory(ways=("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"))
    assert memory.came_from(["10.0.0.9"]) == ("10.0.0.9", "10.0.0.1", "10.0.0.2", "10.0.0.3")


def test_none_that_is_connected_now_is_forgotten() -> None:
    """Of sessions of WinRM nobody knows which is Ansible's."""
    now = [f"10.0.0.{number}" for number in range(1, 8)]
    assert Memory().came_from(now) == tuple(now)
    full = Memory(ways=("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"))
    assert "10.0.0.4" in full.came_from(["10.0.0.4", "10.0.0.9"])


# -- rules that are alike -----------------------------------------------------------------------------
def theirs(id_: str, enabled: bool = False) -> StoredRule:
    return StoredRule(id_, False, not enabled, FirewallRule("theirs", "", enabled=enabled))


def test_a_rule_that_was_made_again_leaves_that_of_the_collection_to_be_found() -> None:
    """The new one has taken the id of the one that we disabled."""
    memory = Memory(disabled={"aa": Disabled("theirs", "in")})
    store = [theirs("aa", enabled=True), theirs("aa#2"), theirs("bb")]
    assert [one.id for one, _known in recall(memory, store).still] == ["aa#2"]


def test_of_rules_that_are_alike_no_more_are_enabled_than_we_disabled() -> None:
    memory = Memory(disabled={"aa": Disabled("theirs", "in")})
    assert len(recall(memory, [theirs("aa"), theirs("aa#2"), theirs("aa#3")]).still) == 1


def test_rules_that_are_alike_are_remembered_by_their_number() -> None:
    disabled = [("aa", Disabled("one", "in")), ("aa#7", Disabled("two", "in"))]
    assert {id_: one.name for id_, one in numbered(disabled).items()} == {"aa": "one", "aa#2": "two"}


# -- on a host ----------------------------------------------------------------------------------------
def forgetful() -> Store:
    store = Store.of(foreign())
    apply(store, asked(wanted(rule()), posture="strict", others="disable"))
    memory = next(one for one in store.rules if one.name == "portbook/memory/1")
    memory.description = "I tidied up here"
    return store


def test_a_host_whose_memory_was_rewritten_is_not_touched_and_says_why() -> None:
    store = forgetful()
    for decision in (
        decide(read_it(store), asked(wanted(rule()))),
        decide_removal(read_it(store), ["app"]),
    ):
        assert decision.operations == []
        assert "changed by hand" in decision.errors[0]


def test_everything_of_the_collection_can_be_removed_although_the_memory_was_rewritten() -> None:
    store = forgetful()
    decision = decide_removal(read_it(store), None)
    assert decision.errors == []
    assert "everything else is removed" in decision.warnings[0]
    assert {one["op"] for one in decision.operations} == {"disable", "delete"}


def test_a_second_controller_is_remembered_and_both_may_come_in() -> None:
    store = Store()
    apply(store, asked(wanted(rule())))
    other = Host(connections=((5986, "203.0.113.40"),), services=None)
    assert apply(store, asked(wanted(rule())), other).decision.changed
    assert not apply(store, asked(wanted(rule()))).decision.changed
    way = next(one for one in store.rules if one.grouping == f"{PREFIX}way in")
    assert sorted(one.partition("/")[0] for one in way.remote_addresses.split(",")) == [
        "198.51.100.200",
        "203.0.113.40",
    ]
