# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real runs of ansible-playbook against Windows hosts whose modules are emulated: what an operator does and sees."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from golden.helpers.running import shipped_catalog
from playbook_runs import Desk, Run, play
from windows.fake.emulated_hosts import CONTROLLER, Hosts
from windows.fake.store import Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import foreign
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.rule import FirewallRule

SITE = "portbook.firewall.site"
REMOVE = "portbook.firewall.remove"
READ, WRITE = "windows_read", "windows_write"
PXE, ANYWHERE = "portbook: twopxe_server", "portbook: ipxe_anywhere"


class Windows(Desk):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.hosts = Hosts(folder / "stores")
        self.emulate_windows(self.hosts.folder)
        for name in ("pxe", "away"):
            self.hosts.add(name)
        self.site()

    def site(self, all_vars: dict[str, Any] | None = None, **pxe: Any) -> None:
        """One boot server with both of its products, and a host that plays no part."""
        variables = {
            "ansible_connection": "winrm",
            "portbook_peers": {"pxe_client": ["192.0.2.128/25"], "ipxe_console": ["192.0.2.5"]},
            "portbook_components": [],
            **(all_vars or {}),
        }
        boot = {"ansible_host": "192.0.2.10", "portbook_components": ["twopxe_server", "ipxe_anywhere"], **pxe}
        hosts = {"pxe": boot, "away": {"ansible_host": "192.0.2.11"}}
        self.inventory({"all": {"vars": variables, "hosts": hosts}})

    def bring(self, *options: str) -> Run:
        return self.run(SITE, keep=False, options=["--limit", "pxe", *options])

    def groups(self) -> set[str]:
        return {
            str(rule.grouping) for rule in self.hosts.store("pxe").rules if str(rule.grouping).startswith("portbook")
        }

    def refused(self, *options: str) -> str:
        """What the run said, which must have failed and left the store alone."""
        before = self.hosts.store("pxe").to_json()
        message = self.bring(*options).failed().message("pxe")
        assert self.hosts.store("pxe").to_json() == before
        return message


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    return Windows(tmp_path)


def untouched() -> dict[str, Any]:
    return Store.sample(400).to_json()


def test_a_run_is_one_read_and_one_write_and_the_next_one_read(windows: Windows) -> None:
    windows.bring().ok()
    assert windows.hosts.calls() == [READ, WRITE]
    assert windows.groups() >= {PXE, ANYWHERE, "portbook: guard", "portbook: way in"}
    windows.hosts.forget_calls()
    again = windows.bring().ok()
    assert windows.hosts.calls() == [READ]
    assert again.recap["pxe"]["changed"] == 0
    assert "1 host: 1 unchanged" in again.output


def test_check_mode_reads_and_says_what_would_be(windows: Windows) -> None:
    run = windows.bring("--check", "--diff").ok()
    assert windows.hosts.calls() == [READ]
    assert run.recap["pxe"]["changed"] == 1
    assert "+in tcp 8050 from pxe_client, guarded (2pxe.http)" in run.output
    assert "+peers pxe_client: 192.0.2.128/25" in run.output
    assert windows.hosts.store("pxe").to_json() == untouched()


EVERY_WAY = pytest.mark.parametrize(
    "connection",
    [
        {"ansible_connection": "winrm"},
        {"ansible_connection": "psrp", "ansible_psrp_protocol": "http"},
        {"ansible_connection": "ssh", "ansible_shell_type": "powershell"},
    ],
    ids=lambda one: one["ansible_connection"],
)


@pytest.mark.more
@EVERY_WAY
def test_every_way_to_windows_is_known(windows: Windows, connection: dict[str, Any]) -> None:
    windows.site(connection)
    over_ssh = connection["ansible_connection"] == "ssh"
    windows.hosts.add("pxe", ssh_connection=f"{CONTROLLER} 50000 192.0.2.10 22" if over_ssh else "")
    windows.bring().ok()
    way_in = next(rule for rule in windows.hosts.store("pxe").rules if rule.grouping == "portbook: way in")
    ports = "22" if over_ssh else "5985-5986"
    assert (way_in.local_ports, way_in.remote_addresses) == (ports, f"{CONTROLLER}/255.255.255.255")


