# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one rule of somebody else's that lets pass what carries our mark, in the words of who made the chain. Pure."""

from __future__ import annotations

from typing import Tuple

from ..linux.model import Mark
from .legacy_tables import LEGACY, TABLES

_PROGRAMS = {"ip": "iptables", "ip6": "ip6tables"}


def accepting(chain: Tuple[str, str, str], mark: Mark) -> str:
    """`chain`: family, table, name."""
    family, table, name = chain
    table = table.replace(LEGACY, "")
    if family in _PROGRAMS and table in TABLES and name.isupper():
        where = "" if table == "filter" else f" -t {table}"
        return f"{_PROGRAMS[family]}{where} -A {name} -m mark --mark {mark} -j ACCEPT"
    return f"meta mark and {mark.mask:#x} == {mark.value:#x} accept"
