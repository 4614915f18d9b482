# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same rules by modules of other collections, for sites that allow no others. They cannot be asked what a host
has, so what the native engine reads there is left out, and said. Pure but for `run`, which calls a module."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ....module_utils.shrinking import ALLOW_COMPONENT
from . import baseline
from .asked import Asked
from .guard import guards, permissions_of
from .rule import BASELINE, GUARD, NAMES, PREFIX, WAY_IN, WITH_PORTS, FirewallRule
from .store import Domain
from .texts import write_addresses, write_ports
from .wanted import NOBODY, Wanted

Run = Callable[[str, dict[str, Any]], dict[str, Any]]
_RULE, _PROFILES = "community.windows.win_firewall_rule", "ansible.windows.win_firewall"
_PROTOCOLS = {6: "tcp", 17: "udp", 1: "icmpv4", 58: "icmpv6", 256: "any"}
_NEVER_WITHOUT = {group: f"{group}, new" for group in (GUARD, WAY_IN)}
"""Groups whose new rules stand before the old ones go, and where they do."""
LIMITS = (
    "engine community: unmanaged rules and policies are not checked, nothing is restored if a call fails, "
    "an inventory that lacks hosts is not noticed, and which profiles are in use is not known; "
    "outdated rules are removed with their whole group, which is then created again"
)


class CannotDo(ValueError):
    """What the engine cannot do, and what would be right."""


@dataclass(frozen=True)
class Content:
    """Groups with the rules they are to have, refusals first."""

    groups: Mapping[str, tuple[FirewallRule, ...]]
    notes: tuple[str, ...]


def content(asked: Asked, whole: Mapping[str, Wanted]) -> Content:
    """`whole` is all of the host's part of the plan: what was applied before cannot be read, so guards spare
    the peers of all of it."""
    every = {**whole, **asked.wanted}
    refuses = asked.refuses or any(one.guarded for one in every.values())
    if refuses and not (asked.management and asked.ports):
        raise CannotDo(
            "ports are to be refused to others, and this engine cannot determine the controller's address. "
            "Set portbook_management to the addresses of your controllers"
        )
    ways = (baseline.way_in(asked.management, asked.ports),) if refuses else ()
    base = baseline.inbound({}) if asked.strict else []
    if asked.strict_out:
        base += baseline.outbound({}, Domain())
    always: dict[str, tuple[FirewallRule, ...]] = {WAY_IN: ways, BASELINE: tuple(base)}
    made = guards(permissions_of(every.values(), (rule for some in always.values() for rule in some)))
    groups = {
        GUARD: made.rules,
        **always,
        **{f"{PREFIX}{name}": one.rules for name, one in asked.wanted.items()},
    }
    notes = [one.note for one in made.unguarded]
    return Content(groups, (*notes, *(note for one in asked.wanted.values() for note in one.notes)))


def bring(content_: Content, asked: Asked, run: Run) -> dict[str, Any]:
    """A mark in each group holds the digest of its rules: if that is another one, the group is made again."""
    told = _Told()
    for group, rules in content_.groups.items():
        mark = _mark(group, rules)
        stale = told.add(run(_RULE, mark), group)
        interim = [_interim(rule) for rule in rules] if stale and group in _NEVER_WITHOUT else []
        if stale:
            # A run that is killed from here on must be known by the next one.
            told.add(run(_RULE, {"name": mark["name"], "state": "absent"}), group)
            for rule in interim:
                told.add(run(_RULE, arguments(rule)), group)
            told.add(run(_RULE, {"group": group, "state": "absent"}), group)
        for rule in rules:
            told.add(run(_RULE, arguments(rule)), rule.name)
        if interim:
            told.add(run(_RULE, {"group": _NEVER_WITHOUT[group], "state": "absent"}), group)
        if stale and rules:
            told.add(run(_RULE, mark), group)
    for settings in _settings(asked):
        told.add(run(_PROFILES, settings), "profiles")
    return told.result()


def remove(groups: Iterable[str], run: Run) -> dict[str, Any]:
    told = _Told()
    for group in groups:
        told.add(run(_RULE, {"group": group, "state": "absent"}), group)
    return told.result()


def _interim(rule: FirewallRule) -> FirewallRule:
    """What stands in for it while its group is created again."""
    return replace(rule, name=f"{rule.name}/new", group=_NEVER_WITHOUT[rule.group])


def arguments(rule: FirewallRule) -> dict[str, Any]:
    one = rule.traffic
    args: dict[str, Any] = {
        "name": rule.name,
        "group": rule.group,
        "description": rule.description,
        "direction": one.direction,
        "action": one.action,
        "enabled": rule.enabled,
        "protocol": _PROTOCOLS.get(one.protocol, str(one.protocol)),
        "program": rule.program or "any",
        "service": rule.service or "any",
        "remoteip": _any(write_addresses(one.remote)),
        "state": "present",
    }
    if one.protocol in WITH_PORTS:
        args |= {"localport": _any(write_ports(one.local_ports)), "remoteport": _any(write_ports(one.remote_ports))}
    if one.icmp:
        args["icmp_type_code"] = sorted(one.icmp)
    return args


def _mark(group: str, rules: Iterable[FirewallRule]) -> dict[str, Any]:
    """A rule that is disabled; an empty group has none, so that nothing stays."""
    listed = [arguments(rule) for rule in rules]
    digest = hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()
    name = f"{NAMES}mark/{group.removeprefix(PREFIX)}"
    if not listed:
        return {"name": name, "state": "absent"}
    return {
        "name": name,
        "group": group,
        "description": f"Digest of the rules of this group in the plan: {digest}",
        "direction": "in",
        "action": "allow",
        # For nobody: somebody may enable all rules of a host at once.
        "remoteip": write_addresses(NOBODY["in"]),
        "enabled": False,
        "state": "present",
    }


def _settings(asked: Asked) -> Iterator[dict[str, Any]]:
    settings = {}
    if asked.strict:
        settings["inbound_action"] = "block"
    if asked.strict_out:
        settings["outbound_action"] = "block"
    if settings:
        yield {"state": "enabled", **settings}


def _any(text: str) -> str:
    return "any" if text == "*" else text


def groups_of(components: Iterable[str], whole: bool) -> list[str]:
    """With everything, also what belongs to the host and not to a component. Refusals go last."""
    return [
        *(f"{PREFIX}{name}" for name in components),
        *((f"{PREFIX}{ALLOW_COMPONENT}", BASELINE, WAY_IN, GUARD, *_NEVER_WITHOUT.values()) if whole else ()),
    ]


class _Told:
    """What the calls changed; the first that fails ends it."""

    def __init__(self) -> None:
        self._changed: dict[str, None] = {}
        self._calls = 0

    def add(self, done: Mapping[str, Any], what: str) -> bool:
        self._calls += 1
        if done.get("failed"):
            raise CannotDo(
                f"{what}: {done.get('msg')}. What was changed before stays "
                f"({', '.join(self._changed) or 'nothing'}). Fix the cause, then run again"
            )
        changed = bool(done.get("changed"))
        if changed:
            self._changed[what] = None
        return changed

    def result(self) -> dict[str, Any]:
        changed = list(self._changed)
        return {"changed": bool(changed), "calls": self._calls, "change": sorted(changed)}
