# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator gets of a machine by host_facts, and what the machine looks like before and after."""

from __future__ import annotations

import json
from typing import Any

from lab.machine import Machine
from machine.helpers.playbooks import HOST, Operator
from machine.test_remove import everything
from playbook_runs import results_in

PLAY = [
    {
        "hosts": HOST,
        "gather_facts": False,
        "tasks": [
            {"name": "Read it", "portbook.firewall.host_facts": {"most": 0}, "register": "found"},
            {"name": "Show it", "ansible.builtin.debug": {"var": "found.ansible_facts.portbook"}},
        ],
    }
]
_SINCE = "/run/before"
SHOWN = "found.ansible_facts.portbook"


def read(operator: Operator) -> dict[str, Any]:
    playbook = operator.folder / "facts.yml"
    playbook.write_text(json.dumps(PLAY))
    run = operator.run(str(playbook)).ok(changed=False)
    (found,) = (data[SHOWN] for _word, _host, data in results_in(run.output) if SHOWN in data)
    return dict(found)


def read_only(machine: Machine, operator: Operator) -> list[dict[str, Any]]:
    """Of three readings, which leave the machine as it was."""
    machine.run("touch", _SINCE)
    before = holdings(machine)
    found = [read(operator) for _time in range(3)]
    assert (touched(machine, _SINCE), holdings(machine)) == ([], before)
    return found


def touched(machine: Machine, since: str) -> list[str]:
    """Files that were written after that one, wherever a program of ours could; Ansible's own, sshd's and the journal's
    apart."""
    folders = ("/etc", "/var", "/usr", "/opt", "/srv", "/root", "/home", "/run")
    others = ("/var/log", "/run/log", "/run/systemd", "/run/user", "/run/sudo", "/root/.ansible", "/var/lib/systemd")
    found = machine.run("find", *folders, "-xdev", "-newer", since, "-not", "-type", "d").splitlines()
    return sorted(
        one for one in found if not one.startswith(others) and one not in (since, "/run/utmp", "/run/motd.dynamic")
    )


def holdings(machine: Machine) -> set[str]:
    """Files by name, and rules without what packets change."""
    files = {one for one in everything(machine) if not one.startswith("table ")}
    return files | {machine.run("nft", "-s", "list", "ruleset")}
