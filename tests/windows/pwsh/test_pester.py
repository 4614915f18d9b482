# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Pester tests, which also run on a real Windows without a controller, run here on the fake of its firewall."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

PESTER = Path(__file__).resolve().parents[1] / "pester"
RUN = (
    "if (-not (Get-Module -ListAvailable -Name Pester)) { 'no Pester'; exit 0 }; "
    "$found = Invoke-Pester -Path '{}' -Output Detailed -PassThru; "
    "exit $found.FailedCount + $found.FailedContainersCount"
)


def test_the_functions_do_what_their_tests_say(interpreter: Path) -> None:
    done = subprocess.run(
        [interpreter, "-NoProfile", "-NonInteractive", "-Command", RUN.replace("{}", str(PESTER))],
        env={**os.environ, "FAKEFW_SAMPLE": "101"},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    told = f"{done.stdout}\n{done.stderr}"
    if "no Pester" in done.stdout:
        pytest.skip("no Pester in this PowerShell")
    assert done.returncode == 0, told
    passed = re.search(r"Tests Passed: (\d+)", told)
    assert passed is not None, told
    assert int(passed[1]) >= 50, told