LOCKING = {
    "portbook_posture": "strict",
    "portbook_windows_foreign": "disable",
    "portbook_management": [CONTROLLER],
}


@pytest.mark.more
@EVERY_WAY
def test_a_port_that_the_host_does_not_listen_on_locks_nobody_out(windows: Windows, connection: dict[str, Any]) -> None:
    """F2, W1: the controller believes 5986, or the variable says a port that is translated on the way."""
    over_ssh = connection["ansible_connection"] == "ssh"
    known: dict[str, Any] = {"listeners": [["winrm", 5985], ["ssh", 2222]]}
    if over_ssh:
        known["ssh_connection"] = f"{CONTROLLER} 50000 192.0.2.10 2222"
    windows.hosts.add("pxe", **known)
    windows.site({**connection, **LOCKING, "portbook_management_ports": [5986]})
    message = windows.refused()
    assert f"({CONTROLLER} to tcp {2222 if over_ssh else 5985}) would not be allowed again" in message
    windows.site({**connection, **LOCKING})
    windows.bring().ok()
    way_in = next(rule for rule in windows.hosts.store("pxe").rules if rule.grouping == "portbook: way in")
    assert way_in.local_ports == ("2222" if over_ssh else "5985")


def test_remove_leaves_the_store_as_it_was(windows: Windows) -> None:
    windows.site({"portbook_posture": "strict", "portbook_windows_foreign": "disable"})
    windows.bring().ok()
    assert any(not rule.enabled for rule in windows.hosts.store("pxe").rules if rule.name == "Backup agent")
    windows.run(REMOVE, keep=False, options=["--limit", "pxe"]).ok()
    assert windows.hosts.store("pxe").to_json() == untouched()


@pytest.mark.more
def test_roles_add_up_and_one_can_go_without_the_other(windows: Windows) -> None:
    for role in ("twopxe_server", "ipxe_anywhere"):
        windows.run(play(hosts="pxe", roles=[f"portbook.firewall.{role}"]), keep=False).ok()
    both = windows.hosts.store("pxe")
    assert windows.groups() >= {PXE, ANYWHERE}
    windows.bring().ok()
    names = [sorted(str(rule.name) for rule in store.rules) for store in (windows.hosts.store("pxe"), both)]
    assert names[0] == names[1]
    leave = {"portbook.firewall.apply": {"state": "absent", "components": ["ipxe_anywhere"]}}
    windows.run(play(leave, hosts="pxe"), keep=False).ok()
    assert PXE in windows.groups()
    assert ANYWHERE not in windows.groups()
    guarded = {rule.local_ports for rule in windows.hosts.store("pxe").rules if rule.grouping == "portbook: guard"}
    assert "8051" not in ",".join(map(str, guarded))
    assert "8050" in ",".join(map(str, guarded))


@pytest.mark.more
def test_a_host_that_the_inventory_gives_nothing_any_more_is_emptied(windows: Windows) -> None:
    windows.bring().ok()
    windows.site(portbook_components=[])
    run = windows.bring().ok()
    assert run.recap["pxe"]["changed"] == 1
    assert windows.hosts.store("pxe").to_json() == untouched()


def test_a_host_that_never_had_a_part_is_asked_and_left_alone(windows: Windows) -> None:
    run = windows.run(SITE, keep=False, options=["--limit", "away"]).ok()
    assert windows.hosts.calls("away") == [READ]
    assert "away: nothing to plan" in run.output


