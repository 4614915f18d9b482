# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that takes a change back, where there is no systemd that would. It needs no file: what it puts back is in
its memory, and whatever became of its note, it takes back unless one of us has said that it need not."""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import suppress
from typing import Any, Callable, Dict, Tuple

from . import programs
from . import units as boot
from .engine import Engine, EngineError
from .state import CONFIRMING, PENDING, RULESET, TAKING_BACK, HostState

_LOOK_EVERY = 0.2
_CONFIRMED_WITHIN = 10.0


def hold(
    state: HostState, engine: Engine, back: str, note: Dict[str, Any], seconds: float, and_then: Callable[[], None]
) -> None:
    locked = state.begin_note()
    telling, told = os.pipe()
    starting, start = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _detach((told, starting, locked))
                os.write(told, b"%d" % os.getpid())
                os.close(told)
                # Without the word to start, whoever asked for the hold has ended before it changed anything.
                if os.read(starting, 1):
                    with programs.within(math.inf):
                        _wait(state, engine, back, locked, seconds, and_then)
        finally:
            os._exit(0)
    os.close(told)
    os.close(starting)
    try:
        os.waitpid(child, 0)
        holder = int(os.read(telling, 32) or 0)
        boot.outlive_session(holder)
        state.place_note(locked, json.dumps({**note, "holder": holder}))
        os.write(start, b"!")
    finally:
        os.close(telling)
        os.close(start)
        os.close(locked)


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
    while not _settled(note):
        if time.monotonic() >= end and _begins(state, note):
            break
        # A confirmation that was killed took the note, and neither takes it away nor gives it back.
        if time.monotonic() >= end + _CONFIRMED_WITHIN:
            return
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
        # As long as the note exists, no other run begins in the folder.
        state.leave_if_empty()
        state.forget(TAKING_BACK)
        state.leave_notes()


def _settled(note: int) -> bool:
    """One of us has taken the note away; one that something else took away is not empty."""
    found = os.fstat(note)
    return not found.st_nlink and not found.st_size


def _begins(state: HostState, note: int) -> bool:
    """Whoever renames the note has decided: this, or a confirmation at the same moment."""
    try:
        os.rename(state.path(PENDING), state.path(TAKING_BACK))
    except OSError:
        return bool(os.fstat(note).st_size) and not os.path.exists(state.path(CONFIRMING))
    return True


def _loaded_one_of(engine: Engine, texts: Tuple[str, ...]) -> bool:
    """What was once listed might not be read again; a host that is open is better than one that nobody can reach. A
    firewall that does not work says nothing of a text: the next one gets its turn if a working one refuses this one
    twice."""
    for text in texts:
        for _attempt in range(2):
            with suppress(EngineError):
                engine.load(text)
                return True
            if not engine.works():
                return False
    return False
