# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where two texts of our table differ: as we write it, or as nft lists it. Pure."""

from __future__ import annotations

import re
from typing import Dict, List, Tuple

_BLOCK = re.compile(r"(set|map|chain) (\S+) \{")
_ELEMENTS = "elements = {"


def difference(before: str, after: str) -> Tuple[List[str], List[str]]:
    """Lines of chains and sets that differ, each with the name of its own: a whole chain, since its order counts, and
    single elements of sets and maps."""
    olds, news = _blocks(before), _blocks(after)
    found: Tuple[List[str], List[str]] = [], []
    for name in sorted({*olds, *news}, key=_place):
        old, new = olds.get(name, []), news.get(name, [])
        if old == new:
            continue
        if not name.startswith("chain"):
            both = {*old} & {*new}
            old, new = ([one for one in lines if one not in both] for lines in (old, new))
        found[0].extend(f"{name}: {line}" for line in old)
        found[1].extend(f"{name}: {line}" for line in new)
    return found


def _place(name: str) -> Tuple[bool, str]:
    """Chains tell most."""
    return not name.startswith("chain"), name


def _blocks(text: str) -> Dict[str, List[str]]:
    found: Dict[str, List[str]] = {}
    here: List[str] = []
    inside = False
    for line in map(str.strip, text.splitlines()):
        block = _BLOCK.fullmatch(line)
        if block:
            here = found.setdefault(f"{block[1]} {block[2]}", [])
        elif inside or line.startswith(_ELEMENTS):
            # nft breaks long lists into lines.
            inside = not line.endswith("}")
            texts = line.replace(_ELEMENTS, "", 1).rstrip("}").split(",")
            here.extend(sorted(one.strip() for one in texts if one.strip()))
        elif line not in ("", "}"):
            here.append(line)
    return found
