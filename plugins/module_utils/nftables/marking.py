# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mark for what the plan permits, which one rule of somebody else's can let pass. It refuses nothing. Pure."""

from __future__ import annotations

import hashlib
from typing import List, Sequence

from ..intervals import cut
from ..linux.model import Mark, Permission
from . import containers
from .pieces import CASTS, PORTS, Pieces, port_text

# Behind what refuses and in front of destination NAT: a published port is looked up by its own number.
PREROUTING = -109
# Behind destination NAT and in front of filters. A chain of the type filter does not route a packet again.
OUTPUT = FORWARD = -9
_EVERY_BIT = 0xFFFFFFFF
# nft keeps the word mark for itself.
_CHAIN = "permitted"
_VERDICT = f"goto {_CHAIN}"
# What belongs to a connection that was let pass, every ruleset lets pass.
_NEW = ["ct state established accept"]


def mark(pieces: Pieces, bits: Mark, permissions: Sequence[Permission]) -> None:
    _inbound(pieces, [one for one in permissions if one.direction == "in"])
    if pieces.settings.outbound:
        _outbound(pieces, [one for one in permissions if one.direction == "out"])
    others = "" if bits.mask == _EVERY_BIT else f"meta mark & {_EVERY_BIT ^ bits.mask:#010x} | "
    # Chains stand in front of those that name them.
    pieces.table.chains = {_CHAIN: [f"meta mark set {others}{bits.value:#010x}"], **pieces.table.chains}


def _inbound(pieces: Pieces, permissions: Sequence[Permission]) -> None:
    body = ["iif lo accept", *_NEW]
    # Protocols without ports have no word for casts, and some of them, such as VRRP, are nothing else.
    casts = [one for one in permissions if one.cast in CASTS or one.protocol not in PORTS]
    cast = _dispatch(pieces, "mark_cast", casts, "saddr")
    if cast:
        pieces.chain("mark_cast", cast)
        body.append("fib daddr type { broadcast, multicast } goto mark_cast")
    # What is on its way to others is no business of this host's permissions.
    body.append("fib daddr type != local accept")
    body += [f"{match} {_VERDICT}" for match in pieces.way_in()]
    body += _dispatch(pieces, "mark_in", [one for one in permissions if one.cast not in CASTS], "saddr")
    pieces.bases.append(("marking", f"prerouting priority {PREROUTING}", body))


def _outbound(pieces: Pieces, permissions: Sequence[Permission]) -> None:
    out = _dispatch(pieces, "mark_out", permissions, "daddr")
    if not out:
        return
    pieces.chain("mark_out", out)
    pieces.bases.append(("marking_out", f"output priority {OUTPUT}", ["oif lo accept", *_NEW, "goto mark_out"]))
    sent = containers.sent(pieces, "mark_out")
    if sent:
        pieces.bases.append(("marking_containers", f"forward priority {FORWARD}", [*_NEW, *sent]))


def _dispatch(pieces: Pieces, name: str, permissions: Sequence[Permission], address: str) -> List[str]:
    """One lookup finds the stretch of ports; stretches with the same peers share a chain."""
    found: List[str] = []
    for protocol in PORTS:
        mine = [(one, one.spans) for one in permissions if one.protocol == protocol and one.spans]
        for span, here in cut(mine):
            body = pieces.interval(protocol, here, address, _VERDICT)
            if body:
                found.append(f"{protocol} . {port_text(span)} : {_target(pieces, body)}")
    lines = pieces.ports_map(name, found)
    for one in permissions:
        if one.protocol not in PORTS:
            lines += [f"{match}{_VERDICT}" for match in pieces.matches(one, address)]
    return list(dict.fromkeys(lines))


def _target(pieces: Pieces, body: List[str]) -> str:
    if body == [_VERDICT]:
        return _VERDICT
    name = f"{_CHAIN}_{hashlib.sha256(chr(10).join(body).encode()).hexdigest()[:12]}"
    pieces.chain(name, body)
    return f"goto {name}"
