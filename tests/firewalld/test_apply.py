# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that runs firewalld keeps it: firewalld opens, and our own table refuses."""

from __future__ import annotations

import pytest
from firewalld.helpers.daemon import Daemon
from firewalld.helpers.packets import ALL_OF_GUARDED, ALL_OF_OTHER, GUARDED, PEER_ALONE, asked, asked_by_ipv6
from lab.machine import Machine
from lab.network import PEER6, STRANGER
from machine.helpers.playbooks import REMOVE, SITE, Operator
from machine.test_remove import everything
from pages import CHECKOUT, missing_lines, printed

PAGE = CHECKOUT / "docs" / "firewalld.md"
PORT_OF_AN_ADMINISTRATOR = "8888/tcp"


def without_indents(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


@pytest.mark.usefixtures("listening")
def test_from_the_first_run_to_the_last(machine: Machine, operator: Operator, daemon: Daemon) -> None:
    """Peers get in and nobody else, be the port open in a zone or not; runtime-only configuration of others stays; a
    change of peers is no reload; a second run writes nothing; nothing is left."""
    daemon.cmd("--zone=public", f"--add-port={PORT_OF_AN_ADMINISTRATOR}")
    before, files = everything(machine), daemon.files()
    assert asked(machine) == set()

    predicted = operator.run(SITE, "--check").ok(changed=True)
    assert everything(machine) == before
    first = operator.run().ok(changed=True)
    assert predicted.recap["changed"] == first.recap["changed"]
    assert printed(PAGE, "restored").words in first.words
    command, *policy = without_indents(printed(PAGE, "policy").body).splitlines()
    assert command == "# firewall-cmd --info-policy=portbook_in"
    assert not missing_lines("\n".join(policy), without_indents(daemon.cmd("--info-policy=portbook_in")))
    assert asked(machine) == PEER_ALONE
    assert PORT_OF_AN_ADMINISTRATOR in daemon.cmd("--zone=public", "--list-ports")
    assert daemon.rules() == daemon.rules("--permanent")
    assert daemon.ipsets() == daemon.ipsets("--permanent")

    there = everything(machine), daemon.files(), daemon.generation()
    operator.run().ok(changed=False)
    assert (everything(machine), daemon.files(), daemon.generation()) == there

    # A guard closes what the administrator has opened.
    daemon.cmd("--zone=public", f"--add-port={GUARDED}/tcp")
    assert asked(machine) == PEER_ALONE
    operator.run().ok(changed=False)
    daemon.cmd("--zone=public", f"--remove-port={GUARDED}/tcp")

    generation = daemon.generation()
    operator.inventory(portbook_peers_more={"utmstack_agent": [STRANGER]})
    changed = operator.run().ok(changed=True)
    assert "reloaded" not in changed.words
    assert daemon.generation() == generation
    assert asked(machine) == PEER_ALONE | {(STRANGER, GUARDED)}
    operator.inventory()
    operator.run().ok(changed=True)
    assert daemon.generation() == generation
    assert asked(machine) == PEER_ALONE

    operator.run(REMOVE).ok(changed=True)
    assert asked(machine) == set()
    assert (everything(machine), daemon.files()) == (before, files)
    assert "portbook_in" not in daemon.policies()
    assert not [name for name in daemon.ipsets() if name.startswith("pb-")]
    assert PORT_OF_AN_ADMINISTRATOR in daemon.cmd("--zone=public", "--list-ports")
    operator.run(REMOVE).ok(changed=False)


POSTURES = {
    "open": {"public": PEER_ALONE, "drop": PEER_ALONE, "block": PEER_ALONE, "trusted": ALL_OF_GUARDED | ALL_OF_OTHER},
    "watch": {"public": PEER_ALONE, "drop": PEER_ALONE, "block": PEER_ALONE, "trusted": ALL_OF_GUARDED | ALL_OF_OTHER},
    "guard": {"public": PEER_ALONE, "drop": PEER_ALONE, "block": PEER_ALONE, "trusted": PEER_ALONE | ALL_OF_OTHER},
    "strict": {"public": PEER_ALONE, "drop": PEER_ALONE, "block": PEER_ALONE, "trusted": PEER_ALONE},
}


@pytest.mark.more
@pytest.mark.usefixtures("listening")
def test_each_posture_in_each_zone(machine: Machine, operator: Operator, daemon: Daemon) -> None:
    """Nothing is assumed about the zones of interfaces."""
    for posture, zones in POSTURES.items():
        operator.inventory(portbook_posture=posture, portbook_peers_more={"utmstack_agent": [PEER6]})
        operator.run().ok(changed=True)
        for zone, wanted in zones.items():
            daemon.cmd(f"--set-default-zone={zone}")
            assert asked(machine) == wanted, (posture, zone)
            assert asked_by_ipv6(machine) == wanted, (posture, zone, "IPv6")
        if posture == "strict":
            # Who manages the host gets in, whatever the zone says.
            daemon.cmd("--set-default-zone=drop")
            assert machine.answers_ssh(5)
        daemon.cmd("--set-default-zone=public")
        operator.run().ok(changed=False)
