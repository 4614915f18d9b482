# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers, whose bridges come and go while the rules stay: nothing here depends on which of them exist. Pure.

A guard goes by the kind of the interface: it closes where it errs. Trust goes by the names that container engines
give: a bridge that an administrator makes later would be trusted whole. An interface without a kind, such as a network
card, matches no rule that asks for one, not even `!=`: so kinds are only ever asked for by what they are.
"""

from __future__ import annotations

import json
from typing import Any, List, Optional, Sequence

from ..linux.bridges import PREFIXES
from .pieces import Pieces

PROBE = """\
table inet portbook_probe {
  chain forward {
    type filter hook forward priority 0; policy accept;
    meta oifkind "bridge" accept
    meta iifkind "bridge" fib daddr . iif oif exists accept
  }
}
"""
"""What has to load where kinds are to be used."""
_SAME_SEGMENT = 'meta iifkind "bridge" fib daddr . iif oif exists accept'


def by_kind(table: Optional[List[Any]]) -> bool:
    """Whether a table of this collection, as nft lists it, asks for kinds."""
    rules = (json.dumps(one) for one in table or () if "rule" in one)
    return any('"iifkind"' in rule or '"oifkind"' in rule for rule in rules)


def trust(pieces: Pieces, interface: str) -> List[str]:
    """`interface` is iif or oif."""
    lines = [f"{interface} lo accept"]
    local = pieces.local
    if local.trusted is None and pieces.kinds:
        chain = "from_containers" if interface == "iif" else "to_containers"
        pieces.chain(chain, _of_engines(pieces, interface, "accept"))
        return [*lines, f'meta {interface}kind "bridge" jump {chain}']
    names = local.bridges if local.trusted is None else local.trusted
    return [*lines, f"{interface}name @{pieces.interfaces('trusted', names)} accept"] if names else lines


def guard(pieces: Pieces, dispatch: Sequence[str]) -> List[str]:
    """What is on its way to a container goes through `dispatch`."""
    if not pieces.kinds:
        return [f"oifname != @{pieces.interfaces('bridges', pieces.local.bridges)} accept", *dispatch]
    own = [f"oifname @{_own(pieces)} accept"] if pieces.local.own_bridges else []
    # With br_netfilter, containers of one bridge meet here, too.
    pieces.chain("into_bridges", [_SAME_SEGMENT, *own, *dispatch])
    return ['meta oifkind "bridge" goto into_bridges']


def sent(pieces: Pieces, chain: str) -> List[str]:
    """What containers send goes to `chain`; empty where there are none."""
    if pieces.kinds:
        pieces.chain(f"{chain}_containers", _of_engines(pieces, "iif", f"goto {chain}"))
        return [f'meta iifkind "bridge" goto {chain}_containers']
    if not pieces.local.bridges:
        return []
    return [f"iifname != @{pieces.interfaces('bridges', pieces.local.bridges)} accept", f"goto {chain}"]


def _of_engines(pieces: Pieces, interface: str, verdict: str) -> List[str]:
    """A rule for each: nft 0.9.8 knows wildcards neither in sets nor ranges of names."""
    own = [f"{interface}name @{_own(pieces)} return"] if pieces.local.own_bridges else []
    return own + [f'{interface}name "{prefix}*" {verdict}' for prefix in PREFIXES]


def _own(pieces: Pieces) -> str:
    return pieces.interfaces("own_bridges", pieces.local.own_bridges)
