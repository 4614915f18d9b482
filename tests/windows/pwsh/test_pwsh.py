# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two Windows modules in a real PowerShell, by real playbooks, against a fake of the COM store.

Needs PowerShell 7.4 or newer: `pwsh` on the path, or named by PORTBOOK_PWSH.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from windows.fake.stand_ins import collection

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent.parent
Told = Callable[..., str]
RECAP = re.compile(r"^localhost\s+: ok=(\d+)\s+changed=\d+\s+unreachable=(\d+)\s+failed=(\d+)\s+skipped=(\d+)", re.M)


@pytest.fixture
def local_port() -> Iterator[int]:
    """One to which a connection is established."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            yield port


@pytest.fixture
def told(interpreter: Path, local_port: int, tmp_path: Path) -> Told:
    """What a playbook prints; all of its tasks succeed."""

    def run(playbook: str, **environment: str) -> str:
        given = {"folder": tmp_path, "interpreter": interpreter, "local_port": local_port}
        extra = [word for name, value in given.items() for word in ("-e", f"{name}={value}")]
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", str(HERE / playbook), *extra],
            cwd=CHECKOUT,
            env={**os.environ, "ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1", **environment},
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
        return told

    return run


def test_the_modules_run_as_ansible_starts_them(told: Told) -> None:
    assert "See one rule more, made in earnest only" in told("wrapped.yml")


@pytest.mark.parametrize("playbook", ["modules.yml", "contract.yml"])
def test_the_modules_do_what_the_playbook_says(playbook: str, told: Told, served: Path, tmp_path: Path) -> None:
    """With the store in any order."""
    told(
        playbook,
        FAKEFW_SHUFFLE="1",
        PYTHONPATH=str(CHECKOUT / "tests"),
        ANSIBLE_COLLECTIONS_PATH=str(collection(tmp_path, "windows.pwsh.served")),
        PORTBOOK_PWSH_SOCKET=str(served),
    )
