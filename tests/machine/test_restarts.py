# SPDX-License-Identifier: GPL-3.0-or-later
"""What brings the table back: after nftables.service, after a reboot, after a flush by hand."""

from __future__ import annotations

import pytest
from lab.machine import Machine
from lab.network import PEER, STRANGER
from machine.helpers.playbooks import Operator

GUARDED = 5044


@pytest.mark.parametrize("before", ["never started", "running"])
def test_the_table_is_back_after_the_distributions_service_has_flushed_everything(
    machine: Machine, operator: Operator, before: str
) -> None:
    if before == "running":
        machine.run("systemctl", "enable", "--now", "nftables")
    operator.run().ok(changed=True)
    table = machine.table()
    for words in (["restart"], ["reload"], ["stop", "start"], ["reload-or-restart"]):
        for word in words:
            machine.run("systemctl", word, "nftables")
        assert machine.table() == table, words
        assert "chain input" in machine.run("nft", "list", "ruleset"), "the distribution's own table"
    operator.run().ok(changed=False)


def moment(machine: Machine, unit: str, what: str) -> int:
    return int(machine.run("systemctl", "show", "--value", f"--property={what}TimestampMonotonic", unit))


@pytest.mark.parametrize("nftables", ["disabled", "enabled"])
def test_the_table_is_back_after_a_reboot_before_there_is_a_network(
    machine: Machine, operator: Operator, nftables: str
) -> None:
    if nftables == "enabled":
        machine.run("systemctl", "enable", "--now", "nftables")
    operator.run().ok(changed=True)
    table = machine.table()
    machine.reboot()
    assert machine.table() == table
    before = machine.run("systemctl", "show", "--value", "--property=Before", "portbook-firewall.service").split()
    assert {"sysinit.target", "network-pre.target"} <= set(before), "not by luck"
    there = moment(machine, "portbook-firewall.service", "ActiveEnter")
    assert 0 < there < moment(machine, "network-pre.target", "ActiveEnter")
    assert there < moment(machine, "sysinit.target", "ActiveEnter") < moment(machine, "ssh.service", "ExecMainStart")
    assert machine.run("systemctl", "--failed", "--no-legend", "--plain") == ""
    machine.listen(GUARDED)
    assert machine.reached([(PEER, GUARDED), (STRANGER, GUARDED)]) == {(PEER, GUARDED)}
    operator.run().ok(changed=False)


@pytest.mark.once
def test_a_flush_by_hand_is_repaired_by_the_next_run(machine: Machine, operator: Operator) -> None:
    operator.run().ok(changed=True)
    table = machine.table()
    machine.run("nft", "flush", "ruleset")
    assert "it was replaced" in operator.run().ok(changed=True).words
    assert machine.table() == table
    operator.run().ok(changed=False)


@pytest.mark.more
def test_units_that_are_missing_or_off_are_repaired_by_the_next_run(machine: Machine, operator: Operator) -> None:
    operator.run().ok(changed=True)
    machine.run("systemctl", "disable", "portbook-firewall")
    operator.run().ok(changed=True)
    machine.run("rm", "/etc/systemd/system/nftables.service.d/portbook.conf", "/var/lib/portbook/table.nft")
    operator.run().ok(changed=True)
    table = machine.table()
    machine.reboot()
    machine.run("systemctl", "restart", "nftables")
    assert machine.table() == table
    operator.run().ok(changed=False)
