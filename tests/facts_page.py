# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/host-facts.md as a schema: every key with its type, and what facts of a host have that it does not say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "host-facts.md"
_ROW = re.compile(r"^\| `([a-z_.\[\]]+)` \| ([a-z ]+) \|", re.MULTILINE)
_TYPES: Mapping[str, Any] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "number or null": lambda value: value is None or isinstance(value, int),
    "true or false": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list) and all(isinstance(one, dict) for one in value),
    "list of texts": lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    "map": lambda value: isinstance(value, dict),
    "map of lists": lambda value: isinstance(value, dict) and all(isinstance(one, list) for one in value.values()),
}


def documented() -> dict[str, str]:
    return dict(_ROW.findall(PAGE.read_text(encoding="utf-8")))


def keys(facts: Mapping[str, Any], known: Mapping[str, str], above: str = "") -> Iterator[tuple[str, Any]]:
    """All there are, less what maps of names have in them."""
    for name, value in facts.items():
        path = f"{above}{name}"
        yield path, value
        if isinstance(value, dict) and any(one.startswith(f"{path}.") for one in known):
            yield from keys(value, known, f"{path}.")
        for one in value if isinstance(value, list) else ():
            if isinstance(one, dict):
                yield from keys(one, known, f"{path}[].")


def wrong(facts: Mapping[str, Any]) -> list[str]:
    """Keys that the page does not have, or has with another type."""
    known = documented()
    found = keys(facts, known)
    return sorted({path for path, value in found if path not in known or not _TYPES[known[path]](value)})


def lacking(facts: Mapping[str, Any], *empty: str) -> list[str]:
    """Keys of the page that these facts do not have; those below `empty` lists they need not have."""
    known = documented()
    there = {path for path, _value in keys(facts, known)}
    return sorted(
        one for one in known if one not in there and not one.startswith(tuple(f"{name}[]." for name in empty))
    )
