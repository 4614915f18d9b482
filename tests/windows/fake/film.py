# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that remembers what it held at every moment between two writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from windows.fake.packets import Machine, Packet, truth
from windows.fake.rule import Rule
from windows.fake.state import Profile
from windows.fake.store import Store


@dataclass(frozen=True)
class Frame:
    rules: tuple[Rule, ...]
    profiles: tuple[tuple[int, Profile], ...]
    next: str
    """The write that came then, empty at the end."""

    @property
    def key(self) -> tuple[Any, ...]:
        """What decides about packets."""
        acting = [repr(replace(rule, id="", name="", description=None)) for rule in self.rules if rule.enabled]
        return tuple(sorted(acting)), tuple(map(repr, self.profiles))


class Filmed(Store):
    def start(self) -> None:
        self.frames: list[Frame] = []

    def before_write(self, what: str, target: str) -> None:
        if hasattr(self, "frames"):
            self._take(f"{what} {target}")
        super().before_write(what, target)

    def end(self) -> list[Frame]:
        self._take("")
        found = self.frames
        del self.frames
        return found

    def _take(self, what: str) -> None:
        profiles = tuple((bit, replace(one)) for bit, one in self.profiles.items())
        self.frames.append(Frame(tuple(rule.copy() for rule in self.rules), profiles, what))


def filmed(store: Store) -> Filmed:
    found = Filmed()
    found.fill(store.to_json())
    return found


class Projector:
    """What passes at each moment; moments that differ in nothing that decides are judged once."""

    def __init__(self, store: Store, packets: list[Packet], machine: Machine) -> None:
        self._store, self._packets, self._machine = store.copy(), packets, machine
        self._known: dict[tuple[Any, ...], list[bool]] = {}

    def passing(self, frame: Frame) -> list[bool]:
        if frame.key not in self._known:
            self._store.rules = list(frame.rules)
            self._store.profiles = dict(frame.profiles)
            self._known[frame.key] = truth(self._packets, self._store, self._machine)
        return self._known[frame.key]