@pytest.mark.more
def test_a_host_without_a_part_that_cannot_be_asked_is_no_failure(windows: Windows) -> None:
    windows.hosts.inject("away", service_stopped=True)
    run = windows.run(SITE, keep=False, options=["--limit", "away"]).ok()
    unknown = "it could not be checked whether rules of an earlier run are still there"
    assert f"away: has no component in the inventory, and {unknown}" in run.words
    windows.site({"portbook_backend": "none"})
    assert "could not be checked" not in windows.run(SITE, keep=False, options=["--limit", "away"]).ok().words


@pytest.mark.more
def test_every_windows_component_is_brought_by_its_own_role(tmp_path: Path) -> None:
    desk, book = Desk(tmp_path), shipped_catalog()
    hosts = Hosts(tmp_path / "stores")
    desk.emulate_windows(hosts.folder)
    ours = [name for name, one in book.components.items() if not one.party and "windows" in one.platforms]
    assert len(ours) > 10
    parties = {name: ["192.0.2.128/25"] for name, one in book.components.items() if one.party}
    children: dict[str, Any] = {}
    for number, name in enumerate(ours, 10):
        children[name] = {"hosts": {name.replace("_", "-"): {"ansible_host": f"192.0.2.{number}"}}}
        hosts.add(name.replace("_", "-"))
    variables = {"ansible_connection": "winrm", "portbook_peers": parties, "portbook_outbound": "open"}
    desk.inventory({"all": {"vars": variables, "children": children}})
    plays = [play(hosts=name, roles=[f"portbook.firewall.{name}"]) for name in ours]
    desk.run("portbook.firewall.plan").ok()
    desk.run(*plays).ok()
    planned = json.loads(desk.plan_file.read_text())["hosts"]
    for name in ours:
        host = name.replace("_", "-")
        groups = {str(rule.grouping) for rule in hosts.store(host).rules}
        assert (f"portbook: {name}" in groups) == any(rule["component"] == name for rule in planned[host]["rules"])
        assert f"portbook: {name}" in groups, name


TWO_PXE = "2Pint Software 2PXE - HTTP Tcp Ports:8050"


def test_a_rule_that_the_product_made_is_reported_with_who_made_it_and_a_guard_holds_against_it(
    windows: Windows,
) -> None:
    theirs = {"Name": TWO_PXE, "Enabled": True, "Action": 1, "Protocol": 6, "LocalPorts": "8050"}
    windows.hosts.add("pxe", Store.of(theirs))
    run = windows.bring().ok()
    told = f"unmanaged: rule '{TWO_PXE}', created by 2PXE when it starts, or its installer (FWHTTP)"
    assert f"{told} permits others portbook/2pxe.http/in/1" in run.words
    assert windows.hosts.store("pxe").rules[0].enabled


def test_disabling_a_rule_that_is_made_again_is_reported_not_to_last(windows: Windows) -> None:
    theirs = {"Name": TWO_PXE, "Enabled": True, "Action": 1, "Protocol": 6, "LocalPorts": "8050"}
    windows.hosts.add("pxe", Store.of(theirs))
    windows.site({"portbook_posture": "strict", "portbook_windows_foreign": "disable"})
    run = windows.bring().ok()
    assert f"the rule '{TWO_PXE}' is disabled, but 2PXE when it starts" in run.words
    assert not windows.hosts.store("pxe").rules[0].enabled


def test_windows_own_rules_are_known_by_their_group_whatever_they_are_called() -> None:
    """Names are translated."""
    known = shipped_catalog().components["stifler_client"].vendor_rules
    rule = FirewallRule("Abrufen von BranchCache-Inhalten (HTTP eingehend)", "@PeerDistSh.dll,-9000")
    made = foreign.maker(rule, known)
    assert made is not None
    assert made.name == "Microsoft-Windows-PeerDist-HttpTrans-In"
    assert foreign.maker(replace(rule, group="@PeerDistSh.dll,-9999"), known) is None


# -- refused, and nothing lost --------------------------------------------------------------------------


def test_without_privileges_it_says_which_are_missing(windows: Windows) -> None:
    windows.hosts.inject("pxe", deny=True)
    message = windows.refused()
    assert message.startswith("pxe: access is denied: Ansible's user must be an administrator")
    assert "the host is as it was" in message


