# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations that hosts are told to make are the ones on file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from golden.helpers.book import shipped
from golden.helpers.inventories import INVENTORIES, Inventory
from golden.helpers.running import Machine
from golden.test_golden import left_over, taken_over, unlike
from windows.fake.bringing import HOST, Site, remove, site
from windows.fake.host import Host
from windows.fake.store import Store

EXPECTED = Path(__file__).parent / "expected"
BY_NAME = {inventory.name: inventory for inventory in INVENTORIES}
MEMBER = replace(HOST, member=True, domain_name="corp.example.com", domain_addresses=("192.0.2.32", "2001:db8::32"))
BOTH = ["twopxe_server", "ipxe_anywhere"]
Operations = list[dict[str, Any]]


def planned(inventory: str, *machines: Machine) -> Site:
    chosen = BY_NAME[inventory]
    return site(machines or chosen.machines, chosen.variables(shipped()))


def others() -> Store:
    """Of a server that had been set up by hand."""
    return Store.of(
        {"Name": "Everything for the old console", "Enabled": True, "Direction": 1, "Action": 1, "Protocol": 6},
        {"Name": "Off long since", "Enabled": False, "Direction": 1, "Action": 1, "Protocol": 6, "LocalPorts": "21"},
        {"Name": "No telnet", "Enabled": True, "Direction": 1, "Action": 0, "Protocol": 6, "LocalPorts": "23"},
        {"Name": "Backup", "Enabled": True, "Direction": 2, "Action": 1, "Protocol": 6, "RemotePorts": "10050"},
    )


def brought(inventory: str, host: str, store: Store | None = None, machine: Host = HOST, **head: Any) -> Operations:
    """From a host that has nothing of ours."""
    return planned(inventory).bring(store or others(), host, machine=machine, **head).operations


def updated() -> Operations:
    """A client came, another went, and the one that stays has another address."""
    old = planned("stifler-2")
    store = others()
    old.bring(store, "server")
    machines = [one for one in BY_NAME["stifler-2"].machines if one.name != "client1"]
    machines = [replace(one, addresses=("192.0.2.113",)) if one.name == "client2" else one for one in machines]
    new = Machine("client3", "stifler_client", ("192.0.2.63", "2001:db8::63"), "windows")
    return planned("stifler-2", *machines, new).bring(store, "server").operations


def with_both(inventory: Inventory) -> list[Machine]:
    both = Machine("pxeserver", BOTH[0], ("192.0.2.11",), "windows", {"portbook_components": BOTH}, rules=False)
    return [both, *(one for one in inventory.machines if one.component not in BOTH)]


def removed(components: list[str] | None) -> Operations:
    store = others().profile(4, enabled=False)
    planned("2pxe-3", *with_both(BY_NAME["2pxe-3"])).bring(store, "pxeserver", windows_profiles="all")
    return remove(store, components).operations


STRICT: dict[str, Any] = {"posture": "strict", "windows_foreign": "disable"}
CASES: dict[str, Callable[[], Operations]] = {
    "2pxe-3-pxeserver-guard": lambda: brought("2pxe-3", "pxeserver"),
    "2pxe-3-pxeserver-guard-where-the-firewall-was-off": lambda: brought(
        "2pxe-3", "pxeserver", others().profile(4, enabled=False), windows_profiles="all"
    ),
    "2pxe-3-ipxe-open": lambda: brought("2pxe-3", "ipxe", posture="open"),
    "stifler-2-client1-guard": lambda: brought("stifler-2", "client1"),
    "netwrix-8.0-agent-strict": lambda: brought("netwrix-8.0", "agent", **STRICT),
    "netwrix-8.0-reporting-strict-outbound-of-a-member": lambda: (
        site(
            BY_NAME["netwrix-8.0"].machines,
            {**BY_NAME["netwrix-8.0"].variables(shipped()), "portbook_outbound": "strict"},
        )
        .bring(others(), "reporting", machine=MEMBER, **STRICT)
        .operations
    ),
    "stifler-2-server-update": updated,
    "2pxe-3-removal-of-one-of-two": lambda: removed(["ipxe_anywhere"]),
    "2pxe-3-removal-of-all": lambda: removed(None),
}


def file_of(name: str) -> Path:
    return EXPECTED / f"{name}.json"


@pytest.mark.parametrize("name", CASES)
def test_the_operations_are_the_ones_on_file(name: str, update: bool) -> None:
    now = json.dumps(CASES[name](), indent=1, ensure_ascii=False) + "\n"
    path = file_of(name)
    taken_over(path, now, update)
    difference = unlike(path, now)
    assert not difference, f"\n{difference}\npytest tests/windows --update takes it over"


def test_no_file_is_left_over(update: bool) -> None:
    assert left_over(EXPECTED.glob("*.json"), {file_of(name).name for name in CASES}, update) == []
