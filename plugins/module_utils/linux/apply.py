# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One apply on one host: look, decide, check, then change. Looks only, where nothing differs."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, List

from .. import shrinking
from . import causes, choice, programs, shown, slices, unmanaged, way_back, way_in
from . import units as boot
from .change import Change
from .engine import Engine, Present
from .request import Applied, Request
from .state import RULESET, STATE, HostState, StateError, sha
from .wanted import Wanted, wanted

# What restores the table after a flush holds the lock for a moment, too.
_LOCK_WAIT = 1.0


class Shrinks(StateError):
    """What the host would lose that nobody decided."""

    def __init__(self, losses: List[str], inventory: shrinking.Inventory) -> None:
        super().__init__(shrinking.refusal(losses, inventory))
        self.losses = losses


def apply(state: HostState, engine: Engine, request: Request) -> Applied:
    with programs.within(programs.RUN):
        if request.check:
            return _apply(state, engine, request)
        state.prepare()
        with state.lock(wait=_LOCK_WAIT):
            try:
                left = state.tidy() if way_back.pending(state) is None else []
                applied = _apply(state, engine, request)
                applied.warnings += [_of_killed(left)] if left else []
                return applied
            finally:
                state.leave_if_empty()


def _of_killed(left: List[str]) -> str:
    return (
        "an earlier run on this host was ended before it was done; the files that it had left are removed: "
        f"{', '.join(left)}"
    )


def confirm(state: HostState, engine: Engine, token: str) -> str:
    """Why not; empty if the change stands."""
    with programs.within(programs.RUN):
        return way_back.confirm(state, engine, token)


def _apply(state: HostState, engine: Engine, request: Request) -> Applied:
    waiting = way_back.pending(state)
    if waiting is not None:
        raise StateError(way_back.described(waiting))
    kept = state.read()
    if _held_by_another(kept, engine) and not request.migrate:
        raise StateError(
            f"{state.path(STATE)} has the rules of this host as applied by {kept['backend']}, and {engine.name} is "
            f"asked for. Set portbook_migrate: true to take the host from one to the other, or portbook_backend: "
            f"{kept['backend']}"
        )
    other = "" if kept["applied"] else choice.running(request.yields_to)
    if other:
        return Applied(slices.difference({}, {}), left_to=other)
    start = time.monotonic()
    present = engine.read()
    new = wanted(kept, engine, request)
    applied = _compared(state, engine, request, kept, new, present)
    if applied.changed:
        _refuse(engine, request, kept, new, applied)
        engine.check(new.rendered.text)
        _refuse_unwritable(state, engine, new)
        if request.diff:
            applied.diff = shown.Change(state, engine, request, kept, new, present).sections()
        if not request.check:
            applied.held = Change(state, engine, request, new).make(present)
            applied.warnings += engine.notes()
    applied.seconds = time.monotonic() - start
    return applied


def _held_by_another(kept: Dict[str, Any], engine: Engine) -> bool:
    return bool(kept["applied"] and kept.get("backend", engine.name) != engine.name)


def _compared(
    state: HostState, engine: Engine, request: Request, kept: Dict[str, Any], new: Wanted, present: Present
) -> Applied:
    words = slices.difference(kept["slices"], new.slices)
    given, rendered = kept["applied"], new.rendered
    if rendered.exists:
        same_text = given.get("text") == sha(rendered.text) and state.text(RULESET) == rendered.text
        same_kernel = present.exists and given.get("kernel") == present.meaning
    else:
        same_text, same_kernel = not given, not present.exists
    same_units = not boot.has_systemd() or engine.units.as_wanted(rendered.files)
    same = same_text and same_kernel and same_units and engine.lasts(rendered.text)
    return Applied(
        words,
        changed=not same or any(words[one] for one in ("create", "change", "delete")),
        mended=bool(given)
        and rendered.exists
        and given.get("kernel") != present.meaning
        and not _held_by_another(kept, engine),
        warnings=_warnings(state, kept),
        persistence=rendered.persistence,
        left=_left(request, kept, new, present, engine.what),
    )


def _warnings(state: HostState, kept: Dict[str, Any]) -> List[str]:
    if not kept["fault"]:
        return []
    return [
        f"{state.path(STATE)} was not readable ({kept['fault']}), so what this host had been given before is not "
        "known. It gets what this run gives, and nothing else: apply again what comes from other playbooks"
    ]


def _left(request: Request, kept: Dict[str, Any], new: Wanted, present: Present, what: str) -> Dict[str, int]:
    """Components that the host leaves; removals because the inventory lacks hosts are refused."""
    unknown = "" if kept["slices"] or not present.exists else f"{what}, of which {STATE} knows no rule"
    before = slices.held(kept["slices"], new.settings, unknown)
    after = slices.held(new.slices, new.settings, unknown if new.rendered.exists else "")
    if request.inventory is not None:
        found = shrinking.losses(before, after, request.inventory)
        if found:
            raise Shrinks(found, request.inventory)
    return {name: before.rules[name] for name in shrinking.left(before, after)}


def _refuse_unwritable(state: HostState, engine: Engine, new: Wanted) -> None:
    """Before the kernel is touched, and in check mode, too. How much space there is shows only when it is written."""
    units = engine.units.written_for(new.rendered.files) if boot.has_systemd() else []
    for folder in (state.folder, *map(os.path.dirname, units)):
        wrong = causes.not_writable(folder)
        if wrong:
            raise StateError(wrong)


def _refuse(engine: Engine, request: Request, kept: Dict[str, Any], new: Wanted, applied: Applied) -> None:
    """What must not be changed is not; what the operator should know of a change is put down."""
    if new.rendered.refuses and request.transport and not request.by_ssh:
        way_in.refuse_lock_out(kept, new.way_in, new.settings, new.access, request.transport)
    if new.rendered.refuses and request.local:
        applied.unconfirmed = "not confirmed: local connection"
    if new.settings.mark and new.rendered.exists and not request.removes:
        unsure = unmanaged.refuse_used(engine, new.settings.mark)
        applied.warnings += [unsure] if unsure else []
    lost = unmanaged.judged(engine, new.slices, new.settings)
    applied.foreign = [one.data() for one in lost]
    unmanaged.refuse_lost(lost, new.settings)
