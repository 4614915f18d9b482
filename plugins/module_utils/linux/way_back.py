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
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional

from . import clock, holder, session, timer
from . import units as boot
from .engine import Engine, EngineError
from .state import (
    BACK,
    BACK_FILE,
    BACK_SCRIPT,
    CONFIRMING,
    NEXT,
    PENDING,
    RULESET,
    STATE,
    TAKING_BACK,
    HostState,
    StateError,
    sha,
)
from .units import Units

_LOOK_EVERY = 0.05
_LOCK_WAIT = 5.0
_BACK_WITHIN = 3.0
_NO_LONGER = "it no longer waits"
_FILES_GONE = (
    f"the files of the change that was to be confirmed ({STATE}{NEXT}, {RULESET}{NEXT}) were removed or cannot be "
    "read. A restart of portbook-firewall.service removes them, for example. Run again"
)


class OldConnection(StateError):
    """It was there before the change, so that it does not show that a new one gets in."""


@dataclass(frozen=True)
class Terms:
    """Of a hold."""

    back: str
    """The text that is loaded without a confirmation."""
    token: str
    seconds: float
    by_ssh: bool
    """Whether a confirmation has to come by ssh, too."""
    units: Units
    files: Dict[str, str]
    """Of the units, as they were."""


def pending(state: HostState) -> Optional[Dict[str, Any]]:
    """A change that still waits, or is being taken back; one that nothing would take back waits for nobody."""
    notes = (_note(state, name) for name in (PENDING, TAKING_BACK))
    found = next((note for note in notes if note is not None), None)
    # Its notes may be missing, and it comes all the same.
    return {} if found is None and timer.at_work() else found


def described(note: Dict[str, Any]) -> str:
    """Whose it is, and until when it waits."""
    client, until = note.get("client"), note.get("until")
    by = f", applied by ssh from {client}," if client else ""
    left = until - time.monotonic() if isinstance(until, (int, float)) else 0.0
    if left <= 0:
        return f"a change of this host{by} still waits to be confirmed or is being taken back. Run again in a minute"
    return (
        f"a change of this host{by} still waits to be confirmed: until {clock.in_words(left)}, {left:.0f} s from now. "
        "Wait until it is confirmed or taken back, then run again"
    )


def waits(state: HostState, token: str) -> bool:
    """This very change, with somebody there who would take it back and has not begun to."""
    note = _note(state, PENDING)
    return bool(token) and note is not None and note.get("token") == token


def _note(state: HostState, name: str) -> Optional[Dict[str, Any]]:
    note = state.note(name)
    if note is None or note.get("boot") != _boot():
        return None
    if note.get("timer"):
        return note if timer.at_work() else None
    return state.held_note(name)


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
        time.sleep(_LOOK_EVERY)


def hold(state: HostState, engine: Engine, terms: Terms, and_then: Callable[[], None]) -> None:
    """Starts before the change, so that there is no moment without a way back. By systemd; where there is none, or it
    takes no such units, by a process of our own."""
    note = {
        "token": terms.token,
        "seconds": terms.seconds,
        "until": time.monotonic() + terms.seconds,
        "boot": _boot(),
        "client": session.own().client,
        "by_ssh": terms.by_ssh,
    }
    if not (boot.has_systemd() and _held_by_systemd(state, engine, terms, note)):
        holder.hold(state, engine, terms.back, note, terms.seconds, and_then)


def _held_by_systemd(state: HostState, engine: Engine, terms: Terms, note: Dict[str, Any]) -> bool:
    state.prepare_notes()
    state.write(BACK, terms.back)
    copies = {path: f"{BACK_FILE}{number}" for number, path in enumerate(sorted(terms.files))}
    for path, name in copies.items():
        state.write(name, terms.files[path])
    files = timer.Files(
        state.path(BACK),
        state.path(RULESET),
        (state.path(PENDING), state.path(CONFIRMING)),
        state.path(TAKING_BACK),
        (state.path(f"{STATE}{NEXT}"), state.path(f"{RULESET}{NEXT}")),
    )
    loads = [engine.command_to_load(path) for path in (files.back, files.kept)]
    units = terms.units.commands_for(terms.files, {path: state.path(name) for path, name in copies.items()})
    commands = timer.Commands(loads, engine.command_to_remove(), engine.seconds)
    script = timer.script(state.notes, state.folder, files, commands, units)
    state.write(BACK_SCRIPT, script)
    state.write(PENDING, json.dumps({**note, "timer": True}))
    if timer.start(script, terms.seconds):
        state.clear_notes()
        return False
    return True


