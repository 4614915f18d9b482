# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was decided for a Windows host: operations, and what is reported of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ....module_utils.shrinking import Held, Inventory, left, losses, refusal
from .difference import Difference
from .foreign import Finding
from .order import Operation
from .rule import PROFILES


@dataclass
class Decision:
    """With errors there are no operations."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    operations: list[dict[str, Any]] = field(default_factory=list)
    words: Difference = field(default_factory=Difference)
    foreign: list[Finding] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    enabled: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    """What the host would lose that nobody decided: an error, too."""
    unconfirmed: str = ""
    """Why a change that refuses something is not confirmed by a new connection."""
    peers: dict[str, str] = field(default_factory=dict)
    """Names of the plan's sets of peers, by wanted rule."""
    left: dict[str, int] = field(default_factory=dict)
    """Components that the host no longer has, and how many rules were removed for each."""

    @property
    def changed(self) -> bool:
        return bool(self.operations)

    def error(self, what: str, remedy: str) -> None:
        self.errors.append(f"{what}. {remedy}")

    def find(self, where: str, flow: str, outcome: str) -> None:
        self.foreign.append(Finding(where, flow, outcome))

    def compare(self, before: Held, after: Held, inventory: Inventory | None) -> None:
        """Removals because the inventory lacks hosts are refused."""
        self.left = {name: before.rules[name] for name in left(before, after)}
        found = losses(before, after, inventory) if inventory is not None else []
        if inventory is not None and found:
            self.losses = found
            self.errors.insert(0, refusal(found, inventory))

    def ended(self) -> Decision:
        if self.errors:
            self.operations = []
        return self


def setting_text(operation: Operation) -> str:
    data = operation.data
    return f"profile {PROFILES[data['profile']]}: {data['setting']} = {data['value']}"
