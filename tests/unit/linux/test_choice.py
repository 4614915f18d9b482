# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which engine a host has: the one asked for by name, the one it had before, or with auto the one that runs there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.linux import choice
from ansible_collections.portbook.firewall.plugins.module_utils.linux import units as boot
from ansible_collections.portbook.firewall.plugins.module_utils.linux.choice import Engines
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import HostState, StateError

SERVICES = {"big": "bigd"}
AUTO, BY_NAME = SERVICES, {}


def engines(own: str) -> Engines:
    made: dict[str, Any] = {name: (lambda name=name: name) for name in ("small", "big")}
    return Engines(own, made, {("big", "small"): lambda: "from big to small"})


@pytest.fixture
def state(tmp_path: Path) -> HostState:
    return HostState(str(tmp_path), str(tmp_path / "notes"))


def held(state: HostState, backend: str, name: str = "state.json") -> None:
    kept = {"format": 2, "backend": backend, "slices": {}, "settings": {}, "way_in": [], "applied": {"text": "x"}}
    Path(state.path(name)).write_text(json.dumps(kept))


def runs(monkeypatch: pytest.MonkeyPatch, condition: str) -> None:
    monkeypatch.setattr(boot, "condition", lambda _service: condition)


@pytest.mark.parametrize(
    ("own", "yields_to", "before", "condition", "migrate", "chosen"),
    [
        ("small", AUTO, "", "absent", False, "small"),
        ("small", AUTO, "", "running", False, "big"),
        ("small", AUTO, "small", "running", False, "small"),
        ("small", AUTO, "small", "running", True, "big"),
        ("small", AUTO, "big", "running", False, "big"),
        ("small", AUTO, "big", "absent", False, "big"),
        ("small", AUTO, "big", "absent", True, "from big to small"),
        ("small", BY_NAME, "", "running", False, "small"),
        ("big", BY_NAME, "", "absent", False, "big"),
        ("big", BY_NAME, "small", "running", True, "big"),
        ("small", BY_NAME, "big", "running", True, "from big to small"),
    ],
)
def test_the_engine_of_a_change(
    state: HostState,
    monkeypatch: pytest.MonkeyPatch,
    own: str,
    yields_to: dict[str, str],
    before: str,
    condition: str,
    migrate: bool,
    chosen: str,
) -> None:
    if before:
        held(state, before)
    runs(monkeypatch, condition)
    assert choice.for_change(engines(own), state, yields_to, migrate) == chosen


def test_one_that_is_enabled_and_does_not_run_cannot_be_determined(
    state: HostState, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, "enabled")
    with pytest.raises(StateError, match="bigd is enabled on this host and does not run"):
        choice.for_change(engines("small"), state, AUTO, migrate=False)
    held(state, "small")
    assert choice.for_change(engines("small"), state, AUTO, migrate=False) == "small"


def test_removal_is_for_who_holds_the_rules(state: HostState, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, "running")
    assert choice.for_removal(engines("small"), state, AUTO) == "big"
    held(state, "small")
    assert choice.for_removal(engines("small"), state, AUTO) == "small"


def test_a_confirmation_is_for_who_made_the_change(state: HostState) -> None:
    held(state, "big")
    assert choice.for_confirmation(engines("small"), state) == "big"
    held(state, "small", "state.json.next")
    assert choice.for_confirmation(engines("small"), state) == "from big to small"


def test_a_backend_of_a_later_version_is_not_guessed(state: HostState) -> None:
    held(state, "huge")
    with pytest.raises(StateError, match=r"held by huge, which this version of portbook\.firewall does not know"):
        choice.for_removal(engines("small"), state, {})
