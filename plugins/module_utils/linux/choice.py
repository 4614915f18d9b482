# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which engine a host has: what its backend asks for, what it had before, or with auto what runs there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Dict, Mapping, Tuple

from . import units as boot
from .engine import Engine
from .state import NEXT, STATE, HostState, StateError

Make = Callable[[], Engine]


@dataclass(frozen=True)
class Engines:
    own: str
    """Of the module."""
    by_name: Mapping[str, Make]
    between: Mapping[Tuple[str, str], Make] = field(default_factory=dict)
    """That take a host from one to another, where that is more than to apply with the other."""

    def known(self, yields_to: Dict[str, str]) -> Dict[str, str]:
        return {name: service for name, service in yields_to.items() if name in self.by_name}


def for_change(engines: Engines, state: HostState, yields_to: Dict[str, str], migrate: bool) -> Engine:
    """`yields_to` has the service of each other backend that means that a host has it; without, the own one was asked
    for by name. What the host was given before stays, unless it is to migrate."""
    held = held_by(state)
    wanted = engines.own
    if yields_to and (migrate or not held):
        wanted = running(engines.known(yields_to)) or engines.own
    elif yields_to:
        wanted = held
    between = engines.between.get((held, wanted))
    return between() if between else _made(engines, wanted, state)


def for_removal(engines: Engines, state: HostState, yields_to: Dict[str, str]) -> Engine:
    services = engines.known(yields_to).items()
    runs = next((name for name, service in services if boot.condition(service) == "running"), engines.own)
    return _made(engines, held_by(state) or runs, state)


def for_confirmation(engines: Engines, state: HostState) -> Engine:
    """Of the change that waits."""
    waiting = str(state.read(f"{STATE}{NEXT}").get("backend", ""))
    before = held_by(state)
    between = engines.between.get((before, waiting))
    return between() if between else _made(engines, waiting or before or engines.own, state)


def held_by(state: HostState) -> str:
    kept = state.read()
    return str(kept.get("backend", "")) if kept["applied"] else ""


def running(yields_to: Dict[str, str]) -> str:
    """Another backend whose service runs here."""
    for backend, service in yields_to.items():
        condition = boot.condition(service)
        if condition == "enabled":
            raise StateError(
                f"{service} is enabled on this host and does not run, so the backend cannot be chosen. "
                f"Start or disable {service}, or set portbook_backend"
            )
        if condition == "running":
            return backend
    return ""


def _made(engines: Engines, name: str, state: HostState) -> Engine:
    if name not in engines.by_name:
        raise StateError(
            f"{state.path(STATE)} says that the rules of this host are held by {name}, which this version of "
            f"portbook.firewall does not know on Linux. Use the one that applied them, or remove {state.path(STATE)}"
        )
    return engines.by_name[name]()
