# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nftables as an engine: one table, which is replaced in one transaction."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Callable, List, Optional, Sequence, Tuple

from ..linux import policy_routes, programs
from ..linux.engine import EngineError, EngineStopped, Present, Rendered
from ..linux.model import ALLOWED, Judgement, Local, Mark, Permission, Settings
from ..linux.units import Units, has_systemd
from . import after_flush, containers, legacy_tables, listing, mark_users, ruleset
from .judging import judged
from .kernel import Nft, meaning
from .pieces import TABLE
from .units import UNIT, TableUnits

# Places of bits that container engines, Kubernetes and VPNs are not known to use.
_PROPOSED = (4, 5, 6, 7, 12, 3, 2, 1)


class Nftables:
    name = "nftables"
    what = f"the table inet {TABLE}"
    gone = (
        f"the table inet {TABLE} was removed right after it was loaded: something on this host flushes or deletes "
        "it (nft monitor shows what happens). Stop that, then run again"
    )
    replaced = (
        "the kernel does not hold the table that was to be confirmed: something flushed or replaced it in the "
        "meantime, a restart of nftables.service for example. Run again when that is done"
    )

    seconds = programs.SECONDS

    def __init__(
        self, nft: Optional[Nft] = None, units: Optional[TableUnits] = None, beside: Sequence[str] = ()
    ) -> None:
        """The tables `beside` are not judged: what they refuse is opened by other means."""
        self._nft = nft or Nft()
        self._beside = beside
        self._units = units or TableUnits()
        self._kinds: Optional[bool] = None

    @property
    def units(self) -> Units:
        return self._units.units

    def render(self, permissions: List[Permission], settings: Settings, local: Local) -> Rendered:
        restore = settings.restore_after_flush
        text = ruleset.ruleset(permissions, settings, local, self._knows_kinds())
        files = self._units.files(self._nft.path, restore)
        return Rendered(text, True, ruleset.refuses(text), _persistence(restore), files)

    def nothing(self) -> Rendered:
        return Rendered(ruleset.deletion(), False, False, "nothing to bring back")

    def read(self) -> Present:
        table = self._nft.table()
        if self._kinds is None and containers.by_kind(table):
            self._kinds = True
        return Present(meaning(table))

    def _knows_kinds(self) -> bool:
        """Whether nft and the kernel know kinds of interfaces; asked where our table does not show it."""
        if self._kinds is None:
            try:
                self._nft.check(containers.PROBE)
                self._kinds = True
            except EngineStopped:
                raise
            except EngineError:
                # If there is another cause, this shows it.
                self._nft.check(ruleset.deletion())
                self._kinds = False
        return self._kinds

    def to_restore(self, present: Present, text: str) -> str:
        return ruleset.deletion() + (self._nft.listing() if present.exists else "")

    def check(self, text: str) -> None:
        self._nft.check(text)

    def load(self, text: str) -> None:
        self._nft.load(text)

    def settle(self, text: str) -> None:
        """The file that is kept is all that a start of the host needs."""

    def lasts(self, text: str) -> bool:
        return True

    def notes(self) -> List[str]:
        return []

    def command_to_load(self, path: str) -> List[str]:
        return [self._nft.path, "-f", path]

    def command_to_remove(self) -> List[str]:
        return [self._nft.path, "; ".join(ruleset.deletion().splitlines())]

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

    def judge(self, mark: Optional[Mark]) -> Callable[[Permission], Judgement]:
        others = self._others(self._beside)
        proposed = lru_cache(maxsize=None)(lambda: _unused(others))

        def one(permission: Permission) -> Judgement:
            found = judged(others, permission, mark, mark)
            return found if mark or found.outcome == ALLOWED else judged(others, permission, None, proposed())

        return one

    def mark_users(self, mark: Mark) -> List[str]:
        return mark_users.users(self._others(), mark)

    def _others(self, beside: Sequence[str] = ()) -> List[Any]:
        return [*legacy_tables.translated(self._nft.others(beside)), *legacy_tables.objects()]


def _unused(others: List[Any]) -> Mark:
    """One to propose."""
    bits = [Mark(1 << place, 1 << place) for place in _PROPOSED]
    unused = (one for one in bits if not (mark_users.users(others, one, asking=True) or policy_routes.users(one)[0]))
    return next(unused, bits[0])


def _persistence(restores: bool) -> str:
    if has_systemd():
        brings = f"{UNIT} brings it back after a restart of the host or of nftables.service"
        return f"{brings}, {after_flush.UNIT} after a flush by hand" if restores else brings
    skipped = "skipped: no systemd here, so the rules do not survive a restart of the host"
    return f"{skipped} or a flush, even though portbook_restore_after_flush is set" if restores else skipped
