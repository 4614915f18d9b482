# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with unmanaged rules, and what is reported of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...problems import few
from . import foreign, host, order
from .asked import Asked
from .decision import Decision
from .guard import Guards
from .memory import Disabled
from .order import Operation
from .recall import Recalled
from .rule import FirewallRule, StoredRule, Traffic
from .store import Store

_STRICT = {"in": "strict", "out": "outbound strict"}
_DISABLED = tuple[StoredRule, Disabled]


class Others:
    def __init__(self, store: Store, asked: Asked, recalled: Recalled, decision: Decision) -> None:
        self.store, self.asked, self.recalled, self.decision = store, asked, recalled, decision
        self.own = [rule for one in asked.wanted.values() for rule in one.rules]
        self.stays = recalled.stays
        """Rules that would be disabled, and may not be."""

    def decide(self, always: list[FirewallRule], made: Guards) -> tuple[list[Operation], list[_DISABLED]]:
        """Operations on unmanaged rules, and which of them stay disabled by us."""
        wanted: dict[int, tuple[StoredRule, str]] = {}
        reasons = {*self.asked.strict_directions}
        known = [rule.traffic for rule in (*always, *self.own) if rule.traffic.action == "allow"]
        for direction in sorted(reasons):
            self._beyond(direction, known, wanted)
        if made.unguarded:
            reasons.add("door")
            self._doors(made, wanted)
        if not self.asked.may_disable:
            self._tell_what_stays(wanted.values())
            wanted, reasons = {}, set()
        wanted, self.stays = self._parted(wanted)
        operations = [order.shut(one) for one, _reason in wanted.values()]
        self._tell_what_will_not_last(one for one, _reason in wanted.values())
        disabled = []
        for one, before in self.recalled.still:
            needed = before.reason in reasons or one.rule.traffic.direction in reasons
            if needed and not self._left_alone(one.rule):
                disabled.append((one, before))
            else:
                operations.append(order.enable(one))
                self.decision.enabled.append(one.rule.name)
        disabled += [(one, Disabled(one.rule.name, reason)) for one, reason in wanted.values()]
        self.decision.disabled = sorted(one.rule.name for one, _reason in wanted.values())
        if self.asked.refuses:
            self._tell_vendors(made)
        else:
            self._tell_what_is_open()
        return operations, disabled

    def _beyond(self, direction: str, known: list[Traffic], wanted: dict[int, tuple[StoredRule, str]]) -> None:
        what, apps = _STRICT[direction], 0
        for one in self.store.foreign:
            if foreign.beyond(one.rule, direction, known):
                if self._left_alone(one.rule):
                    apps += 1
                else:
                    wanted[id(one)] = (one, direction)
        if apps:
            self._warn(f"not {what}: {apps} permissions of packages are left alone (portbook_windows_app_rules: leave)")
        policy = [one.name for one in self.store.policy_rules if foreign.beyond(one, direction, known)]
        if policy:
            self._warn(
                f"not {what}: {_permissions(policy)} of a group policy or MDM: {few(policy, 5)}. Change the policy, if "
                "that is not meant"
            )
        unknown = [one.name for one in self.store.unreadable]
        if unknown:
            self._warn(f"not {what}, maybe: unmanaged rules cannot be read: {few(unknown, 5)}. Check them by hand")

    def _left_alone(self, rule: FirewallRule) -> bool:
        return self.asked.apps == "leave" and bool(rule.traffic.package)

    def _parted(
        self, wanted: Mapping[int, tuple[StoredRule, str]]
    ) -> tuple[dict[int, tuple[StoredRule, str]], tuple[StoredRule, ...]]:
        """What Windows refused to disable stays, and is not tried again."""
        refused = {id(one) for one in self.recalled.stays}
        refused |= {id(one) for one, _reason in wanted.values() if one.rule.name in self.asked.stays}
        stays = [one for number, (one, _reason) in wanted.items() if number in refused]
        for direction, what in _STRICT.items():
            names = [one.rule.name for one in stays if one.rule.traffic.direction == direction]
            if names:
                self._warn(
                    f"not {what}: Windows refuses to disable {_permissions(names)}: {few(names, 5)}. "
                    "Remove them where they come from. To try it again, remove portbook and apply it"
                )
        return {number: one for number, one in wanted.items() if number not in refused}, tuple(stays)

    def _doors(self, made: Guards, wanted: dict[int, tuple[StoredRule, str]]) -> None:
        """A port that no block rule can refuse is as open as unmanaged rules make it."""
        for one in made.unguarded:
            self._warn(one.note)
        ports = [
            (rule.traffic, rule.name)
            for rule in self.own
            for one in made.unguarded
            if (rule.traffic.direction, rule.traffic.protocol) == (one.direction, one.protocol)
            and rule.traffic.ports.spans & one.spans
        ]
        for stored, flow in foreign.doors(ports, self.store):
            if self.asked.may_disable and not self._left_alone(stored.rule):
                wanted[id(stored)] = (stored, "door")
            else:
                self.decision.find(f"rule {self._named(stored.rule)}", flow, "open to others")
        for rule, flow in foreign.policy_doors(ports, self.store):
            self.decision.find(f"rule of a group policy {self._named(rule)}", flow, "open to others")

    def _tell_what_stays(self, wanted: Iterable[tuple[StoredRule, str]]) -> None:
        every = list(wanted)
        for reason, what in _STRICT.items():
            names = [one.rule.name for one, why in every if why == reason]
            if names:
                self._warn(
                    f"not {what}: {len(names)} unmanaged rules that allow stay: {few(names, 5)}. "
                    "portbook_windows_foreign: disable disables them until portbook is removed"
                )

    def _tell_what_is_open(self) -> None:
        for text in host.wide_open(self.store):
            self.decision.find(text, "all inbound flows", "open to others")
        ports = [
            (rule.traffic, rule.name)
            for rule in self.own
            if rule.traffic.direction == "in" and rule.traffic.ports.spans
        ]
        for one, flow in foreign.doors(ports, self.store):
            self.decision.find(f"rule {self._named(one.rule)}", flow, "open to others")
        for rule, flow in foreign.policy_doors(ports, self.store):
            self.decision.find(f"rule of a group policy {self._named(rule)}", flow, "open to others")

    def _tell_vendors(self, made: Guards) -> None:
        """Rules that the products themselves made for everyone: nobody needs them, and a guard holds against them."""
        ports = [(rule.traffic, rule.name) for rule in self.own if rule.traffic.direction == "in"]
        held = [rule.traffic.local_ports.spans for rule in made.rules]
        for one, flow in foreign.doors(ports, self.store):
            known = foreign.maker(one.rule, self.asked.vendors)
            if known and any(one.rule.traffic.ports.spans & spans for spans in held):
                self.decision.find(f"rule {self._named(one.rule)}", flow, "refused to others")

    def _tell_what_will_not_last(self, disabled: Iterable[StoredRule]) -> None:
        for one in disabled:
            made = foreign.maker(one.rule, self.asked.vendors)
            if made and made.remade:
                self._warn(
                    f"the rule {one.rule.name!r} is disabled, but {made.made_by} creates it again; guards refuse "
                    "it even so"
                )

    def hindrances(self) -> None:
        """Unmanaged block rules win over permissions of this collection. One is harmless as long as its profile is
        off."""
        found = foreign.hindrances(self.own, self.store)
        found += [
            foreign.Finding(f"profile {name} blocks all inbound traffic", "all inbound flows", "lost")
            for name in host.all_blocked(self.store)
        ]
        for rule in self.store.unreadable:
            where = f"rule {rule.name!r} ({rule.group}), of which {', '.join(rule.properties)} cannot be read,"
            found.append(foreign.Finding(where, "all flows", "unknown"))
        for one in found:
            if one.outcome == "lost" and self.asked.foreign != "warn":
                remedy = "Change or remove it, or set portbook_foreign: warn"
                self.decision.error(f"{one.where} refuses what {one.flow} permits, and a block wins", remedy)
            elif one.outcome == "unknown" and self.asked.foreign == "fail":
                remedy = "Check it, or set portbook_foreign: warn"
                self.decision.error(f"{one.where} may refuse what {one.flow} permits", remedy)
        self.decision.foreign = [*found, *self.decision.foreign]

    def _named(self, rule: FirewallRule) -> str:
        return foreign.named(rule, self.asked.vendors)

    def _warn(self, text: str) -> None:
        self.decision.warnings.append(text)


def _permissions(names: list[str]) -> str:
    return "1 permission" if len(names) == 1 else f"{len(names)} permissions"
