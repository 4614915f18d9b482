# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From firewalld to nftables alone: the table stays, firewalld's openings of ours go, held and restored together."""

from __future__ import annotations

from typing import List

from ..linux.engine import Present, Rendered
from ..linux.model import Local, Permission, Settings
from .engine import Firewalld
from .text import parsed


class Leaving(Firewalld):
    name = "nftables"

    def render(self, permissions: List[Permission], settings: Settings, local: Local) -> Rendered:
        return self._refuser.render(permissions, settings, local)

    def read(self) -> Present:
        """When nothing opens any more, what nftables alone would say."""
        return super().read() if self.opens() else self._refuser.read()

    def check(self, text: str) -> None:
        self._refuser.check(parsed(text).ruleset)
