# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan and the variables ask of one Windows host. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ....module_utils.shrinking import Inventory
from ...catalog.model import Direction, VendorRule
from ...plan.model import Verdict
from .rule import FirewallRule
from .wanted import Wanted


@dataclass(frozen=True)
class Asked:
    """`ports` are those that Ansible comes in by, as the host has them."""

    wanted: Mapping[str, Wanted]
    replace_all: bool = True
    verdicts: Mapping[Direction, Verdict] = field(default_factory=lambda: {"in": "accept", "out": "accept"})
    """What becomes of traffic that no rule names."""
    directions: tuple[Direction, ...] = ("in",)
    """That concern this collection."""
    refuses: bool = True
    """Whether anybody may be refused anything inbound."""
    watches: bool = False
    foreign: str = "auto"
    policy: str = "fail"
    others: str = "report"
    """What is done with permissions of others that a posture has no room for: report or disable."""
    apps: str = "as_others"
    """And with those of packages: as_others or leave."""
    profiles: str = "in_use"
    """Which are held: those in_use, or all."""
    management: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    over_network: bool = True
    vendors: tuple[VendorRule, ...] = ()
    inventory: Inventory | None = None
    """Without it, what the host loses is not asked about: somebody decided it."""
    planned_out: tuple[FirewallRule, ...] = ()
    """Outbound permissions that are planned and not written, since everything may go out by default."""
    stays: frozenset[str] = frozenset()
    """Names of unmanaged rules that Windows has just refused to disable."""

    @property
    def strict(self) -> bool:
        return self.verdicts["in"] == "refuse"

    @property
    def strict_out(self) -> bool:
        return self.verdicts["out"] == "refuse"

    @property
    def strict_directions(self) -> frozenset[str]:
        return frozenset([*["in"] * self.strict, *["out"] * self.strict_out])

    @property
    def may_disable(self) -> bool:
        return self.others == "disable"

    @property
    def all_profiles(self) -> bool:
        return self.profiles == "all"
