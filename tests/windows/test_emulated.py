# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our two modules do on a host, emulated over the model: reading, writing, and taking back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from windows.fake.emulated import KILLED, read, write
from windows.fake.execute import execute
from windows.fake.host import Host
from windows.fake.hresult import Crashed
from windows.fake.store import Store

PREFIX = "poc:"
Rule = dict[str, Any]
WEB: Rule = {
    "Name": "web",
    "Grouping": "poc:role",
    "Protocol": 6,
    "LocalPorts": "80,443",
    "RemoteAddresses": "10.1.0.0/16,192.168.7.9",
    "Direction": 1,
    "Action": 1,
    "Profiles": 3,
    "Enabled": True,
    "ApplicationName": "%SystemRoot%\\system32\\svchost.exe",
}
PING: Rule = {
    "Name": "Duplicate name",
    "Grouping": "poc:role",
    "Protocol": 1,
    "IcmpTypesAndCodes": "8:*",
    "Direction": 1,
    "Action": 1,
    "Enabled": True,
}
DNS: Rule = {
    "Name": "dns",
    "Grouping": "poc:role",
    "Protocol": 17,
    "RemotePorts": "53",
    "Direction": 2,
    "Action": 1,
    "Enabled": True,
    "Interfaces": ["Ethernet"],
}
LAST: Rule = {"Name": "last", "Grouping": "poc:role", "Protocol": 6, "LocalPorts": "1", "Enabled": True}
Result = dict[str, Any]


def look(store: Store) -> Result:
    return read(store, {"prefix": PREFIX, "names": "portbook/"})


def put(store: Store, *operations: Rule, expect: str | None = None, check: bool = False, **faults: Any) -> Result:
    expected = look(store)["fingerprint"] if expect is None else expect
    store.with_faults(**faults)
    args = {"prefix": PREFIX, "names": "portbook/", "expect": expected, "operations": list(operations)}
    result = write(store, args, check)
    store.with_faults()
    return result


def create(*rules: Rule) -> list[Rule]:
    return [{"op": "create", "rule": rule} for rule in rules]


def named(result: Result, name: str, owned: bool = True) -> Rule:
    return next(rule for rule in result["rules"] if rule["Name"] == name and rule["owned"] is owned)


@pytest.fixture
def store() -> Store:
    return Store.sample(400)


@pytest.fixture
def three(store: Store) -> Store:
    """With three rules of ours, one by the name of rules that are not."""
    put(store, *create(WEB, PING, DNS))
    return store


def five(store: Store) -> list[Rule]:
    state = look(store)
    changed = WEB | {"LocalPorts": "8443", "ApplicationName": ""}
    return [
        {"op": "profile", "profile": 4, "setting": "DefaultOutboundAction", "value": 0},
        {"op": "disable", "id": named(state, "Backup agent", False)["id"]},
        {"op": "change", "id": named(state, "web")["id"], "rule": changed},
        {"op": "delete", "id": named(state, "Duplicate name")["id"]},
        *create(LAST),
    ]


# ------------------------------------------------------------------ what the first demonstration shows
def test_check_mode_says_what_would_change_and_writes_nothing(store: Store) -> None:
    before = store.to_json()
    result = put(store, *create(WEB), check=True)
    assert result["changed"]
    assert store.to_json() == before
    assert store.store_writes == 0


def test_created_rules_are_of_the_collection_and_read_back_as_windows_keeps_them(store: Store) -> None:
    before = look(store)
    made = put(store, *create(WEB, PING, DNS))
    after = look(store)
    assert made["changed"]
    assert after["fingerprint"] == made["fingerprint"] != before["fingerprint"]
    assert len(after["rules"]) == len(before["rules"]) + 3
    assert sum(rule["owned"] for rule in after["rules"]) == 3
    assert named(after, "dns")["Interfaces"] == ["Ethernet"]
    assert named(after, "web")["ApplicationName"] == "C:\\Windows\\system32\\svchost.exe"
    assert named(after, "web")["RemoteAddresses"] == "10.1.0.0/255.255.0.0,192.168.7.9/255.255.255.255"


def test_a_stale_fingerprint_is_refused(three: Store) -> None:
    before = three.to_json()
    result = put(three, *create(WEB), expect="of another state")
    assert result["failed"]
    assert "nothing was changed" in result["msg"]
    assert three.to_json() == before


