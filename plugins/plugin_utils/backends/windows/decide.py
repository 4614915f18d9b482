# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done at a Windows host: its rules and settings, and what is asked of it, become operations. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property

from ....module_utils.shrinking import Held
from ...problems import few
from . import baseline, host, unlisted
from . import network_profiles as profiles
from .admitted import after
from .asked import Asked
from .decision import Decision, setting_text
from .difference import difference
from .guard import Guards, Permission, guards, permissions_of
from .held import OF_NO_COMPONENT, held
from .lock_out import REMEDY, UNCONFIRMED, lock_out
from .memory import Forgotten, Memory, remembered
from .order import in_order
from .others import Others
from .recall import recall, to_remember
from .rule import PREFIX, FirewallRule, StoredRule
from .store import Store
from .wanted import Wanted
from .way_in import Watch, arrivals, doors


def decide(store: Store, asked: Asked) -> Decision:
    try:
        memory = remembered(store.owned)
    except Forgotten as error:
        return Decision(errors=[str(error)])
    decision = Decision(errors=unreadable(store))
    if not decision.errors:
        _Deciding(store, asked, memory, decision).run()
    return decision.ended()


def unreadable(store: Store) -> list[str]:
    """Of this collection: what the host has, or remembers, is not known then."""
    return [
        f"the rule {one.name!r} ({one.group}) of portbook cannot be read ({', '.join(one.properties)}). "
        "Run it again; if it stays so, delete the rule by hand"
        for one in store.unreadable
        if one.owned
    ]


class Ours:
    """What this collection has on the host, and is to have."""

    def __init__(self, store: Store, memory: Memory, wanted: Mapping[str, Wanted], replace_all: bool) -> None:
        self.store, self.memory, self.wanted, self.replace_all = store, memory, wanted, replace_all
        self.rules = [rule for one in wanted.values() for rule in one.rules]
        self._groups = {f"{PREFIX}{name}" for name in wanted}

    @cached_property
    def replaced(self) -> list[StoredRule]:
        """Rules of this collection that stay only if they are wanted; one that was moved to another group is known by
        its name."""
        if self.replace_all:
            return self.store.owned
        names = {rule.name for rule in self.rules}
        return [
            one
            for one in self.store.owned
            if one.rule.group in self._groups
            or one.rule.group in OF_NO_COMPONENT
            or (one.rule.name in names and not one.rule.group.startswith(PREFIX))
        ]

    @cached_property
    def kept(self) -> list[StoredRule]:
        """Rules of components that are not spoken of now."""
        replaced = {id(one) for one in self.replaced}
        return [one for one in self.store.owned if id(one) not in replaced]

    def permissions(self, always: list[FirewallRule]) -> list[Permission]:
        found = permissions_of(self.wanted.values(), always)
        for kept in self.kept:
            if kept.rule.enabled and kept.rule.traffic.action == "allow":
                guarded = kept.rule.name in self.memory.guarded.get(kept.rule.group, ())
                found.append(Permission(kept.rule.traffic, guarded))
        return found

    def guarded_names(self) -> dict[str, tuple[str, ...]]:
        found = {f"{PREFIX}{name}": tuple(sorted(one.guarded)) for name, one in self.wanted.items()}
        if not self.replace_all:
            groups = {one.rule.group for one in self.kept}
            found |= {group: names for group, names in self.memory.guarded.items() if group in groups}
        return found


