# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems are collected, not thrown one by one; each says where, what, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

_LONGEST_VALUE = 80
_MOST_PLACES = 3
_MOST_LISTED = 12


@dataclass(frozen=True, order=True)
class Problem:
    """`where` is a file with its line or a host; `what` a variable or key."""

    where: str
    what: str
    wrong: str
    right: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.what} {self.wrong}" if self.what else f"{self.where}: {self.wrong}"
        return f"{text}. {self.right}" if self.right else text


class Problems:
    """Errors and warnings of one run; the same problem at many places is told once, with the places."""

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
    return sorted(Problem(_places(where), *rest) for rest, where in found.items())


def _places(where: list[str]) -> str:
    names = sorted(set(where))
    if len(names) <= _MOST_PLACES:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_PLACES])} and {len(names) - _MOST_PLACES} more"


def shown(value: object) -> str:
    """A value as an error shows it: recognisable, never longer than a line."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def one_of(known: Iterable[str], given: object = None) -> str:
    """`Known: a, b, c`; if the given one looks like a slip of one of many, that one alone."""
    names = sorted(known)
    near = nearest(given, names)
    if near and len(names) > _MOST_LISTED:
        return f"Did you mean {near}?"
    hint = f"Did you mean {near}? " if near else ""
    return f"{hint}Known: {', '.join(names) if names else 'none'}"


def nearest(given: object, known: Iterable[str], cutoff: float = 0.75) -> str | None:
    found = get_close_matches(str(given), list(known), n=1, cutoff=cutoff)
    return found[0] if found else None
