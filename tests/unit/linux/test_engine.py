# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An apply knows no firewall by name: with two that are held together, it keeps what it promises."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.linux import apply as linux_apply
from ansible_collections.portbook.firewall.plugins.module_utils.linux import units as boot
from ansible_collections.portbook.firewall.plugins.module_utils.linux import way_back
from ansible_collections.portbook.firewall.plugins.module_utils.linux.engine import (
    EngineError,
    EngineStopped,
    Present,
    Rendered,
)
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import (
    ALLOWED,
    Judgement,
    Local,
    Mark,
    Permission,
    Settings,
)
from ansible_collections.portbook.firewall.plugins.module_utils.linux.request import Applied, Request
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import HostState, StateError
from ansible_collections.portbook.firewall.plugins.module_utils.linux.units import Units

# xdist's thread holds no lock that a child needs.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
SLICE = {
    "rules": [
        {
            **{"id": "one/0", "flow": "one.a", "direction": "in", "protocol": "tcp", "peers": "any"},
            **{"cast": "unicast", "refusal": "guard", "log": False},
            **{"spans": [[514, 514]], "source_spans": [], "container_spans": []},
        }
    ],
    "sets": {},
}


@dataclass
class Twofold:
    """What opens and what refuses are files of their own, as if each were a firewall; a step can fail."""

    folder: Path
    fails: str = ""
    steps: list[str] = field(default_factory=list)
    name, what, gone, replaced = "twofold", "both files", "a file is gone", "a file is another one"
    seconds = 10.0
    units = Units((), ())

    def render(self, permissions: list[Permission], settings: Settings, local: Local) -> Rendered:
        opens = ",".join(str(one.spans) for one in permissions)
        refuses = ",".join(str(one.spans) for one in permissions if one.guarded)
        return Rendered(f"{opens}|{refuses}", True, bool(refuses), "nothing does")

    def nothing(self) -> Rendered:
        return Rendered("|", False, False, "nothing to bring back")

    def read(self) -> Present:
        self._step("read")
        found = "|".join(self._text(name) for name in ("opens", "refuses"))
        return Present("" if found == "|" else found)

    def to_restore(self, present: Present, text: str) -> str:
        return present.meaning or "|"

    def check(self, text: str) -> None:
        self._step("check")

    def load(self, text: str) -> None:
        for name, part in zip(("opens", "refuses"), text.split("|"), strict=True):
            self._step(name)
            (self.folder / name).write_text(part)

    def settle(self, text: str) -> None:
        self._step("settle")

    def lasts(self, text: str) -> bool:
        return True

    def notes(self) -> list[str]:
        return []

    def command_to_load(self, path: str) -> list[str]:
        return ["load", path]

    def command_to_remove(self) -> list[str]:
        return ["remove"]

    def works(self) -> bool:
        return True

    def difference(self, before: str, after: str) -> tuple[list[str], list[str]]:
        return [before], [after]

    def drift(self, text: str) -> tuple[list[str], list[str]]:
        return [self.read().meaning], [text]

    def judge(self, mark: Mark | None) -> Callable[[Permission], Judgement]:
        return lambda _permission: Judgement(ALLOWED, "")

    def mark_users(self, mark: Mark) -> list[str]:
        return []

    def _text(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if name == self.fails:
            self.fails = ""
            # When the second of the two fails, the first is loaded.
            raise (EngineStopped if name == "refuses" else EngineError)(f"{name} failed")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Twofold:
    monkeypatch.setattr(boot, "has_systemd", lambda: False)
    return Twofold(tmp_path)


def state(engine: Twofold) -> HostState:
    return HostState(str(engine.folder / "kept"), str(engine.folder / "notes"))


def apply(engine: Twofold, slices: dict[str, Any], **more: Any) -> Applied:
    return linux_apply.apply(state(engine), engine, Request(slices, **more))


def test_a_second_run_only_reads(engine: Twofold) -> None:
    assert apply(engine, {"one": SLICE}).changed
    engine.steps.clear()
    assert not apply(engine, {"one": SLICE}).changed
    assert engine.steps == ["read"]


def test_what_a_killed_run_left_is_removed_and_named(engine: Twofold) -> None:
    apply(engine, {"one": SLICE})
    for name in (".state.json.x7", "ruleset.nft.next"):
        Path(state(engine).path(name)).write_text("half of i")
    assert apply(engine, {"one": SLICE}, check=True).warnings == []
    applied = apply(engine, {"one": SLICE})
    left = [state(engine).path(name) for name in (".state.json.x7", "ruleset.nft.next")]
    assert not applied.changed
    (warning,) = applied.warnings
    assert warning.endswith(f"the files that it had left are removed: {', '.join(left)}")
    assert not any(map(os.path.exists, left))
    assert apply(engine, {"one": SLICE}).warnings == []


def test_check_mode_checks_and_loads_nothing(engine: Twofold) -> None:
    assert apply(engine, {"one": SLICE}, check=True).changed
    assert engine.steps == ["read", "check"]


def test_the_last_slice_takes_all_away(engine: Twofold) -> None:
    apply(engine, {"one": SLICE})
    assert apply(engine, {"one": {}}).changed
    assert not engine.read().exists
    assert not Path(state(engine).folder).exists()


@pytest.mark.parametrize("before", [{}, {"one": SLICE}])
@pytest.mark.parametrize("fails", ["check", "opens", "refuses", "settle"])
def test_what_fails_between_the_two_leaves_both_as_they_were(
    engine: Twofold, before: dict[str, Any], fails: str
) -> None:
    if before:
        apply(engine, before)
    there = engine.read()
    engine.fails = fails
    with pytest.raises(EngineError, match=f"{fails} failed"):
        apply(engine, {"two": {**SLICE, "rules": [{**SLICE["rules"][0], "id": "two/0", "spans": [[600, 600]]}]}})
    assert engine.read() == there
    assert not apply(engine, before, replace_all=True).changed


def test_both_are_taken_back_together(engine: Twofold) -> None:
    assert apply(engine, {"one": SLICE}, hold=0.3, token="t").held
    assert engine.read().exists
    end = time.monotonic() + 5
    while way_back.pending(state(engine)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not engine.read().exists


def test_both_stand_once_confirmed(engine: Twofold) -> None:
    apply(engine, {"one": SLICE}, hold=5, token="t")
    assert linux_apply.confirm(state(engine), engine, "t") == ""
    assert not apply(engine, {"one": SLICE}).changed


def test_another_state_of_one_of_the_two_is_not_confirmed(engine: Twofold) -> None:
    apply(engine, {"one": SLICE}, hold=0.5, token="t")
    (engine.folder / "refuses").write_text("what somebody else wrote")
    assert linux_apply.confirm(state(engine), engine, "t") == "a file is another one"


def test_what_another_backend_holds_is_left_to_it(engine: Twofold) -> None:
    apply(engine, {"one": SLICE})
    there = engine.read()
    engine.name = "onefold"
    for more in ({}, {"check": True}, {"removes": True, "replace_all": True}):
        with pytest.raises(
            StateError, match=r"applied by twofold, and onefold is asked for\. Set portbook_migrate: true"
        ):
            apply(engine, {"one": {}}, **more)
    assert engine.read() == there
    engine.name = "twofold"
    assert apply(engine, {"one": {}}).changed