def test_a_fault_in_the_middle_is_taken_back(three: Store) -> None:
    before, operations = look(three), five(three)
    result = put(three, *operations, fail_match="^Add .* last$")
    after = look(three)
    assert result["failed"]
    assert result["undone"]
    assert not result["changed"]
    assert result["done"] == 4
    assert after == before


def test_without_the_fault_all_five_are_done(three: Store) -> None:
    result = put(three, *five(three))
    after = look(three)
    assert (result["changed"], result["done"], result["undone"], result["leftover"]) == (True, 5, None, [])
    assert result["fingerprint"] == after["fingerprint"]
    assert sorted(rule["Name"] for rule in after["rules"] if rule["owned"]) == ["dns", "last", "web"]
    assert named(after, "web")["ApplicationName"] == ""
    assert sum(rule["Name"] == "Duplicate name" for rule in after["rules"]) == 2
    assert not named(after, "Backup agent", False)["Enabled"]
    assert after["profiles"][2]["DefaultOutboundAction"] == 0


def test_an_operation_that_windows_refuses_is_taken_back(three: Store) -> None:
    before = look(three)
    bad = {"Name": "bad", "Grouping": "poc:role", "Protocol": 1, "LocalPorts": "80"}
    result = put(three, *create(PING, bad))
    assert result["failed"]
    assert result["undone"]
    assert "expected range" in result["msg"]
    assert "0x80070057" in result["msg"]
    assert look(three) == before


def test_a_fault_while_taking_back_is_reported(three: Store) -> None:
    result = put(three, *create(PING, LAST), fail_write=frozenset({2, 3}))
    assert result["failed"]
    assert not result["undone"]
    assert len(result["not_undone"]) == 1
    assert result["changed"]


# ------------------------------------------------------------------ what reading says
def test_a_thousand_rules_fit_into_a_mebibyte() -> None:
    assert len(json.dumps(look(Store.sample(1000)))) <= 1024 * 1024


def test_reading_touches_each_property_once(store: Store) -> None:
    look(store)
    # One object, its rules, 15 settings of profiles and two of the machine; 24 properties and Next of each rule.
    assert store.store_reads == 2 + 15 + 2 + 398 * 25
    assert store.store_writes == 0


def test_unmanaged_rules_that_are_off_are_read_in_brief_unless_something_is_remembered(store: Store) -> None:
    args = {"prefix": PREFIX, "whole": r'\["disabled",'}
    result = read(store, args)
    off = sum(not rule.enabled for rule in store.rules if not rule.of_policy)
    assert store.store_reads == 2 + 15 + 2 + (398 - off) * 25 + off * 7
    assert {"id" in rule for rule in result["rules"] if not rule["Enabled"]} == {False}
    put(store, *create(WEB | {"Description": 'known: ["disabled","0123",'}))
    store.reset_counts()
    assert all("id" in rule for rule in read(store, args)["rules"])
    assert store.store_reads == 2 + 15 + 2 + 399 * 25


def test_an_unmanaged_rule_that_is_off_is_reported_in_brief(store: Store) -> None:
    args = {"prefix": PREFIX, "whole": "remembered"}
    rule = named(read(store, args), "BranchCache Content Retrieval (HTTP-In)", False)
    assert rule["brief"]
    assert set(rule) == {"owned", "Name", "Grouping", "Enabled", "Direction", "Action", "brief"}


def test_an_unmanaged_rule_that_is_on_is_reported_without_what_is_usual(store: Store) -> None:
    rule = named(look(store), "Backup agent", False)
    assert {name: rule[name] for name in rule if name not in ("id", "owned", "Name", "Grouping", "Enabled")} == {
        "Direction": 1,
        "Action": 1,
        "ApplicationName": "C:\\Program Files\\Agent\\agent.exe",
        "Protocol": 6,
        "LocalPorts": "10050",
        "RemotePorts": "*",
        "RemoteAddresses": "10.20.0.5/255.255.255.255",
    }


def test_a_rule_of_the_collection_has_every_property(three: Store) -> None:
    assert len(named(look(three), "web")) == 24 + 2


def test_an_id_outlasts_switching_off(three: Store) -> None:
    before = named(look(three), "Backup agent", False)["id"]
    put(three, {"op": "disable", "id": before, "name": "Backup agent"})
    after = named(look(three), "Backup agent", False)
    assert not after["Enabled"]
    assert after["id"] == before


