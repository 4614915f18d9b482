# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo agrees with whole rules, and notices every way of breaking them; it describes the company as it is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from demo import company, refuge  # noqa: E402
from demo.breaks import BREAKS  # noqa: E402
from demo.playbook import INVENTORIES  # noqa: E402

RUN = [sys.executable, str(CHECKOUT / "demo" / "run.py")]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def noticed() -> str:
    done = subprocess.run([*RUN, "--breaks"], capture_output=True, text=True, check=False, timeout=600)
    assert "breaks: " in done.stdout, done.stdout + done.stderr
    return done.stdout


def test_whole_rules_agree_before_and_after_all_breaks(noticed: str) -> None:
    assert "unbroken: 0 disagree before, 0 after" in noticed


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: f"{one.host}: {one.name}")
def test_a_broken_firewall_is_noticed(noticed: str, one: Any) -> None:
    found = re.search(rf"^ *([\d,]+)  {re.escape(one.host)}: {re.escape(one.name)}$", noticed, re.MULTILINE)
    assert found, noticed
    assert int(found[1].replace(",", "")) > 0


def test_without_rules_the_demo_disagrees_and_fails() -> None:
    done = subprocess.run([*RUN, "--without-rules"], capture_output=True, text=True, check=False, timeout=300)
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(r"packets: \d+ agree, [1-9]\d* disagree", last), done.stdout + done.stderr
    assert done.returncode == 1


@pytest.fixture(scope="module")
def inventory() -> dict[str, Any]:
    words = [word for one in INVENTORIES for word in ("-i", one)]
    command = [str(BIN / "ansible-inventory"), *words, "--list"]
    found: dict[str, Any] = json.loads(subprocess.check_output(command, cwd=CHECKOUT, text=True))
    return found


@pytest.mark.parametrize(
    "machine", [*(one for one in company.MACHINES if one.plays), *company.ABSENT], ids=lambda one: one.name
)
def test_the_demo_knows_the_hosts_of_the_inventory(inventory: dict[str, Any], machine: company.Machine) -> None:
    variables = inventory["_meta"]["hostvars"][machine.name]
    assert machine.addresses == tuple(variables.get("portbook_addresses", [variables["ansible_host"]]))
    in_groups = {
        name for name in company_components() if machine.name in inventory.get(name, {}).get("hosts", [])
    } | set(variables.get("portbook_components", []))
    assert set(machine.plays) == in_groups
    assert machine.posture == variables.get("portbook_posture", "guard")
    assert machine.outbound == variables.get("portbook_outbound", "off")
    for component, realms in machine.plays.items():
        said = variables.get(f"{component}_realm", variables.get("portbook_realm", "main"))
        assert realms == set([said] if isinstance(said, str) else said)


def company_components() -> set[str]:
    return {component for one in (*company.MACHINES, *company.ABSENT) for component in one.plays}


@pytest.mark.parametrize("name", ["kernel.unprivileged_userns_clone", "user.max_user_namespaces"])
def test_a_kernel_that_refuses_namespaces_names_the_setting(name: str) -> None:
    text = refuge.refusal("unshare failed", False, {name: "0"}.get)
    assert f"{name} is 0" in text


def test_apparmor_is_named_if_it_refuses_namespaces() -> None:
    name = "kernel.apparmor_restrict_unprivileged_userns"
    assert f"{name} is 1" in refuge.refusal("unshare failed", False, {name: "1"}.get)


def test_no_setting_is_blamed_that_allows_namespaces() -> None:
    assert "None of these is in the way" in refuge.refusal("unshare failed", False, lambda _name: None)
