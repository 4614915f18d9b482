# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that others use for Windows' firewall, emulated over the model, and what they cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from windows.fake.community import win_firewall, win_firewall_rule
from windows.fake.emulated import read, write
from windows.fake.execute import execute, knows
from windows.fake.store import Store

HTTP: dict[str, Any] = {
    "name": "http",
    "localport": "80",
    "action": "allow",
    "direction": "in",
    "protocol": "tcp",
    "state": "present",
    "enabled": True,
}


@pytest.fixture
def store() -> Store:
    return Store.sample(400)


def cost(store: Store, args: dict[str, Any]) -> int:
    store.reset_counts()
    assert not win_firewall_rule(store, args).get("failed")
    return store.store_reads


# ------------------------------------------------------------------ win_firewall_rule
def test_a_rule_is_created_once(store: Store) -> None:
    first, second = win_firewall_rule(store, HTTP), win_firewall_rule(store, HTTP)
    assert first == {"changed": True, "msg": "Firewall rule 'http' created."}
    assert second == {"changed": False, "msg": "Firewall rule(s) changed '' - unchanged 'http'"}
    rule = store.rules[-1]
    assert (rule.name, rule.protocol, rule.local_ports, rule.direction, rule.action) == ("http", 6, "80", 1, 1)


def test_check_mode_creates_nothing(store: Store) -> None:
    assert win_firewall_rule(store, HTTP, check_mode=True)["changed"]
    assert store.store_writes == 0


def test_only_what_the_task_names_is_changed(store: Store) -> None:
    win_firewall_rule(store, HTTP | {"profiles": ["domain", "private"], "description": "web"})
    result = win_firewall_rule(store, {"name": "HTTP", "protocol": "tcp", "localport": "8080"})
    assert result["changed"]
    rule = store.rules[-1]
    assert (rule.local_ports, rule.profiles, rule.description) == ("8080", 3, "web")


def test_addresses_in_another_order_are_no_change(store: Store) -> None:
    args = HTTP | {"remoteip": "192.168.1.0/24,10.0.0.0/8"}
    assert win_firewall_rule(store, args)["changed"]
    assert not win_firewall_rule(store, args)["changed"]


def test_any_empties_what_was_set(store: Store) -> None:
    win_firewall_rule(store, HTTP | {"program": "%SystemRoot%\\a.exe", "remoteip": "10.0.0.1"})
    assert store.rules[-1].application_name == "C:\\Windows\\a.exe"
    assert win_firewall_rule(store, {"name": "http", "program": "any", "remoteip": "any"})["changed"]
    assert store.firewall().rules.item("http").get("ApplicationName") is None
    assert store.rules[-1].remote_addresses == "*"


def test_a_service_cannot_be_emptied(store: Store) -> None:
    win_firewall_rule(store, HTTP | {"service": "sshd"})
    result = win_firewall_rule(store, {"name": "http", "service": "any"})
    assert result["failed"]
    assert "expected range" in result["msg"]


def test_two_rules_of_a_name_are_both_changed_and_both_removed(store: Store) -> None:
    win_firewall_rule(store, {"name": "Duplicate name", "enabled": False})
    assert [rule.enabled for rule in store.rules if rule.name == "Duplicate name"] == [False, False]
    result = win_firewall_rule(store, {"name": "Duplicate name", "state": "absent"})
    assert result["msg"] == "Firewall rule(s) 'Duplicate name', 'Duplicate name' removed."
    assert not [rule for rule in store.rules if rule.name == "Duplicate name"]


def test_a_rule_that_is_not_there_is_absent(store: Store) -> None:
    result = win_firewall_rule(store, {"name": "nope", "state": "absent"})
    assert result == {"changed": False, "msg": "Firewall rule 'nope' does not exist."}


def test_a_group_is_switched_on_as_a_whole(store: Store) -> None:
    result = win_firewall_rule(store, {"group": "@FirewallAPI.dll,-28752", "enabled": True})
    assert result["changed"]
    assert {rule.enabled for rule in store.rules if rule.grouping == "@FirewallAPI.dll,-28752"} == {True}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"localport": "80"}, "Either name or group must be specified"),
        ({"name": "x", "protocol": "ip"}, "Unknown protocol 'ip'."),
        ({"name": "x", "profiles": "home"}, "Unknown profile 'home'."),
        ({"name": "x", "action": "drop"}, "needs to be one of allow,block but was drop"),
        ({"name": "x", "protocol": "icmpv4", "localport": "80"}, "expected range"),
    ],
)
def test_what_cannot_be_is_refused(store: Store, args: dict[str, Any], message: str) -> None:
    result = win_firewall_rule(store, args)
    assert result["failed"]
    assert message in result["msg"]


