# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue as plain data, read with nothing but a YAML reader."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from yaml_files import parsed

FOLDER = Path(__file__).resolve().parents[3] / "plugins/plugin_utils/catalog/books"
PLATFORM = "platform.yml"


@dataclass(frozen=True, eq=False)
class Book:
    files: dict[str, Any]
    """File name to its data."""
    platform: dict[str, Any]

    def _all(self, section: str) -> dict[str, Any]:
        return {name: one for data in self.files.values() for name, one in data.get(section, {}).items()}

    @cached_property
    def components(self) -> dict[str, Any]:
        return self._all("components")

    @cached_property
    def flows(self) -> dict[str, Any]:
        return self._all("flows")

    @cached_property
    def rows(self) -> dict[str, Any]:
        return self._all("rows")

    @cached_property
    def documents(self) -> dict[str, Any]:
        return self._all("documents")

    def of_product(self, product: str) -> dict[str, Any]:
        found: dict[str, Any] = next(data for data in self.files.values() if data["product"] == product)
        return found


def words(value: str | list[str]) -> list[str]:
    """One word or a list of them, as the catalogue writes protocols and casts."""
    return [value] if isinstance(value, str) else list(value)


def read(*folders: Path) -> Book:
    paths = [path for folder in folders for path in sorted(folder.glob("*.yml"))]
    files = {path.name: parsed(path.read_text(encoding="utf-8")) for path in paths}
    return Book({name: data for name, data in files.items() if name != PLATFORM}, files[PLATFORM])


@cache
def shipped() -> Book:
    """The catalogue of the checkout. Nobody may change it: mutants are made of copies."""
    return read(FOLDER)
