# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a connection of TCP would be let in, or out, if it were opened again: at a host as it was read, and as
operations would leave it. Pure."""

from __future__ import annotations

import ntpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import lru_cache
from typing import Any

from ...catalog.model import Direction
from ...net.addresses import parse
from .rule import ANY_PROTOCOL, NUMBERS, PROFILES, FirewallRule, StoredRule, Traffic, stored
from .store import Store
from .texts import Addresses, Ports

SYSTEM, SSHD = "system", "sshd.exe"
"""The programs that hold the ports of WinRM, which is Windows itself and no service, and of sshd."""
_SERVICES = {SSHD: "sshd"}


class Answer(IntEnum):
    NO = 0
    MAYBE = 1
    YES = 2


@dataclass(frozen=True)
class Attempt:
    """As the host sees it. The program is SYSTEM or SSHD; without one, any may hold the host's end."""

    direction: Direction
    local: str
    local_port: int
    remote: str
    remote_port: int
    program: str = ""


@dataclass(frozen=True)
class Verdict:
    answer: Answer
    why: str = ""
    """What refuses it, or may."""
    blocked: bool = False
    """By a rule, or maybe by one."""


def after(store: Store, operations: Iterable[Mapping[str, Any]]) -> Store:
    """The host as these operations leave it. Of a rule that is enabled and was only read in brief, nothing is known."""
    rules: dict[object, StoredRule] = {one.id or number: one for number, one in enumerate(store.rules)}
    settings = dict(store.settings)
    for number, data in enumerate(operations):
        kind = data["op"]
        if kind in ("create", "change"):
            rules["made", number] = stored({"id": "", "owned": True, **data["rule"]})
        if kind in ("change", "delete"):
            rules.pop(data["id"], None)
        elif kind in ("disable", "enable") and data["id"] in rules:
            one = rules[data["id"]]
            rules[data["id"]] = replace(one, rule=replace(one.rule, enabled=kind == "enable"))
        elif kind == "profile":
            settings[data["profile"], data["setting"]] = data["value"]
    return replace(store, rules=tuple(rules.values()), settings=settings)


@dataclass(frozen=True)
class _Known:
    """Rules that mean the same stand once, by the first of them."""

    traffic: Traffic
    brief: bool
    name: str = field(compare=False)


class Firewall:
    """A host's rules and settings, read once for many attempts."""

    def __init__(self, store: Store) -> None:
        self._store, self._settings = store, store.effective
        local = [_known(one.rule, one.brief) for one in store.rules if one.rule.enabled]
        policy = [_known(one, False) for one in store.policy_rules]
        self._local, self._policy = _of_tcp(local, "rule"), _of_tcp(policy, "rule of a policy")
        self._near: dict[tuple[Direction, int], list[_Known]] = {}

    def verdict(self, attempt: Attempt, bit: int, harmless: frozenset[Traffic] = frozenset()) -> Verdict:
        """In one profile; `harmless` are blocks that are known not to be met by it."""
        name, inbound = PROFILES[bit], attempt.direction == "in"
        if not self._settings[bit, "FirewallEnabled"]:
            return Verdict(Answer.YES)
        if inbound and self._settings[bit, "BlockAllInboundTraffic"]:
            return Verdict(Answer.NO, f"the profile {name} blocks all inbound traffic")
        doubt, allowed = "", Answer.NO
        for one, answer in self._met(attempt, bit):
            if one.traffic.action == "allow":
                allowed = max(allowed, answer)
            elif answer is Answer.YES:
                return Verdict(Answer.NO, f"the {one.name} refuses it", blocked=True)
            elif one.traffic not in harmless:
                doubt = doubt or f"the {one.name} may refuse it"
        if doubt:
            return Verdict(Answer.MAYBE, doubt, blocked=True)
        default = self._settings[bit, "DefaultInboundAction" if inbound else "DefaultOutboundAction"]
        if default or allowed is Answer.YES:
            return Verdict(Answer.YES)
        why = f"no rule lets it {attempt.direction}, and the profile {name} refuses what no rule names"
        unfiltered = bool(self._store.excluded.get(bit))
        return Verdict(max(allowed, Answer.MAYBE) if unfiltered else allowed, why)

    def doubtful(self, attempt: Attempt, bit: int) -> frozenset[Traffic]:
        """Blocks of which it is not known whether they are met: one that acts is not met by a connection that is up."""
        if not self._settings[bit, "FirewallEnabled"]:
            return frozenset()
        met = self._met(attempt, bit)
        return frozenset(one.traffic for one, answer in met if one.traffic.action == "block" and answer is Answer.MAYBE)

    def _met(self, attempt: Attempt, bit: int) -> list[tuple[_Known, Answer]]:
        merges = self._store.policy.get(bit, {}).get("AllowLocalPolicyMerge", 1)
        found = []
        for one in self._at(attempt):
            if one.traffic.profiles & bit and (merges or one in self._policy):
                answer = _may(one.traffic, attempt) if one.brief else _matches(one.traffic, attempt)
                if answer:
                    found.append((one, answer))
        return found

    def _at(self, attempt: Attempt) -> list[_Known]:
        """Those that may speak of its port."""
        port = attempt.local_port if attempt.direction == "in" else attempt.remote_port
        key = attempt.direction, port
        if key not in self._near:
            self._near[key] = [
                one
                for one in (*self._policy, *self._local)
                if one.traffic.direction == attempt.direction
                and (one.brief or one.traffic.protocol == ANY_PROTOCOL or _port(one.traffic.ports, port))
            ]
        return self._near[key]


