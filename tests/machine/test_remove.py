# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook remove leaves a machine as if we had never been there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lab.machine import Machine
from machine.helpers.playbooks import REMOVE, Operator


def everything(machine: Machine) -> set[str]:
    """All files that could be ours, and all rules."""
    found = machine.run(
        "find", "/etc", "/var/lib", "/usr", "/opt", "/srv", "-xdev", "-not", "-path", "/var/lib/systemd/*"
    )
    units = machine.run("systemctl", "list-units", "--all", "--no-legend", "--plain", "*portbook*")
    return {*found.splitlines(), f"units: {units}", machine.run("nft", "list", "ruleset")}


@pytest.mark.parametrize("posture", ["guard", "strict"])
def test_remove_leaves_nothing_of_the_collection(machine: Machine, operator: Operator, posture: str) -> None:
    before = everything(machine)
    operator.inventory(portbook_posture=posture)
    operator.run().ok(changed=True)
    operator.run(REMOVE).ok(changed=True)
    assert everything(machine) == before
    operator.run(REMOVE).ok(changed=False)
    assert everything(machine) == before


@pytest.mark.more
def test_remove_leaves_nothing_of_the_collection_after_a_restart_of_the_host(
    machine: Machine, operator: Operator
) -> None:
    """systemd has started what is removed then."""
    before = everything(machine)
    operator.run().ok(changed=True)
    machine.reboot()
    operator.run(REMOVE).ok(changed=True)
    assert everything(machine) == before


@pytest.mark.once
def test_remove_leaves_unmanaged_rules(machine: Machine, operator: Operator) -> None:
    machine.run(
        "nft", "-f", "-", text="table inet mine {\n chain input {\n type filter hook input priority 0\n }\n }\n"
    )
    machine.run("systemctl", "enable", "nftables")
    before = everything(machine)
    operator.run().ok(changed=True)
    operator.run(REMOVE).ok(changed=True)
    assert everything(machine) == before


@pytest.mark.once
def test_remove_of_a_host_that_was_never_applied_to_changes_nothing(machine: Machine, operator: Operator) -> None:
    before = everything(machine)
    operator.run(REMOVE).ok(changed=False)
    assert everything(machine) == before


@pytest.mark.once
def test_remove_works_where_the_host_has_lost_its_state(machine: Machine, operator: Operator) -> None:
    before = everything(machine)
    operator.run().ok(changed=True)
    machine.run("rm", "-r", "/var/lib/portbook")
    operator.run(REMOVE).ok(changed=True)
    assert everything(machine) == before


@pytest.mark.once
def test_a_state_of_wrong_types_is_repaired_and_blocks_no_removal(machine: Machine, operator: Operator) -> None:
    before = everything(machine)
    operator.run().ok(changed=True)
    path, wrong = "/var/lib/portbook/state.json", '{"format": 1, "settings": "what"}'
    whole = remembered(machine)
    said = f"{path} was not readable (settings is not what it has to be)"
    machine.write(path, wrong, "600")
    assert said in operator.run().ok(changed=True).words
    assert remembered(machine) == whole
    machine.write(path, wrong, "600")
    assert said in operator.run(REMOVE).ok(changed=True).words
    assert everything(machine) == before


def remembered(machine: Machine) -> dict[str, Any]:
    """Less the name of the change that was confirmed, and when it was loaded."""
    return {**json.loads(machine.run("cat", "/var/lib/portbook/state.json")), "token": "", "loaded": 0}
