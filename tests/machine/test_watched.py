# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets while a change is applied: nothing that stays permitted is lost, nothing that stays refused gets in."""

from __future__ import annotations

import pytest
from lab.machine import Machine
from lab.network import with_length
from machine.helpers.changes import BEACON, CHANGES, CLOSED, JOINS, LEAVES, LIVES, OPEN, OPENED, SHUT, WHO, Change
from machine.helpers.playbooks import Operator
from machine.helpers.truth import FREE, GUARDED
from machine.helpers.watching import HELD, Kept, Probe, Tries, watching

pytestmark = pytest.mark.once

TRACKING = """
table inet mine {
    chain input {
        type filter hook input priority filter; policy accept;
        ct state established counter
    }
}
"""
"""As on a host with a firewall: without any, the kernel does not know which connections there are."""


@pytest.mark.parametrize(
    "change", [pytest.param(one, id=one.name, marks=[pytest.mark.more] if one.more else []) for one in CHANGES]
)
def test_packets_while_it_changes(machine: Machine, operator: Operator, change: Change) -> None:
    for address in (*LEAVES, *JOINS):
        machine.outside("ip", "address", "add", with_length(address), "dev", "outside", check=True)
    machine.listen(GUARDED, FREE, BEACON)
    if change.before is None:
        machine.run("nft", "-f", "-", text=TRACKING)
    else:
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
        for family, source, target in zip(("IPv4", "IPv6"), WHO[who], targets, strict=True)
    ]


def _of(probe: Probe) -> tuple[str, int]:
    return next(who for who, pair in WHO.items() if probe.source in pair), probe.port


def became(tries: Tries, wanted: dict[tuple[str, int], str], probe: Probe) -> bool:
    """Whether it is as it should be, with enough of them, and turned once and for all if it turned."""
    state = wanted[_of(probe)]
    first, last = min(tries.answers)[1], max(tries.answers)[1]
    ends = {OPEN: (True, True), SHUT: (False, False), OPENED: (False, True), CLOSED: (True, False)}[state]
    return len(tries.answers) > 50 and (first, last) == ends and tries.turns == (ends[0] != ends[1])


def fared(kept: Kept, change: Change, probe: Probe) -> bool:
    if change.held[_of(probe)] == LIVES:
        return kept.echoed == kept.sent > 50
    return 0 < kept.echoed < kept.sent - 50
