# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold a change until a new connection confirms it; without that, the host puts back what it had.

The files change when the change is confirmed, so that a restart of the host in between takes it back, too.
"""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import suppress
from typing import Any, Callable, Dict, Optional, Tuple

from . import programs
from . import units as boot
from .engine import Engine, EngineError
from .state import CONFIRMING, NEXT, PENDING, RULESET, STATE, TAKING_BACK, HostState, StateError, sha

_LOOK_EVERY = 0.2
_LOCK_WAIT = 5.0
_BACK_WITHIN = 3.0
_CONFIRMED_WITHIN = 10.0
_NO_LONGER = "it no longer waits"
_FILES_GONE = (
    f"the files of the change that was to be confirmed ({STATE}{NEXT}, {RULESET}{NEXT}) are gone or cannot be read: "
    "something took them away, a restart of portbook-firewall.service for example. Run again"
)


def pending(state: HostState) -> Optional[Dict[str, Any]]:
    """A change that still waits, or is being taken back; one whose holder is gone waits for nobody."""
    notes = (_note(state, name) for name in (PENDING, TAKING_BACK))
    return next((note for note in notes if note is not None), None)


def waits(state: HostState, token: str) -> bool:
    """This very change, with somebody there who would take it back and has not begun to."""
    note = _note(state, PENDING)
    return bool(token) and note is not None and note.get("token") == token


def _note(state: HostState, name: str) -> Optional[Dict[str, Any]]:
    note = state.held_note(name)
    return note if note is not None and note.get("boot") == _boot() else None


def _boot() -> str:
    """The kernel's name for the time since its start."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def still_waits(state: HostState, token: str, seconds: float) -> None:
    if not waits(state, token):
        raise StateError(
            f"the change was not in place within the {seconds:g} s that it may wait to be confirmed, so nothing would "
            "take it back any more, and the host has what it had before. Find out what kept it (a host that was "
            "suspended, nft or a disk that is busy), then run again"
        )


def until_taken_back(state: HostState) -> None:
    end = time.monotonic() + _BACK_WITHIN
    while _note(state, TAKING_BACK) and time.monotonic() < end:
        time.sleep(_LOOK_EVERY / 4)


def hold(state: HostState, engine: Engine, back: str, token: str, seconds: float, and_then: Callable[[], None]) -> None:
    """Starts before the change, so that there is no moment without a way back."""
    note = state.begin_note()
    telling, told = os.pipe()
    starting, start = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _detach((told, starting, note))
                os.write(told, b"%d" % os.getpid())
                os.close(told)
                # Without the word to start, whoever asked for the hold is gone before it changed anything.
                if os.read(starting, 1):
                    with programs.within(math.inf):
                        _wait(state, engine, back, note, seconds, and_then)
        finally:
            os._exit(0)
    os.close(told)
    os.close(starting)
    try:
        os.waitpid(child, 0)
        holder = int(os.read(telling, 32) or 0)
        boot.outlive_session(holder)
        state.place_note(note, json.dumps({"token": token, "holder": holder, "seconds": seconds, "boot": _boot()}))
        os.write(start, b"!")
    finally:
        os.close(telling)
        os.close(start)
        os.close(note)


def _detach(keep: Tuple[int, ...]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    for number in range(3, 256):
        if number not in keep:
            with suppress(OSError):
                os.close(number)
    os.chdir("/")


def _wait(state: HostState, engine: Engine, back: str, note: int, seconds: float, and_then: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    # A confirmation takes the note away, or gives it back if it cannot be written.
    while os.fstat(note).st_nlink and time.monotonic() < end + _CONFIRMED_WITHIN:
        if time.monotonic() >= end and _begins(state):
            break
        time.sleep(_LOOK_EVERY)
    else:
        return
    try:
        nothing = engine.nothing().text
        while not _loaded_one_of(engine, (back, state.text(RULESET) or nothing, nothing)):
            time.sleep(_LOOK_EVERY)
        state.roll_back()
        and_then()
    finally:
        # Until the note is gone, no other run begins in the folder.
        state.leave_if_empty()
        state.forget(TAKING_BACK)
        state.leave_notes()


def _begins(state: HostState) -> bool:
    """Whoever renames the note has decided: this, or a confirmation at the same moment."""
    try:
        os.rename(state.path(PENDING), state.path(TAKING_BACK))
    except OSError:
        return False
    return True


def _loaded_one_of(engine: Engine, texts: Tuple[str, ...]) -> bool:
    """What was once listed might not be read again; a host that is open is better than one that is lost. A firewall
    that does not work says nothing of a text: the next one gets its turn if a working one refuses this one twice."""
    for text in texts:
        for _attempt in range(2):
            with suppress(EngineError):
                engine.load(text)
                return True
            if not engine.works():
                return False
    return False


def confirm(state: HostState, engine: Engine, token: str) -> str:
    """Why a change is not confirmed. Empty if it is, as often as it is asked: the first answer may have been lost."""
    if not waits(state, token):
        return _unless_committed(state, token)
    if not os.path.isdir(state.folder):
        return _FILES_GONE
    with state.lock(wait=_LOCK_WAIT):
        # Asked twice at once, the other was first.
        if not waits(state, token):
            return _unless_committed(state, token)
        other = _other_than_held(state, engine)
        if other:
            return other
        try:
            os.rename(state.path(PENDING), state.path(CONFIRMING))
        except OSError:
            return _NO_LONGER
        try:
            state.commit()
        except StateError:
            os.rename(state.path(CONFIRMING), state.path(PENDING))
            raise
        state.forget(CONFIRMING)
        state.leave_if_empty()
    return ""


def _unless_committed(state: HostState, token: str) -> str:
    return "" if token and state.read().get("token") == token else _NO_LONGER


def _other_than_held(state: HostState, engine: Engine) -> str:
    """Whoever gets in has come through what the kernel holds, which need not be what the files say."""
    given, text = state.read(f"{STATE}{NEXT}")["applied"], state.text(f"{RULESET}{NEXT}")
    if text is None or given.get("text") != sha(text):
        return _FILES_GONE
    return "" if given.get("kernel") == engine.read().meaning else engine.replaced
