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
from contextlib import contextmanager, suppress
from typing import Any, Dict, Iterator, List, Optional

FOLDER = "/var/lib/portbook"
STATE, RULESET, PREVIOUS, LOCK, PENDING = "state.json", "table.nft", "previous.nft", "lock", "pending.json"
_FORMAT = 1


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
    def lock(self) -> Iterator[None]:
        """One run at a time; the second learns who is the first."""
        try:
            file = open(self.path(LOCK), "a+", encoding="utf-8")  # noqa: SIM115 - it is closed below, after the lock
        except OSError as error:
            raise StateError(_cause(self.path(LOCK), error)) from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                holder = file.read().strip() or "an unknown process"
                raise StateError(
                    f"another run holds the firewall of this host: {holder}. Wait for it, or stop it"
                ) from None
            file.seek(0)
            file.truncate()
            file.write(f"process {os.getpid()}, started as {' '.join(_command())[:80]}\n")
            file.flush()
            yield

    def read(self) -> Dict[str, Any]:
        """Nothing, or nothing readable, is a host that we know nothing of: the next apply mends it."""
        try:
            with open(self.path(STATE), encoding="utf-8") as file:
                state = json.load(file)
        except (OSError, ValueError):
            state = {}
        if not isinstance(state, dict) or state.get("format") != _FORMAT:
            return {"format": _FORMAT, "slices": {}, "settings": {}, "way_in": [], "applied": {}}
        return state

    def text(self, name: str) -> Optional[str]:
        try:
            with open(self.path(name), encoding="utf-8") as file:
                return file.read()
        except OSError:
            return None

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

    def write_state(self, state: Dict[str, Any]) -> None:
        self.write(STATE, json.dumps(state, sort_keys=True))

    def forget(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(self.path(name))


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _command() -> List[str]:
    try:
        with open("/proc/self/cmdline", "rb") as file:
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
