# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows may do that nobody counts on: texts in another language, properties that cannot be read, rules that
may not be disabled or are not found by their names, and others who change something meanwhile.

Here on the emulation; pwsh/test_odd_windows.py holds a real PowerShell to the same words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from windows.fake.bringing import HOST
from windows.fake.modules import WEB, Start
from windows.fake.records import NEVER_NULL, WRITABLE
from windows.fake.store import Faults, Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import exchange
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.memory import Disabled, Memory
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.removal import decide_removal
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import Connection, Listener

DENIED = 0x80070005
AGENT = "Backup agent"
WINRM = "@FirewallAPI.dll,-30267"


def theirs(**properties: Any) -> dict[str, Any]:
    return {"Name": "theirs", "Enabled": True, "Protocol": 6, "LocalPorts": "80", **properties}


def disable(rule: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"op": "disable", "id": rule["id"], "name": rule["Name"], **more}


def create(**properties: Any) -> dict[str, Any]:
    return {"op": "create", "rule": {**WEB, **properties}}


# -- the language of who asks -------------------------------------------------------------------------
def translated(store: Store) -> None:
    store.resources = {raw: f"auf Deutsch: {text}" for raw, text in store.resources.items()}


def test_ids_of_what_windows_made_stay_in_another_language(start: Start) -> None:
    host = start(Store.sample(101))
    before = host.read()["rules"]
    translated(host.store)
    after = host.read()["rules"]
    assert [one["id"] for one in after] == [one["id"] for one in before]
    assert sum(one["Name"].startswith("auf Deutsch") for one in after) > 50


def test_ids_of_what_somebody_made_know_its_name_and_description(start: Start) -> None:
    host = start(Store.of(theirs(), theirs(Name="other"), theirs(Description="of somebody")))
    assert len({one["id"] for one in host.read()["rules"]}) == 3


def test_after_a_change_of_language_removal_enables_every_rule_again(start: Start) -> None:
    host = start(Store.sample(101))
    before = host.content()["Rules"]
    found = [one for one in host.read()["rules"] if one["Enabled"] and one["Action"] == 1]
    memory = Memory(disabled={one["id"]: Disabled(one["Name"], "in") for one in found})
    made = [{"op": "create", "rule": rule.record(), "stays": True} for rule in memory.rules()]
    assert host.write(*made, *map(disable, found))["done"] == len(made) + len(found)
    assert not any(one["Enabled"] for one in host.read()["rules"] if one["Action"] == 1)
    translated(host.store)
    read = host.look(**exchange.removal_arguments())
    decision = decide_removal(read, None)
    assert len(decision.enabled) == len(found)
    assert not host.write(**exchange.write_arguments(read, decision)).get("failed")
    assert host.content()["Rules"] == before


def test_rules_of_windows_that_only_a_name_distinguishes_are_found_by_their_names(start: Start) -> None:
    host = start(Store.of(*(theirs(Name=name, Grouping=WINRM) for name in ("one", "two", "three"))))
    two = host.one("two")
    assert two["id"].endswith("#2")
    assert host.write(disable(two))["done"] == 1
    assert [rule.name for rule in host.store.rules if not rule.enabled] == ["two"]


# -- properties that cannot be read -------------------------------------------------------------------
NEEDED = sorted({*NEVER_NULL, "LocalPorts"}, key=WRITABLE.index)


@pytest.mark.parametrize("name", NEEDED)
def test_a_rule_with_a_null_where_windows_has_a_value_is_unreadable(name: str, start: Start) -> None:
    host = start(Store.of(theirs(Name="first"), theirs(Grouping="of theirs", Action=0)))
    answer = host.read(Faults(null_read=f"^{name} theirs"))
    assert [one["Name"] for one in answer["rules"]] == ["first"]
    (one,) = answer["unreadable"]
    assert (one["properties"], one["grouping"], one["owned"]) == ([name], "of theirs", False)
    assert one["name"] == ("" if name == "Name" else "theirs")


@pytest.mark.parametrize("name", WRITABLE)
def test_a_rule_is_unreadable_where_reading_any_property_fails(name: str, start: Start) -> None:
    host = start(Store.of(theirs(Name="first"), theirs()))
    answer = host.read(Faults(fail_read=f"^{name} theirs"))
    assert [one["Name"] for one in answer["rules"]] == ["first"]
    assert [one["properties"] for one in answer["unreadable"]] == [[name]]


def test_a_text_that_was_not_set_is_none_that_cannot_be_read(start: Start) -> None:
    host = start(Store.of({"Name": "theirs", "Enabled": True}))
    assert host.read()["unreadable"] == []


