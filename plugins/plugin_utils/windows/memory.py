# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows host remembers of us, in disabled rules of its own store: in one transaction with all the rest,
and nowhere else to be forgotten. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .model import MEMORY, NAMES, FirewallRule, StoredRule, Traffic

_FORMAT = 1
# Of a description; Windows takes fewer than 10,000 characters.
_LONGEST = 8000
_HEAD = "Not a rule but what portbook.firewall remembers of this host; it is disabled and refuses nothing. "
_MOST_WAYS = 4


@dataclass(frozen=True)
class Changed:
    """A profile's setting as it was before us, and as we left it."""

    before: int
    after: int


@dataclass(frozen=True)
class Disabled:
    name: str
    reason: str


@dataclass(frozen=True)
class Memory:
    guarded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By group, the names of rules whose ports are refused to everyone but their peers."""
    disabled: Mapping[str, Disabled] = field(default_factory=dict)
    """Rules of others that we disabled, by their ids."""
    settings: Mapping[tuple[int, str], Changed] = field(default_factory=dict)
    ways: tuple[str, ...] = ()
    """Addresses that Ansible came from, the newest first."""

    def __bool__(self) -> bool:
        return bool(any(self.guarded.values()) or self.disabled or self.settings or self.ways)

    def rules(self) -> list[FirewallRule]:
        if not self:
            return []
        text = json.dumps(
            {
                "format": _FORMAT,
                "guarded": {group: sorted(names) for group, names in sorted(self.guarded.items()) if names},
                "disabled": [[id_, one.name, one.reason] for id_, one in sorted(self.disabled.items())],
                "settings": [[bit, name, one.before, one.after] for (bit, name), one in sorted(self.settings.items())],
                "ways": list(self.ways),
            },
            separators=(",", ":"),
        ).replace("|", "\\u007c")
        pieces = [text[at : at + _LONGEST] for at in range(0, len(text), _LONGEST)]
        return [
            FirewallRule(
                name=f"{NAMES}memory/{number}",
                group=MEMORY,
                traffic=Traffic(action="block"),
                description=f"{_HEAD}{number}/{len(pieces)}: {piece}",
                enabled=False,
            )
            for number, piece in enumerate(pieces, 1)
        ]

    def came_from(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """A controller that is known changes nothing."""
        new = [one for one in addresses if one not in self.ways]
        return (*new, *self.ways)[:_MOST_WAYS]


class Forgotten(ValueError):
    """What the host remembers cannot be read."""


def remembered(owned: Iterable[StoredRule]) -> Memory:
    """A write that was killed leaves two memories: what either knows counts."""
    pieces: dict[tuple[int, int], list[str]] = {}
    for one in owned:
        if one.rule.group != MEMORY:
            continue
        head, _colon, piece = one.rule.description.removeprefix(_HEAD).partition(": ")
        number, _slash, count = head.partition("/")
        if not (one.rule.description.startswith(_HEAD) and number.isdigit() and count.isdigit()):
            raise Forgotten(_lost(one.rule.name))
        pieces.setdefault((int(number), int(count)), []).append(piece)
    found = Memory()
    for text in _texts(pieces):
        found = _merged(found, _memory(text))
    return found


def _texts(pieces: Mapping[tuple[int, int], list[str]]) -> list[str]:
    """Whole texts, by how many pieces they have; of several with equal counts, those that can be read."""
    texts = []
    for count in sorted({count for _number, count in pieces}):
        columns = [pieces.get((number, count), []) for number in range(1, count + 1)]
        if not all(columns):
            raise Forgotten(_lost(f"{NAMES}memory"))
        if count == 1:
            texts += columns[0]
            continue
        whole = [""]
        for column in columns:
            whole = [before + piece for before in whole for piece in dict.fromkeys(column)]
        texts += [one for one in whole if _readable(one)] or [whole[0]]
    return texts


def _readable(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _memory(text: str) -> Memory:
    try:
        data = json.loads(text)
        if data["format"] != _FORMAT:
            raise Forgotten(
                f"the host remembers in format {data['format']}, this version of the collection knows {_FORMAT}: "
                "apply with the version that wrote it, or a newer one"
            )
        return Memory(
            {str(group): tuple(map(str, names)) for group, names in data["guarded"].items()},
            {str(id_): Disabled(str(name), str(reason)) for id_, name, reason in data["disabled"]},
            {(int(bit), str(name)): Changed(int(before), int(after)) for bit, name, before, after in data["settings"]},
            tuple(map(str, data["ways"])),
        )
    except Forgotten:
        raise
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Forgotten(_lost(f"{NAMES}memory")) from None


def _merged(one: Memory, other: Memory) -> Memory:
    groups = {*one.guarded, *other.guarded}
    return Memory(
        {group: tuple(sorted({*one.guarded.get(group, ()), *other.guarded.get(group, ())})) for group in groups},
        {**one.disabled, **other.disabled},
        {**other.settings, **one.settings},
        tuple(dict.fromkeys((*one.ways, *other.ways)))[:_MOST_WAYS],
    )


def _lost(name: str) -> str:
    return (
        f"the rule {name!r} in the group {MEMORY!r} was changed by hand, so it is not known which rules of others were "
        "disabled and which ports are guarded. Enable by hand what has to be, delete the rule, and apply all components"
    )
