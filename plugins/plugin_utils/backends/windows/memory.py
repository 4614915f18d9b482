# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows host remembers of us, in disabled rules of its own store: in one transaction with all the rest,
and nowhere else to be forgotten. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .rule import MEMORY, NAMES, FirewallRule, StoredRule, Traffic
from .wanted import NOBODY

_FORMAT = 2
_WITH_TEXTS = 1
"""The format whose ids hold names and descriptions that Windows itself resolves, and in another language otherwise."""
_NAMED = f"{NAMES}memory/"
NOT_FOUND = f"{_NAMED}not-found/"
# Of a description; Windows takes fewer than 10,000 characters.
_LONGEST = 8000
LONGEST_NAME = 200
_HEAD = "Not a rule but what portbook.firewall remembers of this host; it is disabled and refuses nothing: "
STAYS = "stays"
"""The reason of a rule that was to be disabled and may not be."""
_MOST_WAYS = 4


@dataclass(frozen=True)
class Changed:
    """A profile's setting before us, and as we left it; a write that was killed may have left it either way."""

    before: int
    afters: frozenset[int]

    @staticmethod
    def to(before: int, after: int) -> Changed:
        return Changed(before, frozenset({after}))

    def by_us(self, present: int) -> bool:
        return present in self.afters

    def __or__(self, other: Changed) -> Changed:
        return Changed(self.before, self.afters | other.afters)


@dataclass(frozen=True)
class Disabled:
    name: str
    reason: str
    with_texts: bool = False
    """Remembered by an id that is made of its name and description, too."""


@dataclass(frozen=True)
class Package:
    """Of an app, whose rules are made for each user who logs on: all that are disabled are so by us."""

    sid: str
    direction: str