def test_all_that_lacks_is_named_in_one_go(start: Start) -> None:
    host = start(Store.of(theirs()))
    (one,) = host.look(faults=Faults(null_read="^(Protocol|Action|Enabled)")).unreadable
    assert (one.name, one.properties) == ("theirs", ("Protocol", "Action", "Enabled"))


def test_a_rule_that_is_off_is_unreadable_by_what_is_read_of_it(start: Start) -> None:
    host = start(Store.of(theirs(Enabled=False)))
    assert host.read(Faults(null_read="^Protocol"), whole="remembered")["unreadable"] == []
    (one,) = host.read(Faults(null_read="^Action"), whole="remembered")["unreadable"]
    assert one["properties"] == ["Action"]


def test_one_of_the_collection_that_cannot_be_read_is_reported_as_such_and_nothing_is_written(start: Start) -> None:
    host = start(Store.of(theirs(), {**theirs(), "Name": "portbook/web", "Grouping": "portbook: app"}))
    expect = host.read()["fingerprint"]
    unreadable = Faults(null_read="^Action portbook")
    assert [one.owned for one in host.look(faults=unreadable).unreadable] == [True]
    before = host.content()
    answer = host.write(create(Name="portbook/new"), faults=unreadable, expect=expect)
    assert "not the ones that were read. Run it again" in answer["msg"]
    assert host.content() == before


# -- what is on and off -------------------------------------------------------------------------------
def test_rules_of_packages_are_brief_with_their_package_and_an_id_where_something_is_remembered(start: Start) -> None:
    app = {"Name": "app", "Grouping": "@{App}", "LocalAppPackageId": "S-1-15-2-1"}
    known = {**WEB, "Description": '{"known":[["disabled","0123","x","in"]]}', "Enabled": False}
    host = start(Store.of(app, theirs(Enabled=False)))
    early = host.read(whole=r'\["disabled",')["rules"]
    assert [one["brief"] for one in early] == [True, True]
    assert ["id" in one for one in early] == [False, False]
    assert [one.get("LocalAppPackageId") for one in early] == ["S-1-15-2-1", None]
    assert host.write({"op": "create", "rule": known})["done"] == 1
    late = [one for one in host.read(whole=r'\["disabled",')["rules"] if not one["owned"]]
    assert [one.get("brief", False) for one in late] == [True, False]
    assert all("id" in one for one in late)
    assert late[1]["LocalPorts"] == "80"


# -- writing ------------------------------------------------------------------------------------------
SETTINGS = ("FirewallEnabled", "DefaultInboundAction", "DefaultOutboundAction", "BlockAllInboundTraffic")


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("bit", [1, 2, 4])
def test_a_setting_that_is_another_by_now_stops_the_write_before_anything_is_written(
    bit: int, setting: str, start: Start
) -> None:
    host = start(Store())
    read = host.look()
    (given,) = [one for one in exchange.write_arguments(read, _nothing())["expect_profiles"] if one["profile"] == bit]
    assert host.write(create(), check=True, expect_profiles=[given])["changed"]
    name = {
        "FirewallEnabled": "enabled",
        "DefaultInboundAction": "inbound",
        "DefaultOutboundAction": "outbound",
        "BlockAllInboundTraffic": "block_all",
    }[setting]
    host.store.profile(bit, **{name: type(getattr(host.store.profiles[bit], name))(1 - given[setting])})
    before = host.content()
    answer = host.write(create(), expect_profiles=[given])
    profile = {1: "domain", 2: "private", 4: "public"}[bit]
    was = f"{setting} {given[setting]}, now {1 - given[setting]}"
    assert f"the settings of profile {profile} are not the ones that were read ({was}). Run it again" in answer["msg"]
    assert host.content() == before


def _nothing() -> Any:
    return type("Nothing", (), {"operations": []})()


def test_a_rule_that_may_not_be_disabled_stays_and_is_named(start: Start) -> None:
    host = start(Store.of(theirs(), theirs(Name="read-only"), theirs(Name="last")))
    rules = host.read()["rules"]
    refused = Faults(fail_match="^put.Enabled .* read-only$", fail_hresult=DENIED)
    answer = host.write(create(), *(disable(one, may_stay=True) for one in rules), faults=refused)
    assert (answer.get("failed", False), answer["stays"], answer["done"]) == (False, ["read-only"], 4)
    assert [rule.name for rule in host.store.rules if rule.enabled] == ["read-only", "portbook/web"]


def test_a_rule_of_a_policy_that_windows_lists_stays_and_is_named(start: Start) -> None:
    host = start(Store.of(theirs(), theirs(Name="of policy", Source="gpo")))
    shown = Faults(gpo_visible=True)
    rules = host.read(shown)["rules"]
    assert host.write(*(disable(one, may_stay=True) for one in rules), faults=shown)["stays"] == ["of policy"]


