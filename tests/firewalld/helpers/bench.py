# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine with firewalld that breaks share, one after the other."""

from __future__ import annotations

import os
import time
from pathlib import Path

from firewalld.helpers.daemon import Daemon
from lab import keys
from lab.laboratory import Laboratory, Spec
from lab.machine import Machine
from machine.helpers.playbooks import Operator
from machine.test_way_back import WORKS, state

ALL = os.environ.get("PORTBOOK_FAULTS") == "all"
"""By default a few of the breaks are tried."""
HOLD, SPARE = 8, 60
"""firewalld may have to be restarted, or firewall-cmd be waited for, by a machine that is slow."""
_PENDING = "/run/portbook/pending.json"


class Bench:
    """A machine that breaks share; each begins from a state that was looked at."""

    def __init__(self, root: Path, key: Path, folder: Path) -> None:
        self._root, self._key, self._folder = root, key, folder
        self._laboratory: Laboratory | None = None
        self._count = 0
        self.ready()

    @property
    def machine(self) -> Machine:
        assert self._laboratory
        return self._laboratory.machines["siem"]

    @property
    def daemon(self) -> Daemon:
        return Daemon(self.machine)

    def ready(self) -> None:
        """Another machine, where the one before was lost."""
        self.close()
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        public = self._key.with_suffix(".pub").read_text()
        self._laboratory = Laboratory([Spec("siem", self._root)], public, folder / "machine.log").__enter__()
        self.daemon.start()
        known = keys.known_host(self._root, self.machine.address)
        self.operator = Operator(folder, self.machine, self._key, known)
        self.plain()

    def plain(self) -> None:
        self.operator.ssh(WORKS)
        self.operator.inventory(portbook_confirm_timeout=HOLD)
        self.operator.run().ok()
        self.operator.run().ok(changed=False)
        self.before = self.seen()

    def seen(self) -> tuple[object, ...]:
        files = {path: text for path, text in self.daemon.files().items() if "portbook" in path or "/pb-" in path}
        return (*state(self.machine), files, self.daemon.rules(), self.daemon.ipsets())

    def close(self) -> None:
        if self._laboratory:
            self._laboratory.close()

    def waits(self) -> bool:
        """For a confirmation, or for what takes the change back."""
        return self.machine.succeeds("test", "-e", _PENDING)

    def until_nothing_waits(self) -> None:
        end = time.monotonic() + HOLD + SPARE
        while self.waits() and time.monotonic() < end:
            time.sleep(0.2)
        assert not self.waits()
