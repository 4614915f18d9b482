# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nftables as an engine: one table of ours, which is replaced in one transaction."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

from ..linux.engine import EngineError, Present, Rendered
from ..linux.model import ALLOWED, LOST, UNKNOWN, Judgement, Local, Permission, Settings
from ..linux.units import Units, has_systemd
from . import after_flush, foreign, legacy_tables, listing, ruleset
from .kernel import Nft, meaning
from .units import UNIT, TableUnits


class Nftables:
    name = "nftables"
    what = f"the table inet {ruleset.TABLE}"
    gone = (
        f"the table inet {ruleset.TABLE} was gone right after it was loaded: something on this host flushes or deletes "
        "it (nft monitor shows what happens). Stop that, then run again"
    )
    replaced = (
        "the kernel does not hold the table that was to be confirmed: something flushed or replaced it in the "
        "meantime, a restart of nftables.service for example. Run again when that is done"
    )

    def __init__(self, nft: Optional[Nft] = None, units: Optional[TableUnits] = None) -> None:
        self._nft = nft or Nft()
        self._units = units or TableUnits()

    @property
    def units(self) -> Units:
        return self._units.units

    def render(self, permissions: List[Permission], settings: Settings, local: Local) -> Rendered:
        restore = settings.restore_after_flush
        text = ruleset.ruleset(permissions, settings, local)
        files = self._units.files(self._nft.path, restore)
        return Rendered(text, True, ruleset.refuses(text), _persistence(restore), files)

    def nothing(self) -> Rendered:
        return Rendered(ruleset.deletion(), False, False, "nothing to bring back")

    def read(self) -> Present:
        return Present(meaning(self._nft.table()))

    def to_restore(self, present: Present) -> str:
        return ruleset.deletion() + (self._nft.listing() if present.exists else "")

    def check(self, text: str) -> None:
        self._nft.check(text)

    def load(self, text: str) -> None:
        self._nft.load(text)

    def works(self) -> bool:
        try:
            self._nft.check(ruleset.deletion())
        except EngineError:
            return False
        return True

    def difference(self, before: str, after: str) -> Tuple[List[str], List[str]]:
        return listing.difference(before, after)

    def drift(self, text: str) -> Tuple[List[str], List[str]]:
        try:
            wanted = self._nft.listing_of(text)
            return listing.difference(self._nft.listing(), wanted) if wanted else ([], [])
        except EngineError:
            return [], []

    def judge(self) -> Callable[[Permission], Judgement]:
        others = [*self._nft.others(), *legacy_tables.objects()]
        return lambda permission: _judged(others, permission)


def _judged(others: List[Any], permission: Permission) -> Judgement:
    """Lost is a flow of which no family gets through to one of its ports."""
    networks = permission.networks
    families = [
        family
        for family, mark in (("ip", "."), ("ip6", ":"))
        if networks is None or any(mark in network for network in networks)
    ]
    worst = Judgement(ALLOWED, "")
    for low, _high in permission.spans:
        packets = [foreign.Packet(permission.protocol, low, family, permission.direction) for family in families]
        found = [foreign.judge(others, packet) for packet in packets]
        if found and all(one.outcome == LOST for one in found):
            return found[0]
        for one in found:
            if one.outcome != ALLOWED:
                worst = Judgement(UNKNOWN, one.where)
    return worst


def _persistence(restores: bool) -> str:
    if has_systemd():
        brings = f"{UNIT} brings it back after a restart of the host or of nftables.service"
        return f"{brings}, {after_flush.UNIT} after a flush by hand" if restores else brings
    skipped = "skipped: no systemd here, so the table is gone after a restart"
    return f"{skipped} or a flush, whatever portbook_restore_after_flush says" if restores else skipped
