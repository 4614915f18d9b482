# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups that are there and empty: written by hand they mean nobody, generated they may lack hosts. A guard that rests
on one might refuse real hosts, so no guard is created until somebody writes that the group is empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...module_utils.intervals import Spans
from ..catalog.model import Direction
from ..problems import Problems
from .model import Rule


@dataclass(frozen=True)
class OpenQuestion:
    """Ports that hosts of the component would need, if there are any."""

    direction: Direction
    protocol: str
    spans: Spans
    component: str


def behind(rule: Rule, spans: Spans, questions: Iterable[OpenQuestion]) -> tuple[str, ...]:
    """Components that the rule's guard would refuse; `spans` are the rule's ports."""
    return tuple(
        sorted(
            {
                one.component
                for one in questions
                if (one.direction, one.protocol) == (rule.direction, rule.protocol) and one.spans & spans
            }
        )
    )


def warn(unguarded: Mapping[tuple[str, tuple[str, ...]], set[str]], problems: Problems) -> None:
    """`unguarded` has hosts, by flow and the components behind its guard."""
    for (flow, components), hosts in unguarded.items():
        problems.warn(
            hosts,
            flow,
            f"is not restricted to its peers, because the group of {' and '.join(components)} is empty and a guard "
            "could refuse hosts that are missing in it",
            f"Add the hosts to the group, or write that there are none: portbook_peers: {{{components[0]}: []}}",
        )
