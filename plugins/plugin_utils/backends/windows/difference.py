# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the rules that a host has to those that are wanted, in the five words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from . import order
from .order import Operation
from .rule import FirewallRule, StoredRule


@dataclass
class Difference:
    """Names of rules under four of the words; unmanaged rules are not compared here."""

    operations: list[Operation] = field(default_factory=list)
    create: list[str] = field(default_factory=list)
    change: list[str] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)


def difference(wanted: Iterable[FirewallRule], present: Iterable[StoredRule]) -> Difference:
    """`present` are rules of this collection that stay only if they are wanted. Windows lets rules share a name: of
    such, one that is right stays, and the others go."""
    left: dict[str, list[StoredRule]] = {}
    for one in present:
        left.setdefault(one.rule.name, []).append(one)
    found = Difference()
    lacking = []
    for rule in wanted:
        if _take_same(rule, left):
            found.keep.append(rule.name)
        else:
            lacking.append(rule)
    for rule in lacking:
        old = _take_nearest(rule, left)
        if old is None:
            found.create.append(rule.name)
            found.operations.append(order.create(rule))
        else:
            found.change.append(rule.name)
            found.operations += _changing(old, rule)
    for one in (one for some in left.values() for one in some):
        found.delete.append(one.rule.name)
        found.operations += order.delete(one)
    return found


def _changing(old: StoredRule, new: FirewallRule) -> list[Operation]:
    if old.rule.traffic != new.traffic:
        return [order.create(new), *order.delete(old)]
    if not old.rule.enabled and new.enabled and _texts(old.rule) == _texts(new):
        return [order.enable(old)]
    return [order.change(old, new)]


def _texts(rule: FirewallRule) -> tuple[str, str, str]:
    return rule.name, rule.group, rule.description


def _same(one: FirewallRule, other: FirewallRule) -> bool:
    return _texts(one) == _texts(other) and one.traffic == other.traffic and one.enabled == other.enabled


def _take_same(rule: FirewallRule, left: dict[str, list[StoredRule]]) -> bool:
    for one in left.get(rule.name, ()):
        if _same(one.rule, rule):
            left[rule.name].remove(one)
            return True
    return False


def _take_nearest(rule: FirewallRule, left: dict[str, list[StoredRule]]) -> StoredRule | None:
    """One of the same name; else one that somebody renamed, which says the same in the same group."""
    for one in left.get(rule.name, ()):
        left[rule.name].remove(one)
        return one
    for some in left.values():
        for one in some:
            if (one.rule.group, one.rule.traffic) == (rule.group, rule.traffic):
                some.remove(one)
                return one
    return None
