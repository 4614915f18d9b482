# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real runs with inventories that lack hosts, against hosts that hold rules: nothing is lost that nobody decided."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from kernel.helpers.fleet import NamespaceHost
from kernel.helpers.namespaces import Namespace
from playbook_runs import BIN, Desk, Run, play

SITE, REMOVE = "portbook.firewall.site", "portbook.firewall.remove"
AGENTS = tuple(f"web-{number}" for number in range(1, 7))
ADDRESSES = {"siem": "192.0.2.10", "probe": "192.0.2.20", "desk": "192.0.2.90"} | {
    name: f"192.0.2.{30 + number}" for number, name in enumerate(AGENTS, 1)
}
PARTS = {"utmstack_master": ("siem",), "utmstack_probe": ("probe",), "utmstack_agent": AGENTS, "offices": ("desk",)}
PEERS = {"utmstack_console": ["198.51.100.0/24"], "utmstack_device": [f"203.0.113.{one}" for one in range(4, 8)]}


class World(Desk):
    """An operator, and hosts that hold what the whole inventory gives them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.environment = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_FORKS": "9"}
        self.hosts = {name: NamespaceHost(folder / "hosts" / name) for name in ADDRESSES}

    def whole(self, parts: Mapping[str, tuple[str, ...]] | None = None, **all_vars: Any) -> dict[str, Any]:
        """Also one that is not whole, by groups and their hosts."""
        given = PARTS if parts is None else parts
        children = {group: {"hosts": {name: self.host(name) for name in names}} for group, names in given.items()}
        return {"all": {"vars": {"portbook_peers": deepcopy(PEERS), **all_vars}, "children": children}}

    def host(self, name: str) -> dict[str, Any]:
        return {"ansible_host": ADDRESSES[name], **self.hosts[name].variables}

    def bring(self, *options: str, **more: Any) -> Run:
        return self.run(SITE, keep=False, options=options, **more)

    def state(self) -> dict[str, Any]:
        return {name: host.all() for name, host in self.hosts.items()}

    def tables(self) -> dict[str, str]:
        return {name: host.table() for name, host in self.hosts.items()}


@pytest.fixture(scope="module")
def applied(namespaces: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world, home = World(tmp_path_factory.mktemp("world")), Namespace()
    try:
        with home.inside():
            world.inventory(world.whole())
            world.bring().ok()
        for host in world.hosts.values():
            host.keep()
        yield world
    finally:
        home.close()
        for host in world.hosts.values():
            host.close()


@pytest.fixture
def world(applied: World) -> Iterator[World]:
    yield applied
    applied.inventory(applied.whole())
    for host in applied.hosts.values():
        host.give_back()


RENAMED = {"web_servers" if name == "utmstack_agent" else name: hosts for name, hosts in PARTS.items()}
NO_AGENTS = "because the inventory has no host of utmstack_agent"


def losing(number: int, component: str, hosts: int = len(ADDRESSES)) -> str:
    """The beginning of what a host says that would lose all its rules."""
    counted = "1 host" if hosts == 1 else f"{hosts} hosts"
    return (
        f"nothing was changed. With the inventory of this run ({counted}) this host would lose all that it holds: "
        f"{number} rules ({component}: {number}). The inventory gives it none. "
    )


WAYS_ON = (
    "run with the whole inventory",
    "--limit",
    "-e portbook_shrink=true",
    "portbook_plan_file",
    "portbook.firewall.remove",
    "portbook_components: []",
)


def refusing(run: Run) -> set[str]:
    """Hosts that refused; each says what can be done."""
    assert run.rc != 0, run.output
    found = {name for name, counts in run.recap.items() if counts["failed"]}
    for name in found:
        assert all(way in run.message(name) for way in WAYS_ON), run.message(name)
        assert run.failure(name)["losses"], run.output
    assert {counts["changed"] for counts in run.recap.values()} == {0}
    return found


# -- refused ----------------------------------------------------------------------------------------------


def test_ansible_pull_without_an_inventory_of_its_own_is_refused(world: World) -> None:
    before = world.state()
    pulled = play(hosts="localhost", roles=["portbook.firewall.host"])
    python = str(world.hosts["siem"].python)
    options = ["-c", "local", "--limit", "localhost,127.0.0.1,siem"]
    run = world.run(
        pulled, options=options, sources=["localhost,"], keep=False, ansible_python_interpreter=python
    ).failed()
    assert run.message("localhost").startswith(losing(16, "utmstack_master", hosts=1))
    assert world.state() == before


@pytest.mark.more
@pytest.mark.skipif(shutil.which("git") is None, reason="git missing: apt-get install git")
def test_the_real_ansible_pull_is_refused(world: World) -> None:
    before, source = world.state(), world.folder / "pulled"
    world.write("pulled/local.yml", [play(hosts="localhost", roles=["portbook.firewall.host"])])
    if not (source / ".git").exists():
        author = ["-c", "user.name=one", "-c", "user.email=one@example.invalid"]
        for words in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "Pulled"]):
            subprocess.run(["git", *words], cwd=source, check=True)
    python = f"ansible_python_interpreter={world.hosts['web-1'].python}"
    words = [BIN / "ansible-pull", "-U", f"file://{source}", "-d", world.folder / "checkout", "-e", python]
    done = subprocess.run(words, cwd=world.folder, env=world.environ(), capture_output=True, text=True, check=False)
    run = Run(done.returncode, done.stdout, done.stderr, world.plan_file, ()).failed()
    assert run.message("localhost").startswith(losing(8, "utmstack_agent", hosts=0))
    assert world.state() == before


@pytest.mark.more
def test_a_renamed_group_is_refused_by_its_hosts_and_by_their_peers(world: World) -> None:
    before = world.state()
    world.inventory(world.whole(RENAMED))
    run = world.bring()
    assert refusing(run) == {*AGENTS, "siem", "probe"}
    assert run.message("web-1").startswith(losing(8, "utmstack_agent"))
    ports = "tcp 1514-1516 (utmstack.agent-hids), tcp 5044 (utmstack.agent-beats)"
    for name in ("siem", "probe"):
        assert f"would lose all peers of {ports}, " in run.message(name)
        assert NO_AGENTS in run.message(name)
    assert world.state() == before


def test_check_mode_predicts_the_refusal_in_the_same_words(world: World) -> None:
    before = world.state()
    world.inventory(world.whole(RENAMED))
    really, foreseen = (
        {name: run.message(name) for name in refusing(run)}
        for run in (world.bring("--limit", "siem,web-1", *check) for check in ([], ["--check"]))
    )
    assert set(really) == {"siem", "web-1"}
    assert foreseen == really
    assert world.state() == before


@pytest.mark.more
def test_an_inventory_cut_in_three_takes_nothing_away(world: World) -> None:
    """As slices of one job have it: all groups are there, and no slice has all of their hosts."""
    before = world.tables()
    refused: dict[str, str] = {}
    for names in (("siem", *AGENTS[:2]), ("probe", *AGENTS[2:4]), ("desk", *AGENTS[4:])):
        parts = {group: tuple(one for one in hosts if one in names) for group, hosts in PARTS.items()}
        world.inventory(world.whole(parts))
        run = world.bring()
        assert set(run.recap) == set(names)
        refused |= {name: run.message(name) for name, counts in run.recap.items() if counts["failed"]}
    assert set(refused) == {"siem", "probe", *AGENTS[4:]}
    for name in ("siem", "probe"):
        assert "4 of 6 IPv4 addresses (192.0.2.3" in refused[name]
        assert "With the inventory of this run (3 hosts)" in refused[name]
    # Neither a master nor a probe is in their slice.
    assert refused["web-6"].startswith(losing(8, "utmstack_agent", hosts=3))
    assert world.tables() == before


@pytest.mark.more
def test_a_smart_inventory_has_no_groups_and_is_refused_by_all_that_hold_rules(world: World) -> None:
    before = world.state()
    world.inventory({"all": {"hosts": {name: world.host(name) for name in ADDRESSES}}})
    run = world.bring()
    assert refusing(run) == set(ADDRESSES) - {"desk"}
    assert run.message("siem").startswith(losing(16, "utmstack_master"))
    assert world.state() == before


@pytest.mark.more
@pytest.mark.parametrize(("second", "groups"), [("missing.yml", ()), ("failing.sh", ("utmstack_agent",))])
def test_one_of_two_sources_that_fails_is_refused(world: World, second: str, groups: tuple[str, ...]) -> None:
    before = world.state()
    world.write("failing.sh", "#!/bin/sh\nexit 1\n").chmod(0o700)
    servers = {name: hosts for name, hosts in PARTS.items() if name != "utmstack_agent"}
    world.inventory(world.whole({**servers, **dict.fromkeys(groups, ())}), "servers.yml")
    run = world.bring("--limit", "siem", sources=["servers.yml", second])
    assert refusing(run) == {"siem"}
    assert NO_AGENTS in run.message("siem")
    assert world.state() == before


def test_rules_of_the_users_own_are_no_component(world: World) -> None:
    own = {"portbook_allow": [{"name": "web", "protocol": "tcp", "ports": [443], "peers": "any"}]}
    left = {**PARTS, "utmstack_agent": AGENTS[:5], "offices": ("desk", "web-6")}
    world.inventory(world.whole(left, **own))
    before = world.state()
    run = world.bring("--limit", "web-6")
    assert refusing(run) == {"web-6"}
    assert "its 8 rules of utmstack_agent, and the inventory gives it no other component" in run.message("web-6")
    assert world.state() == before


def test_a_host_that_lost_its_memory_keeps_its_table(world: World) -> None:
    host = world.hosts["siem"]
    host.forget()
    before = host.all()
    world.inventory({"all": {"hosts": {"siem": world.host("siem")}}})
    run = world.bring()
    assert refusing(run) == {"siem"}
    assert "would lose all that it holds: the table inet portbook" in run.message("siem")
    assert host.all() == before


def test_most_peers_of_a_guarded_port_that_go_are_refused(world: World) -> None:
    before = world.state()
    world.inventory(world.whole(portbook_peers={**PEERS, "utmstack_device": ["203.0.113.4"]}))
    run = world.bring("--limit", "siem,probe")
    assert refusing(run) == {"siem", "probe"}
    assert "3 of 4 IPv4 addresses (203.0.113.5-203.0.113.7) of the peers of tcp 514" in run.message("siem")
    assert world.state() == before


# -- allowed ----------------------------------------------------------------------------------------------


def test_limit_with_the_whole_inventory_changes_nothing(world: World) -> None:
    before = world.state()
    run = world.bring("--limit", "siem,web-1,desk").ok()
    assert {name: counts["changed"] for name, counts in run.recap.items()} == {"siem": 0, "web-1": 0, "desk": 0}
    assert world.state() == before


def test_peers_that_are_written_otherwise_lose_nothing(world: World) -> None:
    before = world.state()
    for written in (["203.0.113.4/30"], ["203.0.113.6/31", "203.0.113.5", "203.0.113.4"]):
        world.inventory(world.whole(portbook_peers={**PEERS, "utmstack_device": written}))
        assert world.bring("--limit", "siem").ok().recap["siem"]["changed"] == 0
    assert world.state() == before


def test_one_address_of_four_may_go_and_a_network_may_come(world: World) -> None:
    for written, there in ((PEERS["utmstack_device"][:3], "203.0.113.6"), (["203.0.113.0/24"], "203.0.113.0/24")):
        world.inventory(world.whole(portbook_peers={**PEERS, "utmstack_device": written}))
        assert world.bring("--limit", "siem").ok().recap["siem"]["changed"] == 1
        assert there in world.hosts["siem"].table()
        assert "203.0.113.7" not in world.hosts["siem"].table()


def test_shrink_allows_it_for_one_run(world: World) -> None:
    world.inventory(world.whole(RENAMED))
    run = world.bring("--limit", "siem,web-1", portbook_shrink=True).ok()
    assert "portbook_shrink: true is set in the inventory" not in run.words
    assert "utmstack_agent is no longer a component of this host: its 8 rules deleted" in run.words
    assert world.hosts["web-1"].all() == ("", {})
    assert "5044" not in world.hosts["siem"].table()


@pytest.mark.more
def test_a_reviewed_plan_allows_it_and_a_changed_one_does_not(world: World) -> None:
    world.inventory(world.whole(RENAMED))
    before = world.state()
    world.run(options=["--limit", "siem"]).ok()
    assert world.state() == before
    reviewed = world.plan_file.read_text()
    world.plan_file.write_text(reviewed.replace("198.51.100.0/24", "198.51.100.0/25"))
    world.run(SITE, options=["--limit", "siem,web-1"]).failed()
    assert world.state() == before
    world.plan_file.write_text(reviewed)
    run = world.run(SITE, options=["--limit", "siem,web-1"]).ok()
    assert {counts["changed"] for counts in run.recap.values()} == {1}
    assert world.hosts["web-1"].all() == ("", {})


def test_a_host_that_left_a_component_which_has_other_hosts_loses_its_rules_and_says_so(world: World) -> None:
    world.inventory(world.whole({**PARTS, "utmstack_agent": AGENTS[:5], "utmstack_probe": ("probe", "web-6")}))
    run = world.bring("--limit", "web-6,siem").ok()
    assert "utmstack_agent is no longer a component of this host: its 8 rules deleted" in run.words
    assert ADDRESSES["web-6"] in world.hosts["siem"].table().partition("in_ports")[0]
    assert "1194" not in world.hosts["web-6"].table()
    assert "5044" in world.hosts["web-6"].table()


@pytest.mark.more
def test_a_host_that_left_its_last_component_is_refused_until_its_own_variables_say_so(world: World) -> None:
    before = world.state()
    left = {**PARTS, "utmstack_agent": AGENTS[:5], "offices": ("desk", "web-6")}
    world.inventory(world.whole(left))
    assert refusing(world.bring("--limit", "web-6")) == {"web-6"}
    assert world.state() == before
    world.write("inventory/host_vars/web-6.yml", {"portbook_components": []})
    try:
        run = world.bring("--limit", "web-6").ok()
    finally:
        shutil.rmtree(world.folder / "inventory/host_vars")
    assert "utmstack_agent is no longer a component of this host: its 8 rules deleted" in run.words
    assert world.hosts["web-6"].all() == ("", {})


def test_remove_works_whatever_the_inventory_lacks(world: World) -> None:
    world.inventory({"all": {"hosts": {name: world.host(name) for name in ("siem", "web-1")}}})
    world.run(REMOVE, keep=False).ok()
    assert [world.hosts[name].all() for name in ("siem", "web-1")] == [("", {})] * 2
