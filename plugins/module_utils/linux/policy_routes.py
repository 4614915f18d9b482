# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes that depend on a packet's mark."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import Any, List, Tuple

from . import programs
from .model import Mark

_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_SIX = "/proc/sys/net/ipv6"
_EVERY_BIT = 0xFFFFFFFF
_TEXT = re.compile(r"^(\d+):.*? fwmark ([0-9a-fx]+)(?:/([0-9a-fx]+))?", re.MULTILINE)


def users(mark: Mark) -> Tuple[List[str], str]:
    """Rules that look at bits of it, and why that could not be found out."""
    program = shutil.which("ip", path=_PATH)
    if program is None:
        return [], "the program ip (package iproute2) is missing"
    found: List[str] = []
    for family in ["-4", *(["-6"] if os.path.isdir(_SIX) else [])]:
        done = programs.run([program, "-j", family, "rule", "show"])
        if done.code:
            return found, f"ip {family} rule show failed: {done.err.strip()}"
        found += using(done.out, mark, "ip -6 rule" if family == "-6" else "ip rule")
    return found, ""


# -- pure ---------------------------------------------------------------------------------------------


def using(told: str, mark: Mark, name: str) -> List[str]:
    """Of what ip prints: JSON, or text where it knows no other."""
    try:
        rules = [(str(one.get("priority")), one.get("fwmark"), one.get("fwmask")) for one in json.loads(told or "[]")]
    except (ValueError, AttributeError, TypeError):
        rules = list(_TEXT.findall(told))
    return [
        f"{name} {priority} (fwmark {value}{f'/{mask}' if mask else ''})"
        for priority, value, mask in rules
        if value is not None and (_number(mask) if mask else _EVERY_BIT) & mark.mask
    ]


def _number(text: Any) -> int:
    try:
        return text if isinstance(text, int) else int(str(text), 0)
    except ValueError:
        return _EVERY_BIT
