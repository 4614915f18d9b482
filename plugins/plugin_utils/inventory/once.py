# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look once at what many hosts share: Ansible hands all hosts of a group the very same list or mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """`find` of each list and mapping once, by identity. Who keeps one of these, keeps it for one pass only: a
    value that is changed in place is not looked at again."""

    def __init__(self, find: Callable[[Any], T]) -> None:
        self._find = find
        self._kept: dict[int, tuple[Any, T]] = {}

    def __call__(self, value: Any) -> T:
        if not isinstance(value, (list, Mapping)):
            return self._find(value)
        kept = self._kept.get(id(value))
        if kept is None:
            # With the value itself, so that no other one gets its identity.
            kept = self._kept[id(value)] = (value, self._find(value))
        return kept[1]
