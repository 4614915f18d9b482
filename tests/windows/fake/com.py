# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The COM objects over the store, with the names and the temper they have on Windows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

from windows.fake import rule as rules
from windows.fake import values
from windows.fake.hresult import (
    ACCESS_DENIED,
    BAD_PARAMETER_COUNT,
    NOT_FOUND,
    TYPE_MISMATCH,
    UNAVAILABLE,
    ComError,
    invalid,
)
from windows.fake.rule import GET, NULLABLE, SPELLING, Rule
from windows.fake.state import State

PROFILE_FIELDS = {
    "FirewallEnabled": "enabled",
    "ExcludedInterfaces": "excluded_interfaces",
    "BlockAllInboundTraffic": "block_all",
    "NotificationsDisabled": "notifications_disabled",
    "UnicastResponsesToMulticastBroadcastDisabled": "no_unicast_responses",
    "DefaultInboundAction": "inbound",
    "DefaultOutboundAction": "outbound",
}
PROFILE_SPELLING = {name.lower(): name for name in PROFILE_FIELDS}
GROUP_METHODS = {
    name.lower(): name
    for name in ("IsRuleGroupCurrentlyEnabled", "IsRuleGroupEnabled", "EnableRuleGroup", "RestoreLocalFirewallDefaults")
}


class FwRule:
    """HNetCfg.FWRule. Until it is added it is free; from then on each put is a write of the store."""

    def __init__(self, state: State, stored: Rule | None = None) -> None:
        self._state = state
        self.attached = stored is not None
        self.data = stored or Rule("{" + str(uuid4()).upper() + "}")

    def get(self, name: str) -> Any:
        spelled = name if name in GET else SPELLING[name.lower()]
        if self.attached:
            self._refuse(spelled)
            if self._matches(self._state.faults.null_read, spelled):
                return None
        self._state.counts[("read rule." if self.attached else "read new.") + spelled] += 1
        return GET[spelled](self.data, self._state)

    def _matches(self, pattern: str, spelled: str) -> bool:
        return bool(pattern) and re.search(pattern, f"{spelled} {self.data.name}") is not None

    def _refuse(self, spelled: str) -> None:
        if self._matches(self._state.faults.fail_read, spelled):
            raise ComError(UNAVAILABLE)

    def put(self, name: str, value: Any) -> None:
        spelled = SPELLING[name.lower()]
        self._put(spelled, lambda copy: rules.put(copy, spelled, value, self._state))

    def put_null(self, name: str) -> None:
        """A null BSTR, which only a typed interface can pass."""
        spelled = SPELLING[name.lower()]
        if spelled in NULLABLE:
            self._put(spelled, lambda copy: setattr(copy, NULLABLE[spelled], None))
        else:
            self.put(name, None)

    def attach(self, stored: Rule) -> None:
        self.data, self.attached = stored, True

    def _put(self, name: str, change: Callable[[Rule], None]) -> None:
        copy = self.data.copy()
        if not self.attached:
            change(copy)
            self.data = copy
            self._state.counts["read put on a new rule"] += 1
            return
        if self._state.place(self.data.id) is None:
            raise ComError(NOT_FOUND)
        if self.data.of_policy:
            raise ComError(ACCESS_DENIED)
        change(copy)
        rules.commit(copy)
        self._state.before_write(f"put.{name}", f"{self.data.id} {self.data.name}")
        self._keep(copy)
        self._state.after_write()

    def _keep(self, copy: Rule) -> None:
        place = self._state.place(self.data.id)
        assert place is not None
        self._state.rules[place] = copy
        self.data = copy


