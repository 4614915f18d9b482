# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host remembers: the slices applied to it, the confirmed management addresses, and the table as it was given.

In addition, in a folder that no restart survives, the notes of a change that waits to be confirmed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from contextlib import contextmanager, suppress
from typing import Any, Dict, Iterator, List, Optional, TextIO, Tuple

from . import causes, clock, on_disk, remembered
from . import local as host_local

FOLDER, NOTES = "/var/lib/portbook", "/run/portbook"
STATE, RULESET = "state.json", "table.nft"
PENDING, CONFIRMING, TAKING_BACK = "pending.json", "confirming.json", "taking-back.json"
BACK, BACK_SCRIPT, BACK_FILE = "back", "back.sh", "back.file"
"""What is put back, what does it, and files as they were."""
_NOTES = (PENDING, CONFIRMING, TAKING_BACK)
NEXT = ".next"
_UNFINISHED = (NEXT, ".new")
_FORMAT = remembered.FORMAT
_TRY_EVERY = 0.1


class StateError(Exception):
    """What is wrong with the host's files and what would be right."""


class HostState:
    def __init__(self, folder: str = FOLDER, notes: str = NOTES) -> None:
        self.folder = folder
        self.notes = notes

    def path(self, name: str) -> str:
        noted = name in _NOTES or name.partition(".")[0] == BACK
        return os.path.join(self.notes if noted else self.folder, name)

    def prepare(self) -> None:
        _make(self.folder)

    @contextmanager
    def lock(self, wait: float = 0) -> Iterator[None]:
        """One run at a time; the second learns who is the first. The folder itself is locked: nothing is written."""
        try:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise StateError(causes.not_written(self.folder, error)) from None
        end = time.monotonic() + wait
        try:
            while not _locked(folder):
                if time.monotonic() >= end:
                    raise StateError(
                        f"another run is active on this host: {_holder(os.fstat(folder).st_ino)}. "
                        "Wait for it, or stop it"
                    )
                time.sleep(_TRY_EVERY)
            yield
        finally:
            os.close(folder)

    def tidy(self) -> List[str]:
        """The files that a killed run left behind; they are removed then."""
        self.clear_notes()
        found = [
            self.path(name)
            for name in sorted(_names(self.folder))
            if name.startswith(".") or name.endswith(_UNFINISHED)
        ]
        for path in found:
            _unlink(path)
        return found

    def read(self, name: str = STATE) -> Dict[str, Any]:
        """With a `fault`, what is there is not readable: a host that we know nothing of, until the next apply.

        What a newer version remembers must stay."""
        empty = {"format": _FORMAT, "slices": {}, "settings": {}, "way_in": [], "applied": {}}
        state, fault = self._read(name)
        return {**empty, **({} if fault else state), "fault": fault}

    def _read(self, name: str) -> Tuple[Dict[str, Any], str]:
        try:
            with open(self.path(name), encoding="utf-8") as file:
                state = json.load(file)
        except FileNotFoundError:
            return {}, ""
        except OSError as error:
            return {}, error.strerror or "it cannot be opened"
        except (ValueError, RecursionError):
            return {}, "it is empty, incomplete, or not valid JSON"
        form = state.get("format") if isinstance(state, dict) else None
        if not isinstance(form, int) or isinstance(form, bool):
            return {}, "it has no format that this collection writes"
        if form > _FORMAT:
            raise StateError(
                f"{self.path(name)} has format {form}, this version of portbook.firewall knows {_FORMAT}: it was "
                "written by a newer version. Use that one, or remove this host's rules with it, then apply with "
                "this one"
            )
        if form < 1:
            return {}, "it has no format that this collection writes"
        state = remembered.renewed(state)
        return state, remembered.fault(state)

    def text(self, name: str) -> Optional[str]:
        return on_disk.read(self.path(name))

    def write_next(self, name: str, text: str) -> None:
        """What takes the place of `name` once it is committed."""
        self.write(f"{name}{NEXT}", text)

    def write(self, name: str, text: str) -> None:
        """Whole or not at all, and for root alone."""
        draft = self._draft(name)
        try:
            on_disk.write(self.path(name), draft, text, 0o600)
        except OSError as error:
            _unlink(draft)
            raise StateError(causes.not_written(self.path(name), error)) from None

    def _draft(self, name: str) -> str:
        folder, last = os.path.split(self.path(name))
        return os.path.join(folder, f".{last}.{os.getpid()}")

    def prepare_notes(self) -> None:
        _make(self.notes)

    def begin_note(self) -> int:
        """Opened and locked: whoever inherits it shows by the lock that somebody stands behind the note."""
        self.prepare_notes()
        try:
            note = os.open(self._draft(PENDING), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise StateError(causes.not_written(self.path(PENDING), error)) from None
        fcntl.flock(note, fcntl.LOCK_EX)
        return note

    def place_note(self, note: int, text: str) -> None:
        draft = self._draft(PENDING)
        try:
            os.write(note, text.encode())
            os.rename(draft, self.path(PENDING))
        except OSError as error:
            _unlink(draft)
            raise StateError(causes.not_written(self.path(PENDING), error)) from None

    def note(self, name: str) -> Optional[Dict[str, Any]]:
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as file:
                return _note(file)
        except (OSError, ValueError, RecursionError):
            return None

    def held_note(self, name: str) -> Optional[Dict[str, Any]]:
        """None without a process that stands behind it, whatever process it names."""
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return _note(file)
        except (OSError, ValueError, RecursionError):
            pass
        return None

    def commit(self) -> None:
        """The state last: until then, the next run does it all again. Both or none: the table is what a boot loads."""
        before = self.text(RULESET)
        try:
            for name in (RULESET, STATE):
                self._commit(name)
        except StateError:
            with suppress(StateError):
                if before is None:
                    self.forget(RULESET)
                elif before != self.text(RULESET):
                    self.write(RULESET, before)
            raise

    def _commit(self, name: str) -> None:
        try:
            on_disk.replace(self.path(f"{name}{NEXT}"), self.path(name))
        except FileNotFoundError:
            raise StateError(
                f"{self.path(name)}{NEXT} was removed by something else while this run was working. Run again"
            ) from None
        except OSError as error:
            raise StateError(causes.not_written(self.path(name), error)) from None

    def roll_back(self) -> None:
        for name in (RULESET, STATE):
            self.forget(f"{name}{NEXT}")

    def leave(self) -> None:
        for name in (RULESET, STATE):
            self.forget(name)
        on_disk.sync(self.folder)

    def leave_if_empty(self) -> None:
        self.leave_notes()
        with suppress(OSError):
            os.rmdir(self.folder)
            on_disk.sync(os.path.dirname(self.folder))

    def leave_notes(self) -> None:
        with suppress(OSError):
            os.rmdir(self.notes)

    def clear_notes(self) -> None:
        for name in _names(self.notes):
            self.settle(os.path.join(self.notes, name))
        self.leave_notes()

    def settle(self, name: str) -> None:
        """A note that this collection removes is empty, so that its holder knows it from one that something else
        took."""
        with suppress(OSError):
            os.truncate(self.path(name), 0)
        self.forget(name)

    def forget(self, name: str) -> None:
        _unlink(self.path(name))


def _unlink(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def _make(folder: str) -> None:
    try:
        on_disk.make_folder(folder, 0o700)
    except OSError as error:
        raise StateError(causes.not_written(folder, error)) from None


def _names(folder: str) -> List[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


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


def _note(file: TextIO) -> Optional[Dict[str, Any]]:
    note = json.load(file)
    return note if isinstance(note, dict) else None


def _since(process: str) -> str:
    """The kernel counts in ticks from its own start on."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/uptime", encoding="utf-8") as file:
            age = float(file.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return ""
    return f", at work since {clock.in_words(-age)} ({age:.0f} s)"


def _command(process: str) -> List[str]:
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return [word.decode("utf-8", "replace") for word in file.read().split(b"\0") if word]
    except OSError:
        return []
