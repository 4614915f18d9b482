# SPDX-License-Identifier: GPL-3.0-or-later
"""What is broken, in which situation, and what was seen. A new break is a line in one of the lists beside this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HELD, KILLED, POWER, PAUSED = "held", "killed", "power", "paused"
CONTROLLER, BEFORE, AFTER, REMOVAL = "controller", "before", "after", "removal"
GROUPS = {
    HELD: "While a change waits that has cut management access",
    KILLED: "The module is killed at a step",
    POWER: "The power is cut at a step",
    PAUSED: "The module is stopped at a step, and woken later",
    CONTROLLER: "The controller and the way to the host",
    BEFORE: "Something is wrong before the run",
    AFTER: "After the confirmation",
    REMOVAL: "A removal",
}
OLD, NEW, NONE = "old", "new", "none"
HOLD = 8
"""Seconds that a change waits which nobody can confirm."""
LONG_HOLD = 20
"""The same for one that is to be confirmed, by logins that take long on a busy machine."""
SPARE = 5
"""Management access is back within the hold and these seconds."""


@dataclass(frozen=True)
class Break:
    name: str
    group: str

    @property
    def id(self) -> str:
        return f"{self.group}: {self.name}"


@dataclass(frozen=True)
class Held(Break):
    """While a change waits that has cut management access."""

    happens: str
    """For a shell on the machine."""
    undone: str = ""
    """Some seconds after the end of the hold."""
    late: float = 0.0
    """Seconds that the way back may take longer by."""
    early: bool = False
    """What happens opens the way by itself."""
    opens: bool = False
    """There is nothing left that could be put back, so the host has no table until the next run."""
    forgets: bool = False
    """The host no longer knows what it had been given."""
    loads: bool = False
    """It loads or takes away the unmanaged tables itself."""
    says: str = ""
    """By the run that made the change."""
    variables: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stepped(Break):
    """At one step of the module: one that writes or starts a program that does."""

    operation: str
    step: int | float | str
    """By number, as a part of all, or the first that has this text in it."""
    sleeps: float = 0.0
    """Seconds until a stopped module is woken."""
    meets: str = ""
    """What another run says meanwhile."""


@dataclass(frozen=True)
class OnTheWay(Break):
    """While a change waits that a new connection would confirm."""

    ends: str
    """The table after it: the old or the new one; empty where both are right."""
    happens: str = ""
    """For a shell on the machine, after the rules are loaded and before a new connection is asked for."""
    undone: str = ""
    """On the machine, after the end of the hold."""
    ssh: str = ""
    """In place of ssh once it has happened; it has the real one as $SSH."""
    signals: str = ""
    """What the processes of the run get."""
    first_only: bool = False
    """Of these processes, only the first."""
    woken: bool = False
    """After the end of the hold."""
    power: bool = False
    forgets: bool = False
    jump: bool = False
    variables: dict[str, Any] = field(default_factory=dict)
    says: str = ""


@dataclass(frozen=True)
class Crowd(Break):
    """Several controllers at once."""

    postures: tuple[str, ...]


@dataclass(frozen=True)
class Before(Break):
    """Before a run."""

    happens: str
    undone: str = ""
    """After it."""
    fails: str = ""
    """What the run says, which changes nothing. Without it, the run repairs."""
    says: str = ""
    """What a run says that repairs."""
    changes: bool = True
    """Whether a run that repairs says so."""
    works: bool = False
    """It hinders nothing: a change is made and confirmed."""
    removes: bool = False
    """The run is a removal."""
    late_repair: bool | None = False
    """Whether the run after it has something to change; None where that depends on how far the run came."""
    loads: bool = False
    variables: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class After(Break):
    """Right after a run that changed something and was confirmed."""

    happens: str = ""
    power: bool = False
    variables: dict[str, Any] = field(default_factory=dict)
    loads: bool = False
    gone: bool = False
    """The table is gone until the next run."""


@dataclass(frozen=True)
class Seen:
    back: float | None = None
    """Seconds for which nobody got in; None: never cut."""
    table: str = OLD
    next_run: str = ""


@dataclass(frozen=True)
class Row(Break):
    """What became of it."""

    seen: Seen | None
    lost: str = ""
    """Why; empty if it was survived."""