def test_rules_that_are_alike_have_ids_of_their_own_the_enabled_first(store: Store) -> None:
    put(store, *create(WEB | {"Enabled": False}, WEB))
    off, on = (rule for rule in look(store)["rules"] if rule["owned"])
    assert off["id"] == on["id"] + "#2"


def test_the_fingerprint_forgets_the_order_and_unmanaged_rules(three: Store) -> None:
    before = look(three)["fingerprint"]
    three.rules.reverse()
    three.firewall().rules.remove("Backup agent")
    assert look(three)["fingerprint"] == before


def test_a_rule_that_somebody_renamed_or_regrouped_is_still_of_the_collection(store: Store) -> None:
    put(store, *create(WEB | {"Name": "portbook/web"}, DNS | {"Name": "portbook/dns"}))
    store.firewall().rules.item("portbook/web").put("Grouping", "Elsewhere")
    store.firewall().rules.item("portbook/dns").put("Name", "renamed")
    assert sorted(rule["Name"] for rule in look(store)["rules"] if rule["owned"]) == ["portbook/web", "renamed"]


def test_what_the_host_says_of_itself_is_there(store: Store) -> None:
    host = Host(
        ssh_connection="192.0.2.1 50000 192.0.2.9 22",
        connections=((22, "192.0.2.1"), (80, "192.0.2.2")),
        listeners=(("ssh", 22),),
    )
    asked = {"services": ["DnsCache", "nope"], "programs": ["%windir%\\system32\\svchost.exe", "C:\\x.exe"]}
    store.policy = {"PublicProfile": {"AllowLocalPolicyMerge": 0}}
    result = read(store, {"prefix": PREFIX, **asked}, host)
    assert result["services_missing"] == ["nope"]
    assert result["programs"] == {
        "%windir%\\system32\\svchost.exe": {"path": "C:\\Windows\\system32\\svchost.exe", "exists": True},
        "C:\\x.exe": {"path": "C:\\x.exe", "exists": False},
    }
    assert result["ssh_connection"] == "192.0.2.1 50000 192.0.2.9 22"
    assert result["listeners"] == [["ssh", 22]]
    assert result["connections"][0] == ["192.0.2.10", 22, "192.0.2.1", 50000]
    assert result["policy"] == {"group": {"PublicProfile": {"AllowLocalPolicyMerge": 0}}, "mdm": {}}
    assert result["policy_rules"]["group"][1].startswith("v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=23|")
    assert (result["domain"], result["sockets"], result["products"]) == ({}, [], [])
    assert json.loads(json.dumps(result)) == result


def test_a_stopped_service_is_reported_with_its_number(store: Store) -> None:
    store.with_faults(service_stopped=True)
    result = read(store, {"prefix": PREFIX})
    assert result["failed"]
    assert "0x800706D9" in result["msg"]


# ------------------------------------------------------------------ what writing refuses, and what remains
@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ({"op": "delete", "id": "unknown"}, "no rule has the id unknown"),
        ({"op": "create", "rule": WEB | {"Ports": "80"}}, "unknown property 'Ports'"),
        ({"op": "create", "rule": WEB | {"Grouping": "Other"}}, "Grouping lacks the prefix"),
        ({"op": "create", "rule": {"Name": "web"}}, "Grouping lacks the prefix"),
    ],
)
def test_every_operation_is_checked_before_the_first_is_made(store: Store, operation: Rule, reason: str) -> None:
    result = put(store, *create(DNS), operation)
    assert result["failed"]
    assert reason in result["msg"]
    assert "nothing was changed" in result["msg"]
    assert store.store_writes == 0


def test_a_rule_that_is_not_of_the_collection_is_not_deleted(store: Store) -> None:
    foreign = named(look(store), "Backup agent", False)["id"]
    result = put(store, {"op": "delete", "id": foreign}, {"op": "disable", "id": foreign})
    assert "is not of this collection" in result["msg"]
    assert store.store_writes == 0


