# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from firewalld.helpers.daemon import Daemon
from firewalld.helpers.packets import GUARDED, OTHER
from lab import laboratory, roots
from lab.laboratory import Laboratory
from machine.conftest import key, operator

__all__ = ["key", "machine", "operator", "root"]


@pytest.fixture(scope="session")
def root() -> Path:
    laboratory.interrupt_on_term()
    laboratory.sweep()
    return roots.with_firewalld()


@pytest.fixture
def machine(root: Path, key: Path, tmp_path: Path) -> Iterator[Laboratory]:
    """A machine that runs firewalld."""
    public = key.with_suffix(".pub").read_text()
    with Laboratory(root, public, tmp_path / "machine.log") as started:
        started.run("systemctl", "--quiet", "enable", "--now", "firewalld")
        Daemon(started).wait()
        yield started


@pytest.fixture
def listening(machine: Laboratory) -> Laboratory:
    """At the ports of the tests. A machine with listeners cannot be rebooted: they are held from outside."""
    machine.listen(GUARDED, OTHER)
    return machine


@pytest.fixture
def daemon(machine: Laboratory) -> Daemon:
    return Daemon(machine)