@dataclass(frozen=True)
class Memory:
    guarded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By group, the names of rules whose ports are refused to everyone but their peers."""
    disabled: Mapping[str, Disabled] = field(default_factory=dict)
    """Unmanaged rules that we disabled, by their ids."""
    settings: Mapping[tuple[int, str], Changed] = field(default_factory=dict)
    ways: tuple[str, ...] = ()
    """Addresses that Ansible came from, the newest first."""
    packages: frozenset[Package] = frozenset()
    not_found: Mapping[str, Disabled] = field(default_factory=dict)
    packages_not_found: frozenset[Package] = frozenset()
    """Of these, those that the host does not show any more: in rules of their own, which somebody may delete."""

    def rules(self) -> list[FirewallRule]:
        """As many as it takes, each of which can be read without the others: a write may be killed between them."""
        return [
            *(_rule(f"{_NAMED}{number}", text) for number, text in enumerate(_written(self._entries()), 1)),
            *(_rule(f"{NOT_FOUND}{number}", text) for number, text in enumerate(_written(self._lost()), 1)),
        ]

    def _entries(self) -> Iterator[list[Any]]:
        for group, names in sorted(self.guarded.items()):
            for name in sorted(names):
                yield ["guarded", group, name]
        yield from _of(self.disabled)
        yield from _packages(self.packages)
        for bit, setting in sorted(self.settings):
            changed = self.settings[bit, setting]
            for after in sorted(changed.afters):
                yield ["setting", bit, setting, changed.before, after]
        for address in self.ways:
            yield ["way", address]

    def _lost(self) -> Iterator[list[Any]]:
        yield from _of(self.not_found)
        yield from _packages(self.packages_not_found)

    def came_from(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """A controller that is known changes nothing, and none that is connected now is forgotten."""
        now = tuple(dict.fromkeys(addresses))
        known = (*(one for one in now if one not in self.ways), *self.ways)
        return tuple(one for number, one in enumerate(known) if number < _MOST_WAYS or one in now)


def _rule(name: str, text: str) -> FirewallRule:
    """For nobody and no block: somebody may enable all rules of a host at once."""
    return FirewallRule(name, MEMORY, Traffic(remote=NOBODY["in"]), f"{_HEAD}{text}", enabled=False)


def _of(disabled: Mapping[str, Disabled]) -> Iterator[list[Any]]:
    for id_, one in sorted(disabled.items()):
        yield ["disabled", id_, one.name[:LONGEST_NAME], one.reason, *([_WITH_TEXTS] if one.with_texts else [])]


def _packages(packages: Iterable[Package]) -> Iterator[list[Any]]:
    for one in sorted(packages, key=lambda one: (one.sid, one.direction)):
        yield ["package", one.sid, one.direction]


def alike(id_: str) -> str:
    """Rules that are alike in all have a number, which is another when one more comes: how many of
    them we disabled is all that counts."""
    return id_.partition("#")[0]


def numbered(disabled: Iterable[tuple[str, Disabled]]) -> dict[str, Disabled]:
    """By ids, as rules have them that are alike and all disabled."""
    found: dict[str, Disabled] = {}
    count: Counter[str] = Counter()
    for id_, one in disabled:
        first = alike(id_)
        count[first] += 1
        found[first if count[first] == 1 else f"{first}#{count[first]}"] = one
    return found


class Forgotten(ValueError):
    """What the host remembers cannot be read."""


def remembered(owned: Iterable[StoredRule]) -> Memory:
    """A write that was killed leaves two memories, or part of one: what any of them knows counts."""
    found = Memory()
    for one in owned:
        if one.rule.group == MEMORY or one.rule.name.startswith(_NAMED):
            if not one.rule.description.startswith(_HEAD):
                raise Forgotten(_lost(one.rule.name))
            found = _merged(found, _memory(one.rule.name, one.rule.description.removeprefix(_HEAD)))
    return found


def _written(entries: Iterable[list[Any]]) -> Iterator[str]:
    piece: list[str] = []
    for entry in entries:
        text = json.dumps(entry, separators=(",", ":")).replace("|", "\\u007c")
        if piece and sum(map(len, piece)) + len(piece) + len(text) > _LONGEST:
            yield _piece(piece)
            piece = []
        piece.append(text)
    if piece:
        yield _piece(piece)


def _piece(entries: list[str]) -> str:
    return f'{{"format":{_FORMAT},"known":[{",".join(entries)}]}}'


def _memory(name: str, text: str) -> Memory:
    guarded: dict[str, tuple[str, ...]] = {}
    disabled: dict[str, Disabled] = {}
    packages: set[Package] = set()
    settings: dict[tuple[int, str], Changed] = {}
    ways: list[str] = []
    try:
        data = json.loads(text)
        if data["format"] not in (_WITH_TEXTS, _FORMAT):
            raise Forgotten(
                f"the host remembers in format {data['format']}, this version of the collection knows {_WITH_TEXTS} "
                f"and {_FORMAT}: apply with the version that wrote it, or a newer one"
            )
        for what, *entry in data["known"]:
            if what == "guarded":
                group, rule = map(str, entry)
                guarded[group] = (*guarded.get(group, ()), rule)
            elif what == "disabled":
                id_, rule, reason = map(str, entry[:3])
                disabled[id_] = Disabled(rule, reason, data["format"] == _WITH_TEXTS or entry[3:] == [_WITH_TEXTS])
            elif what == "package":
                sid, direction = map(str, entry)
                packages.add(Package(sid, direction))
            elif what == "setting":
                bit, setting, before, after = entry
                key, changed = (int(bit), str(setting)), Changed.to(int(before), int(after))
                settings[key] = settings[key] | changed if key in settings else changed
            elif what == "way":
                (address,) = map(str, entry)
                ways.append(address)
            else:
                raise ValueError(what)
    except Forgotten:
        raise
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Forgotten(_lost(name)) from None
    return Memory(guarded, disabled, settings, tuple(ways), frozenset(packages))


def _merged(one: Memory, other: Memory) -> Memory:
    groups = {*one.guarded, *other.guarded}
    return Memory(
        {group: tuple(sorted({*one.guarded.get(group, ()), *other.guarded.get(group, ())})) for group in groups},
        {**one.disabled, **other.disabled},
        {**one.settings, **{key: one.settings.get(key, new) | new for key, new in other.settings.items()}},
        tuple(dict.fromkeys((*one.ways, *other.ways))),
        one.packages | other.packages,
    )


def _lost(name: str) -> str:
    return (
        f"the rule {name!r} in the group {MEMORY!r} was changed by hand, so it is not known which unmanaged rules were "
        "disabled and which ports are restricted. Enable by hand the rules that have to be enabled, delete this rule, "
        "and apply all components"
    )
