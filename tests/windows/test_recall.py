# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of others that we disabled are found again and given back, whatever became of their texts; of those that are
not found each is named, in every run, and none is forgotten."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from golden.helpers.running import shipped_catalog
from windows.fake.bringing import HOST, Brought, act
from windows.fake.engine import apply, asked, foreign, read_it, rule, wanted
from windows.fake.execute import on
from windows.fake.packets import interesting_packets, truth
from windows.fake.plans import machine
from windows.fake.rule import Rule
from windows.fake.sample import sample_rules
from windows.fake.store import Faults, Store
from windows.fake.worlds import others, ours

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.backend import WindowsHost
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decision import Decision
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.memory import remembered
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.removal import decide_removal
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart, Settings

WEB = wanted(rule(peers="192.0.2.7"), guarded=True)
STRICT: dict[str, Any] = {"posture": "strict", "others": "disable"}


def strict(store: Store, **more: Any) -> Decision:
    decision = apply(store, asked(WEB, **STRICT, **more)).decision
    assert decision.errors == []
    return decision


def taken_away(store: Store, components: list[str] | None = None) -> Brought:
    found = read_it(store)
    return act(store, found, decide_removal(found, components), HOST, True)


def server() -> Store:
    """As Windows sets it up."""
    store = Store()
    store.rules, store.resources = sample_rules(400)
    return store


def in_another_language(store: Store) -> None:
    for raw, text in store.resources.items():
        store.resources[raw] = f"Auf Deutsch: {text}"


def off(store: Store) -> list[Rule]:
    return [one for one in store.rules if not one.enabled and not str(one.name).startswith("portbook")]


def warned(decision: Decision, text: str) -> list[str]:
    return [one for one in decision.warnings if text in one]


# -- texts that Windows resolves (F3) ------------------------------------------------------------------
def test_removal_after_a_change_of_language_enables_all_that_was_disabled() -> None:
    store = server()
    before = others(store)
    disabled = strict(store).disabled
    assert len(disabled) > 60
    in_another_language(store)
    removed = taken_away(store).decision
    assert len(removed.enabled) == len(disabled)
    assert others(store) == before
    assert ours(store) == []


def test_a_run_in_another_language_changes_nothing_and_forgets_nothing() -> None:
    store = server()
    before = others(store)
    strict(store)
    in_another_language(store)
    assert strict(store).operations == []
    taken_away(store)
    assert others(store) == before


# -- what is not found --------------------------------------------------------------------------------
def edited() -> Store:
    """Somebody changed one of two rules that we disabled."""
    store = Store.of(foreign(Name="edited", Description="old"), foreign(Name="whole", LocalPorts="81"))
    strict(store)
    store.rules[0].description = "new"
    return store


def test_each_rule_that_is_not_found_is_named_in_every_run() -> None:
    store = edited()
    for _run in range(3):
        (text,) = warned(strict(store), "are not found")
        assert "'edited'" in text
        assert "'whole'" not in text
        assert "Enable by hand" in text


def test_removal_keeps_the_memory_of_what_it_does_not_find_and_names_it_each_time() -> None:
    store = edited()
    for enabled in (["whole"], []):
        removed = taken_away(store)
        assert removed.decision.enabled == enabled
        assert "'edited'" in warned(removed.decision, "are not found")[0]
    assert [one.name for one in ours(store)] == ["portbook/memory/not-found/1"]
    assert not taken_away(store).decision.changed
    store.rules[0].description = "old"
    assert taken_away(store).decision.enabled == ["edited"]
    assert (ours(store), off(store)) == ([], [])


def test_a_host_that_only_remembers_what_is_not_found_has_nothing_to_lose() -> None:
    store = edited()
    taken_away(store)
    assert decide_removal(read_it(store), None).left == {}


def test_what_is_not_found_is_forgotten_when_somebody_deletes_that_memory() -> None:
    store = edited()
    strict(store)
    store.rules = [one for one in store.rules if "not-found" not in str(one.name)]
    assert warned(strict(store), "are not found") == []


def test_leaving_a_component_names_what_is_not_found_and_keeps_it() -> None:
    store = edited()
    apply(store, asked({**WEB, **wanted(rule(name="b.web/in/1", component="b"))}, **STRICT))
    decision = taken_away(store, ["b"]).decision
    assert "'edited'" in warned(decision, "are not found")[0]
    assert "'edited'" in warned(strict(store), "are not found")[0]


def test_what_somebody_enabled_again_was_given_back_and_is_no_news() -> None:
    store = edited()
    store.rules[0].description = "old"
    store.rules[0].enabled = True
    decision = apply(store, asked(WEB, posture="guard", others="disable")).decision
    assert decision.enabled == ["whole"]
    assert warned(decision, "are not found") == []
    assert remembered(read_it(store).owned).disabled == {}


