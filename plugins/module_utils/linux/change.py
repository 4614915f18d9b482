# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a host from what it holds to what it is to hold: files first, so that a full disk is found before the kernel is
touched; then the hold, then the load. What fails at any step is put back."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Dict, Tuple

from . import clock, programs, remembered, way_back
from . import units as boot
from .engine import Engine, EngineError, EngineStopped, Present
from .request import Request
from .state import RULESET, STATE, HostState, sha
from .wanted import Wanted


class Change:
    def __init__(self, state: HostState, engine: Engine, request: Request, wanted: Wanted) -> None:
        self._state, self._engine, self._request, self._wanted = state, engine, request, wanted
        self._rendered = wanted.rendered
        self._systemd = boot.has_systemd()
        self._units_before = engine.units.present() if self._systemd else {}
        self._loaded = self._held = False

    def make(self, present: Present) -> bool:
        """Whether the change is held and waits to be confirmed."""
        back = self._engine.to_restore(present, self._rendered.text)
        try:
            self._write_files()
            if self._request.hold and not self._request.local and self._rendered.refuses:
                self._hold(back)
            self._load(present)
            self._remember()
            return self._held
        except BaseException:
            with programs.within(*self._to_clean_up()):
                self._put_back(back)
            raise

    def _to_clean_up(self) -> Tuple[float, float]:
        """For an engine that is slow by nature, as long as it takes."""
        if self._engine.seconds > programs.SECONDS:
            return self._engine.seconds + programs.CLEAN_UP, self._engine.seconds
        return programs.CLEAN_UP, programs.CLEAN_UP_EACH

    def _write_files(self) -> None:
        if not self._rendered.exists:
            return
        self._state.write_next(RULESET, self._rendered.text)
        # As long as a digest, so that there is room for one.
        self._write_state(sha(""))
        if self._systemd and not self._engine.units.as_wanted(self._rendered.files):
            self._engine.units.bring(self._rendered.files)

    def _write_state(self, kernel: str) -> None:
        new: Dict[str, Any] = {
            "format": remembered.FORMAT,
            "backend": self._engine.name,
            "slices": self._wanted.slices,
            "settings": self._wanted.raw_settings,
            "way_in": self._wanted.way_in.ways,
            "digest": self._request.digest,
            "applied": {"text": sha(self._rendered.text), "kernel": kernel},
            **({"token": self._request.token, "loaded": clock.since_boot()} if self._held else {}),
        }
        self._state.write_next(STATE, json.dumps(new, sort_keys=True))

    def _hold(self, back: str) -> None:
        asked = self._request
        units, files = self._engine.units, self._units_before
        terms = way_back.Terms(back, asked.token, asked.hold, asked.by_ssh, units, files)
        way_back.hold(self._state, self._engine, terms, self._units_as_before)
        self._held = True
        self._still_waits()

    def _still_waits(self) -> None:
        if self._held:
            way_back.still_waits(self._state, self._request.token, self._request.hold)

    def _load(self, before: Present) -> None:
        if self._systemd and not self._rendered.exists:
            self._engine.units.stop()
        self._loaded = True
        try:
            self._engine.load(self._rendered.text)
        except EngineError as error:
            # One that was ended may have done it before, and one that failed should not have: so that is looked at.
            self._loaded = isinstance(error, EngineStopped) or self._differs(before)
            raise
        self._still_waits()

    def _differs(self, before: Present) -> bool:
        try:
            return self._engine.read() != before
        except (EngineError, OSError):
            return True

    def _remember(self) -> None:
        if self._rendered.exists:
            there = self._engine.read()
            if not there.exists:
                raise EngineError(self._engine.gone)
            self._write_state(there.meaning)
            if not self._held:
                self._engine.settle(self._rendered.text)
                self._state.commit()
        else:
            self._engine.settle(self._rendered.text)
            if self._systemd:
                self._engine.units.bring({})
            self._state.leave()
        # What was written after it was given up would stay.
        self._still_waits()

    def _put_back(self, back: str) -> None:
        try:
            if self._loaded:
                self._engine.load(back)
            if self._held:
                way_back.release(self._state)
        except (EngineError, OSError):
            pass  # What holds the change tries again.
        if self._held:
            way_back.until_taken_back(self._state)
        self._state.roll_back()
        with suppress(OSError):
            self._units_as_before()

    def _units_as_before(self) -> None:
        if self._systemd and not self._engine.units.as_wanted(self._units_before):
            self._engine.units.bring(self._units_before)
