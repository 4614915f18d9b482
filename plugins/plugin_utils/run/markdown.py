# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as a text for a reviewer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..plan.model import Rule
from . import show, table
from .head import Head
from .host_part import HostPart
from .result import spoken_of

SUFFIX = ".md"


def lines(head: Head, parts: Iterable[HostPart], networks: Callable[[str], list[str]]) -> Iterator[str]:
    """Hosts with equal parts stand once, and each set of peers once, at the end."""
    groups: dict[str, list[HostPart]] = {}
    for part in sorted(parts, key=lambda one: one.name):
        groups.setdefault(part.likeness, []).append(part)
    yield f"# Firewall plan {head.digest[:12]}\n\n"
    yield f"{head.hosts:,} hosts, {head.rules:,} rules, {head.sets:,} peer sets. Digest: `{head.digest}`\n"
    used: dict[str, str] = {}
    for equal in groups.values():
        yield from _hosts(equal)
        used.update({name: one.digest for name, one in equal[0].peers.items()})
    yield "\n## Peers\n\n"
    yield from _table(("set", "addresses"), ((name, ", ".join(networks(used[name]))) for name in sorted(used)))


def _hosts(equal: list[HostPart]) -> Iterator[str]:
    part, names = equal[0], [one.name for one in equal]
    yield f"\n## {_plain(table.named(names))}: {_plain(', '.join(part.components)) or 'no component'}\n\n"
    if len(names) > table.MOST_NAMED:
        yield f"Hosts: {_plain(', '.join(names))}\n\n"
    yield f"{show.settings_text(part)}\n"
    rules = spoken_of(part, None)
    if rules:
        yield "\n"
        yield from _table(("", "protocol and ports", "peers", "flow", "why"), map(_rule, sorted(rules, key=show.order)))
    if part.not_planned:
        yield "\nNo rule created:\n\n"
        yield from (f"- {_plain(one.flow)}: {_plain(one.why)}\n" for one in part.not_planned)


def _rule(rule: Rule) -> tuple[str, ...]:
    guarded = ", guarded" if rule.guarded else ""
    who = " or ".join(rule.peer_components)
    peers = show.MANAGEMENT_TEXT if rule.peers == "management" else f"{who} ({rule.peers})" if who else rule.peers
    notes = [rule.why.rstrip("."), *filter(None, [rule.doubt, show.signature(rule)])]
    return (f"{rule.direction}{guarded}", show.ports_text(rule), peers, rule.flow, ". ".join(notes))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(head)
    yield _row(names)
    yield _row(["---"] * len(names))
    yield from map(_row, rows)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |\n"


def _plain(text: str) -> str:
    """Nothing of it is markup."""
    for mark in "\\`*_|<>":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
