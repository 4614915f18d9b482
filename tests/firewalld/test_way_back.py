# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that cuts the management access is taken back by the host itself, firewalld's part with ours."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from firewalld.helpers.daemon import Daemon
from firewalld.helpers.packets import GUARDED, PEER_ALONE, asked
from lab.machine import Machine
from lab.network import STRANGER
from machine.helpers.playbooks import HELD, Operator
from machine.test_way_back import WORKS, cut, join, state

pytestmark = pytest.mark.more

SPARE = 60
"""firewalld may have to be restarted, on a computer that has other machines to run."""
MORE = {"utmstack_agent": [STRANGER]}
Happens = Callable[[Machine], None]


def command(*words: str) -> Happens:
    def run(machine: Machine) -> None:
        machine.run(*words, check=False)

    return run


def held(machine: Machine, daemon: Daemon) -> tuple[object, ...]:
    """All that a change may change, and what packets find."""
    return (*state(machine), daemon.files(), daemon.rules(), daemon.ipsets())


def taken_back(machine: Machine, daemon: Daemon, before: tuple[object, ...], end: float) -> None:
    while held(machine, daemon) != before and time.monotonic() < end:
        time.sleep(0.5)
    assert held(machine, daemon) == before
    assert not machine.succeeds("test", "-e", "/run/portbook/back")


# What comes between the change and its end. Each leaves, or makes, something else at runtime.
HAPPENS: dict[str, Happens] = {
    "nothing": command("true"),
    "firewalld is stopped": command("systemctl", "stop", "firewalld"),
    "firewalld is killed": command("systemctl", "kill", "--signal=KILL", "firewalld"),
    "firewalld is restarted": command("systemctl", "restart", "firewalld"),
    "firewalld is reloaded": command("firewall-cmd", "--reload"),
    "everything is flushed": command("nft", "flush", "ruleset"),
}


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("happens", HAPPENS)
def test_what_cuts_the_management_access_is_taken_back(
    machine: Machine, operator: Operator, daemon: Daemon, happens: str
) -> None:
    """A later change: other peers and another posture, none of which takes a reload."""
    operator.run().ok(changed=True)
    before = held(machine, daemon)
    cut(operator, portbook_posture="strict", portbook_peers_more=MORE)
    failed = operator.start()
    end = time.monotonic() + 60
    while "chain inbound" not in machine.table() or "syn" not in machine.table():
        assert time.monotonic() < end
        time.sleep(0.1)
    HAPPENS[happens](machine)
    assert failed.wait(timeout=200) != 0
    taken_back(machine, daemon, before, time.monotonic() + HELD + SPARE)
    join(machine)
    assert asked(machine) == PEER_ALONE
    operator.ssh(WORKS)
    operator.inventory()
    operator.run().ok()
    assert asked(machine) == PEER_ALONE


def test_a_first_change_is_taken_back_to_nothing(machine: Machine, operator: Operator, daemon: Daemon) -> None:
    daemon.cmd("--zone=public", "--add-port=8888/tcp")
    before = (*state(machine), daemon.files())
    cut(operator)
    operator.run().failed()
    end = time.monotonic() + HELD + SPARE
    while (*state(machine), daemon.files()) != before and time.monotonic() < end:
        time.sleep(0.5)
    assert (*state(machine), daemon.files()) == before
    assert "8888/tcp" in daemon.cmd("--zone=public", "--list-ports")
    assert daemon.rules() == []


@pytest.mark.parametrize("first", [True, False])
def test_a_restart_of_the_host_before_the_confirmation_brings_the_old(
    machine: Machine, operator: Operator, daemon: Daemon, first: bool
) -> None:
    if not first:
        operator.run().ok(changed=True)
    before = (*state(machine), daemon.files(), daemon.rules())
    cut(operator, portbook_posture="strict", portbook_peers_more=MORE)
    operator.run().failed()
    join(machine)
    machine.reboot()
    daemon.wait()
    assert (*state(machine), daemon.files(), daemon.rules()) == before
    machine.listen(GUARDED)
    assert machine.reaches(STRANGER, GUARDED) is False
    operator.ssh(WORKS)
    operator.inventory(portbook_posture="strict", portbook_peers_more=MORE)
    operator.run().ok(changed=True)
    assert machine.reaches(STRANGER, GUARDED)
