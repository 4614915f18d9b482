# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks that try the PowerShell modules, against their emulation: both are held to the same words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from windows.fake.stand_ins import collection

CHECKOUT = Path(__file__).resolve().parents[2]
PLAYBOOKS = CHECKOUT / "tests" / "windows" / "pwsh"


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    return collection(tmp_path, "windows.fake.stand_in")


@pytest.mark.parametrize(
    "shuffled", [pytest.param("0", id="in order", marks=pytest.mark.more), pytest.param("1", id="in any order")]
)
@pytest.mark.parametrize("playbook", ["modules.yml", "contract.yml"])
def test_the_emulation_does_what_the_playbook_says(playbook: str, shuffled: str, collections: Path) -> None:
    given = {"folder": collections, "interpreter": "/bin/sh", "local_port": 5986}
    extra = [word for name, value in given.items() for word in ("-e", f"{name}={value}")]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", str(PLAYBOOKS / playbook), *extra],
        cwd=collections,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONPATH": str(CHECKOUT / "tests"),
            "FAKEFW_SHUFFLE": shuffled,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "failed=0" in done.stdout
