# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold a change until a new connection confirms it; without that, the host puts back what it had.

The files change when the change is confirmed, so that a restart of the host in between takes it back, too.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import Any, Callable, Dict, Optional, Tuple

from . import boot
from .host_state import PENDING, RULESET, TAKING_BACK, HostState
from .nft_process import Nft, NftError
from .nft_ruleset import deletion

_LOOK_EVERY = 0.2
_LOCK_WAIT = 5.0


def previous(nft: Nft, exists: bool) -> str:
    """A script that brings back our table as the kernel holds it now."""
    listed = nft.listing() if exists else ""
    return deletion() + listed


def pending(state: HostState) -> Optional[Dict[str, Any]]:
    """A change that still waits, or is being taken back; one whose holder is gone waits for nobody."""
    for name in (PENDING, TAKING_BACK):
        try:
            waiting = json.loads(state.text(name) or "")
            started = _started(int(waiting["holder"]))
            if started and waiting["started"] == started:
                return dict(waiting)
        except (ValueError, KeyError, TypeError):
            continue
    return None


def _started(process: int) -> str:
    """When a process was started, in the kernel's ticks: numbers of processes are given again. Empty: it is dead."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            words = file.read().rpartition(")")[2].split()
            return "" if words[0] in "ZX" else words[19]
    except (OSError, IndexError):
        return ""


def hold(state: HostState, nft: Nft, back: str, token: str, seconds: float, and_then: Callable[[], None]) -> None:
    """Starts before the change, so that there is no moment without a way back."""
    telling, told = os.pipe()
    starting, start = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _detach((told, starting))
                os.write(told, b"%d" % os.getpid())
                os.close(told)
                # Without the word to start, whoever asked for the hold is gone before it changed anything.
                if os.read(starting, 1):
                    _wait(state, nft, back, token, seconds, and_then)
        finally:
            os._exit(0)
    os.close(told)
    os.close(starting)
    try:
        os.waitpid(child, 0)
        holder = int(os.read(telling, 32) or 0)
        boot.outlive_session(holder)
        waiting = {"token": token, "holder": holder, "started": _started(holder), "seconds": seconds}
        state.write(PENDING, json.dumps(waiting))
        os.write(start, b"!")
    finally:
        os.close(telling)
        os.close(start)


def _detach(keep: Tuple[int, ...]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    for number in range(3, 256):
        if number not in keep:
            with suppress(OSError):
                os.close(number)
    os.chdir("/")


def _wait(state: HostState, nft: Nft, back: str, token: str, seconds: float, and_then: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(_LOOK_EVERY)
        if (pending(state) or {}).get("token") != token:
            return
    try:
        # Whoever takes the file away has decided: this, or a confirmation at the same moment.
        os.rename(state.path(PENDING), state.path(TAKING_BACK))
    except OSError:
        return
    try:
        _load_one_of(nft, (back, state.text(RULESET) or deletion(), deletion()))
        state.roll_back()
        and_then()
    finally:
        state.forget(TAKING_BACK)
        state.leave_if_empty()


def _load_one_of(nft: Nft, texts: Tuple[str, ...]) -> None:
    """What nft once listed it might not read again; a host that is open is better than one that is lost."""
    for text in texts:
        with suppress(NftError):
            nft.load(text)
            return


def confirm(state: HostState, token: str) -> bool:
    """True as often as it is asked: the answer to the first time may have been lost on its way."""
    waiting = pending(state)
    if waiting is None or waiting.get("token") != token:
        return bool(token) and state.read().get("token") == token
    with state.lock(wait=_LOCK_WAIT):
        try:
            os.unlink(state.path(PENDING))
        except OSError:
            return False
        state.commit()
    return True