def test_what_may_not_stay_takes_everything_back_and_is_named(start: Start) -> None:
    host = start(Store.of(theirs()))
    rule = host.one("theirs")
    before = host.content()
    refused = Faults(fail_match="^put.Enabled .* theirs$", fail_hresult=DENIED)
    answer = host.write(create(), disable(rule), faults=refused)
    assert (answer["undone"], answer["stays"]) == (True, [])
    assert "operation 2 (disable theirs) failed" in answer["msg"]
    assert host.content() == before


def test_only_a_refusal_lets_a_rule_stay(start: Start) -> None:
    host = start(Store.of(theirs()))
    rule = host.one("theirs")
    answer = host.write(disable(rule, may_stay=True), faults=Faults(fail_match="^put.Enabled"))
    assert (answer["undone"], answer["stays"]) == (True, [])


def test_what_somebody_disabled_meanwhile_is_not_taken_for_the_collections_work(start: Start) -> None:
    host = start(Store.of(theirs(), theirs(Name="other")))
    rule = host.one("theirs")
    host.change("theirs", enabled=False)
    before = host.content()
    answer = host.write(create(), disable(rule))
    assert "'theirs' was disabled by somebody. Run it again" in answer["msg"]
    assert host.content() == before


def test_a_rule_that_somebody_changed_meanwhile_is_named(start: Start) -> None:
    host = start(Store.of(theirs()))
    rule = host.one("theirs")
    host.change("theirs", local_ports="81")
    answer = host.write(create(), disable(rule))
    assert "'theirs' was changed or removed. Run it again" in answer["msg"]
    assert [one.name for one in host.store.rules] == ["theirs"]


def test_a_rule_that_vanishes_under_the_writers_hands_takes_everything_back(start: Start, tmp_path: Path) -> None:
    host = start(Store.of(theirs(), theirs(Name="last")))
    rules = host.read()["rules"]
    later = host.store.copy()
    del later.rules[1]
    later.save(tmp_path / "later.json")
    change = Faults(change_at=1, change_to=str(tmp_path / "later.json"))
    answer = host.write(*map(disable, rules), faults=change)
    assert answer["undone"]
    assert "operation 2 (disable last) failed" in answer["msg"]
    assert [(one.name, one.enabled) for one in host.store.rules] == [("theirs", True)]


@pytest.mark.parametrize("number", range(1, 6))
def test_a_write_that_was_made_and_throws_is_taken_back_all_the_same(number: int, start: Start) -> None:
    host = start(Store.of(theirs(), {**theirs(), "Name": "portbook/old", "Grouping": "portbook: app"}))
    rule, old = host.one("theirs"), host.one("portbook/old")
    before = host.content()
    operations = [
        create(),
        {"op": "profile", "profile": 4, "setting": "DefaultInboundAction", "value": 1},
        disable(rule),
        {"op": "change", "id": old["id"], "rule": {**WEB, "Name": "portbook/new"}},
    ]
    answer = host.write(*operations, faults=Faults(fail_after=frozenset({number})))
    assert (answer["failed"], answer["undone"], answer["changed"]) == (True, True, False)
    assert host.content() == before


def test_a_new_rule_that_is_not_found_again_is_off_and_named(start: Start) -> None:
    host = start(Store())
    fault = Faults(fail_match="^Add .* portbook/last$", item_blind="doomed-")
    answer = host.write(create(), create(Name="portbook/last"), faults=fault)
    assert (answer["undone"], answer["changed"]) == (False, True)
    assert answer["not_undone"][0].startswith("Add portbook/web: it is off, but does not go")
    assert [rule.enabled for rule in host.store.rules] == [False]
    assert [one["owned"] for one in host.read()["rules"]] == [True]


def test_a_rule_that_is_not_found_when_it_should_go_is_left_over_and_named(start: Start) -> None:
    host = start(Store.of({**theirs(), "Name": "portbook/old", "Grouping": "portbook: app"}))
    old = host.one("portbook/old")
    answer = host.write({"op": "delete", "id": old["id"]}, faults=Faults(item_blind="doomed-"))
    assert answer["leftover"][0].startswith("portbook/old: it is off, but does not go")
    assert [rule.enabled for rule in host.store.rules] == [False]


