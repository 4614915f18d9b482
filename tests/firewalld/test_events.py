# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a host between two runs: who is let in stays, or the next run brings it back."""

from __future__ import annotations

import pytest
from firewalld.helpers.daemon import Daemon
from firewalld.helpers.packets import GUARDED, OTHER, PEER_ALONE, asked
from lab.machine import Machine
from lab.network import PEER, STRANGER
from machine.helpers.playbooks import Operator

pytestmark = pytest.mark.more

STAYS = {
    "reload": ["firewall-cmd", "--reload"],
    "complete reload": ["firewall-cmd", "--complete-reload"],
    "restart": ["systemctl", "restart", "firewalld"],
    "restart of nftables": ["systemctl", "restart", "portbook-firewall"],
}
RULE = 'rule service name="http" accept'


@pytest.mark.usefixtures("listening")
def test_reloads_and_restarts_change_nothing(machine: Machine, operator: Operator, daemon: Daemon) -> None:
    operator.run().ok(changed=True)
    for what, words in STAYS.items():
        machine.run(*words)
        daemon.wait()
        assert asked(machine) == PEER_ALONE, what
        operator.run().ok(changed=False)


def test_a_restart_of_the_host_and_a_power_cut_change_nothing(
    machine: Machine, operator: Operator, daemon: Daemon
) -> None:
    operator.run().ok(changed=True)
    for starts_again in (machine.reboot, machine.power_cut):
        starts_again()
        daemon.wait()
        machine.listen(GUARDED, OTHER)
        assert asked(machine) == PEER_ALONE, starts_again.__name__
        operator.run().ok(changed=False)


@pytest.mark.once
@pytest.mark.usefixtures("listening")
def test_what_hands_have_changed_is_put_right_by_the_next_run(
    machine: Machine, operator: Operator, daemon: Daemon
) -> None:
    operator.run().ok(changed=True)
    there = daemon.files(), daemon.rules(), daemon.ipsets()
    ipset = next(name for name, entries in daemon.ipsets().items() if entries == [PEER])
    service = next(name for name in daemon.cmd("--get-services").split() if name.startswith("pb-"))
    permanent = "--permanent"
    edits = {
        "a rule at runtime": [("--policy=portbook_in", f"--add-rich-rule={RULE}")],
        "a rule permanently": [(permanent, "--policy=portbook_in", f"--add-rich-rule={RULE}")],
        "a rule gone": [("--policy=portbook_in", f"--remove-rich-rule={daemon.rules()[0]}")],
        "a peer at runtime": [(f"--ipset={ipset}", f"--add-entry={STRANGER}")],
        "a peer permanently": [(permanent, f"--ipset={ipset}", f"--add-entry={STRANGER}")],
        "a port, and a reload": [(permanent, f"--service={service}", "--add-port=9/tcp"), ("--reload",)],
        "the policy's priority, and a reload": [
            (permanent, "--policy=portbook_in", "--set-priority=50"),
            ("--reload",),
        ],
        "the policy gone, and a reload": [(permanent, "--delete-policy=portbook_in"), ("--reload",)],
    }
    for what, commands in edits.items():
        for words in commands:
            daemon.cmd(*words)
        assert operator.run().ok().recap["changed"] == 1, what
        assert (daemon.files(), daemon.rules(), daemon.ipsets()) == there, what
        assert asked(machine) == PEER_ALONE, what
        operator.run().ok(changed=False)


@pytest.mark.usefixtures("listening")
def test_after_a_flush_the_next_run_brings_all_back(machine: Machine, operator: Operator, daemon: Daemon) -> None:
    """A reload then would lock out on firewalld 1.3."""
    operator.run().ok(changed=True)
    machine.run("nft", "flush", "ruleset")
    operator.run().ok(changed=True)
    assert asked(machine) == PEER_ALONE
    assert "firewalld_policy_drop" not in machine.run("nft", "list", "tables")
    assert machine.answers_ssh(5)
    operator.run().ok(changed=False)
