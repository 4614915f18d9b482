# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that have a firewall already: ufw, hand-made nftables, fail2ban, as docs/existing-firewall.md has them."""

from __future__ import annotations

import pytest
from lab.machine import Machine
from lab.network import CONTROLLER, PEER, STRANGER
from machine.helpers.beside import banning, shown, ufw
from machine.helpers.playbooks import Operator

GUARDED, OTHER = 5044, 8080
ASKED = [(source, port) for source in (CONTROLLER, PEER, STRANGER) for port in (GUARDED, OTHER)]


@pytest.mark.more
@pytest.mark.parametrize("kind", ["nft", "legacy"])
def test_next_to_ufw(machine: Machine, operator: Operator, kind: str) -> None:
    ufw(machine, kind)
    refused = operator.run().failed().words
    assert "Set portbook_mark: 0x10/0x10 for this host." in refused
    assert f"Add to table ip filter{' (iptables-legacy)' if kind == 'legacy' else ''}, chain INPUT" in refused
    assert machine.table() == ""

    machine.run("sh", "-euc", shown("ufw"))
    operator.inventory(portbook_mark="0x10")
    machine.listen(GUARDED, OTHER)
    assert machine.reached(ASKED) == set()
    applied = operator.run().ok(changed=True).words
    assert "is lost" not in applied
    assert "is unknown" not in applied
    assert machine.reached(ASKED) == {(PEER, GUARDED)}
    operator.run().ok(changed=False)

    # What the administrator denies, and whom fail2ban bans, comes first.
    machine.run("ufw", "deny", "from", PEER)
    assert machine.reached(ASKED) == set()
    machine.run("ufw", "delete", "deny", "from", PEER)
    for action in ("iptables-multiport", "ufw"):
        ban = banning(machine, action, GUARDED, PEER)
        ban("banip")
        assert machine.reached(ASKED) == set(), action
        ban("unbanip")
        assert machine.reached(ASKED) == {(PEER, GUARDED)}


def test_ufw_and_the_mark_are_there_after_a_restart_of_the_host(machine: Machine, operator: Operator) -> None:
    ufw(machine)
    machine.run("sh", "-euc", shown("ufw"))
    operator.inventory(portbook_mark="0x10")
    operator.run().ok(changed=True)
    machine.reboot()
    machine.listen(GUARDED, OTHER)
    assert machine.reached(ASKED) == {(PEER, GUARDED)}
    operator.run().ok(changed=False)


def test_next_to_a_hand_made_ruleset(machine: Machine, operator: Operator) -> None:
    machine.write("/etc/nftables.conf", shown("nftables.conf"))
    machine.run("systemctl", "--quiet", "enable", "nftables")
    machine.run("systemctl", "restart", "nftables")
    operator.inventory(portbook_mark="0x10")
    machine.listen(GUARDED, OTHER)
    assert machine.reached(ASKED) == set()
    applied = operator.run().ok(changed=True).words
    assert "is lost" not in applied
    assert "is unknown" not in applied
    assert machine.reached(ASKED) == {(PEER, GUARDED)}
    # Its start flushes everything, and ours is loaded again behind it.
    machine.run("systemctl", "restart", "nftables")
    assert machine.reached(ASKED) == {(PEER, GUARDED)}
    operator.run().ok(changed=False)
    ban = banning(machine, "nftables", GUARDED, PEER)
    ban("banip")
    assert machine.reached(ASKED) == set()
    ban("unbanip")
    assert machine.reached(ASKED) == {(PEER, GUARDED)}
