# SPDX-License-Identifier: GPL-3.0-or-later
"""On a real machine with a real sshd: a local connection does not hide who comes in by ssh."""

from __future__ import annotations

import sys

import pytest
from lab.machine import Machine
from lab.network import CONTROLLER, STRANGER
from machine.helpers.playbooks import Operator

pytestmark = pytest.mark.once

# As if Ansible ran on the machine itself. Modules come by standard input, so nothing has to lie there.
ON_THE_MACHINE = """#!/bin/sh
nspawn=$(pidof systemd-nspawn)
exec nsenter --target="$(cut -d' ' -f1 "/proc/$nspawn/task/$nspawn/children")" -m -u -i -n -p -r -w -- \\
    /usr/bin/python3 "$@"
"""


_GREETING = """
import socket, sys
with socket.create_connection((sys.argv[1], 22), 1.5, (sys.argv[2], 0)) as peer:
    peer.settimeout(5)
    print(peer.recv(4).decode())
"""


def is_greeted(machine: Machine, source: str) -> bool:
    """Whether sshd says a word to a new connection from there."""
    return machine.outside(sys.executable, "-c", _GREETING, machine.address, source).stdout.strip() == "SSH-"


@pytest.fixture
def local(operator: Operator) -> Operator:
    path = operator.folder / "python-on-the-machine"
    path.write_text(ON_THE_MACHINE)
    path.chmod(0o755)
    return operator


def inventory(operator: Operator, **variables: object) -> None:
    where = {
        "ansible_connection": "local",
        "ansible_python_interpreter": str(operator.folder / "python-on-the-machine"),
    }
    operator.inventory(**where, **variables)


def test_strict_needs_a_word_for_who_gets_in_by_ssh(machine: Machine, local: Operator) -> None:
    inventory(local, portbook_posture="strict")
    words = local.run().failed().words
    assert "tcp 22, which everyone can reach now, would be refused to everyone" in words
    assert "Set portbook_management" in words
    assert machine.table() == ""

    inventory(local, portbook_posture="strict", portbook_management=[CONTROLLER])
    assert "not confirmed: local connection" in local.run().ok(changed=True).words
    assert [is_greeted(machine, source) for source in (CONTROLLER, STRANGER)] == [True, False]
    local.run().ok(changed=False)

    # Over ssh the same is no change, and ansible-pull afterwards is none either.
    local.inventory(portbook_posture="strict", portbook_management=[CONTROLLER])
    local.run().ok()
    before = machine.table()
    inventory(local, portbook_posture="strict", portbook_management=[CONTROLLER])
    local.run().ok(changed=False)
    assert machine.table() == before


@pytest.mark.more
def test_a_guard_of_other_ports_leaves_ssh_to_everyone(machine: Machine, local: Operator) -> None:
    inventory(local)
    assert "not confirmed: local connection" in local.run().ok(changed=True).words
    assert machine.table()
    assert [is_greeted(machine, source) for source in (CONTROLLER, STRANGER)] == [True, True]
