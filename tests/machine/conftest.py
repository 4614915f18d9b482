# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import laboratory, roots
from lab.laboratory import MACHINE, Laboratory
from machine.helpers.playbooks import Operator


@pytest.fixture(scope="session")
def root() -> Path:
    laboratory.interrupt_on_term()
    laboratory.sweep()
    return roots.ready()


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "operator", "-f", path], check=True)
    return path


@pytest.fixture
def machine(root: Path, key: Path, tmp_path: Path) -> Iterator[Laboratory]:
    """A machine that nothing was done to, reached by the key."""
    with Laboratory(root, key.with_suffix(".pub").read_text(), tmp_path / "machine.log") as started:
        yield started


@pytest.fixture
def operator(root: Path, key: Path, tmp_path: Path, machine: Laboratory) -> Operator:
    public = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
    folder = tmp_path / "operator"
    folder.mkdir()
    return Operator(folder, machine, key, f"{MACHINE} {public}")
