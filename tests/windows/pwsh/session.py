# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One PowerShell that runs our modules, call after call, each against a store in a file."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import ansible

HERE = Path(__file__).resolve().parent
PLUGINS = HERE.parents[2] / "plugins"
CROSS = bool(os.environ.get("PORTBOOK_PWSH_CROSS"))
"""Everything with everything, which takes minutes: what `make test` leaves to `make test-all`."""


class Session:
    def __init__(self, interpreter: Path, folder: Path) -> None:
        self._arguments = folder / "arguments.json"
        self._process = subprocess.Popen(
            [
                *(interpreter, "-NoProfile", "-NonInteractive", "-File", HERE / "served.ps1"),
                *(str(ansible.__path__[0]), PLUGINS),
            ],
            env={**os.environ, "FAKEFW_STORE": str(folder / "none.json"), "FAKEFW_SAMPLE": "empty"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started = self._line()
        assert started == "ready", started

    def run(self, module: str, store: Path, arguments: dict[str, Any], fault: str = "") -> dict[str, Any]:
        """A write whose "verb id name" has the fault, a pattern, in it fails."""
        # As a file, which is how Ansible's own class reads them where there is no wrapper.
        given = {"ANSIBLE_MODULE_ARGS": arguments}
        self._arguments.write_text(json.dumps(given), "utf-8")
        asked = {"module": module, "store": str(store), "arguments": str(self._arguments), "fault": fault}
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(asked)}\n")
        self._process.stdin.flush()
        answer = self._line()
        assert answer, f"PowerShell ended: {self._process.wait()}"
        found: dict[str, Any] = json.loads(answer)
        return found

    def end(self) -> None:
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