def _known(rule: FirewallRule, brief: bool) -> _Known:
    """Whose user or package it is makes no difference here."""
    others = tuple((key, value if key == "SecureFlags" else "") for key, value in rule.traffic.others)
    return _Known(
        replace(rule.traffic, others=others), brief, f"{rule.name!r}" + (f" ({rule.group})" if rule.group else "")
    )


def _of_tcp(rules: Iterable[_Known], what: str) -> dict[_Known, None]:
    found: dict[_Known, None] = {}
    for one in rules:
        if one.brief or one.traffic.protocol in (NUMBERS["tcp"], ANY_PROTOCOL):
            found.setdefault(replace(one, name=f"{what} {one.name}"), None)
    return found


def _matches(traffic: Traffic, attempt: Attempt) -> Answer:
    return min(
        _port(traffic.local_ports, attempt.local_port),
        _port(traffic.remote_ports, attempt.remote_port),
        _address(traffic.local, attempt.local),
        _address(traffic.remote, attempt.remote),
        _process(traffic, attempt.program),
        _others(traffic, attempt.program),
    )


def _may(traffic: Traffic, attempt: Attempt) -> Answer:
    return min(Answer.MAYBE, _others(traffic, attempt.program))


def _port(ports: Ports, port: int) -> Answer:
    if ports.every or port in ports.spans:
        return Answer.YES
    return Answer.MAYBE if ports.words and port in ports.covered else Answer.NO


@lru_cache(maxsize=65536)
def _address(addresses: Addresses, address: str) -> Answer:
    if addresses.every or parse(address) <= addresses.known:
        return Answer.YES
    return Answer.MAYBE if addresses.words else Answer.NO


def _process(traffic: Traffic, program: str) -> Answer:
    if not program:
        return Answer.MAYBE if traffic.program or traffic.service else Answer.YES
    if traffic.program and ntpath.basename(traffic.program) != program:
        return Answer.NO
    if traffic.service:
        return Answer.MAYBE if traffic.service == _SERVICES.get(program) else Answer.NO
    return Answer.YES


def _others(traffic: Traffic, program: str) -> Answer:
    """Windows' own programs are no app's and no user's; nothing is known of interfaces."""
    answer = Answer.YES
    for key, value in traffic.others:
        if key == "EdgeTraversalOptions":
            continue
        of_windows = key in ("LocalAppPackageId", "LocalUserOwner") and program
        if of_windows or (key == "SecureFlags" and value.isdigit() and traffic.action == "allow"):
            return Answer.NO
        answer = Answer.MAYBE
    return answer