class _Deciding:
    def __init__(self, store: Store, asked: Asked, memory: Memory, decision: Decision) -> None:
        self.store, self.asked, self.memory, self.decision = store, asked, memory, decision
        self.ours = Ours(store, memory, asked.wanted, asked.replace_all)
        guarded = any(one.guarded and one.traffic.direction == "in" for one in self.ours.permissions([]))
        self.refuses = asked.refuses or guarded
        """Also where only one component has guards, whatever the host's own posture."""

    def run(self) -> None:
        asked, decision, recalled = self.asked, self.decision, recall(self.memory, self.store.foreign)
        decision.warnings += recalled.notes
        host.look(self.store, asked, decision)
        ways, way_in = self._way_in()
        always = self._baseline() + way_in
        made = guards(self.ours.permissions(always))
        wanted = profiles.needed(
            self.store,
            self.memory,
            refuses=asked.refuses or bool(made.rules),
            strict=asked.strict,
            strict_out=asked.strict_out,
            everywhere=asked.all_profiles,
        )
        setting, settings = profiles.settle(self.store, self.memory, wanted)
        others = Others(self.store, asked, recalled, decision)
        switching, disabled = others.decide(always, made)
        others.hindrances()
        memory = to_remember(
            Memory(self.ours.guarded_names(), settings=settings, ways=ways),
            disabled,
            replace(recalled, stays=others.stays),
            self.store,
        )
        words = difference([*self.ours.rules, *always, *made.rules, *memory.rules()], self.ours.replaced)
        decision.words = words
        decision.peers = {rule.name: rule.peers for rule in self.ours.rules if rule.peers}
        decision.settings = [setting_text(one) for one in setting]
        decision.operations = in_order([*words.operations, *setting, *switching])
        if asked.refuses or asked.strict_out or made.rules:
            refused = few((rule.name for rule in made.rules), 5)
            # What begins to act is read before all else.
            decision.warnings[:0] = profiles.told(
                self.store, self.memory, setting, strict=asked.strict, refused=refused, everywhere=asked.all_profiles
            )
        decision.warnings += unlisted.told(made.rules, {*words.create, *words.change})
        if asked.over_network:
            self._watch()
        else:
            self._local_lock_out(made)
        had, has = self._held(self.store.owned), self._held(self.ours.kept, asked.wanted.values())
        decision.compare(had, has, asked.inventory)

    def _way_in(self) -> tuple[tuple[str, ...], list[FirewallRule]]:
        asked = self.asked
        if not self.refuses:
            return self.memory.ways, []
        here = arrivals(self.store, asked.ports) if asked.over_network else ()
        ways = self.memory.came_from(one.remote for one in here)
        if asked.over_network and not here:
            ports = ", ".join(map(str, doors(self.store, asked.ports)))
            posture = "strict" if asked.strict else "guard"
            self.decision.error(
                f"posture {posture}: the controller's address is not known, so refusing anything could lock Ansible "
                f"out: the host has no established connection to tcp {ports}",
                "Set portbook_management_ports to the port on which the host itself is reached, also where addresses "
                "are translated on the way",
            )
        addresses = [*asked.management, *ways]
        return ways, [baseline.way_in(addresses, asked.ports)] if addresses and asked.ports else []

    def _watch(self) -> None:
        """What is in use now is tried on what will be."""
        decision = self.decision
        watch = Watch(self.store, after(self.store, decision.operations), self.asked.ports)
        cut = watch.cut(refuses=self.refuses)
        if cut:
            decision.error(
                cut, "Change or disable the rule that refuses it, or name its port in portbook_management_ports"
            )
        elif decision.operations:
            decision.warnings += watch.others()

    def _held(self, owned: Iterable[StoredRule], wanted: Iterable[Wanted] = ()) -> Held:
        outbound, strict = "out" in self.asked.directions, self.asked.strict_directions
        return held(owned, self.memory.guarded, wanted, outbound=outbound, strict=strict)

    def _local_lock_out(self, made: Guards) -> None:
        asked, decision = self.asked, self.decision
        if (asked.refuses or made.rules) and decision.operations:
            decision.unconfirmed = UNCONFIRMED
        off = {one["id"] for one in decision.operations if one["op"] == "disable"}
        disabled = [one.rule for one in self.store.foreign if one.id in off]
        ports = [*asked.ports, *(one.port for one in self.store.listeners)]
        wrong = "" if asked.management else lock_out(ports, made.rules, disabled, decision.operations)
        if wrong:
            decision.error(wrong, REMEDY)

    def _baseline(self) -> list[FirewallRule]:
        found: list[FirewallRule] = []
        if self.asked.strict:
            found += baseline.inbound(self.store.programs)
        if self.asked.strict_out:
            domain = self.store.domain
            if domain.member and not domain.addresses:
                self.decision.error(
                    f"portbook_outbound: strict: the controllers of the host's domain {domain.name} were not found",
                    "Fix the host's name resolution first: without its domain controllers nobody could log on",
                )
            found += baseline.outbound(self.store.programs, domain)
        return found
