# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What unmanaged rules make of all packets that a permission stands for."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Sequence

from ..linux.model import ALLOWED, LOST, UNKNOWN, Judgement, Mark, Permission
from .foreign import Packet, judge


def judged(
    others: Sequence[Dict[str, Any]], permission: Permission, mark: Optional[Mark], shown: Optional[Mark]
) -> Judgement:
    """Lost is a flow of which no family gets through to one of its ports. `mark` is what its packets carry."""
    lost: List[Judgement] = []
    unsure: List[Judgement] = []
    for packets in _packets(permission, mark):
        found = [judge(others, packet, shown) for packet in packets]
        bad = [one for one in found if one.outcome != ALLOWED]
        if found and all(one.outcome == LOST for one in found):
            lost += found
        else:
            unsure += bad
    worst = lost or unsure
    if not worst:
        return Judgement(ALLOWED, "")
    chains = dict.fromkeys(chain for one in worst for chain in one.chains)
    return Judgement(LOST if lost else UNKNOWN, worst[0].where, tuple(chains))


def _packets(permission: Permission, mark: Optional[Mark]) -> Iterator[List[Packet]]:
    """Of each family that its peers have: to each stretch of ports, and on from a published one to its container."""
    networks = permission.networks
    families = [
        family
        for family, sign in (("ip", "."), ("ip6", ":"))
        if networks is None or any(sign in network for network in networks)
    ]
    ways = [(permission.direction, low) for low, _high in permission.spans]
    if permission.direction == "in":
        ways += [("forward", low) for low, _high in permission.container_spans]
    for direction, port in ways:
        yield [Packet(permission.protocol, port, family, direction, mark) for family in families]
