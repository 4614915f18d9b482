# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host remembers: the slices applied to it, the confirmed ways in, and the table as it was given."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from contextlib import contextmanager, suppress
from typing import Any, Dict, Iterator, List, Optional

from . import host_local

FOLDER = "/var/lib/portbook"
STATE, RULESET, PENDING, TAKING_BACK = "state.json", "table.nft", "pending.json", "taking-back.json"
_NEXT = ".next"
_FORMAT = 1
_TRY_EVERY = 0.1


class StateError(Exception):
    """What is wrong with the host's files and what would be right."""


class HostState:
    def __init__(self, folder: str = FOLDER) -> None:
        self.folder = folder

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def prepare(self) -> None:
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise StateError(_cause(self.folder, error)) from None

    @contextmanager
    def lock(self, wait: float = 0) -> Iterator[None]:
        """One run at a time; the second learns who is the first. The folder itself is locked: nothing is written."""
        try:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise StateError(_cause(self.folder, error)) from None
        end = time.monotonic() + wait
        try:
            while not _locked(folder):
                if time.monotonic() >= end:
                    raise StateError(
                        f"another run holds the firewall of this host: {_holder(os.fstat(folder).st_ino)}. "
                        "Wait for it, or stop it"
                    )
                time.sleep(_TRY_EVERY)
            yield
        finally:
            os.close(folder)

    def tidy(self) -> None:
        """What a run that was killed left behind."""
        for name in self._names():
            if name.startswith(".") or name.endswith((_NEXT, ".new")) or name in (PENDING, TAKING_BACK):
                self.forget(name)

    def _names(self) -> List[str]:
        try:
            return os.listdir(self.folder)
        except OSError:
            return []

    def read(self) -> Dict[str, Any]:
        """Nothing, or nothing readable, is a host that we know nothing of: the next apply mends it.

        What a newer version remembers is not ours to forget."""
        try:
            with open(self.path(STATE), encoding="utf-8") as file:
                state = json.load(file)
        except (OSError, ValueError):
            state = {}
        empty = {"format": _FORMAT, "slices": {}, "settings": {}, "way_in": [], "applied": {}}
        form = state.get("format") if isinstance(state, dict) else None
        if isinstance(form, int) and form > _FORMAT:
            raise StateError(
                f"{self.path(STATE)} has format {form}, this version of portbook.firewall knows {_FORMAT}: a newer one "
                "has been here. Use that one; or remove this host's rules with it, then apply with this one"
            )
        known = isinstance(state, dict) and form == _FORMAT
        return {**empty, **state} if known else empty

    def text(self, name: str) -> Optional[str]:
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return None

    def write_next(self, name: str, text: str) -> None:
        """What takes the place of `name` once it is committed."""
        self.write(f"{name}{_NEXT}", text)

    def write(self, name: str, text: str) -> None:
        """Whole or not at all, and for root alone."""
        draft = self.path(f".{name}.{os.getpid()}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self.path(name))
        except OSError as error:
            self.forget(os.path.basename(draft))
            raise StateError(_cause(self.path(name), error)) from None

    def commit(self) -> None:
        """The state last: until then, the next run does it all again."""
        for name in (RULESET, STATE):
            with suppress(FileNotFoundError):
                os.replace(self.path(f"{name}{_NEXT}"), self.path(name))

    def roll_back(self) -> None:
        for name in (RULESET, STATE):
            self.forget(f"{name}{_NEXT}")

    def leave(self) -> None:
        for name in (RULESET, STATE):
            self.forget(name)

    def leave_if_empty(self) -> None:
        with suppress(OSError):
            os.rmdir(self.folder)

    def forget(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(self.path(name))


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _holder(inode: int) -> str:
    """The kernel knows who holds a lock; a process outside of this container has no number here."""
    try:
        with open("/proc/locks", encoding="utf-8") as file:
            locks = [line.split() for line in file]
    except OSError:
        locks = []
    for lock in locks:
        if "FLOCK" in lock and "->" not in lock and lock[5].rpartition(":")[2] == str(inode) and lock[4] != "0":
            came = host_local.way_of(int(lock[4]))
            by_ssh = f", by ssh from {came[0]}" if came else ""
            return f"process {lock[4]}, started as {' '.join(_command(lock[4]))[:80]}{_since(lock[4])}{by_ssh}"
    return "an unknown process"


def _since(process: str) -> str:
    """The kernel counts in ticks from its own start on."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/uptime", encoding="utf-8") as file:
            age = float(file.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return ""
    return f", at work since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(time.time() - age))} ({age:.0f} s)"


def _command(process: str) -> List[str]:
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return [word.decode("utf-8", "replace") for word in file.read().split(b"\0") if word]
    except OSError:
        return []


def _cause(path: str, error: OSError) -> str:
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        why = "The rules must survive a restart, so this folder must be writable by root"
        return f"{path} cannot be written: {error.strerror}. {why}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path} cannot be written: {error.strerror}. Free some space"
    return f"{path} cannot be written: {error.strerror}"
