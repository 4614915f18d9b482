# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold a change until a new connection confirms it; without that, the host puts back what it had."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import Any, Dict, Optional, Tuple

from .host_state import PENDING, RULESET, STATE, HostState, StateError
from .nft_process import Nft, NftError
from .nft_ruleset import deletion

_LOOK_EVERY = 0.2


def previous(nft: Nft, exists: bool) -> str:
    """A script that brings back our table as the kernel holds it now."""
    listed = nft.listing() if exists else ""
    return deletion() + listed


def pending(state: HostState) -> Optional[Dict[str, Any]]:
    """A change that still waits; one whose holder is gone waits for nobody."""
    text = state.text(PENDING)
    if text is None:
        return None
    try:
        waiting = json.loads(text)
        alive = os.path.isdir(f"/proc/{int(waiting['holder'])}")
    except (ValueError, KeyError, TypeError):
        return None
    return waiting if alive else None


def hold(state: HostState, nft: Nft, back: str, token: str, seconds: float) -> None:
    """Starts before the change, so that there is no moment without a way back."""
    kept = {name: state.text(name) for name in (STATE, RULESET)}
    telling, told = os.pipe()
    starting, start = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        _detach((told, starting))
        os.write(told, b"%d" % os.getpid())
        os.close(told)
        # Without the word to start, whoever asked for the hold is gone before it changed anything.
        if os.read(starting, 1):
            _wait(state, nft, back, token, kept, seconds)
        os._exit(0)
    os.close(told)
    os.close(starting)
    os.waitpid(child, 0)
    holder = os.read(telling, 32).decode()
    os.close(telling)
    state.write(PENDING, json.dumps({"token": token, "holder": holder, "seconds": seconds}))
    os.write(start, b"!")
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


def _wait(state: HostState, nft: Nft, back: str, token: str, kept: Dict[str, Optional[str]], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(_LOOK_EVERY)
        if token not in (state.text(PENDING) or ""):
            return
    try:
        nft.load(back)
        for name, before in kept.items():
            state.forget(name) if before is None else state.write(name, before)
    except (NftError, StateError):
        pass
    state.forget(PENDING)


def confirm(state: HostState, token: str) -> bool:
    waiting = pending(state)
    if waiting is None or waiting.get("token") != token:
        return False
    state.forget(PENDING)
    return True
