# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of hosts that fits a terminal: hosts with the same row stand once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MOST_NAMED = 4
_WIDEST_COLUMN = 40
_CUT = "..."


def named(hosts: Sequence[str]) -> str:
    """Equal hosts, by name."""
    if len(hosts) <= MOST_NAMED:
        return ", ".join(hosts)
    return f"{hosts[0]} and {len(hosts) - 1:,} more"


def grouped(rows: Iterable[tuple[str, tuple[str, ...]]]) -> list[tuple[list[str], tuple[str, ...]]]:
    """Hosts by their row, in the order of the first host."""
    found: dict[tuple[str, ...], list[str]] = {}
    for host, row in sorted(rows):
        found.setdefault(row, []).append(host)
    return [(hosts, row) for row, hosts in found.items()]


def lines(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Columns of numbers are right-aligned; the last column takes the room that is left, and what is longer is cut."""
    table = [list(head), *[list(row) for row in rows]]
    for row in table:
        row[:-1] = [_cut(cell, _WIDEST_COLUMN) for cell in row[:-1]]
    widths = [max(len(row[at]) for row in table) for at in range(len(head))]
    number = [all(row[at].replace(",", "").isdigit() for row in table[1:]) for at in range(len(head))]
    found = []
    for row in table:
        cells = [cell.rjust(widths[at]) if number[at] else cell.ljust(widths[at]) for at, cell in enumerate(row)]
        found.append(_cut("  ".join(cells).rstrip(), width))
    return found


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(_CUT)] + _CUT
