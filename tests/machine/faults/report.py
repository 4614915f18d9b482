# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of the breaks: a table a group, the count, and the exit code. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from machine.faults.model import GROUPS, Row

_WIDTH = 78


def report(rows: Sequence[Row], expected: Iterable[str]) -> tuple[str, int]:
    """`expected` are the ids of all breaks: what was not run is no success."""
    ran = {row.id for row in rows}
    missing = [name for name in expected if name not in ran]
    lines = []
    for group, title in GROUPS.items():
        these = [row for row in rows if row.group == group]
        if these:
            lines += _table(title, these)
    lost = [row for row in rows if row.lost]
    lines += ["", *(f"LOST: {row.id}: {row.lost}" for row in lost)]
    lines += [f"NOT RUN: {name}" for name in missing]
    lines += [*_summary(rows), f"faults: {len(rows) - len(lost)} survived, {len(lost)} lost"]
    if missing:
        lines.append(f"{len(missing)} not run")
    return "\n".join(lines), int(bool(lost or missing or not rows))


def _table(title: str, rows: Sequence[Row]) -> list[str]:
    head = ("break", "access back", "table", "next run", "verdict")
    cells = [_cells(row) for row in rows]
    widths = [max(len(line[place]) for line in [head, *cells]) for place in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in [head, *cells]]
    return ["", f"{title}: {len(rows)}", "-" * _WIDTH, *(line.rstrip() for line in lines)]


def _cells(row: Row) -> tuple[str, ...]:
    verdict = "LOST" if row.lost else "survived"
    if row.seen is None:
        return row.name, "?", "?", "?", verdict
    back = "never cut" if row.seen.back is None else f"{row.seen.back:.1f} s"
    return row.name, back, row.seen.table, row.seen.next_run, verdict


def _summary(rows: Sequence[Row]) -> list[str]:
    lines = [""]
    for group, title in GROUPS.items():
        these = [row for row in rows if row.group == group]
        times = [row.seen.back for row in these if row.seen is not None and row.seen.back is not None]
        lost = sum(bool(row.lost) for row in these)
        longest = f", cut for {max(times):.1f} s at most" if times else "" if lost else ", never cut"
        if these:
            lines.append(f"{title}: {len(these) - lost} survived, {lost} lost{longest}")
    return lines
