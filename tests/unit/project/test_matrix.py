# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the matrix of Pythons and ansible-cores leaves out, something else has."""

from __future__ import annotations

import pytest
from matrix import CHECKOUT, READING, SERIES, WHOLE, Pair, folders

EVERY = [Pair(python, series) for series, versions in SERIES.items() for python in versions]


@pytest.mark.parametrize("found", [("3.11",), ("3.13",), ("3.11", "3.12", "3.13"), ("3.14",)])
def test_the_units_run_on_every_python_and_with_every_series(found: tuple[str, ...]) -> None:
    pairs = [pair for pair in EVERY if pair.python in found]
    tests = folders(pairs)
    assert list(tests) == pairs
    for of in (lambda pair: pair.python, lambda pair: pair.series):
        assert {of(pair) for pair, some in tests.items() if "tests/unit" in some} == {of(pair) for pair in pairs}


@pytest.mark.parametrize(
    ("own", "reading"), [("2.21.5", {"2.19"}), ("2.19.1", set()), ("2.22.0", {"2.19"}), ("2.18.9", {"2.19"})]
)
def test_playbooks_run_with_the_ends_and_the_series_that_differs_but_not_as_in_make_test(
    monkeypatch: pytest.MonkeyPatch, own: str, reading: set[str]
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: {"ansible-core": own}[name])
    tests = folders(EVERY)
    assert {pair.series for pair, run in tests.items() if run == READING} == reading
    assert {pair.series for pair, run in tests.items() if run == WHOLE} == {"2.18", "2.22"} - {own[:4]}


def test_the_files_that_the_matrix_names_are_there() -> None:
    named = [one.removeprefix("--ignore=") for one in (*WHOLE, *READING)]
    assert all((CHECKOUT / one).exists() for one in named if one.startswith("tests/"))
