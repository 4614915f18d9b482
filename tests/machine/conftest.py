# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import groups, keys, roots
from lab.laboratory import Laboratory, Spec, interrupt_on_term
from lab.machine import Machine
from machine.helpers.playbooks import Operator


@pytest.fixture(scope="session")
def root() -> Path:
    interrupt_on_term()
    groups.sweep()
    return roots.ready()


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys.make(tmp_path_factory.mktemp("key") / "id")


@pytest.fixture
def machine(root: Path, key: Path, tmp_path: Path) -> Iterator[Machine]:
    """A machine that nothing was done to, reached by the key."""
    public = key.with_suffix(".pub").read_text()
    with Laboratory([Spec("siem", root)], public, tmp_path / "machine.log") as laboratory:
        yield laboratory.machines["siem"]


@pytest.fixture
def operator(root: Path, key: Path, tmp_path: Path, machine: Machine) -> Operator:
    folder = tmp_path / "operator"
    folder.mkdir()
    return Operator(folder, machine, key, keys.known_host(root, machine.address))
