# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine has, and how it stands to the plan: read over ssh, and nothing is written."""

from __future__ import annotations

import pytest
from lab.machine import Machine
from machine.helpers.facts import holdings, read_only
from machine.helpers.playbooks import Operator

PLAN = "portbook.firewall.plan"
OTHER = 8088
BAR = 0.4


@pytest.mark.more
def test_facts_of_a_machine_name_programs_units_and_services(machine: Machine, operator: Operator) -> None:
    """Before and after it has rules of ours; what it takes, and what it leaves alone."""
    machine.listen(OTHER)
    machine.run("systemctl", "start", "ufw")
    machine.run("ufw", "--force", "enable")
    machine.run("ufw", "allow", "22/tcp")
    operator.inventory(portbook_foreign="warn")
    operator.run().ok(changed=True)
    found = read_only(machine, operator)
    facts = found[-1]
    assert facts["not_read"] == {}
    assert (facts["backend"], facts["ours"]["kernel"]) == ("nftables", "as_applied")

    sockets = {(one["protocol"], one["port"]): one for one in facts["listening"] if not one["loopback"]}
    assert sockets["tcp", 22]["units"] == ["ssh.service"]
    assert sockets["tcp", 22]["program"].endswith("/sshd")
    assert "/python3" in sockets["tcp", OTHER]["program"]

    services = {one["name"]: (one["active"], one["enabled"]) for one in facts["services"]}
    assert services["portbook-firewall"][1] == "enabled"
    assert services["ufw"][0] == "active"
    assert services["fail2ban"] == ("inactive", "disabled")
    assert "docker" not in services

    owners = {one["owner"] for one in facts["unmanaged"]["rules"]}
    assert owners == {"ufw", "iptables"} or owners == {"ufw"}
    assert facts["unmanaged"]["count"] > 50
    assert ("input", "drop") in {(one["hook"], one["policy"]) for one in facts["unmanaged"]["chains"]}
    print(f"seconds: {[one['seconds'] for one in found]}")
    # Twice its bar, where others are at work on the same computer.
    assert min(one["seconds"] for one in found) <= 2 * BAR


@pytest.mark.more
def test_a_plan_says_what_would_change_on_the_machine_and_changes_nothing(machine: Machine, operator: Operator) -> None:
    machine.listen(OTHER)
    before = holdings(machine)
    plain = operator.run(PLAN).ok(changed=False)
    assert "No host was compared with the plan" in plain.words
    first = operator.run(PLAN, portbook_compare=True).ok(changed=False)
    assert "siem would create " in first.words
    assert f"listening, and named by no planned rule (stays as it is): tcp {OTHER}" in first.words
    assert "1 host compared, nothing changed: 1 would change" in first.words
    assert holdings(machine) == before

    operator.run().ok(changed=True)
    there = holdings(machine)
    assert "1 host compared, nothing changed: 1 as planned" in operator.run(PLAN, portbook_compare=True).words
    machine.run("nft", "add", "chain", "inet", "portbook", "by_hand")
    drifted = operator.run(PLAN, portbook_compare=True).ok(changed=False)
    assert "siem not as it was applied: would be replaced" in drifted.words
    assert "what the firewall held was not what had been applied; it would be replaced" in drifted.words
    assert holdings(machine) != there
    operator.run().ok(changed=True)
    assert holdings(machine) == there
