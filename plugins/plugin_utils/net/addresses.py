# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses as people write them, and sets of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Literal

try:
    import netaddr
except ImportError:  # needs.missing() reports it before anything here is called.
    netaddr = None  # type: ignore[assignment]

from ...module_utils.intervals import Span, Spans

_LOOKS_NUMERIC = re.compile(r"^[0-9.]+(/|$|\s*-\s*[0-9.]*$)|:|/")
_DOTTED_QUAD = re.compile(r"\d{1,3}(\.\d{1,3}){3}", re.ASCII)
_HOST_NAME = re.compile(r"^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?$")


class BadAddress(ValueError):
    """What is wrong with a written address, and what would be right."""


@dataclass(frozen=True)
class AddressSet:
    v4: Spans = field(default_factory=Spans)
    v6: Spans = field(default_factory=Spans)

    @staticmethod
    def union(sets: Iterable[AddressSet]) -> AddressSet:
        v4: list[Span] = []
        v6: list[Span] = []
        for one in sets:
            v4.extend(one.v4.items)
            v6.extend(one.v6.items)
        return AddressSet(Spans.of(v4), Spans.of(v6))

    def __bool__(self) -> bool:
        return bool(self.v4 or self.v6)

    def __or__(self, other: AddressSet) -> AddressSet:
        return AddressSet(self.v4 | other.v4, self.v6 | other.v6)

    def __and__(self, other: AddressSet) -> AddressSet:
        return AddressSet(self.v4 & other.v4, self.v6 & other.v6)

    def __sub__(self, other: AddressSet) -> AddressSet:
        return AddressSet(self.v4 - other.v4, self.v6 - other.v6)

    def __le__(self, other: AddressSet) -> bool:
        return self.v4 <= other.v4 and self.v6 <= other.v6

    def networks(self) -> list[str]:
        """The fewest networks that say the same; a single address stands without a prefix."""
        return [*_networks(self.v4, 4), *_networks(self.v6, 6)]


EVERYWHERE = AddressSet(Spans(((0, 2**32 - 1),)), Spans(((0, 2**128 - 1),)))


def _networks(spans: Spans, version: Literal[4, 6]) -> Iterable[str]:
    bits = 32 if version == 4 else 128
    for low, high in spans:
        if low == high:
            yield str(netaddr.IPAddress(low, version))
            continue
        for block in netaddr.iprange_to_cidrs(netaddr.IPAddress(low, version), netaddr.IPAddress(high, version)):
            yield str(block.network) if block.prefixlen == bits else str(block)


def is_address(text: str) -> bool:
    """Whether this is meant as an address or network and not as a name."""
    return bool(_LOOKS_NUMERIC.search(text))


def is_name(text: str) -> bool:
    return not is_address(text) and bool(_HOST_NAME.fullmatch(text))


def is_host(text: str) -> bool:
    """Whether this is one address, without prefix or zone."""
    try:
        _single(text.strip())
    except BadAddress:
        return False
    return True


@lru_cache(maxsize=65536)
def parse(text: str) -> AddressSet:
    """An address, a network (prefix or netmask) or a range a-b."""
    written = text.strip()
    if "-" in written:
        return _range(written)
    if "/" in written:
        return _network(written)
    one = _single(written)
    return _set_of(one.version, int(one), int(one))


def _single(text: str) -> netaddr.IPAddress:
    if "%" in text:
        raise BadAddress("an address with a zone is only valid on its own link; give one that others can reach")
    if ":" not in text and not _DOTTED_QUAD.fullmatch(text):
        raise BadAddress("is not a valid address; an address is written like 192.0.2.1 or 2001:db8::1")
    try:
        # Without the version, each IPv6 address is tried as an IPv4 address first, and the failure is kept in a circle.
        return netaddr.IPAddress(text, 6 if ":" in text else 4)
    except (netaddr.AddrFormatError, ValueError):
        raise BadAddress("is not a valid address; an address is written like 192.0.2.1 or 2001:db8::1") from None


def _network(text: str) -> AddressSet:
    address, _slash, prefix = text.partition("/")
    one = _single(address)
    try:
        network = netaddr.IPNetwork(f"{one}/{prefix}") if prefix else None
    except (netaddr.AddrFormatError, ValueError):
        network = None
    if network is None:
        limit = 32 if one.version == 4 else 128
        raise BadAddress(f"has a prefix that is neither a number from 0 to {limit} nor a netmask")
    if network.network != one:
        raise BadAddress(f"has host bits; write the network as {network.cidr} or the one host as {one}")
    return _set_of(network.version, int(network.first), int(network.last))


def _range(text: str) -> AddressSet:
    first, _dash, last = text.partition("-")
    low, high = _single(first.strip()), _single(last.strip())
    if low.version != high.version:
        raise BadAddress("is a range from one address family to the other")
    if int(low) > int(high):
        raise BadAddress(f"is reversed; write {high}-{low}")
    return _set_of(low.version, int(low), int(high))


def _set_of(version: int, low: int, high: int) -> AddressSet:
    spans = Spans(((low, high),))
    return AddressSet(v4=spans) if version == 4 else AddressSet(v6=spans)


@cache
def _unreachable() -> AddressSet:
    return AddressSet.union(
        parse(text) for text in ("127.0.0.0/8", "169.254.0.0/16", "0.0.0.0", "::1", "::", "fe80::/10")
    )


def reachable(addresses: AddressSet) -> AddressSet:
    """Without loopback, link-local and unset addresses: what another host can use."""
    return addresses - _unreachable()
