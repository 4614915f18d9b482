# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""firewalld as an engine: its own openings, and the table of nftables that refuses, held and restored together."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from functools import lru_cache
from typing import Callable, Dict, FrozenSet, Iterator, List, Optional, Tuple

from ..linux import programs, state
from ..linux.engine import EngineError, EngineStopped, Present, Rendered
from ..linux.model import Judgement, Local, Mark, Permission, Settings
from ..linux.units import Units
from ..nftables.engine import Nftables
from ..nftables.kernel import Nft
from ..nftables.units import TableUnits
from . import back, files, kernel, objects
from .daemon import Daemon
from .objects import Openings
from .opener import UNIT, Opener
from .text import Text, parsed

_TABLES = (kernel.TABLE, kernel.BLOCKED)


class Firewalld:
    name = "firewalld"
    what = "the table inet portbook and what firewalld holds of portbook"
    gone = (
        "the table inet portbook or the policy portbook_in of firewalld was removed right after it was loaded: "
        "something on this host flushes the ruleset or reloads firewalld (nft monitor shows what happens). Stop that, "
        "then run again"
    )
    replaced = (
        "the kernel does not hold what was to be confirmed: something flushed it in the meantime, or reloaded or "
        "restarted firewalld. Run again when that is done"
    )
    seconds = 25.0

    def __init__(
        self,
        nft: Optional[Nft] = None,
        units: Optional[TableUnits] = None,
        daemon: Optional[Daemon] = None,
        folder: str = back.FOLDER,
    ) -> None:
        self._nft = nft or Nft()
        self._units = units or TableUnits(before=back.SCRIPT, beside=UNIT)
        self._refuser = Nftables(self._nft, self._units, beside=_TABLES)
        self._opener = Opener(self._nft, daemon or Daemon(), folder)
        self._folder = folder
        self._refuses = ""

    @property
    def units(self) -> Units:
        return self._units.units

    def render(self, permissions: List[Permission], settings: Settings, local: Local) -> Rendered:
        refused = self._refuser.render(permissions, settings, local)
        openings = objects.wanted(permissions, local)
        script = {self._units.before_path: back.boot(self._units.kept_path(state.RULESET), self._folder)}
        return Rendered(
            str(Text(refused.text, files.written(openings))),
            refused.exists,
            refused.refuses,
            f"{refused.persistence}; firewalld begins with its part",
            {**refused.files, **script},
        )

    def nothing(self) -> Rendered:
        return self._refuser.nothing()

    def read(self) -> Present:
        refuses = self._refuses = self._refuser.read().meaning
        opens = self.opens()
        if not refuses and not opens:
            return Present("permanently only" if self._opener.raw_files() else "")
        return Present(hashlib.sha256("\n".join([refuses, *opens]).encode()).hexdigest())

    def opens(self) -> List[str]:
        table = self._nft.table(kernel.TABLE)
        self._opener.saw(table)
        return kernel.meaning(table)

    def to_restore(self, present: Present, text: str) -> str:
        ruleset = self._refuser.to_restore(Present(self._refuses), text)
        way, commands = self._opener.back_from(_openings(text))
        return str(Text(ruleset, self._opener.raw_files(), tuple(commands), way))

    def check(self, text: str) -> None:
        given = parsed(text)
        if given.files:
            self._opener.look()
            self._opener.look_at_drift(_openings(text))
            self._opener.look_at_folder(given.files)
        self._refuser.check(given.ruleset)

    def load(self, text: str) -> None:
        given = parsed(text)
        if given.way:
            self._go_back(text)
            return
        with _may_have_changed():
            self._opener.open(_openings(text))
            self._refuser.load(given.ruleset)

    def _go_back(self, text: str) -> None:
        script = f'f=$(mktemp) && trap \'rm -f "$f"\' EXIT && cat >"$f" && set -- "$f" || exit 1\n{self._script()}'
        done = programs.run(["/bin/sh", "-c", script], text, seconds=self.seconds)
        if done.code:
            raise EngineStopped(f"what was there could not be brought back: {done.err.strip() or 'no reason given'}")

    def settle(self, text: str) -> None:
        with _may_have_changed():
            self._opener.keep(_openings(text))

    def lasts(self, text: str) -> bool:
        wanted = _openings(text)
        if wanted.exists:
            self._opener.look_at_unit()
        return self._opener.permanent() == wanted

    def notes(self) -> List[str]:
        return self._opener.notes

    def command_to_load(self, path: str) -> List[str]:
        return ["/bin/sh", "-c", self._script(), "sh", path]

    def _script(self) -> str:
        return back.load(self._nft.path, self._folder)

    def command_to_remove(self) -> List[str]:
        deletion = self._refuser.nothing().text
        return ["/bin/sh", "-c", back.remove(self._nft.path, deletion, self._folder)]

    def works(self) -> bool:
        return self._refuser.works()

    def difference(self, before: str, after: str) -> Tuple[List[str], List[str]]:
        gone, come = self._refuser.difference(parsed(before).ruleset, parsed(after).ruleset)
        old, new = _lines(_openings(before)), _lines(_openings(after))
        return [*gone, *sorted(old - new)], [*come, *sorted(new - old)]

    def drift(self, text: str) -> Tuple[List[str], List[str]]:
        there, wanted = self._refuser.drift(parsed(text).ruleset)
        try:
            now, given = _lines(self._opener.now(_openings(text)).used()), _lines(_openings(text))
        except EngineError:
            return there, wanted
        return [*there, *sorted(now - given)], [*wanted, *sorted(given - now)]

    def judge(self, mark: Optional[Mark]) -> Callable[[Permission], Judgement]:
        """What firewalld's own rules make of a flow is what it is asked to open."""
        return self._refuser.judge(mark)

    def mark_users(self, mark: Mark) -> List[str]:
        return self._refuser.mark_users(mark)


@contextmanager
def _may_have_changed() -> Iterator[None]:
    """Of several steps, some may be done when one fails."""
    try:
        yield
    except EngineStopped:
        raise
    except EngineError as error:
        raise EngineStopped(str(error)) from None


@lru_cache(maxsize=4)
def _openings(text: str) -> Openings:
    return files.read(parsed(text).files)


def _lines(openings: Openings) -> FrozenSet[str]:
    ports: Dict[str, str] = {one.name: _ports(one) for one in openings.services}
    sets: Dict[str, str] = {one.name: ", ".join(sorted(one.entries)) for one in openings.ipsets}
    return frozenset(
        [
            *(f"firewalld: {rule}" for rule in openings.rules),
            *(f"firewalld: ipset {name}: {entries}" for name, entries in sets.items()),
            *(f"firewalld: service {name}: {texts}" for name, texts in ports.items()),
        ]
    )


def _ports(one: objects.Service) -> str:
    return ", ".join(f"{port}/{protocol}" for port, protocol in sorted(one.ports))
