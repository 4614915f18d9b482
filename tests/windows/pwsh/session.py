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


class Ended(Exception):
    """PowerShell, before it had answered."""


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

    def run(
        self,
        module: str,
        store: Path,
        arguments: dict[str, Any],
        fault: str = "",
        host: dict[str, Any] | None = None,
        check: bool = False,
        **faults: str,
    ) -> dict[str, Any]:
        """A write whose "verb id name" has the fault, a pattern, in it fails. `faults` are by the fake's names, and
        `host` is what the rest of the machine says."""
        found: dict[str, Any] = self._ask(module, store, arguments, fault, host, check, faults, quiet=False)
        return found

    def keeps_quiet(self, module: str, store: Path, arguments: dict[str, Any]) -> bool:
        """Whether the module keeps its arguments out of the event log."""
        return bool(self._ask(module, store, arguments, "", None, True, {}, quiet=True))

    def _ask(
        self,
        module: str,
        store: Path,
        arguments: dict[str, Any],
        fault: str,
        host: dict[str, Any] | None,
        check: bool,
        faults: dict[str, str],
        quiet: bool,
    ) -> Any:
        environment = {"FAKEFW_STORE": str(store)} | ({"FAKEFW_FAIL_MATCH": fault} if fault else {})
        environment |= {f"FAKEFW_{name.upper()}": value for name, value in faults.items()}
        if host is not None:
            file = self._arguments.with_name("host.json")
            file.write_text(json.dumps(host), "utf-8")
            environment |= {"FAKEHOST": str(file), "SSH_CONNECTION": host.get("ssh_connection", "")}
        return self.ask(module, arguments, check, environment, quiet)

    def ask(
        self, module: str, arguments: dict[str, Any], check: bool, environment: dict[str, str], quiet: bool = False
    ) -> Any:
        # As a file, which is how Ansible's own class reads them where there is no wrapper.
        given = {"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check}}
        self._arguments.write_text(json.dumps(given), "utf-8")
        asked = {"module": module, "arguments": str(self._arguments), "environment": environment, "quiet": quiet}
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(asked)}\n")
        self._process.stdin.flush()
        answer = self._line()
        if not answer:
            raise Ended(f"PowerShell ended: {self._process.wait()}")
        return json.loads(answer)

    def seconds(self) -> float:
        """Of the processor."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def most_memory(self) -> float:
        """In MiB, from the beginning."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    def end(self) -> None:
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
