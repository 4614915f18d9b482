# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that runs firewalld keeps it: it opens, and our own table refuses."""

from __future__ import annotations

from firewalld.helpers.daemon import Daemon
from lab.laboratory import CONTROLLER, PEER, STRANGER, Laboratory
from machine.helpers.playbooks import REMOVE, SITE, Operator

GUARDED, OTHER, SSH = 5044, 8080, 22
ASKED = [(source, port) for source in (CONTROLLER, PEER, STRANGER) for port in (GUARDED, OTHER, SSH)]
EVERYBODY_LOGS_IN = {(source, SSH) for source in (CONTROLLER, PEER, STRANGER)}


def reached(machine: Laboratory) -> set[tuple[str, int]]:
    return machine.reached([one for one in ASKED if one[1] != SSH])


def test_peers_get_in_and_others_do_not(machine: Laboratory, operator: Operator, daemon: Daemon) -> None:
    machine.listen(GUARDED, OTHER)
    before = daemon.files()
    assert reached(machine) == set()
    operator.run().ok(changed=True)
    print(daemon.rules(), daemon.ipsets(), machine.run("cat", "/var/lib/portbook/table.nft"), daemon.files())
    assert reached(machine) == {(PEER, GUARDED)}
    operator.run().ok(changed=False)
    daemon.cmd("--zone=public", f"--add-port={GUARDED}/tcp")
    assert reached(machine) == {(PEER, GUARDED)}
    daemon.cmd("--reload")
    assert reached(machine) == {(PEER, GUARDED)}
    operator.run().ok(changed=False)
    operator.run(REMOVE).ok(changed=True)
    assert daemon.files() == before
    assert "portbook_in" not in daemon.policies()
