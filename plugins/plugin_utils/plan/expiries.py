# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that hold until a day: those that ended or soon will, gathered, then reported once each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from ..problems import Problems

_WARN_BEFORE = timedelta(days=14)


class Expiries:
    def __init__(self, today: date) -> None:
        self._today = today
        self._found: dict[tuple[str, str], set[str]] = {}

    def over(self, expires: date | None) -> bool:
        return expires is not None and expires < self._today

    def note_over(self, what: str, expires: date | None, so: str, hosts: Iterable[str]) -> None:
        """What became of a word that holds no more."""
        self._note(what, f"expired on {expires} and {so}", hosts)

    def watch(self, what: str, expires: date | None, hosts: Iterable[str]) -> None:
        """Reports a word that still holds if it ends soon."""
        if expires and expires - self._today <= _WARN_BEFORE:
            self._note(what, f"expires on {expires}", hosts)

    def _note(self, what: str, wrong: str, hosts: Iterable[str]) -> None:
        self._found.setdefault((what, wrong), set()).update(hosts)

    def warn(self, problems: Problems) -> None:
        for (what, wrong), names in self._found.items():
            problems.warn(names, what, wrong, "Renew it or remove it")
