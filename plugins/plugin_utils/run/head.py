# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all hosts of a run need to know of its plan."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ...module_utils.intervals import Spans
from ..catalog.model import VendorRule
from ..net.ports import Numbers


@dataclass(frozen=True)
class Head:
    """What all hosts need to know of the plan. With errors, no host has a part."""

    digest: str
    listed_by: str
    """The host whose result has all errors."""
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    hosts: int
    rules: int
    sets: int
    unsupported: str
    plan_file: str | None
    components: tuple[str, ...]
    variables: frozenset[str]
    fingerprint: str
    tokens: Numbers
    vendor_rules: tuple[VendorRule, ...] = ()
    inventory_hosts: int = 0
    members: dict[str, int] = field(default_factory=dict)
    """Hosts of each component."""
    shrink: bool = False
    compare: bool = False
    own_errors: dict[str, int] = field(default_factory=dict)
    """By host, the first error of its own, which few hosts share."""

    def data(self) -> dict[str, Any]:
        vendor_rules = [asdict(one) for one in self.vendor_rules]
        tokens = {name: spans.items for name, spans in self.tokens.items()}
        return {**self.__dict__, "variables": sorted(self.variables), "vendor_rules": vendor_rules, "tokens": tokens}

    @staticmethod
    def of(data: dict[str, Any]) -> Head:
        lists = {key: tuple(data[key]) for key in ("errors", "warnings", "components")}
        vendor_rules = tuple(VendorRule(**one) for one in data["vendor_rules"])
        tokens = {name: Spans.of(map(tuple, spans)) for name, spans in data["tokens"].items()}
        variables = frozenset(data["variables"])
        return Head(**{**data, **lists, "variables": variables, "vendor_rules": vendor_rules, "tokens": tokens})
