# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from firewalld.helpers.daemon import Daemon
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
        wait_for(Daemon(started))
        yield started


def wait_for(daemon: Daemon) -> None:
    """systemd takes it for started before its rules are there."""
    end = time.monotonic() + 20
    while daemon.cmd("--state", check=False) != "running" and time.monotonic() < end:
        time.sleep(0.1)


@pytest.fixture
def daemon(machine: Laboratory) -> Daemon:
    return Daemon(machine)
