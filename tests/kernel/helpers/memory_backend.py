# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backend that keeps its rules in memory: all that one more backend takes, and what it has to promise."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel.helpers.benches import Bench

from ansible_collections.portbook.firewall.plugins.module_utils.access import EVERYBODY
from ansible_collections.portbook.firewall.plugins.module_utils.difference import ANYONE, Rule, View, sections
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.contract import Removal, Request, Target
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.outcome import Outcome

Rules = dict[str, Any]


class OfMemory(Bench):
    """A firewall that is a dictionary; `write` swaps it in one step, or fails before or after that."""

    platform, writes = "linux", 2

    def __init__(self, _folder: Path) -> None:
        self.rules: dict[str, Rules] = {}
        self.count, self._fails = 0, 0

    def answer(self, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if module == "read":
            return deepcopy(self.rules)
        for step in (1, 2):
            if step == self._fails:
                return {"failed": True, "msg": f"failed at step {step}"}
            if step == 1:
                self.rules, self.count = arguments, self.count + 1
        return {}

    def ours(self) -> object:
        return self.rules or ""

    def others(self) -> object:
        return "nobody else is there"

    def touched(self) -> object:
        return self.count

    def fail_at(self, step: int) -> None:
        self._fails = step


@dataclass(frozen=True)
class Memory:
    name: str = "memory"

    def apply(self, request: Request, target: Target) -> Outcome:
        wanted: dict[str, Rules] = {name: {} for name in request.components or ()}
        for rule in request.part.of_components(request.components):
            peers = request.part.peers.get(rule.peers)
            who = request.networks(peers.digest) if peers else rule.peers
            what = [rule.flow, rule.direction, rule.protocol, [list(span) for span in rule.ports.numbered({})]]
            wanted.setdefault(rule.component, {})[rule.id] = [*what, rule.refusal, rule.peers, who]
        return self._bring(lambda held: wanted if request.components is None else {**held, **wanted}, target)

    def remove(self, removal: Removal, target: Target) -> Outcome:
        gone = removal.components
        return self._bring(lambda held: {name: held[name] for name in held if gone and name not in gone}, target)

    def _bring(self, change: Callable[[dict[str, Rules]], dict[str, Rules]], target: Target) -> Outcome:
        held = target.run("read", {})
        wanted = {name: rules for name, rules in change(held).items() if rules}
        before, after = _by_id(held), _by_id(wanted)
        outcome = Outcome(
            changed=before != after,
            create=tuple(sorted(set(after) - set(before))),
            change=tuple(sorted(one for one in set(after) & set(before) if after[one] != before[one])),
            delete=tuple(sorted(set(before) - set(after))),
            keep=sum(after[one] == before.get(one) for one in after),
            applied=not target.check,
            diff=tuple(sections(_view(before), _view(after))) if target.diff else None,
        )
        if not outcome.changed or target.check:
            return outcome
        done = target.run("write", wanted)
        return Outcome.of(done) if done.get("failed") else outcome


def _view(rules: Rules) -> View:
    return View(rules=tuple(_rule(id_, *rule) for id_, rule in rules.items()), unnamed={"in": EVERYBODY})


def _rule(
    id_: str, flow: str, direction: str, protocol: str, spans: list[list[int]], refusal: str, name: str, who: Any
) -> Rule:
    peers = frozenset(who) if isinstance(who, list) else None
    ports = tuple((low, high) for low, high in spans)
    return Rule(id_, flow, direction, protocol, ports, name if peers else ANYONE, peers, refusal == "guard")


def _by_id(rules: dict[str, Rules]) -> Rules:
    return {id_: rule for one in rules.values() for id_, rule in one.items()}
