# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes to bring firewalld from what it does to what it is to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import Dict, FrozenSet, Iterable, Iterator, List, Tuple

from .objects import POLICY, Openings, Peers, Service

_MOST_RULES = 20
"""Each takes firewalld 50 ms at runtime; a reload takes all of them at once."""
_MOST_ENTRIES = 5000
_IN_A_LINE = 500


@dataclass(frozen=True)
class Steps:
    ipsets: Tuple[Peers, ...]
    """That firewalld does not know at runtime, so that it takes a reload to use them; and services, and the policy."""
    services: Tuple[Service, ...]
    policy: bool
    gone: FrozenSet[str]
    come: FrozenSet[str]
    entries: Dict[str, Tuple[FrozenSet[str], FrozenSet[str]]]
    """Of sets that are there: what goes, and what comes."""

    @property
    def new(self) -> bool:
        return bool(self.ipsets or self.services or self.policy)

    @property
    def many(self) -> bool:
        """Rules, so that they come with the reload."""
        return len(self.gone) + len(self.come) > _MOST_RULES

    @property
    def reload(self) -> bool:
        return self.new or self.many or sum(len(one) for both in self.entries.values() for one in both) > _MOST_ENTRIES

    @property
    def any(self) -> bool:
        return bool(self.new or self.gone or self.come or self.entries)

    def undone(self) -> List[str]:
        """Arguments of firewall-cmd that take back what is done at runtime, quoted for a shell: first what opens too
        much, so that what overlaps it can come again."""
        lines = list(_lines(f"--policy={POLICY}", "--remove-rich-rule", self.come))
        for name, (gone, come) in sorted(self.entries.items()):
            lines += _lines(f"--ipset={name}", "--remove-entry", come)
            lines += _lines(f"--ipset={name}", "--add-entry", gone)
        return lines + list(_lines(f"--policy={POLICY}", "--add-rich-rule", self.gone))


def _lines(what: str, option: str, values: Iterable[str]) -> Iterator[str]:
    ordered = sorted(values)
    for place in range(0, len(ordered), _IN_A_LINE):
        yield " ".join(map(quote, [what, *(f"{option}={one}" for one in ordered[place : place + _IN_A_LINE])]))


def steps(runtime: Openings, wanted: Openings) -> Steps:
    there, services = runtime.peers, runtime.ports
    known = {one.name for one in wanted.ipsets if one.name in there and there[one.name].family == one.family}
    changed = [one for one in wanted.ipsets if one.name in known and there[one.name].entries != one.entries]
    return Steps(
        tuple(sorted((one for one in wanted.ipsets if one.name not in known), key=lambda one: one.name)),
        tuple(sorted((one for one in wanted.services if services.get(one.name) != one), key=lambda one: one.name)),
        bool(wanted.frame) and runtime.frame != wanted.frame,
        runtime.rules - wanted.rules,
        wanted.rules - runtime.rules,
        {one.name: (there[one.name].entries - one.entries, one.entries - there[one.name].entries) for one in changed},
    )
