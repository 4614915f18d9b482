# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import laboratory, roots
from lab.laboratory import Laboratory
from machine.conftest import key, operator

__all__ = ["key", "machine", "operator", "root"]


@pytest.fixture(scope="session")
def root() -> Path:
    laboratory.interrupt_on_term()
    laboratory.sweep()
    return roots.with_docker()


@pytest.fixture
def machine(root: Path, key: Path, tmp_path: Path) -> Iterator[Laboratory]:
    """A machine that can run containers."""
    public = key.with_suffix(".pub").read_text()
    with Laboratory(root, public, tmp_path / "machine.log", containers=True) as started:
        yield started