def test_many_rules_at_once_are_disabled_like_one_by_one(start: Start) -> None:
    names = ["a", "b", "a", "c", "b"]
    host = start(Store.of(*(theirs(Name=name, LocalPorts=str(port)) for port, name in enumerate(names, 1))))
    rules = host.read()["rules"]
    decision = _nothing()
    decision.operations = [create(), *map(disable, rules[:4]), disable(rules[4], may_stay=True)]
    given = exchange.write_arguments(host.look(), decision)
    packed = [one["rules"] for one in given["operations"][1:]]
    ids = [one["id"] for one in rules]
    assert packed == [[["a", ids[0], ids[2]], ["b", ids[1]], ["c", ids[3]]], [["b", ids[4]]]]
    assert host.write(*given["operations"])["done"] == 6
    assert [rule.enabled for rule in host.store.rules] == [False] * 5 + [True]


# -- what else the host says --------------------------------------------------------------------------
def test_the_private_profile_is_read_where_windows_keeps_it_and_where_it_kept_it(start: Start) -> None:
    store = Store()
    store.policy = {"StandardProfile": {"EnableFirewall": 0, "AllowLocalPolicyMerge": 0}}
    assert start(store).look().policy[2] == {"EnableFirewall": 0, "AllowLocalPolicyMerge": 0}
    store.policy["PrivateProfile"] = {"EnableFirewall": 1}
    found = start(store).look()
    assert found.policy[2] == {"EnableFirewall": 1, "AllowLocalPolicyMerge": 0}
    assert found.policy_keys[2, "EnableFirewall"].endswith("\\PrivateProfile")
    assert found.policy_keys[2, "AllowLocalPolicyMerge"].endswith("\\StandardProfile")


def test_what_device_management_says_counts_where_group_policy_says_nothing(start: Start) -> None:
    store = Store.of(theirs(Name="of mdm", Source="mdm"), theirs(Name="of gpo", Source="gpo"))
    store.mdm = {"PublicProfile": {"AllowLocalPolicyMerge": 0, "EnableFirewall": 0}}
    store.policy = {"PublicProfile": {"EnableFirewall": 1}}
    found = start(store).look()
    assert found.policy[4] == {"AllowLocalPolicyMerge": 0, "EnableFirewall": 1}
    assert "\\Mdm\\" in found.policy_keys[4, "AllowLocalPolicyMerge"]
    assert sorted(one.name for one in found.policy_rules) == ["of gpo", "of mdm"]
    assert found.rules == ()


def test_a_policy_wins_over_what_the_host_itself_has(start: Start) -> None:
    store = Store().profile(4, enabled=False, inbound=1).profile(1, block_all=True)
    store.policy = {
        "PublicProfile": {"EnableFirewall": 1, "DefaultInboundAction": 1, "DefaultOutboundAction": 1},
        "DomainProfile": {"DoNotAllowExceptions": 0, "DefaultOutboundAction": 0},
        "PrivateProfile": {"DoNotAllowExceptions": 1},
    }
    found = start(store).look()
    assert {setting: found.effective[4, setting] for setting in SETTINGS} == dict(
        zip(SETTINGS, (1, 0, 0, 0), strict=True)
    )
    assert (found.effective[1, "BlockAllInboundTraffic"], found.effective[1, "DefaultOutboundAction"]) == (1, 1)
    assert found.effective[2, "BlockAllInboundTraffic"] == 1
    assert found.governed == {
        *((4, setting) for setting in SETTINGS[:3]),
        (1, "DefaultOutboundAction"),
        (2, "BlockAllInboundTraffic"),
    }


def test_a_product_without_a_filter_is_no_firewall(start: Start) -> None:
    products = ("Shield", ("Tunnel", (3,)), ("Boot", (0, 1)), ("Suite", (2, 3)), ("Silent", ()))
    assert start(Store(), replace(HOST, products=products)).look().products == ("Shield", "Suite", "Silent")


def test_the_host_says_by_what_operators_come_in_and_who_is_connected(start: Start) -> None:
    listeners = (("winrm", 5985), ("winrm", 15986), ("ssh", 22), ("ssh", 2222))
    connections = ((15986, "198.51.100.200"), ("2001:db8::10", 50000, "2001:db8::5", 443), (445, "192.0.2.9"))
    found = start(Store(), replace(HOST, listeners=listeners, connections=connections)).look()
    assert found.listeners == tuple(Listener(*one) for one in listeners)
    assert found.connections[:2] == (
        Connection("192.0.2.10", 15986, "198.51.100.200", 50000),
        Connection("2001:db8::10", 50000, "2001:db8::5", 443),
    )
    assert found.way_in is None


def test_sshd_says_which_connection_is_ansibles(start: Start) -> None:
    host = replace(HOST, ssh_connection="203.0.113.9 51000 192.0.2.10 2222")
    assert start(Store(), host).look().way_in == Connection("192.0.2.10", 2222, "203.0.113.9", 51000)
