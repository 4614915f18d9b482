# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named sets of addresses: each is once in a plan, however many rules use it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..inventory.settings import DEFAULT_REALM
from ..inventory.world import AddressBook
from ..net.addresses import AddressSet

NOBODY = "nobody"


@dataclass(frozen=True, eq=False)
class PeerSet:
    """`sole` is the one inventory host in it, if it has just one."""

    name: str
    networks: tuple[str, ...]
    addresses: AddressSet
    digest: str
    sole: str | None = None
    outsiders: AddressSet = field(default_factory=AddressSet)

    def only(self, host: str, own: AddressSet) -> bool:
        """Whether the set holds nobody but this host itself."""
        return self.sole == host and self.outsiders <= own


@dataclass(eq=False)
class _UnnamedSet:
    hosts: frozenset[str]
    outsiders: AddressSet
    label: str


class PeerSets:
    """Collects sets while planning; names are given at the end, when it is known which clash."""

    def __init__(self, book: AddressBook) -> None:
        self._book = book
        self._keys: dict[tuple[frozenset[str], AddressSet, str], int] = {}
        self._unnamed: list[_UnnamedSet] = []

    def add(self, component: str, realms: frozenset[str] | None, hosts: Iterable[str], outsiders: AddressSet) -> int:
        members = frozenset(hosts)
        key = (members, outsiders, component)
        label = _label(component, realms)
        if key not in self._keys:
            self._keys[key] = len(self._unnamed)
            self._unnamed.append(_UnnamedSet(members, outsiders, label))
        number = self._keys[key]
        draft = self._unnamed[number]
        draft.label = min(draft.label, label, key=lambda one: (len(one), one))
        return number

    def empty(self, number: int) -> bool:
        draft = self._unnamed[number]
        return not draft.hosts and not draft.outsiders

    def named(self) -> list[PeerSet]:
        """In the order of their numbers."""
        contents = [self._content(draft) for draft in self._unnamed]
        digests = [digest_of(networks) for networks, _addresses in contents]
        plain = self._plain_names(digests)
        return [
            PeerSet(
                draft.label if plain[draft.label] == digest else f"{draft.label}~{digest[:16]}",
                networks,
                addresses,
                digest,
                next(iter(draft.hosts)) if len(draft.hosts) == 1 else None,
                draft.outsiders,
            )
            for draft, digest, (networks, addresses) in zip(self._unnamed, digests, contents, strict=True)
        ]

    def _plain_names(self, digests: list[str]) -> dict[str, str]:
        """Of the sets of one label, the fullest bears it as it is; the others add what distinguishes them."""
        fullest: dict[str, tuple[int, str]] = {}
        for draft, digest in zip(self._unnamed, digests, strict=True):
            size = len(draft.hosts) + len(draft.outsiders.v4.items) + len(draft.outsiders.v6.items)
            fullest[draft.label] = max(fullest.get(draft.label, (-1, "")), (size, digest))
        return {label: digest for label, (_size, digest) in fullest.items()}

    def _content(self, draft: _UnnamedSet) -> tuple[tuple[str, ...], AddressSet]:
        addresses = AddressSet.union(
            [*(self._book.of_host.get(host, AddressSet()) for host in draft.hosts), draft.outsiders]
        )
        return tuple(addresses.networks()), addresses


def digest_of(networks: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(networks).encode()).hexdigest()


def _label(component: str, realms: frozenset[str] | None) -> str:
    if realms is None or realms == {DEFAULT_REALM}:
        return component
    return f"{component}@{'+'.join(sorted(realms))}"


def by_name(sets: Iterable[PeerSet]) -> Mapping[str, PeerSet]:
    return {one.name: one for one in sorted(sets, key=lambda one: one.name)}
