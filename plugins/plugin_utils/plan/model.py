# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as types: rules of hosts, and flows without a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..catalog.model import Direction
from ..inventory.settings import HostSettings
from ..net.ports import PortSet
from .peer_sets import PeerSet

Refusal = Literal["open", "guard", "watch"]
"""What becomes of everyone else at the rule's ports: nothing, they are refused, or they are counted and logged."""
Guards = Literal["posture", "own_strict", "never"]
"""When everyone else is refused: if the posture refuses anything, if the component's own one is strict, or never."""
Verdict = Literal["accept", "refuse"]
"""What becomes of traffic that no rule names."""


@dataclass(frozen=True)
class Rule:
    """One host's view of a flow. `peers` is the name of a set of the plan, or a symbolic peer."""

    id: str
    component: str
    flow: str
    direction: Direction
    protocol: str
    ports: PortSet
    source_ports: PortSet
    peers: str
    peer_components: tuple[str, ...]
    cast: str
    group: tuple[str, ...]
    refusal: Refusal
    program: str | None
    service: str | None
    listener: str
    container_ports: PortSet
    log: bool
    confidence: str
    rows: tuple[str, ...]
    why: str
    doubt: str = ""
    owner: str = ""
    ticket: str = ""
    expires: str = ""
    empty_groups: tuple[str, ...] = ()
    """Components whose inventory groups are there and empty: because of them the port is not restricted."""
    guards: Guards = "never"
    """From this and the host's settings follows `refusal`."""
    waits_for: tuple[str, ...] = ()
    """Those that would be `empty_groups` if the settings asked for a guard."""

    @property
    def guarded(self) -> bool:
        return self.refusal != "open"


@dataclass(frozen=True)
class NotPlanned:
    """`missing` are the components of which no host was found, although nobody wrote that there is none."""

    component: str
    flow: str
    why: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class HostPlan:
    name: str
    platform: str
    settings: HostSettings
    components: tuple[str, ...]
    realms: tuple[str, ...]
    rules: tuple[Rule, ...]
    not_planned: tuple[NotPlanned, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    peers: Mapping[str, PeerSet]
    hosts: Mapping[str, HostPlan]
