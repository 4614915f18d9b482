# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What firewalld is to hold: a policy with rich rules that open, ipsets of peers and services of ports. Pure.

firewalld has no refusals: the collection's own table has them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Dict, FrozenSet, Iterable, List, Optional, Sequence, Set, Tuple

from .. import networks
from ..intervals import Span, Spans
from ..linux.model import Local, Permission
from ..nftables.pieces import CASTS, LINK_LOCAL, PORTS, UNSET, port_text

POLICY = "portbook_in"
PREFIX = "pb-"
MADE_BY = "Made by the Ansible collection portbook.firewall; changes are overwritten."
IPV4, IPV6 = "ipv4", "ipv6"
INET = {IPV4: "inet", IPV6: "inet6"}
"""Families, as ipsets call them."""
PRIORITY, TARGET, FROM, TO = -100, "CONTINUE", ("ANY",), ("HOST",)
_FAMILIES = ((IPV4, "4", "."), (IPV6, "6", ":"))
_EVERYBODY = {IPV4: "0.0.0.0/0", IPV6: "::/0"}
_GROUPS = {IPV4: "224.0.0.0/4", IPV6: "ff00::/8"}
_LONGEST = 40
# By number, for a host without /etc/protocols knows few names.
_NUMBERS = {"icmp": 1, "igmp": 2, "ipip": 4, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ospf": 89, "pim": 103}
_NUMBERS.update({"vrrp": 112, "l2tp": 115})
_OF_ONE_FAMILY = {"icmp": IPV4, "igmp": IPV4, "icmpv6": IPV6}
_MANAGEMENT, _LOCAL_SUBNET = "management", "local_subnet"


def frame(
    priority: int, target: str, sources: Iterable[str], destinations: Iterable[str], others: Iterable[str]
) -> str:
    """`others` are names of settings that a policy of this collection never has."""
    ends = f"{','.join(sorted(sources))} to {','.join(sorted(destinations))}"
    return " ".join([f"{ends}, {target}, priority {priority}", *sorted(others)])


FRAME = frame(PRIORITY, TARGET, FROM, TO, ())


@dataclass(frozen=True)
class Rich:
    """A rich rule that accepts; empty parts are not asked for."""

    family: str = ""
    ipset: str = ""
    destination: str = ""
    service: str = ""
    protocol: str = ""

    def text(self) -> str:
        """As firewalld itself writes it."""
        words = ["rule"]
        words += [f'family="{self.family}"'] if self.family else []
        words += [f'source ipset="{self.ipset}"'] if self.ipset else []
        words += [f'destination address="{self.destination}"'] if self.destination else []
        words += [f'service name="{self.service}"'] if self.service else []
        words += [f'protocol value="{self.protocol}"'] if self.protocol else []
        return " ".join([*words, "accept"])


@dataclass(frozen=True)
class Peers:
    """An ipset: the addresses of one family."""

    name: str
    family: str
    entries: FrozenSet[str]
    what: str = ""
    """Which peers of the plan they are."""


@dataclass(frozen=True)
class Service:
    name: str
    ports: FrozenSet[Tuple[str, str]]
    """Port or range, and protocol."""


@dataclass(frozen=True)
class Openings:
    """All of them. By text: rules that firewalld holds may differ from all that this collection writes."""

    rules: FrozenSet[str] = frozenset()
    ipsets: FrozenSet[Peers] = frozenset()
    services: FrozenSet[Service] = frozenset()
    frame: str = ""
    """What the policy is apart from its rules; empty without a policy."""

    @property
    def exists(self) -> bool:
        return bool(self.frame or self.rules or self.ipsets or self.services)

    @property
    def peers(self) -> Dict[str, Peers]:
        return {one.name: one for one in self.ipsets}

    @property
    def ports(self) -> Dict[str, Service]:
        return {one.name: one for one in self.services}

    def sound(self) -> FrozenSet[str]:
        """Rules that name no missing set or service of this collection."""
        there = {*self.peers, *self.ports}
        return frozenset(
            rule for rule in self.rules if all(word in there for word in rule.split('"')[1::2] if ours(word))
        )

    def used(self) -> Openings:
        """Without sets and services that no rule names."""
        named = {word for rule in self.rules for word in rule.split('"')}
        return Openings(
            self.rules,
            frozenset(one for one in self.ipsets if one.name in named),
            frozenset(one for one in self.services if one.name in named),
            self.frame,
        )


def ours(name: str) -> bool:
    return name.startswith(PREFIX)


def wanted(permissions: Iterable[Permission], local: Local) -> Openings:
    """For what comes in; what leaves is refused by our table alone, so nothing has to open it."""
    return _Maker(local).made([one for one in permissions if one.direction == "in"])


class _Maker:
    def __init__(self, local: Local) -> None:
        self._local = local
        self._rules: Set[Rich] = set()
        self._ipsets: Dict[str, Peers] = {}
        self._services: Dict[str, Service] = {}

    def made(self, permissions: Sequence[Permission]) -> Openings:
        named = _names(permissions, self._local)
        for one in permissions:
            if one.protocol in PORTS and not one.spans:
                continue
            found = _networks(one, self._local)
            for family, digit, sign in _FAMILIES:
                if _OF_ONE_FAMILY.get(one.protocol, family) == family:
                    mine = None if found is None else [text for text in found if sign in text]
                    self._open(one, family, mine, named.get(one, ""), digit)
        self._management()
        rules = frozenset(one.text() for one in _together(self._rules))
        return Openings(
            rules, frozenset(self._ipsets.values()), frozenset(self._services.values()), FRAME if rules else ""
        )

    def _open(self, one: Permission, family: str, found: Optional[List[str]], what: str, digit: str) -> None:
        ipset = ""
        if found is not None:
            if not found:
                return
            ipset = self._ipset(what, family, digit, found)
        # A broadcast has as many addresses as the host has networks, so who may send it is let in at all of them.
        destination = _GROUPS[family] if one.cast == "multicast" else ""
        if one.protocol in PORTS:
            rule = Rich(family, ipset, destination, service=self._service(one.protocol, one.spans))
        else:
            rule = Rich(family, ipset, destination, protocol=str(_NUMBERS.get(one.protocol, one.protocol)))
        self._rules.add(rule)

    def _management(self) -> None:
        """Who must always get in gets past firewalld, too, where management access could be blocked."""
        spans = [(port, port) for port in self._local.way_in_ports]
        if not spans:
            return
        for family, digit, sign in _FAMILIES:
            mine = [text for text in self._local.way_in if sign in text]
            if mine:
                ipset = self._ipset(_MANAGEMENT, family, digit, mine)
                self._rules.add(Rich(family, ipset, service=self._service("tcp", spans)))

    def _ipset(self, what: str, family: str, digit: str, found: Iterable[str]) -> str:
        """Or none: everybody of this family."""
        entries = frozenset(networks.written(networks.addresses(found)))
        if _EVERYBODY[family] in entries:
            return ""
        name = f"{PREFIX}{_digest(what)}-{digit}"
        self._ipsets[name] = Peers(name, family, entries, what)
        return name

    def _service(self, protocol: str, spans: Iterable[Span]) -> str:
        texts = [port_text(span) for span in Spans.of(spans)]
        name = f"{PREFIX}{protocol}-{'_'.join(texts)}"
        if len(name) > _LONGEST:
            name = f"{PREFIX}{protocol}-{_digest(' '.join(texts))}"
        self._services[name] = Service(name, frozenset((text, protocol) for text in texts))
        return name


def _networks(one: Permission, local: Local) -> Optional[Tuple[str, ...]]:
    """None is everybody."""
    if one.local_subnet:
        return (*local.subnets, LINK_LOCAL, *(UNSET if one.cast in CASTS else ()))
    return one.networks


def _names(permissions: Sequence[Permission], local: Local) -> Dict[Permission, str]:
    """A set keeps its name when its peers change, so that they can be changed without a reload. Slices that were
    applied at different times may mean different peers by one name: then what distinguishes them is added."""
    content: Dict[str, Set[Tuple[str, ...]]] = {}
    for one in permissions:
        if _networks(one, local) is not None:
            content.setdefault(_stem(one), set()).add(tuple(sorted(_networks(one, local) or ())))
    found = {}
    for one in permissions:
        mine = _networks(one, local)
        if mine is not None:
            stem = _stem(one)
            alone = len(content[stem]) == 1
            found[one] = stem if alone else f"{stem}~{_digest(' '.join(sorted(mine)))}"
    return found


def _stem(one: Permission) -> str:
    if one.local_subnet:
        return f"{_LOCAL_SUBNET} {one.cast}" if one.cast in CASTS else _LOCAL_SUBNET
    return one.peers.partition("~")[0]


def _together(rules: Iterable[Rich]) -> Set[Rich]:
    """What is for everybody of both families is one rule."""
    found: Set[Rich] = set()
    given = set(rules)
    for one in given:
        twin = Rich(IPV6 if one.family == IPV4 else IPV4, one.ipset, one.destination, one.service, one.protocol)
        plain = not one.ipset and not one.destination
        found.add(Rich("", "", "", one.service, one.protocol) if plain and twin in given else one)
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
