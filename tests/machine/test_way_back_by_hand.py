# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of docs/way-back.md, as they stand there, on a machine where a change waits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lab.machine import Machine
from machine.helpers.playbooks import Operator
from machine.test_faults import nothing_is_left
from machine.test_way_back import WORKS, about_to_be_cut, held, state
from pages import commands

PAGE = Path(__file__).parents[2] / "docs" / "way-back.md"


def by_hand(machine: Machine, name: str) -> str:
    return machine.run("sh", "-e", "-c", commands(PAGE, name))


@pytest.fixture
def before(machine: Machine, operator: Operator) -> tuple[str, str]:
    """The machine holds a change that cuts, and waits for long."""
    found = about_to_be_cut(machine, operator, portbook_confirm_timeout=300)
    run = operator.start()
    held(machine)
    end(run)
    assert not machine.answers_ssh(0.3)
    return found


def end(run: subprocess.Popen[str]) -> None:
    run.kill()
    run.wait()


@pytest.mark.once
def test_it_can_be_looked_at(machine: Machine, before: tuple[str, str]) -> None:
    told = by_hand(machine, "look")
    assert "portbook-way-back.timer" in told
    assert told.count("ActiveState=active") == 1
    assert "table inet portbook {" in told


def test_it_can_be_taken_back_now(machine: Machine, operator: Operator, before: tuple[str, str]) -> None:
    by_hand(machine, "restore")
    assert machine.answers_ssh(5)
    assert state(machine) == before
    assert "It was taken back" in by_hand(machine, "look")
    operator.inventory(portbook_management=["203.0.113.7"], portbook_management_ports=[22])
    operator.run().ok(changed=False)
    nothing_is_left(machine)


@pytest.mark.once
def test_it_can_be_confirmed(machine: Machine, operator: Operator, before: tuple[str, str]) -> None:
    table = machine.table()
    by_hand(machine, "confirm")
    nothing_is_left(machine)
    machine.run("systemctl", "restart", "portbook-firewall")
    assert machine.table() == table != before[0]
    by_hand(machine, "remove")
    assert machine.answers_ssh(5)
    operator.ssh(WORKS)
    operator.inventory(portbook_management=["203.0.113.7"], portbook_management_ports=[22])
    operator.run().ok(changed=True)
    assert machine.table() == before[0]
