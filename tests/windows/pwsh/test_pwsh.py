# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two Windows modules in a real PowerShell, through real playbooks, against a fake of the COM store.

Needs PowerShell 7.4 or newer: `pwsh` on the path, or named by PORTBOOK_PWSH.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible.release import __version__ as core_version

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent.parent
OLDEST_PWSH = (7, 4)
# Older ones do not run PowerShell modules elsewhere than on Windows.
OLDEST_CORE = (2, 21)
RECAP = re.compile(r"^localhost\s+: ok=(\d+)\s+changed=\d+\s+unreachable=(\d+)\s+failed=(\d+)\s+skipped=(\d+)", re.M)


def numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else (0, 0)


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def interpreter(pwsh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PowerShell in which every New-Object of the firewall gives the fake."""
    home = tmp_path_factory.mktemp("pwsh") / "home"
    places = {"PWSH_HOME": str(pwsh.parent), "FAKE_PWSH_HOME": str(home)}
    subprocess.run(["sh", str(HERE / "fake/make-fake-pwsh.sh")], env={**os.environ, **places}, check=True)
    return home / "fakepwsh"


@pytest.fixture
def local_port() -> Iterator[int]:
    """One to which a connection is established."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            yield port


@pytest.mark.parametrize("shuffled", ["0", "1"], ids=["in order", "in any order"])
@pytest.mark.parametrize("playbook", ["modules.yml", "contract.yml"])
def test_the_modules_do_what_the_playbook_says(
    playbook: str, shuffled: str, interpreter: Path, local_port: int, tmp_path: Path
) -> None:
    given = {"folder": tmp_path, "interpreter": interpreter, "local_port": local_port}
    extra = [word for name, value in given.items() for word in ("-e", f"{name}={value}")]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", str(HERE / playbook), *extra],
        cwd=CHECKOUT,
        env={**os.environ, "ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1", "FAKEFW_SHUFFLE": shuffled},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    told = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, told
    tasks = yaml.safe_load((HERE / playbook).read_text())[0]["tasks"]
    recap = RECAP.search(done.stdout)
    assert recap is not None, told
    assert [int(count) for count in recap.groups()] == [len(tasks), 0, 0, 0], told
