# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that concern one host alone: what they make of its rules, whether the plan or a role sets them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from ..catalog.model import Direction
from ..inventory.variables import Variable
from .model import Guards, Refusal, Rule

OF_THE_HOST = ("portbook_posture", "portbook_outbound", "portbook_log", "portbook_refuse", "portbook_cut")


class Stance(Protocol):
    """How much a host refuses."""

    @property
    def posture(self) -> str: ...

    @property
    def postures(self) -> Mapping[str, str]:
        """Of components that have one of their own."""

    @property
    def outbound(self) -> str: ...


def concerns_the_host_alone(variable: Variable) -> bool:
    """Whether no other host's rules depend on it: a role can set it without planning again."""
    return variable.name in OF_THE_HOST or (variable.component is not None and variable.kind == "choice")


def refusal(guards: Guards, direction: Direction, component: str, stance: Stance) -> Refusal:
    """What becomes of everyone else at a rule's ports."""
    if guards == "never":
        return "open"
    if direction == "out":
        return "guard" if stance.outbound in ("guard", "strict") else "open"
    own = stance.postures.get(component)
    posture = own or stance.posture
    if posture == "open" or (guards == "own_strict" and own != "strict"):
        return "open"
    return "watch" if posture == "watch" else "guard"


def interpreted(rule: Rule, stance: Stance) -> Rule:
    """As the host's settings have it; a guard that would rest on an empty group is left out."""
    wanted = refusal(rule.guards, rule.direction, rule.component, stance)
    empty = rule.waits_for if wanted != "open" else ()
    if empty:
        wanted = "open"
    if (wanted, empty) == (rule.refusal, rule.empty_groups):
        return rule
    return replace(rule, refusal=wanted, empty_groups=empty)


def laid_over(rules: Iterable[Rule], stance: Stance) -> tuple[Rule, ...]:
    return tuple(interpreted(rule, stance) for rule in rules)