class FwRules:
    """INetFwRules."""

    def __init__(self, state: State) -> None:
        self._state = state

    def _visible(self) -> list[Rule]:
        shown = self._state.faults.gpo_visible
        return [rule for rule in self._state.rules if shown or not rule.of_policy]

    @property
    def count(self) -> int:
        self._state.check_service()
        self._state.read("rules.Count")
        return len(self._visible())

    def __iter__(self) -> Iterator[FwRule]:
        self._state.check_service()
        every = self._visible()
        if self._state.faults.shuffle:
            self._state.random.shuffle(every)
        for rule in every:
            self._state.read("rules.Next")
            yield FwRule(self._state, rule)

    def _find(self, name: str) -> Rule | None:
        wanted, blind = name.lower(), self._state.faults.item_blind
        if blind and re.search(blind, name):
            return None
        for rule in self._visible():
            shown = (self._state.resolve(rule.name) or "").lower()
            # What a package says of its name cannot be looked up.
            if shown == wanted and "ms-resource://" not in shown:
                return rule
        return None

    def add(self, rule: Any) -> None:
        self._state.check_service()
        if not isinstance(rule, FwRule):
            raise ComError(TYPE_MISMATCH)
        copy = rule.data.copy()
        if copy.of_policy:
            raise ComError(ACCESS_DENIED)
        rules.commit(copy)
        self._state.before_write("Add", f"{copy.id} {copy.name}")
        self._state.take_out(copy.id)
        self._state.rules.append(copy)
        self._hold(rule, copy)
        self._state.after_write()

    def _hold(self, rule: FwRule, stored: Rule) -> None:
        """Later changes of the added object reach the store."""
        rule.attach(stored)

    def item(self, name: Any) -> FwRule:
        self._state.check_service()
        wanted = self._name(name)
        found = self._find(wanted)
        self._state.read("rules.Item")
        if found is None:
            raise ComError(NOT_FOUND)
        return FwRule(self._state, found)

    def remove(self, name: Any) -> None:
        """One rule of that name, whichever comes first; none is no error."""
        self._state.check_service()
        wanted = self._name(name)
        found = self._find(wanted)
        if found is not None and found.of_policy:
            raise ComError(ACCESS_DENIED)
        self._state.before_write("Remove", wanted if found is None else f"{found.id} {found.name}")
        if found is not None:
            self._state.take_out(found.id)
            self._state.after_write()

    def call(self, name: str, *given: Any) -> None:
        """As IDispatch calls, which counts the arguments."""
        if len(given) != 1:
            raise ComError(BAD_PARAMETER_COUNT)
        {"add": self.add, "remove": self.remove, "item": self.item}[name.lower()](given[0])

    @staticmethod
    def _name(name: Any) -> str:
        if isinstance(name, FwRule):
            raise ComError(TYPE_MISMATCH)
        return values.given(name)


class FwPolicy2:
    """HNetCfg.FwPolicy2."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.read("policy.new")

    def new_rule(self) -> FwRule:
        return FwRule(self._state)

    @property
    def rules(self) -> FwRules:
        self._state.check_service()
        self._state.read("policy.Rules")
        return FwRules(self._state)

    def get(self, name: str) -> int | None:
        self._state.check_service()
        self._state.read(f"policy.{name}")
        known = {
            "currentprofiletypes": self._state.current_profiles,
            "localpolicymodifystate": self._state.modify_state,
        }
        return known.get(name.lower())

    def profile(self, name: str, which: Any) -> Any:
        self._state.check_service()
        spelled = PROFILE_SPELLING[name.lower()]
        bit = values.one_of(which, 1, 2, 4)
        self._state.read(f"policy.{spelled}")
        value = getattr(self._state.profiles[bit], PROFILE_FIELDS[spelled])
        return list(value) if isinstance(value, tuple) else value

    def set_profile(self, name: str, which: Any, value: Any) -> None:
        self._state.check_service()
        spelled = PROFILE_SPELLING[name.lower()]
        bit = values.one_of(which, 1, 2, 4)
        kept: Any
        if spelled.startswith("Default"):
            kept = values.one_of(value, 0, 1)
        elif spelled == "ExcludedInterfaces":
            kept = values.interface_names(value, self._state.interfaces)
        else:
            kept = values.boolean(value)
        self._state.before_write(f"profile.{spelled}", str(bit))
        setattr(self._state.profiles[bit], PROFILE_FIELDS[spelled], kept)
        self._state.after_write()

    def call(self, name: str, *given: Any) -> Any:
        """A method of groups, or of all rules."""
        self._state.check_service()
        method = GROUP_METHODS[name.lower()]
        if method == "IsRuleGroupCurrentlyEnabled":
            return self._group_is_on(method, self._state.current_profiles, values.text(given[0]))
        if method == "IsRuleGroupEnabled":
            group = values.text(given[1])
            return self._group_is_on(method, values.integer(given[0]), group)
        if method == "RestoreLocalFirewallDefaults":
            self._state.before_write(method, "")
            self._state.restore()
            return None
        mask, group, enable = values.integer(given[0]), values.text(given[1]), values.boolean(given[2])
        if not (mask == values.ALL_PROFILES or 0 < mask <= 7) or not group:
            raise invalid()
        self._state.before_write(method, group)
        for rule in self._state.rules:
            if not rule.of_policy and self._in_group(rule, mask, group):
                rule.enabled = enable
        return None

    def _group_is_on(self, method: str, mask: int, group: str) -> bool:
        self._state.read(f"policy.{method}")
        return any(rule.enabled and self._in_group(rule, mask, group) for rule in self._state.rules)

    def _in_group(self, rule: Rule, mask: int, group: str) -> bool:
        if rule.grouping is None or not rule.profiles & mask:
            return False
        return group.lower() in (rule.grouping.lower(), (self._state.resolve(rule.grouping) or "").lower())
