# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An action that emulates one of our modules, for the playbooks of tests/windows/pwsh where there is no PowerShell."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from windows.fake.emulated import KILLED, read, write
from windows.fake.host import Host
from windows.fake.hresult import Crashed
from windows.fake.stand_ins import arguments, environment
from windows.fake.state import Faults
from windows.fake.store import Store


class ActionModule(ActionBase):  # type: ignore[misc]
    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        given, args = environment(self), arguments(self)
        path = Path(given["FAKEFW_STORE"])
        if not path.exists():
            Store.sample(int(given.get("FAKEFW_SAMPLE", 400))).save(path)
        with Store.kept(path) as store:
            shuffle = {"FAKEFW_SHUFFLE": os.environ.get("FAKEFW_SHUFFLE", "0")}
            store.faults = Faults.of_environment(shuffle | given)
            try:
                if self._task.action.endswith("read"):
                    return read(store, args, self._host(given, task_vars or {}))
                return write(store, args, bool(self._task.check_mode))
            except Crashed:
                return dict(KILLED)
            finally:
                if "FAKEFW_JOURNAL" in given:
                    lines = (json.dumps(["count", verb, str(count)]) for verb, count in store.counts.items())
                    Path(given["FAKEFW_JOURNAL"]).write_text("".join(f"{line}\n" for line in lines))

    @staticmethod
    def _host(given: dict[str, str], task_vars: dict[str, Any]) -> Host:
        """What a Linux machine with PowerShell says of itself."""
        return Host(
            services=None,
            programs=frozenset({"/bin/sh"}),
            policy_rules=(),
            listeners=(),
            ssh_connection=given.get("SSH_CONNECTION", ""),
            member=None,
            powershell="7.4.0",
        )
