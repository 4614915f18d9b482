# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook site over real ssh, on a machine with systemd."""

from __future__ import annotations

import json
import re
import time

import pytest
from lab.machine import Machine
from lab.network import CONTROLLER, PEER, STRANGER
from machine.helpers.playbooks import Operator, finished

GUARDED, OTHER = 5044, 8080


def files(machine: Machine) -> str:
    """Names, content and times of ours; the lock is no content."""
    return machine.run("sh", "-c", "find /var/lib/portbook /etc/systemd ! -name lock -printf '%p %T@ %s\\n' | sort")


def connections(machine: Machine, expected: int = 0) -> int:
    """How many were accepted; the journal of a busy machine has the last of them late."""
    end = time.monotonic() + 10
    while True:
        machine.run("journalctl", "--sync")
        found = machine.run("journalctl", "--unit=ssh", "--output=cat").count("Accepted publickey")
        if found >= expected or time.monotonic() > end:
            return found
        time.sleep(0.2)


def test_site_brings_the_host_to_the_plan_and_confirms_over_a_new_connection(
    machine: Machine, operator: Operator
) -> None:
    operator.run().ok(changed=True)
    assert "tcp . 5044 : jump" in machine.table()
    assert connections(machine, 2) == 2
    assert not machine.succeeds("test", "-e", "/var/lib/portbook/pending.json")


def test_a_second_run_changes_nothing_writes_nothing_and_needs_no_new_connection(
    machine: Machine, operator: Operator
) -> None:
    operator.run().ok(changed=True)
    before = machine.run("nft", "--handle", "list", "ruleset"), files(machine), connections(machine, 2)
    operator.run().ok(changed=False)
    assert (machine.run("nft", "--handle", "list", "ruleset"), files(machine), connections(machine)) == before


@pytest.mark.once
def test_check_mode_says_what_would_change_and_leaves_the_host_as_it_was(machine: Machine, operator: Operator) -> None:
    run = operator.run("portbook.firewall.site", "--check", "--diff").ok(changed=True)
    assert "+in tcp 5044 from utmstack_agent, guarded, in a container (utmstack.agent-beats)" in run.output
    assert f"+peers utmstack_agent: {PEER}" in run.output
    assert machine.run("nft", "list", "ruleset") == ""
    assert not machine.succeeds("ls", "/var/lib/portbook")


def test_a_peer_reaches_a_guarded_port_and_a_stranger_does_not(machine: Machine, operator: Operator) -> None:
    machine.listen(GUARDED, OTHER)
    asked = [(source, port) for source in (CONTROLLER, PEER, STRANGER) for port in (GUARDED, OTHER)]
    assert machine.reached(asked) == set(asked)
    operator.run().ok(changed=True)
    assert machine.reached(asked) == set(asked) - {(STRANGER, GUARDED), (CONTROLLER, GUARDED)}


@pytest.mark.parametrize("pipelining", [True, pytest.param(False, marks=pytest.mark.more)])
def test_management_access_is_found_behind_sudo(machine: Machine, operator: Operator, pipelining: bool) -> None:
    """sudo takes SSH_CONNECTION out of what the module sees."""
    user = {"ansible_user": "deploy", "ansible_become": True, "ansible_pipelining": pipelining}
    operator.inventory(**user, portbook_posture="strict")
    operator.run().ok(changed=True)
    state = json.loads(machine.run("cat", "/var/lib/portbook/state.json"))
    assert state["way_in"] == [CONTROLLER]
    operator.run().ok(changed=False)


def test_strict_keeps_ssh_and_refuses_a_port_that_is_not_listed(machine: Machine, operator: Operator) -> None:
    machine.listen(GUARDED, OTHER)
    operator.inventory(portbook_posture="strict")
    operator.run().ok(changed=True)
    asked = [(PEER, GUARDED), (PEER, OTHER), (STRANGER, OTHER), (CONTROLLER, OTHER)]
    assert machine.reached(asked) == {(PEER, GUARDED)}
    operator.run().ok(changed=False)


@pytest.mark.once
def test_two_runs_at_once_the_second_says_who_is_at_work(machine: Machine, operator: Operator) -> None:
    # Each of its calls, for not as long as an nft that hangs.
    slow = '#!/bin/sh\ntouch /run/at-work\n[ ! -e /run/slow ] || sleep 6\nexec /usr/sbin/nft.real "$@"\n'
    machine.run("mv", "/usr/sbin/nft", "/usr/sbin/nft.real")
    machine.write("/usr/sbin/nft", slow, "755")
    machine.run("touch", "/run/slow")
    first = operator.start()
    while first.poll() is None and not machine.succeeds("test", "-e", "/run/at-work"):
        pass
    second = operator.run().failed()
    assert "another run is active on this host: process" in second.words
    assert f", by ssh from {CONTROLLER}. Wait for it, or stop it" in second.words
    machine.run("rm", "/run/slow")
    finished(first).ok(changed=True)


@pytest.mark.once
def test_a_host_without_nft_says_what_to_install(machine: Machine, operator: Operator) -> None:
    machine.run("rm", "/usr/sbin/nft")
    before = files(machine)
    assert "nft is not installed on this host. Install the package nftables" in operator.run().failed().words
    assert files(machine) == before


@pytest.mark.once
def test_a_host_without_root_says_to_become_root(machine: Machine, operator: Operator) -> None:
    operator.inventory(ansible_user="deploy")
    before = files(machine)
    assert "Set become: true" in operator.run().failed().words
    assert (files(machine), machine.table()) == (before, "")


@pytest.mark.once
def test_a_host_whose_python_is_too_old_says_so(machine: Machine, operator: Operator) -> None:
    pretend = "import sys\nsys.version_info = (3, 6, 9, 'final', 0)\nsys.version = '3.6.9 (default)'\n"
    machine.run("mkdir", "/opt/old")
    machine.write("/opt/old/sitecustomize.py", pretend)
    machine.write("/opt/old/python", '#!/bin/sh\nPYTHONPATH=/opt/old exec /usr/bin/python3 "$@"\n', "755")
    operator.inventory(ansible_python_interpreter="/opt/old/python")
    words = operator.run().failed().words
    assert re.search(r"requires (a minimum of )?Python", words)
    assert "3.6.9" in words
    assert machine.table() == ""


@pytest.mark.once
def test_a_host_without_python_says_so(machine: Machine, operator: Operator) -> None:
    operator.inventory(ansible_python_interpreter="/usr/bin/python3.6")
    assert "/usr/bin/python3.6' was not found" in operator.run().failed().words
