# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of products for Windows, for machines with Linux: the platforms are widened, and since no name may be
defined twice, every name that a file defines has a prefix. Nothing else is changed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml
from golden.helpers import book

FILES = ("2pxe.yml", "netwrix.yml", "stifler.yml")
PLATFORMS = ["linux", "windows"]
WORD, PART = "lab_", "lab-"
"""Before the names of components, which are parts of variables, and before all others."""
_DEFINES = {"components": WORD, "flows": PART, "rows": PART, "documents": PART, "evidence": PART}
_PROSE = frozenset(
    {"title", "what", "why", "purpose", "note", "printed", "table", "vendor", "platforms_why", "version"}
)


def books() -> dict[str, Any]:
    """As they are read for everything else that is worked out from them; not to be changed."""
    return {name: book.shipped().files[name] for name in FILES}


def names(given: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Of each section, all names that the files define, and what they become."""
    return {
        section: {name: f"{prefix}{name}" for data in given.values() for name in data.get(section, {})}
        for section, prefix in _DEFINES.items()
    }


def widened() -> dict[str, Any]:
    given = books()
    new = names(given)
    return {name: _file(data, new) for name, data in given.items()}


def _file(data: dict[str, Any], new: dict[str, dict[str, str]]) -> dict[str, Any]:
    result = dict(data)
    result["product"] = f"{PART}{data['product']}"
    for section in _DEFINES:
        if section in data:
            result[section] = {
                new[section][name]: one if section in ("documents", "evidence") else _entry(one, new)
                for name, one in data[section].items()
            }
    return result


def _entry(one: Any, new: dict[str, dict[str, str]], key: str = "") -> Any:
    if isinstance(one, dict):
        return {name: part if name in _PROSE else _entry(part, new, name) for name, part in one.items()}
    if key == "platforms":
        return PLATFORMS
    if isinstance(one, list):
        return [_entry(part, new, key) for part in one]
    refers = {
        "from": "components",
        "to": "components",
        "peers": "components",
        "flows": "flows",
        "carried_by": "flows",
        "evidence": "evidence",
        "document": "documents",
        "repeats": "rows",
    }.get(key)
    return new[refers].get(one, one) if refers and isinstance(one, str) else one


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in widened().items():
        (folder / name).write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
