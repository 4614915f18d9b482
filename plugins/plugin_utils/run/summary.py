# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one task says for all hosts of a run: the plan, or what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from ..problems import counted
from . import compared, show, table
from .cache import RunCache
from .head import Head
from .host_part import HostPart
from .records import Record, Records, in_words

WORDS = ("full", "summary", "changes", "none")
_FULL_UP_TO = 20
_MOST_ROWS = 45
# Callbacks print a line in quotes, and below others.
_AROUND = 12
WIDTH = 120 - _AROUND
_ORDER = ("failed", "refused", "unreachable", "not applied", "changed", "unchanged", "planned")
_WORRYING = _ORDER[:5]
_SHOWN_AS_PLANNED = ("planned", "not applied")

PartOf = Callable[[Record], HostPart | None]


class BadWord(ValueError):
    """Not one of the words for how much is shown."""


def word(value: Any) -> str | None:
    """As portbook_show and the option show have it; None if it is not set."""
    if value is None or (isinstance(value, str) and value in WORDS):
        return value
    if isinstance(value, bool) or str(value).lower() in ("true", "false"):
        return "full" if str(value).lower() == "true" else "none"
    raise BadWord(f"is {value!r}. Valid values: {', '.join(WORDS)}")


def of_run(records: Records, cache_of: Callable[[str], RunCache], wanted: str | None, columns: int) -> list[str]:
    """Of what was recorded since this was last asked; `cache_of` a play."""
    taken = records.take()
    shown = [one for one in _last(taken) if (one.show or wanted) != "none"]
    planned = [one for one in shown if one.digest]
    head = cache_of(planned[-1].play).head() if planned else None
    if head and (head.digest != planned[-1].digest or not records.first(f"plan-{head.digest}")):
        head = None

    @lru_cache
    def digest_in(play: str) -> str:
        now = cache_of(play).head()
        return now.digest if now else ""

    def part_of(one: Record) -> HostPart | None:
        if digest_in(one.play) != one.digest:
            return None
        return cache_of(one.play).part_with_guests(one.host, one.components) or HostPart(one.host)

    return lines(shown, wanted, head, part_of, min(columns - _AROUND, WIDTH))


def lines(shown: Sequence[Record], wanted: str | None, head: Head | None, part_of: PartOf, width: int) -> list[str]:
    """`head` is that of a plan that was not spoken of before."""
    if not shown:
        return []
    default = wanted or ("full" if len({one.host for one in shown}) <= _FULL_UP_TO else "summary")
    found = [_plan_line(head), ""] if head else []
    full = [one for one in shown if (one.show or default) == "full"]
    found += _parts([one for one in full if one.kind in _SHOWN_AS_PLANNED or _is_empty(one)], part_of, width)
    done = [one for one in shown if one.kind != "planned"]
    if not done:
        return [*found, *_planned_table(shown), *compared.lines(shown, default, show.wrapped, width, WIDTH)]
    found += _details([one for one in full if one.kind != "planned"], width)
    only_changes = [one for one in done if (one.show or default) != "changes" or one.kind in _WORRYING]
    return [*found, *_done_table(only_changes), _totals(done)]


def _is_empty(one: Record) -> bool:
    """Nothing was planned, and so nothing done."""
    return one.kind == "unchanged" and bool(one.digest) and not one.components and not one.rules_in + one.rules_out


def _last(records: Sequence[Record]) -> list[Record]:
    """What was done stands in place of what was planned, and a later plan in place of an earlier one."""
    done = {(one.host, one.components) for one in records if one.kind != "planned"}
    plans = {(one.host, one.components): one for one in records if one.kind == "planned"}
    found = [one for one in records if one.kind != "planned"]
    found += [one for key, one in plans.items() if key not in done]
    return sorted(found, key=lambda one: (one.host, one.components))


def _plan_line(head: Head) -> str:
    where = f", in {head.plan_file}" if head.plan_file else ""
    figures = f"{counted(head.rules, 'rule')}, {counted(head.sets, 'peer set')}"
    return f"Plan {head.digest[:12]} of {counted(head.hosts, 'host')}: {figures}{where}"


def _parts(records: Iterable[Record], part_of: PartOf, width: int) -> list[str]:
    """Hosts with equal parts stand once."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for one in records:
        key = (one.likeness, *one.components) if one.likeness else ("", one.host, *one.components)
        groups.setdefault(key, []).append(one)
    lines = []
    for group in groups.values():
        names = table.named([one.host for one in group])
        part = None if group[0].lines else part_of(group[0])
        if group[0].lines:
            lines += [names + group[0].lines[0], *group[0].lines[1:], ""]
        elif part is not None:
            named = list(group[0].components) if group[0].named else None
            lines += [*show.host_lines(part, names, named, width), ""]
    return [*lines, show.LEGEND, ""] if lines else []


def _planned_table(records: Sequence[Record]) -> list[str]:
    head = ("hosts", "in", "guarded", "out", "no rule", "backend", "components")
    rows = [
        (
            one.host,
            (
                *(str(number) for number in (one.rules_in, one.guarded, one.rules_out, one.not_planned)),
                one.backend or "-",
                ", ".join(one.components) or "none",
            ),
        )
        for one in records
    ]
    return _table(head, table.grouped(rows))


def _done_table(records: Sequence[Record]) -> list[str]:
    """Failures are first."""
    if not records:
        return []
    found = []
    for kind in _ORDER:
        rows = [
            (one.host, (", ".join(one.components) or "-", str(one.rules_in + one.rules_out), _result(one)))
            for one in records
            if one.kind == kind
        ]
        found += table.grouped(rows)
    return _table(("hosts", "components", "planned", "result"), found)


def _table(head: Sequence[str], groups: Sequence[tuple[list[str], tuple[str, ...]]]) -> list[str]:
    rows = [(table.named(hosts), *row) for hosts, row in groups[:_MOST_ROWS]]
    left = groups[_MOST_ROWS:]
    more = [f"and {sum(len(hosts) for hosts, _row in left):,} hosts in {len(left):,} more rows"] if left else []
    return [*table.lines(head, rows, WIDTH), *more]


def _result(one: Record) -> str:
    return in_words(one.kind, one.text, one.check)


def _details(records: Iterable[Record], width: int) -> list[str]:
    lines = []
    for one in records:
        if one.details:
            lines.append(f"{one.host}: {_result(one)}")
            lines += [wrapped for detail in one.details for wrapped in show.wrapped(detail, width)]
    return [*lines, ""] if lines else []


def _totals(records: Sequence[Record]) -> str:
    worst: dict[str, Record] = {}
    for one in records:
        known = worst.get(one.host)
        if known is None or _ORDER.index(one.kind) < _ORDER.index(known.kind):
            worst[one.host] = one
    kinds = [one.kind for one in worst.values()]
    would = "would be changed" if any(one.check for one in records) else "changed"
    words = {"changed": would}
    counts = [f"{kinds.count(kind):,} {words.get(kind, kind)}" for kind in reversed(_ORDER) if kind in kinds]
    return f"{len(worst):,} host{'s' * (len(worst) != 1)}: {', '.join(counts)}"
