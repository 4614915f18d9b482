# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unmanaged rules on the host: what they refuse of the plan, and which of them use the mark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence

from . import policy_routes, slices
from .engine import Engine
from .model import ALLOWED, LOST, Chain, Judgement, Mark, Settings
from .state import StateError


@dataclass(frozen=True)
class Judged:
    """A flow that they do not surely let pass."""

    component: str
    flow: str
    judgement: Judgement

    def data(self) -> Dict[str, str]:
        one = self.judgement
        return {"component": self.component, "flow": self.flow, "outcome": one.outcome, "where": one.where}


def judged(engine: Engine, held: Dict[str, slices.Slice], settings: Settings) -> List[Judged]:
    asked = [
        (component, one)
        for component, one in slices.by_component(held)
        if one.direction in settings.directions and one.protocol in ("tcp", "udp") and one.spans
    ]
    if not asked:
        return []
    judge = engine.judge(settings.mark)
    found = [Judged(component, one.flow, judge(one)) for component, one in asked]
    return [one for one in found if one.judgement.outcome != ALLOWED]


def refuse_lost(found: Sequence[Judged], settings: Settings) -> None:
    word = settings.foreign
    bad = [one for one in found if word == "fail" or (word == "auto" and one.judgement.outcome == LOST)]
    if bad:
        surely = any(one.judgement.outcome == LOST for one in bad)
        raise StateError(
            f"unmanaged rules {'refuse' if surely else 'may refuse'} what the plan permits, so nothing was applied. "
            f"{_remedy(bad, settings)} Or set portbook_foreign: warn"
        )


def _remedy(bad: Sequence[Judged], settings: Settings) -> str:
    """By chain: the one rule that lets pass what the plan permits, and all flows that need it."""
    flows_of: Dict[Chain, List[str]] = {}
    for one in bad:
        for chain in one.judgement.chains:
            flows_of.setdefault(chain, []).append(one.flow)
    chains = sorted(flows_of, key=lambda one: one.where)
    marks = [str(one.mark) for one in chains if one.accepts]
    texts = [] if not marks or settings.mark else [f"Set portbook_mark: {marks[0]} for this host."]
    for chain in chains:
        flows = ", ".join(sorted(set(flows_of[chain])))
        if chain.accepts:
            texts.append(f"Add to {chain.where}, in front of what refuses: {chain.accepts} (for {flows}).")
        elif chain.early:
            texts.append(f"Let pass in {chain.where}, where packets are not marked yet: {flows}.")
        else:
            texts.append(f"{chain.where}: {flows}.")
    return " ".join(texts)


def refuse_used(engine: Engine, mark: Mark) -> str:
    """What of it could not be found out."""
    routes, why_not = policy_routes.users(mark)
    found = [*routes, *engine.mark_users(mark)]
    if found:
        raise StateError(
            f"portbook_mark is {mark}, and other rules of this host use these bits: {'; '.join(found)}. Nothing was "
            "applied. Set it to bits that nothing else uses; a rule that is to accept the mark has to ask for exactly "
            f"this value and mask: {mark}"
        )
    return f"whether a policy route uses bits of portbook_mark is not known: {why_not}" if why_not else ""
