# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems are collected, not thrown one by one; each says where, what, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

_LONGEST_VALUE = 80
_LONGEST_NAME = 200
_LONGEST_LIST = 240
_MOST_PLACES = 3
_MOST_LISTED = 12
# Of a message, so that all of it stays below 1,000 characters.
_LONGEST = {"where": 230, "what": 150, "wrong": 300, "right": 300}


@dataclass(frozen=True, order=True)
class Problem:
    """`where` is a file with its line or a host; `what` a variable or key."""

    where: str
    what: str
    wrong: str
    right: str = ""
    places: tuple[str, ...] = field(default=(), compare=False)
    """All of them; `where` names the first."""

    def __str__(self) -> str:
        where, what, wrong, right = (_printable(getattr(self, name), most) for name, most in _LONGEST.items())
        text = f"{where}: {what} {wrong}" if what else f"{where}: {wrong}"
        return f"{text}. {right}" if right else text


class Problems:
    """Errors and warnings of one run; the same problem at many places is reported once, with the places."""

    def __init__(self) -> None:
        self._errors: dict[tuple[str, str, str], list[str]] = {}
        self._warnings: dict[tuple[str, str, str], list[str]] = {}

    def error(self, where: str | Iterable[str], what: str, wrong: str, right: str = "") -> None:
        _note(self._errors, where, what, wrong, right)

    def warn(self, where: str | Iterable[str], what: str, wrong: str, right: str = "") -> None:
        _note(self._warnings, where, what, wrong, right)

    @property
    def errors(self) -> list[Problem]:
        return _gather(self._errors)

    @property
    def warnings(self) -> list[Problem]:
        return _gather(self._warnings)


def _note(
    found: dict[tuple[str, str, str], list[str]],
    where: str | Iterable[str],
    what: str,
    wrong: str,
    right: str,
) -> None:
    places = found.setdefault((what, wrong, right), [])
    places.extend([where] if isinstance(where, str) else where)


def _gather(found: dict[tuple[str, str, str], list[str]]) -> list[Problem]:
    return sorted(
        Problem(few(set(where), _MOST_PLACES), *rest, tuple(sorted(set(where)))) for rest, where in found.items()
    )


def few(names: Iterable[str], most: int) -> str:
    """The first of them, and how many are left."""
    ordered = sorted(names)
    left = len(ordered) - most
    return ", ".join(ordered[:most]) + (f" and {left} more" if left > 0 else "")


def _printable(text: str, most: int) -> str:
    """Names and paths may hold anything; what is cut out is the middle, as files and lines stand at the end."""
    if len(text) > most:
        text = f"{text[: most * 2 // 3]}…{text[1 - most // 3 :]}"
    if text.isprintable():
        return text
    return _printable("".join(one if one.isprintable() else repr(one)[1:-1] for one in text), most)


def shown(value: object) -> str:
    """A value as an error shows it: recognisable, never longer than a line."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def one_of(known: Iterable[str], given: object = None) -> str:
    """`Valid values: a, b, c`; if the given one looks like a slip of one of many, that one alone."""
    names = sorted(known)
    near = nearest(given, names)
    if near and len(names) > _MOST_LISTED:
        return f"Did you mean {near}?"
    begins = [name for name in names if name.startswith(f"{given}_")]
    if begins and not near:
        return f"These begin with it: {_listed(begins)}"
    hint = f"Did you mean {near}? " if near else ""
    return f"{hint}Valid values: {_listed(names)}"


def _listed(names: list[str]) -> str:
    """As many as a reader can take in."""
    count, length = 0, 0
    while count < len(names) and (length := length + len(names[count]) + 2) <= _LONGEST_LIST:
        count += 1
    left = len(names) - count
    return ", ".join(names[:count]) + (f" and {left} more" if left else "") if count else f"{left or 'none'}"


def nearest(given: object, known: Iterable[str], cutoff: float = 0.75) -> str | None:
    # Only a message needs it.
    from difflib import get_close_matches

    name = str(given)
    # Comparing takes time, and nobody slips into hundreds of characters.
    found = get_close_matches(name, list(known), n=1, cutoff=cutoff) if len(name) <= _LONGEST_NAME else []
    return found[0] if found else None
