# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import groups, roots
from lab.laboratory import Laboratory, Spec, interrupt_on_term
from lab.machine import Machine
from machine.conftest import key, operator

__all__ = ["key", "machine", "operator", "root"]


@pytest.fixture(scope="session")
def root() -> Path:
    interrupt_on_term()
    groups.sweep()
    return roots.ready("docker")


@pytest.fixture
def machine(root: Path, key: Path, tmp_path: Path) -> Iterator[Machine]:
    """A machine that can run containers."""
    public = key.with_suffix(".pub").read_text()
    with Laboratory([Spec("siem", root, containers=True)], public, tmp_path / "machine.log") as laboratory:
        yield laboratory.machines["siem"]
