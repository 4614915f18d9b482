# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port book in memory: all catalogues as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...module_utils.intervals import Spans
from ..net.ports import Numbers, PortSet
from .model import Component, Flow, Row, Token

WIDEST_GUARD = 64
"""The most ports that a product may have for its own in one flow."""


@dataclass(frozen=True)
class Catalog:
    components: Mapping[str, Component]
    flows: Mapping[str, Flow]
    rows: Mapping[str, Row]
    documents: Mapping[str, Mapping[str, Any]]
    evidence: Mapping[str, str]
    products: Mapping[str, str]
    tokens: Mapping[str, Token]
    shared: Mapping[str, Spans]

    def flows_of(self, component: str) -> tuple[Flow, ...]:
        return tuple(flow for flow in self.flows.values() if component in flow.components)

    @cached_property
    def numbers(self) -> Numbers:
        """Of tokens."""
        return {name: one.ports.spans for name, one in self.tokens.items()}

    def spans(self, ports: PortSet) -> Spans:
        """Ports of a rule as numbers, a token as all that it may turn out to be."""
        return ports.covered(self.numbers)
