# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PowerShell that sees the fake of the firewall."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.release import __version__ as core_version
from windows.fake.bringing import HOST
from windows.fake.modules import Both, Start
from windows.pwsh.served import Served
from windows.pwsh.session import Session

HERE = Path(__file__).resolve().parent
OLDEST_PWSH = (7, 4)
# Older ones do not run PowerShell modules elsewhere than on Windows.
OLDEST_CORE = (2, 21)


def numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else (0, 0)


@pytest.fixture(scope="session")
def pwsh() -> Path:
    found = os.environ.get("PORTBOOK_PWSH") or shutil.which("pwsh")
    if not found:
        pytest.skip("no PowerShell: pwsh is not on the path, and PORTBOOK_PWSH names none")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if numbers(version) < OLDEST_PWSH:
        pytest.skip(f"no PowerShell that is new enough: {version}, and 7.4 is needed")
    if numbers(core_version) < OLDEST_CORE:
        pytest.skip(f"ansible-core {core_version} runs no PowerShell here: 2.21 is needed")
    return Path(found).resolve()


@pytest.fixture(scope="session")
def interpreter(pwsh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PowerShell in which every New-Object of the firewall gives the fake."""
    home = tmp_path_factory.mktemp("pwsh") / "home"
    places = {"PWSH_HOME": str(pwsh.parent), "FAKE_PWSH_HOME": str(home)}
    subprocess.run(["sh", str(HERE / "fake/make-fake-pwsh.sh")], env={**os.environ, **places}, check=True)
    return home / "fakepwsh"


@pytest.fixture(scope="session")
def session(interpreter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    session = Session(interpreter, tmp_path_factory.mktemp("session"))
    yield session
    session.end()


@pytest.fixture(scope="session")
def served(interpreter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket by which playbooks ask a PowerShell. Its path may not be long."""
    with tempfile.TemporaryDirectory(prefix="pwsh-") as folder:
        path = Path(folder) / "asked"
        served = Served(interpreter, tmp_path_factory.mktemp("served"), path)
        yield path
        served.end()


@pytest.fixture
def start(session: Session, tmp_path: Path) -> Start:
    return lambda store, host=HOST: Both(store, session, tmp_path, host)
