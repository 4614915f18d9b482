# SPDX-License-Identifier: GPL-3.0-or-later
"""The two tables as docs/real-clients.md prints them: what is tried, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable

from clients.helpers.table import BACKENDS, BY_STRANGER, TABLE, WITH, WITHOUT, Row
from lab.roots import CHECKOUT

PAGE = CHECKOUT / "docs" / "real-clients.md"
FLOWS = "<!-- asserted by tests/clients: flows -->\n"
RESULTS = "<!-- asserted by tests/clients: results -->\n"
_CASES = (WITH, WITHOUT, BY_STRANGER)
_NO_ADDRESS = "works: it has no address yet"


def flows() -> str:
    lines = ((f"{row.client} → {row.server}", row.what, f"`{row.flow}`", row.row) for row in TABLE)
    return _table(("client → server", "what it does", "flow", "row"), lines)


def results() -> str:
    """The cases stand in one cell, so that the table is no wider than a page."""
    lines = ((row.row, f"`{row.flow}`", *[_cell(row)] * len(BACKENDS)) for row in TABLE)
    return _table(("row", "flow", *BACKENDS), lines)


def _cell(row: Row) -> str:
    return " / ".join(_outcome(row, case) for case in _CASES)


def _outcome(row: Row, case: str) -> str:
    if not row.wanted[case]:
        return "fails"
    return _NO_ADDRESS if case == BY_STRANGER else "works"


def _table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ("---",) * len(head), *lines))


def page() -> str:
    """With the tables that it should have."""
    text = PAGE.read_text(encoding="utf-8")
    for begin, table in ((FLOWS, flows()), (RESULTS, results())):
        before, found, after = text.partition(begin)
        assert found, f"{PAGE.name} has no line {begin.strip()}"
        _old, gap, rest = after.partition("\n\n")
        text = f"{before}{begin}{table}{gap.removeprefix(chr(10))}{rest}"
    return text
