# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever breaks, management access comes back, the host has the old rules or the new ones, and the next run works.

Five breaks by default, some of each group with PORTBOOK_FAULTS=all; `make faults` has all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.machine import Machine
from machine.faults import held, stepped
from machine.faults.bench import Bench
from machine.faults.breaks import CHOSEN
from machine.faults.model import Break, Stepped
from machine.faults.play import played

BREAKS: list[Break] = CHOSEN if os.environ.get("PORTBOOK_FAULTS") == "all" else list(held.FEW)


@pytest.fixture(scope="module")
def bench(root: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """With a machine that many breaks share, each of which begins from a state that was looked at."""
    opened = Bench(root, key, tmp_path_factory.mktemp("bench"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def steps() -> dict[str, list[str]]:
    return {}


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.id)
def test_it_is_survived(bench: Bench, steps: dict[str, list[str]], one: Break) -> None:
    if isinstance(one, Stepped) and one.operation not in steps:
        steps[one.operation] = stepped.counted(bench, one.operation)
    assert played(one, bench, steps).lost == ""


def nothing_is_left(machine: Machine) -> None:
    assert not machine.succeeds("test", "-e", "/run/portbook")
    assert machine.run("sh", "-c", "ls -A /var/lib/portbook | sort").split() == ["state.json", "table.nft"]
    assert "portbook-way-back" not in machine.run("systemctl", "list-units", "--all", "--no-legend", "--plain")
    assert "portbook" not in machine.run("systemctl", "list-units", "--failed", "--no-legend", "--plain")
