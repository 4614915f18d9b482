# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sizes of test: what belongs to each, what takes too long fails, and a missed bar does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import run as runner

CHECKOUT = Path(__file__).resolve().parents[3]
EVERY = runner.kinds()


def names(size: str) -> set[str]:
    return {kind.name for kind in runner.chosen_kinds(EVERY, size, [])}


def fake(script: str, limit: float, **more: Any) -> runner.Kind:
    return runner.Kind("fake", "nothing", [sys.executable, "-c", script], lambda: None, limit, **more)


def test_quick_is_style_types_layers_unit_and_golden() -> None:
    assert names("quick") == {"ruff", "types", "layers", "unit", "golden"}
    assert names("quick") < names("test")


def test_no_kind_is_in_both_of_those_that_a_merge_asks_for() -> None:
    assert names("test").isdisjoint(names("all"))
    assert names("test") | names("all") == {kind.name for kind in EVERY}


def test_every_kind_has_a_limit_and_those_of_all_fit_into_their_time() -> None:
    assert all(kind.limit > 0 for kind in EVERY)
    for beside in (False, True):
        assert sum(kind.limit for kind in EVERY if kind.size == "all" and kind.beside == beside) <= 58 * 60
    assert len({kind.name for kind in EVERY}) == len(EVERY)


@pytest.mark.parametrize("beside", [False, True])
def test_a_kind_that_takes_more_than_four_times_its_limit_cleans_up_and_is_ended_with_all_it_started(
    beside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TO_CLEAN_UP", 2)
    started, clean = tmp_path / "started", tmp_path / "clean"
    script = f"""
import pathlib, subprocess, time
child = subprocess.Popen(["sh", "-c", "trap '' INT; sleep 60 & wait; sleep 60"])
pathlib.Path({str(started)!r}).write_text(str(child.pid))
try:
    time.sleep(60)
finally:
    pathlib.Path({str(clean)!r}).touch()
"""
    start = time.monotonic()
    result = runner.run(fake(script, 0.75, beside=beside))
    assert result.state == runner.FAILED
    assert "more than 4 times its limit of 0.75 s" in result.note
    assert time.monotonic() - start < 60
    assert clean.exists()
    child, patience = int(started.read_text()), time.monotonic() + 10
    while running(child) and time.monotonic() < patience:
        time.sleep(0.05)
    assert not running(child)


def running(process: int) -> bool:
    """A child that nobody has collected runs no more."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_kind_that_takes_up_to_four_times_its_limit_passes_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 390.0, 0.0, 90.0])
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: next(clock), time=lambda: 0.0))
    result = runner.run(fake("pass", 100))
    assert result.state == runner.PASSED
    assert "over its limit of 100 s" in result.note
    assert runner.run(fake("pass", 100)).note == ""


@pytest.mark.parametrize(("left", "state"), [(29, runner.NO_TIME), (31, runner.PASSED)])
def test_a_kind_that_might_end_too_late_is_not_begun_and_is_not_missed(
    left: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(runner.UNTIL, "1000")
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=time.monotonic, time=lambda: 1000 - left))
    monkeypatch.setattr(runner, "kinds", lambda: [fake(f"open({str(tmp_path / 'ran')!r}, 'w')", 30)])
    monkeypatch.setattr(runner, "OUTPUT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["run.py", "--require", "all"])
    assert runner.main() == 0
    (kind,) = json.loads((tmp_path / "kinds.json").read_text())["kinds"]
    assert kind["state"] == state
    assert (tmp_path / "ran").exists() == (state == runner.PASSED)


def test_a_kind_that_still_runs_when_all_has_to_be_over_is_ended_and_has_not_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(runner.UNTIL, str(time.time() + 2))
    result = runner.run(fake("import time; time.sleep(60)", 1))
    assert result.state == runner.NO_TIME
    assert "no time was left" in result.note


TESTS = """
import pathlib, pytest
@pytest.mark.parametrize("name", ["a::b [c]", "other"])
def test_late(name):
    if name == "other":
        return
    done = pathlib.Path(__file__).with_name("tried")
    first = not done.exists()
    done.touch()
    assert not {late}
"""


@pytest.mark.parametrize(
    ("late", "again", "state"), [("first", True, "passed"), ("first", False, "FAILED"), ("True", True, "FAILED")]
)
def test_what_fails_while_others_run_is_tried_once_more_alone(
    late: str, again: bool, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "OUTPUT", tmp_path)
    monkeypatch.setattr(runner, "CHECKOUT", tmp_path)
    (tmp_path / "test_it.py").write_text(TESTS.replace("{late}", late))
    kind = replace(
        runner.pytest_kind("it", "nothing", 60, "-n", "2", folders=("test_it.py",)), beside=True, again=again
    )
    (result,) = runner.run_all([kind])
    assert result.state == state
    assert ("passed alone: test_late[a::b [c]]" in result.note) == (state == "passed")


def test_a_kind_has_the_environment_that_is_its_own() -> None:
    kind = fake("import os; assert os.environ['PORTBOOK_FUZZ'] == '5'", 30, environment={"PORTBOOK_FUZZ": "5"})
    assert runner.run(kind).state == runner.PASSED
    assert runner.run(replace(kind, environment={"PORTBOOK_FUZZ": "4"})).state == runner.FAILED


def test_where_there_is_a_powershell_what_needs_one_is_required() -> None:
    chosen = runner.chosen_kinds(EVERY, "test", [])
    assert "pwsh" in runner.required_kinds(chosen, [], has_pwsh=True)
    assert runner.required_kinds(chosen, [], has_pwsh=False) == []
    assert "pwsh" not in runner.required_kinds(chosen, ["all"], has_pwsh=False)
    assert "unit" in runner.required_kinds(chosen, ["all"], has_pwsh=False)


def test_a_missed_bar_counts_only_for_those_that_ask_for_it() -> None:
    """Times and proportions have twice their bar, counts have not."""
    script = """
import sys
sys.path.insert(0, "tests/bench")
import run
table = run.Table(loaded=True)
table.add("slow, but loaded", 1.9, "s", 1.0)
table.add("too slow", 2.1, "s", 1.0)
table.add("too many", 3, "calls", 2)
table.add("no number", float("nan"), "s", 1.0)
assert [one.partition(":")[0] for one in table.missed] == ["too slow", "too many", "no number"], table.missed
"""
    subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, check=True)


@pytest.mark.parametrize("there", [True, False])
def test_an_old_debian_whose_root_cannot_be_built_is_not_run(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = tmp_path / "mmdebstrap"
    builds.write_text('#!/bin/sh\necho "E: no such suite" >&2; exit 1\n')
    builds.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(runner, "BIN", tmp_path)
    given = {"PORTBOOK_MACHINE_ROOT": str(tmp_path)} if there else {"PORTBOOK_MACHINE_SUITE": "no-such-debian"}
    kind = runner.of_archived(fake("", 1, environment=given))
    assert kind.optional
    lacking = kind.needs()
    assert lacking is None if there else (lacking or "").startswith("a root, and it cannot be built: ")
