# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All engines of Linux hosts: each module knows them all, so that with auto one call finds out and applies."""

from __future__ import annotations

from ..linux.choice import Engines
from ..nftables.engine import Nftables
from .engine import Firewalld
from .leaving import Leaving


def engines(own: str) -> Engines:
    return Engines(own, {"nftables": Nftables, "firewalld": Firewalld}, {("firewalld", "nftables"): Leaving})
