# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nft is given for the hosts that run on Linux is what is on file."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from golden.helpers.book import shipped
from golden.helpers.inventories import INVENTORIES
from golden.helpers.rendering import given, request, same_host
from golden.helpers.running import Machine
from golden.test_golden import EXPECTED, left_over, taken_over, unlike
from pages import CHECKOUT, commands

ROLLOUT = CHECKOUT / "docs" / "rollout.md"
BY_NAME = {inventory.name: inventory for inventory in INVENTORIES}
HOSTS = (
    ("utmstack-9", "master1"),
    ("utmstack-9", "probe1"),
    ("utmstack-9", "agent1"),
    ("utmstack-11", "server1"),
    ("netwrix-8.0", "cee2"),
    ("stifler-2", "beacon2"),
)
SCENARIOS: dict[str, dict[str, Any]] = {
    "guard": {},
    "strict": {"portbook_posture": "strict", "portbook_outbound": "strict"},
    "log-all": {"portbook_log": "all", "portbook_outbound": "guard"},
    "open-mark": {"portbook_posture": "open", "portbook_outbound": "open", "portbook_mark": "0x10/0x30"},
}
# What these variables change in a ruleset, wherever a line stands.
REJECT = {"portbook_refuse": "reject", "portbook_log": "refused", "portbook_cut": False}
REJECTS = {
    "    counter drop\n": (
        '    limit rate 5/second log prefix "portbook refused: "\n'
        "    meta l4proto tcp counter reject with tcp reset\n"
        "    counter reject with icmpx type admin-prohibited\n"
    ),
    "    ct state established,related ct direction reply accept\n": (
        "    ct state established,related ct direction reply accept\n    ct state established accept\n"
    ),
}
HEAD = """\
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by pytest tests/golden --update; read the difference before you commit it.
"""
CASES = [
    pytest.param(inventory, host, scenario, id=f"{inventory}-{host}-{scenario}")
    for inventory, host in HOSTS
    for scenario in SCENARIOS
]


@pytest.fixture(autouse=True)
def _same_host(monkeypatch: pytest.MonkeyPatch) -> None:
    same_host(monkeypatch)


def rendered(inventory: str, host: str, variables: dict[str, Any], folder: Path) -> str:
    chosen = BY_NAME[inventory]
    return given(request(chosen.machines, {**chosen.variables(shipped()), **variables}, host), folder)


def file_of(inventory: str, host: str, scenario: str) -> Path:
    return EXPECTED / f"nftables-{inventory}-{host}-{scenario}.nft"


@pytest.mark.parametrize(("inventory", "host", "scenario"), CASES)
def test_nft_is_given_what_is_on_file(inventory: str, host: str, scenario: str, update: bool, tmp_path: Path) -> None:
    now = HEAD + rendered(inventory, host, SCENARIOS[scenario], tmp_path / "portbook")
    path = file_of(inventory, host, scenario)
    taken_over(path, now, update)
    difference = unlike(path, now)
    assert not difference, f"\n{difference}\npytest tests/golden --update takes it over"


def test_no_ruleset_is_left_over(update: bool) -> None:
    wanted = {file_of(*case.values).name for case in CASES}  # type: ignore[arg-type]
    assert left_over(EXPECTED.glob("*.nft"), wanted, update) == []


@pytest.mark.parametrize(("inventory", "host"), HOSTS)
def test_reject_answers_and_logs_and_without_cut_connections_go_on(inventory: str, host: str, tmp_path: Path) -> None:
    expected = rendered(inventory, host, {}, tmp_path / "portbook")
    for line, instead in REJECTS.items():
        assert line in expected or "hook" not in expected
        expected = expected.replace(line, instead)
    assert rendered(inventory, host, REJECT, tmp_path / "portbook") == expected


@pytest.mark.parametrize(("inventory", "host"), HOSTS)
def test_watch_guards_the_same_ports_and_refuses_nothing(inventory: str, host: str, tmp_path: Path) -> None:
    guard = rendered(inventory, host, {}, tmp_path / "portbook")
    watch = rendered(inventory, host, {"portbook_posture": "watch"}, tmp_path / "portbook")
    ports = [line for line in guard.splitlines() if "elements" in line and "jump" in line]
    assert [line for line in watch.splitlines() if "elements" in line and "jump" in line] == ports
    assert "drop" not in watch.replace("policy drop", "")


@pytest.mark.parametrize("host", ["master1", "probe1"])
def test_the_command_of_the_page_finds_all_that_a_watched_port_logs(host: str, tmp_path: Path) -> None:
    *command, wanted = shlex.split(commands(ROLLOUT, "log"))
    assert command == ["journalctl", "-k", "-g"]
    watch = rendered("utmstack-9", host, {"portbook_posture": "watch"}, tmp_path / "portbook")
    logged = re.findall(r'log prefix "(.*?)"', watch)
    assert logged
    assert [one for one in logged if not re.search(wanted, one)] == []


@pytest.mark.parametrize(("inventory", "host"), HOSTS)
def test_open_refuses_nothing(inventory: str, host: str, tmp_path: Path) -> None:
    assert "hook" not in rendered(inventory, host, {"portbook_posture": "open"}, tmp_path / "portbook")


@pytest.mark.parametrize("posture", ["open", "guard", "strict", "watch"])
@pytest.mark.parametrize(("inventory", "host"), HOSTS)
def test_a_mark_is_put_on_the_same_packets_in_every_posture(
    inventory: str, host: str, posture: str, tmp_path: Path
) -> None:
    def marks(variables: dict[str, Any]) -> list[str]:
        text = rendered(inventory, host, {**variables, "portbook_mark": "0x10"}, tmp_path / "portbook")
        return [line for line in text.splitlines() if "goto permitted" in line or "meta mark set" in line]

    wanted = marks({"portbook_posture": "open"})
    assert len(wanted) > 1
    assert marks({"portbook_posture": posture}) == wanted


@pytest.mark.parametrize(("posture", "refuses"), [("strict", True), ("guard", False)])
def test_a_host_with_nothing_but_an_allowance_is_refused_to_all_only_if_it_is_to_be_strict(
    posture: str, refuses: bool, tmp_path: Path
) -> None:
    chosen = BY_NAME["utmstack-9"]
    allow = {"portbook_allow": [{"name": "web", "ports": 80, "peers": "any"}]}
    machines = [
        *chosen.machines,
        Machine("bystander", "utmstack_console", ("192.0.2.99",), "linux", allow, rules=False),
    ]
    variables = {**chosen.variables(shipped()), "portbook_posture": posture}
    text = given(request(machines, variables, "bystander"), tmp_path / "portbook")
    assert ("jump refused" in text) == refuses
    assert ("tcp dport 22 accept" in text) == refuses
