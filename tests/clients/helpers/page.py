# SPDX-License-Identifier: GPL-3.0-or-later
"""The table as docs/real-clients.md prints it."""

from __future__ import annotations

from clients.helpers.table import BACKENDS, BY_STRANGER, TABLE, WITH, WITHOUT, Row
from lab.roots import CHECKOUT

PAGE = CHECKOUT / "docs" / "real-clients.md"
BEGIN = "<!-- asserted by tests/clients -->\n"
_COLUMNS = (WITH, WITHOUT, BY_STRANGER)
_NO_ADDRESS = "works: it has no address yet"
HEAD = [
    "client → server",
    "what it does",
    "flow",
    "row",
    *(f"{backend}: {column}" for backend in BACKENDS for column in _COLUMNS),
]


def cells(row: Row) -> list[str]:
    found = [_cell(row, column) for column in _COLUMNS]
    return [f"{row.client} → {row.server}", row.what, f"`{row.flow}`", row.row, *(found * len(BACKENDS))]


def _cell(row: Row, column: str) -> str:
    if not row.wanted[column]:
        return "fails"
    return _NO_ADDRESS if column == BY_STRANGER else "works"


def table() -> str:
    lines = [HEAD, ["---"] * len(HEAD), *map(cells, TABLE)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page() -> str:
    """With the table that it should have."""
    before, begin, after = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    assert begin, f"{PAGE.name} has no line {BEGIN.strip()}"
    _old, gap, rest = after.partition("\n\n")
    return f"{before}{begin}{table()}{gap.removeprefix(chr(10))}{rest}"
