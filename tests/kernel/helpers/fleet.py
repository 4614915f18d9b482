# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory hosts that are namespaces: each has a network, a /var/lib and a /run of its own, and real nftables."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from kernel.helpers.commands import run

# Under an empty /run there is no systemd, whatever the machine has.
_COVER = 'mount --bind "$0" /var/lib && mount -t tmpfs none /run && ip link set lo up && echo up && exec sleep infinity'
_TABLE = ("inet", "portbook")


class NamespaceHost:
    """Ansible comes by a local connection, and an interpreter that enters the host first."""

    def __init__(self, folder: Path) -> None:
        self._library, self._kept = folder / "var-lib", folder / "kept"
        self._library.mkdir(parents=True)
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "sh", "-c", _COVER, str(self._library)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "up\n"
        self._entry = ("nsenter", f"--target={self._process.pid}", "--net", "--mount", "--")
        self.python = folder / "python"
        self.python.write_text(f'#!/bin/sh\nexec {shlex.join([*self._entry, sys.executable])} "$@"\n')
        self.python.chmod(0o700)
        self._kept_table = ""

    @property
    def variables(self) -> dict[str, Any]:
        return {"ansible_connection": "local", "ansible_python_interpreter": str(self.python)}

    def table(self) -> str:
        """As nft lists it without counters; empty if there is none."""
        known = run(*self._entry, "nft", "list", "tables")
        return run(*self._entry, "nft", "-s", "list", "table", *_TABLE) if f"table {' '.join(_TABLE)}" in known else ""

    def files(self) -> dict[str, tuple[bytes, int]]:
        """What the host remembers, with the time of its last write; the lock is no content."""
        found = (self._library / "portbook").glob("*")
        return {one.name: (one.read_bytes(), one.stat().st_mtime_ns) for one in found if one.name != "lock"}

    def all(self) -> tuple[str, dict[str, tuple[bytes, int]]]:
        return self.table(), self.files()

    def keep(self) -> None:
        """For `give_back`."""
        self._kept_table = self.table()
        shutil.copytree(self._library, self._kept)

    def forget(self) -> None:
        shutil.rmtree(self._library / "portbook", ignore_errors=True)

    def give_back(self) -> None:
        self.forget()
        shutil.copytree(self._kept, self._library, dirs_exist_ok=True)
        renewed = "table inet portbook\ndelete table inet portbook\n" + self._kept_table
        run(*self._entry, "nft", "-f", "-", text=renewed)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
