# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a firewall of a Linux host does for linux/apply.py, which owns the state, the lock, the hold, the undo and the
units, and knows no firewall by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Protocol, Tuple

from .model import Judgement, Local, Mark, Permission, Settings
from .units import Units


class EngineError(Exception):
    """What is wrong on this host and what would be right."""


class EngineStopped(EngineError):
    """It ended before it was done, or before it had answered: what it did is not known, or was done by half."""


@dataclass(frozen=True)
class Rendered:
    """What a host is to hold of this collection."""

    text: str
    """What `load` takes, in one step that replaces what this collection had there; kept for the host's next start."""
    exists: bool
    """Whether anything of this collection is to be there."""
    refuses: bool
    """Whether it lies in the way of packets: somebody may be refused something, or packets are marked."""
    persistence: str
    """What brings it back, for the operator."""
    files: Dict[str, str] = field(default_factory=dict)
    """By path: the units that bring it back, and what they run."""


@dataclass(frozen=True)
class Present:
    """What a host holds of this collection now: a digest of its meaning, empty if there is nothing."""

    meaning: str

    @property
    def exists(self) -> bool:
        return bool(self.meaning)


class Engine(Protocol):
    name: str
    """Its backend's: another one leaves alone what this one has put there."""
    what: str
    """What this collection has on the host, in a sentence."""
    gone: str
    """What happened if that is not there right after it was loaded, and what to do."""
    replaced: str
    """The same if something else is there."""

    seconds: float
    """That a load may take."""

    @property
    def units(self) -> Units: ...

    def render(self, permissions: List[Permission], settings: Settings, local: Local) -> Rendered: ...

    def nothing(self) -> Rendered:
        """What removes everything of this collection."""

    def read(self) -> Present: ...

    def to_restore(self, present: Present, text: str) -> str:
        """What `load` takes to bring back what is there now, once `text` was loaded or failed to be."""

    def check(self, text: str) -> None:
        """Raises what `load` would fail with, and changes nothing."""

    def load(self, text: str) -> None:
        """Raises EngineStopped if anything may have changed; whatever else it raises left all as it was."""

    def settle(self, text: str) -> None:
        """What was loaded is confirmed: whatever of it a start of the host would not bring back is written now."""

    def lasts(self, text: str) -> bool:
        """Whether that is written, besides the units and the files that the host keeps."""

    def notes(self) -> List[str]:
        """What the operator should know of what was loaded."""

    def command_to_load(self, path: str) -> List[str]:
        """The program and its arguments that do what `load` does, with the text that is in a file."""

    def command_to_remove(self) -> List[str]:
        """Those that remove what this collection has, without reading it, whether it is there or not."""

    def works(self) -> bool:
        """Whether an error of `load` speaks of its text."""

    def difference(self, before: str, after: str) -> Tuple[List[str], List[str]]:
        """Lines in which two texts of `load` differ, for the operator; an empty text is nothing."""

    def drift(self, text: str) -> Tuple[List[str], List[str]]:
        """Lines in which what is there differs from what `text` alone makes. None where that cannot be said."""

    def judge(self, mark: Optional[Mark]) -> Callable[[Permission], Judgement]:
        """What unmanaged rules make of a flow whose packets carry the mark."""

    def mark_users(self, mark: Mark) -> List[str]:
        """What else uses bits of it."""
