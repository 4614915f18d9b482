# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a packet passes: what the firewall of a machine does with this store's rules and settings."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from windows.fake.machine import Interface, Machine, Packet, is_loopback
from windows.fake.matching import Condition, condition
from windows.fake.sampling import interesting_packets
from windows.fake.state import State
from windows.fake.values import ANY_PROTOCOL

__all__ = ["Interface", "Judge", "Machine", "Packet", "interesting_packets", "modify_state", "passes", "truth"]

POLICY_KEYS = {1: ("DomainProfile",), 2: ("StandardProfile", "PrivateProfile"), 4: ("PublicProfile",)}
"""The stronger one last."""


@dataclass(frozen=True)
class Settings:
    """Of one profile, with what group policy says about it."""

    enabled: bool
    block_all: bool
    inbound: bool
    outbound: bool
    excluded: frozenset[str]
    merge: bool
    """Whether local rules count beside those of group policy."""
    unicast_responses: bool


def settings(store: State, bit: int) -> Settings:
    local = store.profiles[bit]
    policy: dict[str, int] = {}
    for kind in (store.mdm, store.policy):
        for key in POLICY_KEYS[bit]:
            policy |= kind.get(key, {})

    def action(name: str, own: int) -> bool:
        # The registry counts the other way round than COM: there 1 is block.
        return own == 1 if name not in policy else policy[name] == 0

    return Settings(
        enabled=bool(policy.get("EnableFirewall", local.enabled)),
        # On wins here, whoever says so.
        block_all=local.block_all or bool(policy.get("DoNotAllowExceptions", 0)),
        inbound=action("DefaultInboundAction", local.inbound),
        outbound=action("DefaultOutboundAction", local.outbound),
        excluded=frozenset(name.lower() for name in local.excluded_interfaces or ()),
        merge=bool(policy.get("AllowLocalPolicyMerge", 1)),
        unicast_responses=not local.no_unicast_responses,
    )


def modify_state(store: State, bit: int) -> int:
    """What LocalPolicyModifyState says where this profile is the current one: 0 takes effect, 1 not, 2 inbound not."""
    found = settings(store, bit)
    if not found.merge:
        return 1
    return 2 if found.enabled and found.block_all else 0


class Shelf:
    """The rules of one direction, profile and protocol, found by the port that most of them name."""

    def __init__(self, rules: list[Condition]) -> None:
        # Bypass over block over allow: the first that matches decides.
        self.rules = sorted(rules, key=lambda rule: (not rule.bypass, rule.allow))
        cuts = {0}
        for rule in self.rules:
            named = rule.local_ports if rule.inbound else rule.remote_ports
            for low, high in named.every.spans if named else ():
                cuts |= {low, high + 1}
        self.cuts = sorted(cuts)
        self.slots: dict[int, list[Condition]] = {}

    def at(self, port: int) -> list[Condition]:
        slot = bisect_right(self.cuts, port)
        if slot not in self.slots:
            self.slots[slot] = [rule for rule in self.rules if self.may_hold(rule, port)]
        return self.slots[slot]

    @staticmethod
    def may_hold(rule: Condition, port: int) -> bool:
        named = rule.local_ports if rule.inbound else rule.remote_ports
        return named is None or port in named.every


class Judge:
    """The rules of a store as they stand now, read once for many packets."""

    def __init__(self, store: State, machine: Machine | None = None) -> None:
        self.machine = machine or Machine()
        self.settings = {bit: settings(store, bit) for bit in (1, 2, 4)}
        self.interfaces = {interface.name.lower(): interface for interface in self.machine.interfaces}
        made = (condition(rule, store, self.machine) for rule in store.rules)
        self.rules = [rule for rule in made if rule is not None]
        self.shelves: dict[tuple[bool, int, int], Shelf] = {}

    def enforced(self, inbound: bool, bit: int, protocol: int) -> list[Condition]:
        return [
            rule
            for rule in self.rules
            if rule.inbound == inbound
            and rule.profiles & bit
            and rule.protocol in (protocol, ANY_PROTOCOL)
            and (rule.of_policy or self.settings[bit].merge)
        ]

    def shelf(self, inbound: bool, bit: int, protocol: int) -> Shelf:
        key = inbound, bit, protocol
        if key not in self.shelves:
            self.shelves[key] = Shelf(self.enforced(*key))
        return self.shelves[key]

    def passes(self, packet: Packet) -> bool:
        if packet.flow is not None:
            return self._belongs(packet, packet.flow)
        if is_loopback(packet.remote) or packet.remote == packet.local:
            return True
        interface = self.interfaces[packet.interface.lower()]
        found, inbound = self.settings[interface.profile], packet.direction == "in"
        if not found.enabled:
            return True
        # Before the excluded interfaces: it speaks of all.
        if inbound and found.block_all:
            return False
        if interface.name.lower() in found.excluded:
            return True
        rule = self.decisive(packet, inbound, interface.profile)
        if rule is not None:
            return rule.allow
        return found.inbound if inbound else found.outbound

    def decisive(self, packet: Packet, inbound: bool, bit: int) -> Condition | None:
        """The rule that decides, or none for the default."""
        shelf = self.shelf(inbound, bit, packet.protocol)
        for rule in shelf.at(packet.local_port if inbound else packet.remote_port):
            if rule.matches(packet, self.machine):
                return rule
        return None

    def _belongs(self, packet: Packet, opened: Packet) -> bool:
        """After a change of the rules a flow is judged again, by the packet that opened it."""
        profile = self.interfaces[packet.interface.lower()].profile
        if profile != self.interfaces[opened.interface.lower()].profile:
            return False
        answered = packet.direction != opened.direction and opened.direction == "out"
        of_dhcp = (opened.protocol, opened.remote_port) in ((17, 67), (17, 547))
        if answered and opened.opened_to_many and not of_dhcp and not self.settings[profile].unicast_responses:
            return False
        return self.passes(opened)


def passes(packet: Packet, store: State, machine: Machine | None = None) -> bool:
    """For one packet; `Judge` and `truth` read the rules once for many."""
    return Judge(store, machine).passes(packet)


def truth(packets: Iterable[Packet], store: State, machine: Machine | None = None) -> list[bool]:
    judge = Judge(store, machine)
    return [judge.passes(packet) for packet in packets]
