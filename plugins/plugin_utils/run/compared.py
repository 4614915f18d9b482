# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a comparison of hosts with the plan found, and how one task says it for all of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from . import table
from .records import Record

State = Literal["same", "differs", "refused", "unreachable", "not compared"]
_ORDER = ("unreachable", "not compared", "refused", "differs", "same")
_MOST_ROWS = 45
_FITS = 60
"""Characters of a reason that a row of the table has room for."""
Wrap = Callable[[str, int], list[str]]
NOTHING = "No host was compared with the plan: -e portbook_compare=true reads them and says what would change"


@dataclass(frozen=True)
class Compared:
    state: State
    text: str = ""
    """In a few words: what would change, or why that is not known."""
    details: tuple[str, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        return {"state": self.state, "text": self.text, "details": list(self.details), **self.result}


def lines(records: Sequence[Record], wanted: str, wrap: Wrap, width: int, table_width: int) -> list[str]:
    """`wanted` is how much is shown: with full, each host's details; with changes, no host that is as planned."""
    compared = [one for one in records if one.compared]
    if not compared:
        return ["", NOTHING]
    found = [""]
    for one in compared if wanted == "full" else ():
        if one.details or len(one.text) > _FITS:
            found += wrap(f"{one.host}, compared with the plan: {_in_words(one)}", width)
            found += [f"  {line}" for detail in one.details for line in wrap(detail, width)]
    found += [""] if len(found) > 1 else []
    rows = _rows(one for one in compared if wanted != "changes" or one.compared != "same")
    head = ("hosts", "compared with the plan")
    found += table.lines(head, [(table.named(names), *row) for names, row in rows], table_width) if rows else []
    return [*found, _totals(compared, len(records))]


def _rows(records: Iterable[Record]) -> list[tuple[list[str], tuple[str, ...]]]:
    """What is not known stands first."""
    listed = list(records)
    found = []
    for state in _ORDER:
        found += table.grouped((one.host, (_in_words(one),)) for one in listed if one.compared == state)
    return found[:_MOST_ROWS]


def _in_words(one: Record) -> str:
    if one.compared == "differs":
        return one.text
    word = "as planned" if one.compared == "same" else one.compared
    return f"{word}: {one.text}" if one.text else word


def _totals(compared: Sequence[Record], hosts: int) -> str:
    states = [one.compared for one in compared]
    words = {"same": "as planned", "differs": "would change"}
    counts = [f"{states.count(one):,} {words.get(one, one)}" for one in reversed(_ORDER) if one in states]
    of = f" of {hosts:,}" if hosts != len(compared) else ""
    return f"{len(compared):,}{of} host{'s' * (hosts != 1)} compared, nothing changed: {', '.join(counts)}"
