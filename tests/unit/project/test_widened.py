# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue that Molecule tries on Linux is ours, with wider platforms and a prefix before every name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from golden.helpers import book
from lab import widened
from yaml_files import parsed

# Read for this test alone, so that it sees what is changed in place.
OURS = {name: parsed((book.FOLDER / name).read_text(encoding="utf-8")) for name in widened.FILES}
GENERATED = widened.widened()
PREFIXED = {new for section in widened.names(OURS).values() for new in section.values()}


def back(one: Any) -> Any:
    """Without the prefix, wherever a whole word is a name that has it."""
    if isinstance(one, dict):
        return {back(name): back(part) for name, part in one.items()}
    if isinstance(one, list):
        return [back(part) for part in one]
    if isinstance(one, str) and one in PREFIXED | {f"{widened.PART}{data['product']}" for data in OURS.values()}:
        return one.removeprefix(widened.WORD).removeprefix(widened.PART)
    return one


def platforms(one: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], list[str]]:
    found: dict[tuple[str, ...], list[str]] = {}
    if isinstance(one, dict):
        for name, part in one.items():
            if name == "platforms":
                found[path] = part
            else:
                found |= platforms(part, (*path, name))
    return found


def without_platforms(one: Any) -> Any:
    if isinstance(one, dict):
        return {name: without_platforms(part) for name, part in one.items() if name != "platforms"}
    return [without_platforms(part) for part in one] if isinstance(one, list) else one


@pytest.mark.parametrize("name", widened.FILES)
def test_nothing_but_platforms_and_the_prefix_is_changed(name: str) -> None:
    undone = back(GENERATED[name])
    assert without_platforms(undone) == without_platforms(OURS[name])
    assert undone["components"].keys() == OURS[name]["components"].keys()


@pytest.mark.parametrize("name", widened.FILES)
def test_platforms_are_wider_where_there_are_any_and_nowhere_else(name: str) -> None:
    before, after = platforms(OURS[name]), platforms(back(GENERATED[name]))
    assert before
    assert after.keys() == before.keys()
    for path, wide in after.items():
        assert set(wide) >= {*before[path], "linux"}


def test_no_name_of_the_collection_is_defined_twice() -> None:
    for section in ("components", "flows", "rows"):
        ours = {name for data in OURS.values() for name in data.get(section, {})}
        assert ours.isdisjoint(name for data in GENERATED.values() for name in data.get(section, {}))


def test_the_files_are_those_that_the_collection_reads(tmp_path: Path) -> None:
    from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load
    from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

    widened.write(tmp_path)
    problems = Problems()
    catalog = load.load([tmp_path], problems)
    assert not problems.errors, json.dumps([str(one) for one in problems.errors][:5])
    assert "lab_stifler_client" in catalog.components