def release(state: HostState) -> None:
    """What was held is put back already."""
    note = state.note(PENDING)
    if note is None or not note.get("timer"):
        state.settle(PENDING)
    elif timer.stop():
        state.clear_notes()


def confirm(state: HostState, engine: Engine, token: str) -> str:
    """Why a change is not confirmed. Empty if it is, as often as it is asked: the first answer may have been lost."""
    if not waits(state, token):
        return _unless_committed(state, token)
    if not os.path.isdir(state.folder):
        return _FILES_GONE
    with state.lock(wait=_LOCK_WAIT):
        # Asked twice at once, the other was first.
        note = _note(state, PENDING)
        if note is None or note.get("token") != token:
            return _unless_committed(state, token)
        other = _other_than_held(state, engine)
        if other:
            return other
        _refuse_old_connection(state, note)
        why_not = _taken_over(state, note)
        if why_not:
            return why_not
        try:
            engine.settle(state.text(f"{RULESET}{NEXT}") or "")
            state.commit()
        except (EngineError, StateError, OSError):
            _given_back(state, note)
            raise
        state.settle(CONFIRMING)
        state.clear_notes()
        state.leave_if_empty()
    return ""


def _taken_over(state: HostState, note: Dict[str, Any]) -> str:
    """Why not; empty if nothing takes the change back from here on. Whoever renames the note has decided."""
    try:
        os.rename(state.path(PENDING), state.path(CONFIRMING))
    except OSError:
        return _NO_LONGER
    if not note.get("timer"):
        return ""
    try:
        stopped = timer.stop()
    except OSError as error:
        stopped, why_not = False, f"systemd does not stop {timer.TIMER}: {error}"
    else:
        why_not = _NO_LONGER
    if stopped and os.path.exists(state.path(CONFIRMING)):
        return ""
    with suppress(OSError):
        os.rename(state.path(CONFIRMING), state.path(PENDING))
    return why_not


def _given_back(state: HostState, note: Dict[str, Any]) -> None:
    os.rename(state.path(CONFIRMING), state.path(PENDING))
    if note.get("timer"):
        wrong = timer.start(state.text(BACK_SCRIPT) or "", note["until"] - time.monotonic())
        if wrong:
            raise StateError(f"{wrong}. So nothing takes the change back before the next start of this host")


def _unless_committed(state: HostState, token: str) -> str:
    return "" if token and state.read().get("token") == token else _NO_LONGER


def _other_than_held(state: HostState, engine: Engine) -> str:
    """Whoever gets in has come through what the kernel holds, which need not be what the files say."""
    given, text = state.read(f"{STATE}{NEXT}")["applied"], state.text(f"{RULESET}{NEXT}")
    if text is None or given.get("text") != sha(text):
        return _FILES_GONE
    return "" if given.get("kernel") == engine.read().meaning else engine.replaced


def _refuse_old_connection(state: HostState, note: Dict[str, Any]) -> None:
    loaded = state.read(f"{STATE}{NEXT}").get("loaded")
    own = session.own()
    if note.get("by_ssh") and not own.is_new(str(note.get("client")), loaded if isinstance(loaded, float) else 0.0):
        raise OldConnection(
            f"the confirmation came over an ssh connection{f' from {own.client}' if own.client else ''} that was open "
            "before the rules were loaded (a ControlMaster that outlived its reset?), so it does not show that a new "
            "one gets in"
        )
