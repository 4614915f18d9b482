# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts by name in one file: whatever the names and the texts, each is found again, and no other one is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ansible_collections.portbook.firewall.plugins.plugin_utils.run import packed

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def kept(folder: Path, texts: dict[str, str]) -> Path:
    path = folder / "some.packed"
    path.write_text("".join(packed.chunks(texts.items())), encoding="utf-8", newline="")
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(), TEXTS), st.text())
@example({"a b": "x", "a": "y", 'a" 0 1\n"b': "z", "": "", "\ud800": "\u20ac"}, "b")
@example({"a": '\n"b" 0 1\n', "ab": "c"}, "b")
def test_each_text_is_found_by_its_name_and_no_other_one(tmp_path: Path, texts: dict[str, str], other: str) -> None:
    path = kept(tmp_path, texts)
    assert {name: packed.read(path, name) for name in texts} == texts
    assert packed.read(path, other) == texts.get(other)
    assert list(packed.items(path)) == list(texts.items())


def test_a_file_that_is_not_there_has_no_text(tmp_path: Path) -> None:
    assert packed.read(tmp_path / "none.packed", "a") is None


def test_a_file_that_is_no_such_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "other.packed"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises((OSError, ValueError)):
        packed.read(path, "a")