# -- hosts of the old form ----------------------------------------------------------------------------
def as_it_was(store: Store) -> None:
    """What this host remembers as the first format had it: by ids that hold texts, in blocks of everything."""
    for one in store.rules:
        if str(one.name).startswith("portbook/memory/"):
            text = str(one.description).replace('"format":2', '"format":1')
            names = {str(rule.name) for rule in off(store) if str(rule.grouping).startswith("@")}
            for number, entry in enumerate(remembered([kept(one)]).disabled.items()):
                if store.resolve(entry[1].name) in {store.resolve(name) for name in names}:
                    text = text.replace(f'"{entry[0]}"', f'"{number:032x}"')
            one.description, one.action, one.remote_addresses = text, 0, "*"


def kept(one: Rule) -> Any:
    return next(stored for stored in read_it(Store(rules=[one])).owned)


def test_a_host_of_the_old_form_is_brought_over() -> None:
    store = server()
    before = others(store)
    number = len(strict(store).disabled)
    as_it_was(store)
    decision = strict(store)
    assert warned(decision, "are not found") == []
    memory = [one for one in store.rules if str(one.name).startswith("portbook/memory/")]
    assert {(one.action, one.remote_addresses) for one in memory} == {(1, "255.255.255.255/255.255.255.255")}
    assert all('"format":2' in str(one.description) for one in memory)
    assert strict(store).operations == []
    assert len(taken_away(store).decision.enabled) == number
    assert others(store) == before


def test_a_host_of_the_old_form_can_be_left_at_once() -> None:
    store = server()
    before = others(store)
    strict(store)
    as_it_was(store)
    taken_away(store)
    assert (others(store), ours(store)) == (before, [])


def test_of_two_rules_of_a_name_it_is_not_guessed_which_was_disabled() -> None:
    """One was off before us: which of them, the old form does not say."""
    twin = foreign(Name="@a.dll,-1", Grouping="@a.dll,-9")
    store = Store.of({**twin, "LocalPorts": "81", "Enabled": False}, {**twin, "LocalPorts": "82"})
    strict(store)
    as_it_was(store)
    assert "'@a.dll,-1'" in warned(strict(store), "are not found")[0]
    assert taken_away(store).decision.enabled == []


# -- memory is for nobody (W2) ------------------------------------------------------------------------
def test_enabling_every_rule_of_the_collection_refuses_nobody_and_lets_nobody_in() -> None:
    """`netsh advfirewall firewall set rule name=all new enable=yes`."""
    store = server()
    strict(store)
    enabled = store.copy()
    for one in enabled.rules:
        one.enabled = one.enabled or str(one.name).startswith("portbook/")
    here = machine(4)
    packets = interesting_packets(store, enabled, machine=here)
    possible = [one for one in packets if one.remote != "255.255.255.255"]
    assert truth(possible, store, here) == truth(possible, enabled, here)
    assert {one.action for one in ours(store) if not one.enabled} == {1}


# -- rules that may not be disabled (N1) --------------------------------------------------------------
def test_a_rule_that_may_not_be_disabled_is_reported_and_not_tried_again() -> None:
    store = Store.of(foreign(Name="fixed"), foreign(Name="theirs", LocalPorts="81"))
    first = decide(read_it(store), asked(WEB, **STRICT))
    assert [one["name"] for one in first.operations if one.get("may_stay")] == ["fixed", "theirs"]
    act(store, read_it(store), first, HOST, True)
    store.rules[0].enabled = True  # as if it had been refused
    noted = apply(store, asked(WEB, **STRICT, stays=frozenset({"fixed"}))).decision
    for decision in (noted, strict(store)):
        assert warned(decision, "not strict: Windows refuses to disable 1 permission: fixed")
        assert decision.disabled == []
    assert strict(store).operations == []
    assert taken_away(store).decision.enabled == ["theirs"]


STRICT_PART = HostPart("host", posture="strict", settings=Settings(windows_foreign="disable"))


