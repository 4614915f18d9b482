# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port book in memory: all catalogues as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...module_utils.intervals import Spans
from ..net import ports as port_text
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

    def spans(self, written: Iterable[str]) -> Spans:
        """Ports of a rule as numbers, a token as all that it may turn out to be."""
        return Spans.of(
            span
            for figure in written
            for span in (
                port_text.spans_of(self.tokens[figure].ports) if figure in self.tokens else (port_text.span_of(figure),)
            )
        )
