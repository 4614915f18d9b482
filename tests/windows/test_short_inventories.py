# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real runs with inventories that lack hosts, against emulated Windows hosts that hold rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playbook_runs import Desk, Run
from windows.fake.emulated_hosts import Hosts

SITE, REMOVE = "portbook.firewall.site", "portbook.firewall.remove"
READ = "windows_read"
CLIENTS = tuple(f"pc-{number}" for number in range(1, 7))
ADDRESSES = {"hub": "192.0.2.10"} | {name: f"192.0.2.{30 + number}" for number, name in enumerate(CLIENTS, 1)}
PARTS = {"stifler_server": ("hub",), "stifler_client": CLIENTS}
RENAMED = {"stifler_server": ("hub",), "notebooks": CLIENTS}
WATCHED = ("hub", "pc-1")


class Company(Desk):
    """A server and its clients, of which two are looked at."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.hosts = Hosts(folder / "stores")
        self.emulate_windows(self.hosts.folder)
        for name in WATCHED:
            self.hosts.add(name)

    def site(self, parts: dict[str, tuple[str, ...]] | None = None, **all_vars: Any) -> None:
        children = {
            group: {"hosts": {name: {"ansible_host": ADDRESSES[name]} for name in names}}
            for group, names in (PARTS if parts is None else parts).items()
        }
        variables = {"ansible_connection": "winrm", "portbook_peers": {"stifler_console": ["192.0.2.5"]}, **all_vars}
        self.inventory({"all": {"vars": variables, "children": children}})

    def bring(self, *options: str, **extra: Any) -> Run:
        return self.run(SITE, keep=False, options=["--limit", "hub,pc-1", *options], **extra)

    def rules(self) -> dict[str, Any]:
        return {name: self.hosts.store(name).to_json() for name in WATCHED}

    def groups(self, name: str) -> set[str]:
        found = {str(rule.grouping) for rule in self.hosts.store(name).rules}
        return {one for one in found if one.startswith("portbook")}

    def refused(self, *options: str, **extra: Any) -> dict[str, str]:
        """What each host said, which must have failed after one look at it."""
        before = self.rules()
        self.hosts.forget_calls()
        run = self.bring(*options, **extra).failed()
        assert set(self.hosts.calls()) == {READ}
        assert self.rules() == before
        failed = {name for name, counts in run.recap.items() if counts["failed"]}
        assert all(run.failure(name)["losses"] for name in failed)
        return {name: run.message(name) for name in failed}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Company:
    company = Company(tmp_path_factory.mktemp("company"))
    company.site()
    company.bring().ok()
    assert all("portbook: guard" in company.groups(name) for name in WATCHED)
    return company


@pytest.fixture
def company(applied: Company) -> Iterator[Company]:
    stores = {name: applied.hosts.store(name) for name in WATCHED}
    yield applied
    for name, store in stores.items():
        applied.hosts.add(name, store)
    applied.site()


def test_an_inventory_without_groups_is_refused(company: Company) -> None:
    hosts = {name: {"ansible_host": address} for name, address in ADDRESSES.items()}
    company.inventory({"all": {"vars": {"ansible_connection": "winrm"}, "hosts": hosts}})
    told = company.refused()
    assert set(told) == {"hub", "pc-1"}
    for name, component in (("hub", "stifler_server"), ("pc-1", "stifler_client")):
        assert told[name].startswith(f"{name}: nothing was changed. With the inventory of this run (7 hosts) ")
        assert "would lose all that it holds: " in told[name]
        assert f"({component}: " in told[name]
        assert "-e portbook_shrink=true allows it for this run" in told[name]


def test_a_renamed_group_is_refused_as_check_mode_said(company: Company) -> None:
    company.site(RENAMED)
    foreseen, told = company.refused("--check"), company.refused()
    assert foreseen == told
    assert set(told) == {"hub", "pc-1"}
    assert "because the inventory has no host of stifler_client" in told["hub"]


def test_most_clients_that_are_missing_are_refused_by_the_server_and_by_each_other(company: Company) -> None:
    company.site({**PARTS, "stifler_client": CLIENTS[:2]})
    told = company.refused()
    assert set(told) == {"hub", "pc-1"}
    # The server is a peer, too.
    assert "would lose 4 of 7 IPv4 addresses (192.0.2.33-192.0.2.36) of the peers of tcp " in told["hub"]


def test_shrink_allows_it(company: Company) -> None:
    company.site(RENAMED)
    run = company.bring(portbook_shrink=True).ok()
    assert {name: counts["changed"] for name, counts in run.recap.items()} == {"hub": 1, "pc-1": 1}
    assert "stifler_client is no longer a component of this host: its " in run.words
    assert company.groups("pc-1") == set()


def test_a_reviewed_plan_allows_it(company: Company) -> None:
    company.site(RENAMED)
    company.run(options=["--limit", "hub"]).ok()
    company.run(SITE, options=["--limit", "hub,pc-1"]).ok()
    assert company.groups("pc-1") == set()


def test_a_host_that_left_its_last_component_is_refused_until_its_own_variables_say_so(company: Company) -> None:
    left = {"stifler_server": ("hub",), "stifler_client": CLIENTS[1:], "retired": CLIENTS[:1]}
    company.site(left)
    assert set(company.refused("--limit", "pc-1")) == {"pc-1"}
    company.write("inventory/host_vars/pc-1.yml", {"portbook_components": []})
    try:
        run = company.bring().ok()
    finally:
        (company.folder / "inventory/host_vars/pc-1.yml").unlink()
    assert run.recap["pc-1"]["changed"] == 1
    assert company.groups("pc-1") == set()


def test_a_host_that_left_a_component_which_has_other_hosts_says_which(company: Company) -> None:
    company.site({"stifler_server": ("hub",), "stifler_client": CLIENTS[1:], "stifler_beacon": ("pc-1",)})
    run = company.bring().ok()
    assert "stifler_client is no longer a component of this host: its " in run.words
    assert "portbook: stifler_client" not in company.groups("pc-1")
    assert "portbook: stifler_beacon" in company.groups("pc-1")


def test_remove_works_whatever_the_inventory_lacks(company: Company) -> None:
    company.site({"retired": tuple(ADDRESSES)})
    company.run(REMOVE, keep=False, options=["--limit", "hub,pc-1"]).ok()
    assert [company.groups(name) for name in WATCHED] == [set(), set()]


def test_the_engine_that_knows_no_rules_removes_none_for_an_inventory_without_groups(company: Company) -> None:
    before = company.rules()
    company.site({"retired": tuple(ADDRESSES)}, portbook_windows_engine="community")
    run = company.bring().ok()
    assert {counts["changed"] for counts in run.recap.values()} == {0}
    assert "the engine community cannot determine which rules it has: nothing was removed" in run.words
    assert company.rules() == before