def at(store: Store, faults: Faults, calls: list[str] | None = None) -> WindowsHost:
    def run(module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        name = module.rpartition(".")[2]
        store.faults = faults if name == "windows_write" else Faults()
        if calls is not None:
            calls.append(name)
        return on(store, module, json.loads(json.dumps(arguments)), host=HOST)

    return WindowsHost("host", run, 5986, "winrm", check=False, diff=False, catalog=shipped_catalog)


def test_one_that_stayed_and_was_disabled_by_somebody_is_theirs() -> None:
    store = Store.of(foreign(Name="fixed"))
    apply(store, asked(WEB, **STRICT, stays=frozenset({"fixed"})))
    store.rules[0].enabled = False
    strict(store)
    assert taken_away(store).decision.enabled == []


# -- packages -----------------------------------------------------------------------------------------
def of_app(number: int, user: int, **more: Any) -> dict[str, Any]:
    sid = f"S-1-15-2-{number}"
    names = {"Name": f"@{{App{number}}}", "LocalAppPackageId": sid, "LocalUserOwner": f"S-1-5-21-{user}"}
    return foreign(**names, Protocol=256, **more)


def session_host(users: int = 5) -> Store:
    return Store.of(*(of_app(app, user) for user in range(users) for app in range(3)))


def test_rules_of_apps_are_remembered_by_their_package() -> None:
    store = session_host(50)
    before = others(store)
    strict(store)
    memory = remembered(read_it(store).owned)
    assert len(memory.packages) == 3
    assert memory.disabled == {}
    assert taken_away(store).decision.enabled
    assert others(store) == before


def test_the_rules_of_a_user_who_comes_later_are_disabled_and_given_back_too() -> None:
    store = session_host(2)
    strict(store)
    store.rules += session_host(3).rules[-3:]
    assert len(strict(store).disabled) == 3
    taken_away(store)
    assert off(store) == []


def test_a_package_of_which_a_rule_was_off_before_us_is_remembered_by_rules() -> None:
    store = Store.of(of_app(1, 1, Enabled=False), of_app(1, 2), of_app(2, 1))
    before = others(store)
    strict(store)
    memory = remembered(read_it(store).owned)
    assert (len(memory.packages), len(memory.disabled)) == (1, 1)
    taken_away(store)
    assert others(store) == before


def test_a_package_whose_rules_are_missing_is_named_and_kept() -> None:
    store = session_host(2)
    strict(store)
    store.rules = [one for one in store.rules if one.local_app_package_id != "S-1-15-2-1"]
    for _run in range(2):
        assert "S-1-15-2-1" in warned(strict(store), "are not found")[0]
    taken_away(store)
    assert [one.name for one in ours(store)] == ["portbook/memory/not-found/1"]


@pytest.mark.more
def test_thirty_thousand_unmanaged_rules_are_decided_on_in_seconds() -> None:
    store = server()
    apps = session_host(10_000).rules
    store.rules += [replace(one, id=f"{{app-{number}}}") for number, one in enumerate(apps)]
    found = read_it(store)
    start = time.process_time()
    decision = decide(found, asked(WEB, **STRICT))
    assert time.process_time() - start < 10
    assert len(decision.disabled) > 30_000
    assert len([one for one in decision.operations if "memory" in str(one.get("rule", {}).get("Name"))]) <= 2


def test_rules_of_apps_can_be_left_alone() -> None:
    store = session_host()
    before = others(store)
    decision = strict(store, apps="leave")
    assert decision.disabled == []
    assert warned(decision, "not strict: 15 permissions of packages are left alone")
    assert others(store) == before


@pytest.mark.parametrize("apps", ["as_others", "leave"])
def test_what_was_disabled_of_apps_is_given_back_when_they_are_to_be_left(apps: str) -> None:
    store = session_host()
    before = others(store)
    strict(store)
    strict(store, apps=apps)
    assert (others(store) == before) == (apps == "leave")


# -- the way in after a removal ------------------------------------------------------------------------
def test_a_removal_that_would_cut_the_connection_is_refused() -> None:
    """The rules that let it in before us are not found any more."""
    store = Store.of(foreign(Name="Windows Remote Management", LocalPorts="5986"))
    strict(store)
    store.rules[0].description = "edited"
    removed = at(store, Faults()).remove(None)
    assert removed["failed"]
    assert "would not be allowed again: no rule lets it in" in removed["msg"]
    assert "Permit it first" in removed["msg"]
    store.rules[0].enabled = True
    assert not at(store, Faults()).remove(None).get("failed")


def test_a_removal_says_what_else_would_not_be_allowed_again() -> None:
    store = Store.of(foreign(Name="Windows Remote Management", LocalPorts="5986"))
    strict(store)
    in_use = replace(HOST, connections=(*HOST.connections, (80, "192.0.2.7")))
    decision = decide_removal(read_it(store, in_use), None, transport="winrm")
    assert "1 established connection would not be allowed again: from 192.0.2.7 to tcp 80" in decision.warnings


def test_a_removal_that_lets_it_in_as_before_is_made() -> None:
    store = Store.of(foreign(Name="Windows Remote Management", LocalPorts="5986"))
    strict(store)
    assert not at(store, Faults()).remove(None).get("failed")
    assert (off(store), ours(store)) == ([], [])


# -- of others, what is not known ----------------------------------------------------------------------
def test_what_somebody_disables_while_it_is_disabled_by_us_cannot_be_determined_and_what_was_off_before_is_left() -> (
    None
):
    store = Store.of(foreign(Name="off", Enabled=False), foreign(Name="on", LocalPorts="81"))
    strict(store)
    taken_away(store)
    assert [one.name for one in off(store)] == ["off"]


def test_nothing_but_texts_differs_in_a_server_of_another_language() -> None:
    store = server()
    other = server()
    in_another_language(other)
    one, two = read_it(store), read_it(other)
    assert [replace(rule.rule, name="", description="") for rule in one.rules] == [
        replace(rule.rule, name="", description="") for rule in two.rules
    ]
    assert [rule.rule.name for rule in one.rules] != [rule.rule.name for rule in two.rules]