def test_a_rule_is_not_deleted_twice(three: Store) -> None:
    delete = {"op": "delete", "id": named(look(three), "web")["id"]}
    three.reset_counts()
    assert "named twice" in put(three, delete, delete)["msg"]
    assert three.store_writes == 0


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ({"op": "create"}, "unknown property ''"),
        ({"op": "burn"}, "value of op must be one of"),
        ({"op": "enable"}, "no rule has the id"),
        ({"op": "profile", "profile": 4}, "op is profile but all of the following are missing: setting, value"),
        ({"op": "profile", "profile": 3}, "value of profile must be one of: 1, 2, 4. Got no match for: 3"),
    ],
)
def test_an_operation_without_what_it_needs_is_refused(store: Store, operation: Rule, reason: str) -> None:
    assert reason in put(store, operation)["msg"]


def test_what_was_done_last_is_taken_back_first(three: Store) -> None:
    before = look(three)
    web = {"id": named(before, "web")["id"]}
    result = put(three, {"op": "disable", **web}, {"op": "enable", **web}, *create(LAST), fail_match="^Add")
    assert result["undone"]
    assert look(three) == before


@pytest.mark.parametrize("first", range(5))
def test_who_may_not_write_is_reported_and_nothing_is_left(three: Store, first: int) -> None:
    before = look(three)
    result = put(three, *five(three)[first:], deny=True)
    assert result["failed"]
    assert "0x80070005" in result["msg"]
    assert result["undone"]
    assert look(three) == before


def test_an_unmanaged_rule_named_in_the_operation_saves_reading_the_others(store: Store) -> None:
    identifier = named(look(store), "Backup agent", False)["id"]
    store.reset_counts()
    assert put(store, {"op": "disable", "id": identifier, "name": "Backup agent"}, expect=look(store)["fingerprint"])
    full = 398 * 25
    assert store.store_reads - full < 398 * 7


def test_one_of_two_rules_of_a_name_is_removed_and_the_other_stays(store: Store) -> None:
    put(store, *create(PING))
    put(store, {"op": "delete", "id": named(look(store), "Duplicate name")["id"]})
    assert [rule.protocol for rule in store.rules if rule.name == "Duplicate name"] == [6, 17]


def test_a_rule_that_cannot_be_removed_stays_switched_off_and_is_named(three: Store) -> None:
    identifier = named(look(three), "web")["id"]
    result = put(three, {"op": "delete", "id": identifier}, fail_match="^Remove")
    assert not result.get("failed")
    assert len(result["leftover"]) == 1
    assert "0x80004005" in result["leftover"][0]
    left = next(rule for rule in look(three)["rules"] if rule["Name"].startswith("portbook/doomed-"))
    assert left["owned"]
    assert not left["Enabled"]


@pytest.mark.parametrize("write_number", range(1, 9))
def test_a_fault_at_any_write_leaves_all_as_it_was(three: Store, write_number: int) -> None:
    before, operations = look(three), five(three)
    result = put(three, *operations, fail_write=frozenset({write_number}))
    if result.get("failed"):
        assert result["undone"]
        assert look(three) == before
    else:
        # From here on only the removal of what was switched off is left.
        assert write_number > 6
        assert len(result["leftover"]) == 1


@pytest.mark.parametrize("write_number", range(1, 11))
def test_a_crash_at_any_write_never_leaves_fewer_rules_than_wanted(three: Store, write_number: int) -> None:
    operations = five(three)
    with pytest.raises(Crashed):
        put(three, *operations, crash_write=frozenset({write_number}))
    three.with_faults()
    ours = [rule["Name"] for rule in look(three)["rules"] if rule["owned"] and rule["Enabled"]]
    assert ours.count("web") >= 1
    assert "dns" in ours


def test_a_module_in_the_place_of_the_real_one_keeps_its_store_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "host.json"
    Store.sample(101).save(path)
    state = execute("portbook.firewall.windows_read", path, {"prefix": PREFIX})
    args = {"prefix": PREFIX, "expect": state["fingerprint"], "operations": create(WEB, DNS)}
    assert execute("portbook.firewall.windows_write", path, args, check_mode=True)["changed"]
    monkeypatch.setenv("FAKEFW_CRASH_WRITE", "2")
    assert execute("portbook.firewall.windows_write", path, args) == KILLED
    monkeypatch.delenv("FAKEFW_CRASH_WRITE")
    after = execute("portbook.firewall.windows_read", path, {"prefix": PREFIX})
    assert [rule["Name"] for rule in after["rules"] if rule["owned"]] == ["web"]
