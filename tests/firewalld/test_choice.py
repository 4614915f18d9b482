# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backend a host has: auto finds out and remembers, another one is an error until it is meant."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest
from firewalld.helpers.daemon import Daemon
from firewalld.helpers.packets import GUARDED, PEER_ALONE, asked
from lab.machine import Machine
from lab.network import STRANGER
from machine.faults.shell import fill, freed, read_only, writable
from machine.helpers.playbooks import Operator
from machine.helpers.watching import Probe, Watched, watching
from machine.test_remove import everything

pytestmark = pytest.mark.more

STRANGERS = "strangers"


def watched(machine: Machine) -> AbstractContextManager[Watched]:
    return watching(machine, [Probe(STRANGERS, STRANGER, machine.address, GUARDED)])


@pytest.mark.usefixtures("listening")
def test_a_host_moves_from_nftables_to_firewalld_and_back(machine: Machine, operator: Operator, daemon: Daemon) -> None:
    machine.run("systemctl", "disable", "--now", "firewalld")
    operator.run().ok(changed=True)
    assert '"backend": "nftables"' in machine.run("cat", "/var/lib/portbook/state.json")
    assert asked(machine) >= PEER_ALONE
    daemon.start()

    # With auto, what the host was given stays, and asking for the other one is an error.
    operator.run().ok(changed=False)
    there = everything(machine)
    operator.inventory(portbook_backend="firewalld")
    refusal = "applied by nftables, and firewalld is asked for. Set portbook_migrate: true"
    assert refusal in operator.run().failed().words
    assert everything(machine) == there
    assert daemon.rules() == []

    operator.inventory(portbook_backend="firewalld", portbook_migrate=True)
    with watched(machine) as seen:
        operator.run().ok(changed=True)
    assert seen.new[STRANGERS].answers
    assert seen.new[STRANGERS].came == 0
    assert asked(machine) == PEER_ALONE
    assert daemon.rules()
    operator.run().ok(changed=False)
    operator.inventory()
    operator.run().ok(changed=False)

    operator.inventory(portbook_backend="nftables")
    assert "applied by firewalld, and nftables is asked for" in operator.run().failed().words
    operator.inventory(portbook_backend="nftables", portbook_migrate=True, portbook_foreign="warn")
    with watched(machine) as seen:
        operator.run().ok(changed=True)
    assert seen.new[STRANGERS].answers
    assert seen.new[STRANGERS].came == 0
    assert daemon.rules("--permanent") == []
    assert not [path for path in daemon.files() if "pb-" in path or "portbook" in path]
    machine.run("systemctl", "disable", "--now", "firewalld")
    operator.run().ok(changed=False)
    assert asked(machine) >= PEER_ALONE
    assert not machine.reaches(STRANGER, GUARDED)


def of_the_machine(machine: Machine) -> set[str]:
    """Files, without what Python writes for itself."""
    return {path for path in everything(machine) if path.startswith("/") and "__pycache__" not in path}


def test_what_cannot_be_asked_is_said_before_anything_is_touched(
    machine: Machine, operator: Operator, daemon: Daemon
) -> None:
    before = of_the_machine(machine), daemon.files()

    def refused() -> str:
        words = operator.run().failed().words
        assert machine.table() == ""
        return words

    machine.run("sed", "-i", "s/^FirewallBackend=.*/FirewallBackend=iptables/", "/etc/firewalld/firewalld.conf")
    machine.run("systemctl", "restart", "firewalld")
    daemon.wait()
    assert "FirewallBackend is iptables in /etc/firewalld/firewalld.conf" in refused()
    machine.run("sed", "-i", "s/^FirewallBackend=.*/FirewallBackend=nftables/", "/etc/firewalld/firewalld.conf")
    machine.run("systemctl", "restart", "firewalld")
    daemon.wait()

    machine.run("systemctl", "stop", "firewalld")
    assert "firewalld is enabled on this host and does not run, so the backend cannot be chosen" in refused()
    operator.inventory(portbook_backend="firewalld")
    assert "firewalld.service is enabled and inactive on this host. Start it" in refused()
    machine.run("systemctl", "mask", "firewalld")
    assert "firewalld.service is masked on this host. Unmask and start it" in refused()
    machine.run("systemctl", "unmask", "firewalld")
    machine.run("systemctl", "start", "firewalld")
    daemon.wait()

    folder = "/etc/firewalld"
    machine.run("sh", "-c", fill(folder))
    assert "/etc/firewalld/policies cannot be written: No space left on device. Free some space there" in refused()
    machine.run("sh", "-c", freed(folder))
    machine.run("sh", "-c", read_only(folder))
    assert "/etc/firewalld/policies cannot be written: Read-only file system. The rules must survive" in refused()
    machine.run("sh", "-c", writable(folder))

    bindings = machine.run("python3", "-c", "import dbus; print(dbus.__path__[0])").strip()
    machine.run("mv", bindings, f"{bindings}.away")
    assert "has no bindings for D-Bus (No module named 'dbus')" in refused()
    machine.run("mv", f"{bindings}.away", bindings)
    assert (of_the_machine(machine), daemon.files()) == before
    operator.inventory()
    operator.run().ok(changed=True)
    assert daemon.rules()
