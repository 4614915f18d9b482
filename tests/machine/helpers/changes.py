# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of what a host permits, as data, and what becomes of connections; docs/host-events.md has the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.network import OUTSIDE, PEER, PEER6
from machine.helpers.playbooks import REMOVE, SITE, Operator
from machine.helpers.truth import FREE, GUARDED

OPEN, SHUT, OPENED, CLOSED = "open before and after", "shut before and after", "opened", "closed"
LIVES, CUT = "lives on", "is cut"
BEACON = 5201
KEPT, STRANGER, LEAVES, JOINS = (OUTSIDE.pair(host) for host in (2, 3, 5, 6))


def plan(leaves: bool = True, joins: bool = False, beacon: bool = False, **settings: object) -> dict[str, object]:
    """Variables of the host: who is a peer, and which components it has."""
    agents = [PEER6, *(LEAVES if leaves else ()), *(JOINS if joins else ())]
    peers = {"utmstack_agent": agents, **({"stifler_client": [PEER, PEER6]} if beacon else {})}
    components = {"portbook_components": ["stifler_beacon"]} if beacon else {}
    return {**components, "portbook_peers_more": peers, **settings}


def to(**wanted: Any) -> Callable[[Operator], str]:
    def change(operator: Operator) -> str:
        operator.inventory(**plan(**wanted))
        return SITE

    return change


def without_beacon(operator: Operator) -> str:
    task = {"portbook.firewall.apply": {"components": ["stifler_beacon"], "state": "absent"}}
    playbook = operator.folder / "remove_one.yml"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    return str(playbook)


@dataclass(frozen=True)
class Change:
    name: str
    before: dict[str, object] | None
    """Nothing was applied yet, if there is none."""
    change: Callable[[Operator], str]
    new: dict[tuple[str, int], str]
    """By who connects to which port, what becomes of new connections."""
    held: dict[tuple[str, int], str]
    more: bool = True


WHO = {"kept peer": KEPT, "stranger": STRANGER, "leaving peer": LEAVES, "joining peer": JOINS}
_STAYS = {("kept peer", GUARDED): OPEN, ("stranger", GUARDED): SHUT, ("stranger", FREE): OPEN}
_LIVE = {("kept peer", GUARDED): LIVES, ("stranger", FREE): LIVES}
CHANGES = (
    Change(
        "peers leave and join",
        plan(),
        to(leaves=False, joins=True),
        {**_STAYS, ("leaving peer", GUARDED): CLOSED, ("joining peer", GUARDED): OPENED},
        {**_LIVE, ("leaving peer", GUARDED): CUT},
        more=False,
    ),
    Change(
        "the first plan of a host",
        None,
        to(),
        {("kept peer", GUARDED): OPEN, ("stranger", GUARDED): CLOSED, ("stranger", FREE): OPEN},
        {**_LIVE, ("stranger", GUARDED): CUT},
    ),
    Change(
        "guard becomes strict",
        plan(),
        to(portbook_posture="strict"),
        {**_STAYS, ("leaving peer", GUARDED): OPEN, ("stranger", FREE): CLOSED},
        # Of a connection that there is, strict refuses the first packet only.
        {**_LIVE, ("leaving peer", GUARDED): LIVES},
    ),
    Change(
        "strict becomes guard",
        plan(portbook_posture="strict"),
        to(),
        {**_STAYS, ("stranger", FREE): OPENED},
        {("kept peer", GUARDED): LIVES},
    ),
    Change(
        "a component is added",
        plan(),
        to(beacon=True),
        {**_STAYS, ("kept peer", BEACON): OPEN, ("stranger", BEACON): CLOSED},
        {**_LIVE, ("kept peer", BEACON): LIVES, ("stranger", BEACON): CUT},
    ),
    Change(
        "a component is removed",
        plan(beacon=True),
        without_beacon,
        {**_STAYS, ("kept peer", BEACON): OPEN, ("stranger", BEACON): OPENED},
        {**_LIVE, ("kept peer", BEACON): LIVES},
    ),
    Change(
        "everything is removed",
        plan(),
        lambda _operator: REMOVE,
        {**_STAYS, ("stranger", GUARDED): OPENED},
        _LIVE,
    ),
)