def test_diff_shows_what_changes(store: Store) -> None:
    win_firewall_rule(store, HTTP)
    result = win_firewall_rule(store, HTTP | {"localport": "81"}, check_mode=True, diff=True)
    assert result["diff"] == {"prepared": "[http]\n-LocalPorts='80'\n+LocalPorts='81'\n"}
    made = win_firewall_rule(store, HTTP | {"name": "other"}, check_mode=True, diff=True)["diff"]["prepared"]
    assert made.startswith("+[other]\n+Description=''\n+Direction='1'\n")


# ------------------------------------------------------------------ what it costs
def test_each_task_reads_the_name_of_every_rule(store: Store) -> None:
    assert cost(store, HTTP) == 2 * 398 + 3
    few = {"name": "http", "direction": "in", "action": "allow", "protocol": "tcp", "localport": "80"}
    assert cost(store, few) == 805
    many = HTTP | {
        **{"description": "web", "program": "C:\\a.exe", "group": "g", "service": "s", "profiles": "domain"},
        **{"localip": "any", "remoteip": "any", "remoteport": "any", "interfacetypes": "any", "edge": "no"},
        "security": "notrequired",
    }
    win_firewall_rule(store, many)
    assert cost(store, many) == 817


def test_one_read_and_one_write_cost_less_than_thirty_tasks(store: Store) -> None:
    names = [f"rule {number}" for number in range(30)]
    theirs = store.copy()
    for name in names:
        win_firewall_rule(theirs, HTTP | {"name": name})
    args: dict[str, Any] = {"prefix": "p:"}
    args["expect"] = read(store, args)["fingerprint"]
    one = {"Grouping": "p:", "Protocol": 6, "LocalPorts": "80", "Enabled": True}
    args["operations"] = [{"op": "create", "rule": one | {"Name": name}} for name in names]
    assert write(store, args)["done"] == 30
    assert len(theirs.rules) == len(store.rules) == 430
    assert theirs.store_reads == 24_840
    assert store.store_reads < 14_000


# ------------------------------------------------------------------ win_firewall
def test_the_firewall_is_switched_on_and_off() -> None:
    store = Store()
    result = win_firewall(store, {"state": "disabled", "profiles": ["Domain", "Public"]})
    assert result["changed"]
    assert result["Domain"] == {"enabled": False, "considered": True, "currentstate": 1}
    assert result["Private"] == {"enabled": True, "considered": False, "currentstate": 1}
    assert [profile.enabled for profile in store.profiles.values()] == [False, True, False]
    assert not win_firewall(store, {"state": "disabled", "profiles": ["Domain"]})["changed"]
    assert win_firewall(store, {"state": "enabled"}, check_mode=True)["changed"]
    assert not store.profiles[1].enabled


def test_default_actions_are_set_with_it() -> None:
    store = Store()
    args = {"state": "enabled", "inbound_action": "allow", "outbound_action": "block", "profiles": ["Public"]}
    assert win_firewall(store, args)["changed"]
    assert (store.profiles[4].inbound, store.profiles[4].outbound, store.profiles[1].inbound) == (1, 0, 0)
    assert not win_firewall(store, args)["changed"]
    assert win_firewall(store, args | {"inbound_action": "not_configured"})["changed"]
    assert store.profiles[4].inbound == 0


def test_who_may_not_write_is_reported() -> None:
    store = Store()
    store.with_faults(deny=True)
    result = win_firewall(store, {"state": "disabled"})
    assert result["failed"]
    assert "for profile Domain Access is denied. (0x80070005)" in result["msg"]


def test_modules_are_known_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    Store.sample(101).save(path)
    assert execute("community.windows.win_firewall_rule", path, HTTP)["changed"]
    assert execute("ansible.windows.win_firewall", path, {"state": "disabled"})["changed"]
    assert len(Store.load(path).rules) == 102
    assert knows("win_firewall")
    assert not knows("ansible.builtin.ping")
    with pytest.raises(KeyError):
        execute("ansible.builtin.ping", path, {})
