# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports and addresses as Windows Firewall writes them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from ....module_utils.intervals import Spans
from ...net import addresses as address_text
from ...net import ports as port_text
from ...net.addresses import EVERYWHERE, AddressSet

MOST_ADDRESSES = 500
"""Per rule; some builds of Windows fail on 1,000."""

_PORT_WORDS = {one.lower(): one for one in ("RPC", "RPC-EPMap", "IPHTTPS", "Teredo", "Ply2Disc", "mDNS")}
_MEANINGS: Mapping[str, Spans] = {
    "RPC": Spans(((49152, 65535),)),
    "RPC-EPMap": Spans(((135, 135),)),
    "IPHTTPS": Spans(((443, 443),)),
    "mDNS": Spans(((5353, 5353),)),
}
_ADDRESS_WORDS = {
    one.lower(): one
    for one in (
        *("LocalSubnet", "DNS", "DHCP", "WINS", "DefaultGateway", "LocalSubnet4", "LocalSubnet6"),
        *("Internet", "Intranet", "RmtIntranet", "Ply2Renders", "CaptivePortal"),
    )
}
# Windows refuses ::, ::1 and multicast as the end of a range; none of them is ever the address of a peer.
_WRITABLE_V6 = Spans(((2, (0xFEFF << 112) | ((1 << 112) - 1)),))
WRITABLE = AddressSet(EVERYWHERE.v4, _WRITABLE_V6)
# A machine without an address asks for one from 0.0.0.0: never refused.
REFUSABLE = AddressSet(Spans(((1, 2**32 - 1),)), _WRITABLE_V6)


@dataclass(frozen=True)
class Ports:
    """Numbers, and words that only the host knows the numbers of."""

    spans: Spans = field(default_factory=Spans)
    words: frozenset[str] = frozenset()
    every: bool = False

    @property
    def covered(self) -> Spans:
        """All ports that these may turn out to be; of a word that nobody knows, any."""
        if self.every:
            return port_text.ALL_PORTS
        meant = [_MEANINGS.get(word, port_text.ALL_PORTS) for word in self.words]
        return Spans.of(span for one in (self.spans, *meant) for span in one)


ANY_PORTS = Ports(every=True)


@dataclass(frozen=True)
class Addresses:
    known: AddressSet = field(default_factory=AddressSet)
    words: frozenset[str] = frozenset()
    every: bool = False

    def __or__(self, other: Addresses) -> Addresses:
        if self.every or other.every:
            return ANYWHERE
        return Addresses(self.known | other.known, self.words | other.words)


ANYWHERE = Addresses(every=True)


@lru_cache(maxsize=65536)
def read_ports(text: str) -> Ports:
    """What is no number stays a word, also one that nobody knows: such a rule is then not like any of this
    collection."""
    if text in ("", "*"):
        return ANY_PORTS
    spans, words = [], set()
    for token in filter(None, text.split(",")):
        try:
            spans.append(port_text.span_of(token))
        except port_text.BadPort:
            words.add(_PORT_WORDS.get(token.lower(), token))
    return Ports(Spans.of(spans), frozenset(words))


def write_ports(ports: Ports) -> str:
    return "*" if ports.every else ",".join([*sorted(ports.words), *port_text.texts(ports.spans)])


@lru_cache(maxsize=65536)
def read_addresses(text: str) -> Addresses:
    if text in ("", "*"):
        return ANYWHERE
    sets, words = [], set()
    for token in filter(None, text.split(",")):
        if token.lower() in _ADDRESS_WORDS:
            words.add(_ADDRESS_WORDS[token.lower()])
            continue
        try:
            sets.append(_parse(token))
        except (address_text.BadAddress, ValueError):
            words.add(token)
    known = AddressSet.union(sets)
    return ANYWHERE if known == EVERYWHERE else Addresses(known, frozenset(words))


def _parse(token: str) -> AddressSet:
    """Windows' own answers keep host bits in no form that we refuse, but people's rules may."""
    try:
        return address_text.parse(token)
    except address_text.BadAddress:
        if "/" not in token:
            raise
        return address_text.parse(str(ipaddress.ip_network(token, strict=False)))


def write_addresses(addresses: Addresses) -> str:
    """Networks where a span is one, else ranges: never more entries than there are spans."""
    if addresses.every:
        return "*"
    return ",".join([*sorted(addresses.words), *entries(addresses.known)])


def entries(known: AddressSet) -> list[str]:
    return [*_entries(known.v4, 4), *_entries(known.v6 & _WRITABLE_V6, 6)]


def _entries(spans: Iterable[tuple[int, int]], version: int) -> Iterable[str]:
    bits = 32 if version == 4 else 128
    address = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    for low, high in spans:
        size = high - low + 1
        if size == 1:
            yield str(address(low))
        elif size & (size - 1) == 0 and low % size == 0 and size < 1 << bits:
            yield f"{address(low)}/{bits - size.bit_length() + 1}"
        else:
            yield f"{address(low)}-{address(high)}"


def complement(addresses: Addresses) -> AddressSet:
    """Whom a guard refuses: everyone but these, and never a machine that has no address yet."""
    return REFUSABLE - addresses.known
