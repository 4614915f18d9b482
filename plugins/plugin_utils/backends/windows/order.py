# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations in an order in which nothing is ever let in that neither was nor will be, and nothing cut off that
was and will be: (before and after) <= allowed <= (before or after), at every moment and on the way back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from .rule import FirewallRule, StoredRule


class Phase(IntEnum):
    REMEMBER = 0
    """First: a host that dies on the way knows what was disabled."""
    OFF = 1
    MORE_REFUSED = 2
    MORE_ALLOWED = 3
    LESS_ALLOWED = 4
    LESS_REFUSED = 5
    ON = 6
    """Last: as long as a profile is off its refusals count for nothing, and those that go must not count at all."""
    DELETE = 7


@dataclass(frozen=True)
class Operation:
    phase: Phase
    data: dict[str, Any]


def create(rule: FirewallRule) -> Operation:
    if not rule.enabled:
        # If something cannot be taken back, the host must still know of it.
        return Operation(Phase.REMEMBER, {"op": "create", "rule": rule.record(), "stays": True})
    return Operation(_adding(rule), {"op": "create", "rule": rule.record()})


def change(old: StoredRule, new: FirewallRule) -> Operation:
    """Of properties other than the traffic, which stays as it is."""
    data = {"op": "change", "id": old.id, "rule": new.record()}
    return Operation(_adding(new), data) if new.enabled else Operation(Phase.REMEMBER, {**data, "stays": True})


def enable(one: StoredRule) -> Operation:
    return Operation(_adding(one.rule), {"op": "enable", "id": one.id, "name": one.rule.name})


def disable(one: StoredRule) -> Operation:
    phase = Phase.LESS_ALLOWED if one.rule.traffic.action == "allow" else Phase.LESS_REFUSED
    return Operation(phase, {"op": "disable", "id": one.id, "name": one.rule.name})


def shut(one: StoredRule) -> Operation:
    """A permission of others; Windows may refuse that for one of them, and then it stays."""
    disabled = disable(one)
    return Operation(disabled.phase, {**disabled.data, "may_stay": True})


def delete(one: StoredRule) -> list[Operation]:
    """A rule that still acts is disabled when its turn is."""
    doomed = Operation(Phase.DELETE, {"op": "delete", "id": one.id})
    return [disable(one), doomed] if one.rule.enabled else [doomed]


def set_profile(bit: int, setting: str, value: int) -> Operation:
    if setting == "FirewallEnabled":
        phase = Phase.ON if value else Phase.OFF
    elif setting == "BlockAllInboundTraffic":
        phase = Phase.MORE_REFUSED if value else Phase.LESS_REFUSED
    else:
        phase = Phase.MORE_ALLOWED if value else Phase.LESS_ALLOWED
    return Operation(phase, {"op": "profile", "profile": bit, "setting": setting, "value": value})


def in_order(operations: Iterable[Operation]) -> list[dict[str, Any]]:
    return [one.data for one in sorted(operations, key=lambda one: one.phase)]


def _adding(rule: FirewallRule) -> Phase:
    return Phase.MORE_ALLOWED if rule.traffic.action == "allow" else Phase.MORE_REFUSED
