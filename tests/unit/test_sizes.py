# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sizes of test: what belongs to each, what takes too long fails, and a missed bar does."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import run as runner

CHECKOUT = Path(__file__).resolve().parents[2]
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


def test_every_kind_has_a_limit_and_together_they_fit_into_their_sizes() -> None:
    assert all(0 < kind.limit <= 40 * 60 for kind in EVERY)
    assert len({kind.name for kind in EVERY}) == len(EVERY)


@pytest.mark.parametrize("beside", [False, True])
def test_a_kind_that_takes_more_than_twice_its_limit_is_ended_and_fails(beside: bool, tmp_path: Path) -> None:
    start, late = time.monotonic(), tmp_path / "late"
    # What it started ends with it.
    script = f"import subprocess; subprocess.run(['sh', '-c', 'sleep 1.5; touch {late}; sleep 60'])"
    result = runner.run(fake(script, 0.3, beside=beside))
    assert result.state == runner.FAILED
    assert "more than 2 times its limit of 0.3 s" in result.note
    assert time.monotonic() - start < 20
    time.sleep(max(0.0, 2 - (time.monotonic() - start)))
    assert not late.exists()


def test_a_kind_that_is_ended_cleans_up_first(tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    script = f"""
import pathlib, time
try:
    time.sleep(60)
finally:
    pathlib.Path({str(clean)!r}).touch()
"""
    assert runner.run(fake(script, 0.5)).state == runner.FAILED
    assert clean.exists()


def test_a_kind_that_takes_up_to_twice_its_limit_passes_and_says_so() -> None:
    result = runner.run(fake("import time; time.sleep(0.6)", 0.5))
    assert result.state == runner.PASSED
    assert "over its limit of 0.5 s" in result.note
    assert runner.run(fake("pass", 30)).note == ""


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
