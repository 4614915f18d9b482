# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever breaks while a change waits that cuts the way in: the host takes it back, and the next run works.

Five of them by default, all with PORTBOOK_FAULTS=all."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import pytest
from lab.machine import Machine
from machine.helpers.playbooks import HELD, Operator, finished
from machine.test_way_back import SPARE, about_to_be_cut, held, wait_until

NFT = "/usr/sbin/nft"
# In front of nft for the whole test, so that what happens at the end of the hold is a file that comes or goes.
_BREAKABLE = f'#!/bin/sh\n[ -e /run/broken ] && {{{{ {{}}; }}}}\nexec {NFT}.real "$@"\n'


@dataclass(frozen=True)
class Fault:
    happens: str
    """For a shell on the machine, while the change waits."""
    nft: str = ""
    """What nft does from then on, until it is undone."""
    undone: str = ""
    """Some seconds after the end of the hold."""
    late: float = 0.0
    """Seconds that the way back may take longer by."""
    opens: bool = False
    """There is nothing left that could be put back, so the host has no table until the next run."""
    forgets: bool = False
    """The host no longer knows what it had been given."""


def _soon(what: str) -> str:
    """Again and again, from a second before the end of the hold to a second after it."""
    again = f"sleep {HELD - 1}; for i in $(seq 80); do {what}; sleep 0.02; done"
    return f"({again}) </dev/null >/dev/null 2>&1 &"


BROKEN, MENDED = "touch /run/broken", "rm -f /run/broken"
FEW = {
    "every Python is killed": Fault("pkill -KILL python3; true"),
    "the service is stopped before it begins": Fault("systemctl stop portbook-way-back.service"),
    "nft fails for three seconds": Fault(BROKEN, "echo busy >&2; exit 1", MENDED),
    "the folder is deleted": Fault("rm -rf /var/lib/portbook", forgets=True),
    "the folder is read-only": Fault(
        "mount --bind /var/lib/portbook /var/lib/portbook && mount -o remount,bind,ro /var/lib/portbook",
        undone="umount /var/lib/portbook",
    ),
}
MORE = {
    "nothing": Fault("true"),
    "the notes are deleted": Fault("rm -rf /run/portbook"),
    "the notes are emptied": Fault("for file in /run/portbook/*; do : >$file; done"),
    "notes and folder are deleted": Fault("rm -rf /run/portbook /var/lib/portbook", opens=True, forgets=True),
    "the note is damaged": Fault("echo '{' >/run/portbook/pending.json"),
    "nft is gone for three seconds": Fault(f"mv {NFT} {NFT}.away", undone=f"mv {NFT}.away {NFT}"),
    "nft dies for three seconds": Fault(BROKEN, "kill -SEGV $$", MENDED),
    "nft hangs for three seconds": Fault(BROKEN, "exec sleep 60", MENDED, late=10),
    "Python is gone": Fault("mv /usr/bin/python3 /usr/bin/away", undone="mv /usr/bin/away /usr/bin/python3"),
    "systemd reads its units again": Fault("systemctl daemon-reload"),
    "systemd starts again": Fault("systemctl daemon-reexec"),
    "dbus is stopped": Fault("systemctl stop dbus.socket dbus", undone="systemctl start dbus.socket dbus"),
    "sshd is started again": Fault("systemctl restart ssh"),
    "logind ends all of the operator": Fault("loginctl terminate-user root"),
    "somebody edits the table": Fault("nft add rule inet portbook inbound counter drop"),
    "somebody deletes the table": Fault("nft delete table inet portbook"),
    "somebody flushes everything": Fault("nft flush ruleset"),
    "a unit of ours is deleted": Fault("rm /etc/systemd/system/portbook-firewall.service", forgets=True),
    "the service is killed at its work": Fault(_soon("systemctl kill -s KILL portbook-way-back.service")),
    "every shell of systemd's is killed": Fault(_soon("pkill -KILL -x sh -P 1")),
}
FAULTS = {**FEW, **(MORE if os.environ.get("PORTBOOK_FAULTS") == "all" else {})}


@pytest.mark.parametrize("name", FAULTS)
def test_the_way_in_comes_back(machine: Machine, operator: Operator, name: str) -> None:
    fault = FAULTS[name]
    if fault.nft:
        machine.run("mv", NFT, f"{NFT}.real")
        machine.write(NFT, _BREAKABLE.format(fault.nft), "755")
    before = about_to_be_cut(machine, operator)
    run = operator.start()
    held(machine)
    start = time.monotonic()
    assert not machine.answers_ssh(0.3), "the change does not cut anything, so that nothing is tested"
    machine.run("sh", "-c", fault.happens)
    if fault.undone:
        time.sleep(max(0.0, start + HELD + 3 - time.monotonic()))
        machine.run("sh", "-c", fault.undone)
    end = start + HELD + SPARE + fault.late
    assert machine.answers_ssh(max(0.1, end - time.monotonic())), "locked out"
    finished(run).failed()
    if fault.forgets:
        assert machine.table() == ("" if fault.opens else before[0])
    else:
        wait_until(before, machine, end + 1)
    operator.inventory(portbook_management=["203.0.113.7"], portbook_management_ports=[22])
    operator.run().ok(changed=None if fault.forgets else False)
    operator.run().ok(changed=False)
    assert machine.table() == before[0]
    nothing_is_left(machine)


def nothing_is_left(machine: Machine) -> None:
    assert not machine.succeeds("test", "-e", "/run/portbook")
    assert machine.run("sh", "-c", "ls -A /var/lib/portbook | sort").split() == ["state.json", "table.nft"]
    assert "portbook-way-back" not in machine.run("systemctl", "list-units", "--all", "--no-legend", "--plain")
    assert "portbook" not in machine.run("systemctl", "list-units", "--failed", "--no-legend", "--plain")
