# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from firewalld.helpers.bench import Bench
from firewalld.helpers.daemon import Daemon
from firewalld.helpers.packets import GUARDED, OTHER
from lab import groups, roots
from lab.laboratory import Laboratory, Spec, interrupt_on_term
from lab.machine import Machine
from machine.conftest import key, operator

__all__ = ["bench", "key", "machine", "operator", "root"]


@pytest.fixture(scope="session")
def root() -> Path:
    interrupt_on_term()
    groups.sweep()
    return roots.ready("firewalld")


@pytest.fixture
def machine(root: Path, key: Path, tmp_path: Path) -> Iterator[Machine]:
    """A machine that runs firewalld."""
    public = key.with_suffix(".pub").read_text()
    with Laboratory([Spec("siem", root)], public, tmp_path / "machine.log") as laboratory:
        started = laboratory.machines["siem"]
        Daemon(started).start()
        yield started


@pytest.fixture
def listening(machine: Machine) -> Machine:
    """At the ports of the tests."""
    machine.listen(GUARDED, OTHER)
    return machine


@pytest.fixture
def daemon(machine: Machine) -> Daemon:
    return Daemon(machine)


@pytest.fixture(scope="module")
def bench(root: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    opened = Bench(root, key, tmp_path_factory.mktemp("bench"))
    yield opened
    opened.close()
