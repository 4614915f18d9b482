# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that have a firewall already: ufw, hand-made nftables, fail2ban, as docs/existing-firewall.md has them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.machine import Machine
from lab.network import CONTROLLER, PEER, STRANGER
from machine.helpers.playbooks import Operator

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "existing-firewall.md").read_text(encoding="utf-8")
GUARDED, OTHER, SSH = 5044, 8080, 22
ASKED = [(source, port) for source in (CONTROLLER, PEER, STRANGER) for port in (GUARDED, OTHER)]


def shown(what: str) -> str:
    """The lines of the page behind this comment."""
    return PAGE.partition(f"<!-- tried: {what} -->\n```")[2].partition("\n")[2].partition("```")[0]


def banning(machine: Machine, action: str) -> Callable[[str], None]:
    machine.write("/etc/fail2ban/filter.d/siem.conf", "[Definition]\nfailregex = ^ban <HOST>$\n")
    jail = f"[siem]\nenabled = true\nport = {GUARDED}\nfilter = siem\nlogpath = /var/log/siem\nbackend = polling\n"
    machine.write("/etc/fail2ban/jail.d/defaults-debian.conf", f"[DEFAULT]\nbanaction = {action}\n{jail}")
    machine.write("/var/log/siem", "")
    machine.run("systemctl", "restart", "fail2ban")
    end = time.monotonic() + 20
    while not machine.succeeds("fail2ban-client", "status", "siem") and time.monotonic() < end:
        time.sleep(0.1)

    def do(word: str) -> None:
        machine.run("fail2ban-client", "set", "siem", word, PEER)

    return do


def ufw(machine: Machine, kind: str = "nft") -> None:
    for program in ("iptables", "ip6tables"):
        machine.run("update-alternatives", "--set", program, f"/usr/sbin/{program}-{kind}")
    machine.run("ufw", "allow", f"{SSH}/tcp")
    machine.run("ufw", "--force", "enable")
    machine.run("systemctl", "--quiet", "enable", "ufw")


@pytest.mark.more
@pytest.mark.parametrize("kind", ["nft", "legacy"])
def test_beside_ufw(machine: Machine, operator: Operator, kind: str) -> None:
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
        ban = banning(machine, action)
        ban("banip")
        assert machine.reached(ASKED) == set(), action
        ban("unbanip")
        assert machine.reached(ASKED) == {(PEER, GUARDED)}


def test_ufw_and_the_mark_are_there_after_a_restart_of_the_host(machine: Machine, operator: Operator) -> None:
    ufw(machine)
    machine.run("sh", "-euc", shown("ufw"))
    operator.inventory(portbook_mark="0x10")
    operator.run().ok(changed=True)
    # The network outlives this machine, and so would its rules.
    machine.run("nft", "flush", "ruleset")
    machine.reboot()
    machine.listen(GUARDED, OTHER)
    assert machine.reached(ASKED) == {(PEER, GUARDED)}
    operator.run().ok(changed=False)


def test_beside_a_hand_made_ruleset(machine: Machine, operator: Operator) -> None:
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
    ban = banning(machine, "nftables")
    ban("banip")
    assert machine.reached(ASKED) == set()
    ban("unbanip")
    assert machine.reached(ASKED) == {(PEER, GUARDED)}
