# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that play the same parts with the same variables: planned once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..catalog.model import End, Flow
from ..inventory.settings import HostSettings
from ..inventory.world import Host
from .empty_groups import OpenQuestion
from .model import NotPlanned, Rule


@dataclass(frozen=True, eq=False)
class RuleDraft:
    """A rule whose set has no name yet; `only` if it is not for all hosts of the kin."""

    rule: Rule
    set_number: int
    symbol: str | None
    only: frozenset[str] | None = None
    guard_asked: bool = False
    """By portbook_flows, whatever else is known."""


@dataclass(frozen=True, eq=False)
class Kin:
    """Hosts that differ in nothing but name and addresses, and what was planned for them so far."""

    settings: HostSettings
    components: tuple[str, ...]
    parts: frozenset[str]
    platform: str
    hosts: list[str] = field(default_factory=list)
    rules: list[RuleDraft] = field(default_factory=list)
    not_planned: list[NotPlanned] = field(default_factory=list)
    questions: list[OpenQuestion] = field(default_factory=list)

    def skip(self, component: str, flow: str, why: str, missing: tuple[str, ...] = ()) -> None:
        self.not_planned.append(NotPlanned(component, flow, why, missing))

    def is_elsewhere(self, flow: Flow, end: End) -> bool:
        """Whether the flow is none of the deciding end on this platform."""
        return end == flow.decided_by and bool(flow.platforms) and self.platform not in (*flow.platforms, "other")


def kins_of(hosts: Iterable[Host]) -> list[Kin]:
    found: dict[tuple[int, tuple[str, ...], frozenset[str], str], Kin] = {}
    for host in hosts:
        key = (id(host.settings), host.components, host.parts, host.platform)
        if key not in found:
            found[key] = Kin(host.settings, host.components, host.parts, host.platform)
        found[key].hosts.append(host.name)
    return list(found.values())
