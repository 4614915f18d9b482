# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PowerShell that playbooks ask by a socket: Ansible would start one for each task, which takes ten seconds of the
processor to compile Ansible's own class."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path
from socketserver import StreamRequestHandler, UnixStreamServer
from typing import Any

from ansible.plugins.action import ActionBase
from windows.fake.emulated import KILLED
from windows.fake.stand_ins import arguments, environment
from windows.pwsh.session import Ended, Session

SOCKET = "PORTBOOK_PWSH_SOCKET"


class Served(UnixStreamServer):
    def __init__(self, interpreter: Path, folder: Path, path: Path) -> None:
        self._interpreter, self._folder = interpreter, folder
        self._session: Session | None = None
        super().__init__(str(path), _Call)
        self._thread = threading.Thread(target=self.serve_forever)
        self._thread.start()

    def answer(self, asked: dict[str, Any]) -> Any:
        """A module that kills its PowerShell leaves no answer, and the next one has a new PowerShell."""
        self._session = self._session or Session(self._interpreter, self._folder)
        try:
            return self._session.ask(**asked)
        except Ended:
            self._session = None
            return KILLED

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        if self._session is not None:
            self._session.end()


class _Call(StreamRequestHandler):
    server: Served

    def handle(self) -> None:
        self.wfile.write(json.dumps(self.server.answer(json.loads(self.rfile.readline()))).encode())


class ActionModule(ActionBase):  # type: ignore[misc]
    """One of our modules, in that PowerShell."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        usual = {"FAKEFW_SAMPLE": "400", "FAKEFW_SHUFFLE": os.environ.get("FAKEFW_SHUFFLE", "0")}
        asked = {
            "module": self._task.action.rpartition(".")[2],
            "arguments": arguments(self),
            "check": bool(self._task.check_mode),
            "environment": usual | environment(self),
        }
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(os.environ[SOCKET])
            door.sendall(f"{json.dumps(asked)}\n".encode())
            with door.makefile() as said:
                found: dict[str, Any] = json.loads(said.read())
        return found