def test_a_stopped_service_is_named(windows: Windows) -> None:
    windows.hosts.inject("pxe", service_stopped=True)
    assert "mpssvc" in windows.refused()


def test_a_write_that_fails_in_the_middle_is_taken_back(windows: Windows) -> None:
    windows.hosts.inject("pxe", fail_write=[4])
    assert "All changes before it were rolled back: the host is as it was" in windows.refused()


def test_a_write_that_is_killed_is_finished_by_the_next_run(windows: Windows) -> None:
    windows.bring().ok()
    windows.site({"portbook_peers": {"pxe_client": ["192.0.2.64/26", "192.0.2.128/25"], "ipxe_console": ["192.0.2.5"]}})
    windows.hosts.inject("pxe", crash_write=[5])
    assert "the host may be half done: run again; the next run repairs that" in windows.bring().failed().message("pxe")
    windows.hosts.inject("pxe")
    windows.bring().ok()
    brought = {(rule.name, rule.remote_addresses, rule.enabled) for rule in windows.hosts.store("pxe").rules}
    windows.hosts.add("pxe")
    windows.bring().ok()
    assert {(rule.name, rule.remote_addresses, rule.enabled) for rule in windows.hosts.store("pxe").rules} == brought


@pytest.mark.more
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"format": 1, "rules": []}, "has format 1 and not 2: two versions of the collection are installed"),
        (
            {"format": 2, "rules": []},
            "lacks unreadable, profiles, current_profiles, modify_state, fingerprint: it was cut off",
        ),
        ({}, "has format None and not 2"),
        ({"failed": True, "msg": "MODULE FAILURE: No start of json char found"}, "No start of json char found"),
    ],
)
def test_an_answer_that_is_none_is_refused(windows: Windows, answer: dict[str, Any], said: str) -> None:
    windows.hosts.answer("pxe", answer)
    assert said in windows.refused()
    assert windows.hosts.calls() == [READ]


@pytest.mark.more
def test_a_policy_that_ignores_local_rules_is_an_error_and_can_be_a_warning(windows: Windows) -> None:
    store = Store.sample(400)
    store.policy = {"PublicProfile": {"AllowLocalPolicyMerge": 0}}
    windows.hosts.add("pxe", store)
    message = windows.refused()
    assert "pxe: profile public: the group policy HKLM\\SOFTWARE\\Policies" in message
    assert "AllowLocalPolicyMerge = 0, makes Windows ignore all local rules" in message
    windows.site({"portbook_windows_policy": "warn", "portbook_posture": "open"})
    assert "AllowLocalPolicyMerge" in windows.bring().ok().words


def test_without_a_known_management_access_nothing_is_refused_to_anyone(windows: Windows) -> None:
    windows.hosts.add("pxe", connections=[])
    assert "the host has no established connection to tcp 5985, 5986" in windows.refused()
    windows.site({"portbook_management": ["198.51.100.0/24"]})
    assert "the controller's address is not known" in windows.refused()


def test_strict_next_to_permissions_of_others_says_that_it_is_not(windows: Windows) -> None:
    windows.site({"portbook_posture": "strict"})
    run = windows.bring().ok()
    assert "not strict: " in run.words
    assert "portbook_windows_foreign: disable" in run.words
    others = [rule for rule in windows.hosts.store("pxe").rules if not str(rule.grouping).startswith("portbook")]
    assert others == Store.sample(400).rules


def test_errors_of_a_host_are_reported_all_at_once(windows: Windows) -> None:
    store = Store.sample(400)
    store.policy = {"PublicProfile": {"AllowLocalPolicyMerge": 0, "EnableFirewall": 0}}
    windows.hosts.add("pxe", store, connections=[])
    message = windows.refused()
    assert all(part in message for part in ("AllowLocalPolicyMerge", "EnableFirewall", "portbook_management"))
