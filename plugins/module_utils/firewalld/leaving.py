# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From firewalld to nftables alone: the table stays, the collection's openings in firewalld are removed, held and
restored together."""

from __future__ import annotations

from typing import Any, Callable, List, Optional

from ..linux.engine import Present, Rendered
from ..linux.model import Judgement, Local, Mark, Permission, Settings
from ..nftables.engine import Nftables
from .engine import Firewalld
from .text import parsed


class Leaving(Firewalld):
    """What the host is to be is what nftables alone makes of it; what is removed is firewalld's."""

    name = "nftables"

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._alone = Nftables(self._nft)

    def render(self, permissions: List[Permission], settings: Settings, local: Local) -> Rendered:
        return self._alone.render(permissions, settings, local)

    def read(self) -> Present:
        """When nothing opens any more, what nftables alone would say."""
        found = super().read()
        return found if self.opens() else Present(self._refuses)

    def check(self, text: str) -> None:
        self._alone.check(parsed(text).ruleset)

    def judge(self, mark: Optional[Mark]) -> Callable[[Permission], Judgement]:
        """A firewalld that goes on running refuses what it does not know."""
        return self._alone.judge(mark)
