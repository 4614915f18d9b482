# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets while a change is applied: nothing that stays permitted is lost, nothing that stays refused gets in."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from lab.machine import Machine
from lab.network import OUTSIDE, PEER, PEER6
from machine.helpers.playbooks import REMOVE, SITE, Operator
from machine.helpers.truth import FREE, GUARDED
from machine.helpers.watching import HELD, Kept, Probe, Tries, watching

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


def to(**wanted: object) -> Callable[[Operator], str]:
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


_WHO = {"kept peer": KEPT, "stranger": STRANGER, "leaving peer": LEAVES, "joining peer": JOINS}
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


@pytest.mark.parametrize(
    "change", [pytest.param(one, id=one.name, marks=[pytest.mark.more] if one.more else []) for one in CHANGES]
)
def test_packets_while_it_changes(machine: Machine, operator: Operator, change: Change) -> None:
    for address in (*LEAVES, *JOINS):
        length = "64" if ":" in address else "24"
        at_once = ["nodad"] if ":" in address else []
        machine.outside("ip", "address", "add", f"{address}/{length}", "dev", "outside", *at_once, check=True)
    machine.listen(GUARDED, FREE, BEACON)
    if change.before is not None:
        operator.inventory(**change.before)
        operator.run().ok(changed=True)
    playbook = change.change(operator)
    new, held = probes(machine, change.new), probes(machine, change.held, HELD)
    with watching(machine, [*new, *held]) as watched:
        operator.run(playbook).ok(changed=True)
    print(f"{change.name}: {watched.said()}")
    wrong = {one: watched.new[one.name].said() for one in new if not became(watched.new[one.name], change.new, one)}
    wrong |= {one: watched.held[one.name].said() for one in held if not fared(watched.held[one.name], change, one)}
    assert wrong == {}


def probes(machine: Machine, asked: dict[tuple[str, int], str], kind: str = "new") -> list[Probe]:
    """One by IPv4 and one by IPv6 for each."""
    targets = (machine.address, machine.address6)
    return [
        Probe(f"{kind}, {who} by {family} to {port}", source, target, port, kind)
        for who, port in asked
        for family, source, target in zip(("IPv4", "IPv6"), _WHO[who], targets, strict=True)
    ]


def _of(probe: Probe) -> tuple[str, int]:
    return next(who for who, pair in _WHO.items() if probe.source in pair), probe.port


def became(tries: Tries, wanted: dict[tuple[str, int], str], probe: Probe) -> bool:
    """Whether it is as it should be, with enough of them, and turned once and for all if it turned."""
    state = wanted[_of(probe)]
    first, last = min(tries.answers)[1], max(tries.answers)[1]
    ends = {OPEN: (True, True), SHUT: (False, False), OPENED: (False, True), CLOSED: (True, False)}[state]
    return len(tries.answers) > 50 and (first, last) == ends and tries.turns == (ends[0] != ends[1])


def fared(kept: Kept, change: Change, probe: Probe) -> bool:
    if change.held[_of(probe)] == LIVES:
        return kept.echoed == kept.sent > 50 and kept.again == 0
    return 0 < kept.echoed < kept.sent - 50
