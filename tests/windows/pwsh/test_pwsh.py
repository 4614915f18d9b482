# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two Windows modules in a real PowerShell, through real playbooks, against a fake of the COM store.

Needs PowerShell 7.4 or newer: `pwsh` on the path, or named by PORTBOOK_PWSH.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from windows.pwsh.session import CROSS

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent.parent
RECAP = re.compile(r"^localhost\s+: ok=(\d+)\s+changed=\d+\s+unreachable=(\d+)\s+failed=(\d+)\s+skipped=(\d+)", re.M)


@pytest.fixture
def local_port() -> Iterator[int]:
    """One to which a connection is established."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            yield port


SHORT = (("wrapped.yml", "0"),)
LONG = (("modules.yml", "1"), ("contract.yml", "1"))
"""With the store in any order. A minute each: `make test` holds the emulation to them, `make test-all` this."""


@pytest.mark.parametrize(("playbook", "shuffled"), LONG if CROSS else SHORT)
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
