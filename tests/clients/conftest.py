# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.helpers.bench import Bench
from clients.helpers.table import BACKENDS, BOOTER, SIEM
from firewalld.helpers.daemon import Daemon
from lab import groups, roots
from lab.laboratory import Laboratory, Spec, interrupt_on_term
from machine.conftest import key

__all__ = ["key", "root"]


@pytest.fixture(scope="session")
def root() -> Path:
    interrupt_on_term()
    groups.sweep()
    return roots.ready("firewalld", "clients")


@pytest.fixture(params=BACKENDS)
def bench(request: pytest.FixtureRequest, root: Path, key: Path, tmp_path: Path) -> Iterator[Bench]:
    """With firewalld, in a zone that lets everybody in."""
    public = key.with_suffix(".pub").read_text()
    with Laboratory([Spec(SIEM, root), Spec(BOOTER, root)], public, tmp_path / "machines.log") as laboratory:
        if request.param == "firewalld":
            for machine in laboratory.machines.values():
                Daemon(machine).start()
                Daemon(machine).cmd("--set-default-zone=trusted")
        yield Bench(laboratory, root, key, tmp_path)
