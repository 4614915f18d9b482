# SPDX-License-Identifier: GPL-3.0-or-later
"""All breaks that have a name of their own, and those that the tests take."""

from __future__ import annotations

from machine.faults import after, before, held, on_the_way, stepped
from machine.faults.model import HELD, Break, Held, Stepped

SINGLE: list[Break] = [
    *held.FAULTS,
    *stepped.PAUSES,
    *on_the_way.BREAKS,
    *before.BREAKS,
    *after.BREAKS,
]


CHOSEN: list[Break] = [
    *held.FEW,
    *stepped.FEW,
    *(
        one
        for one in SINGLE
        if one.id
        in {
            "held: notes and folder are deleted",
            "held: the service is stopped before it begins",
            "held: the folder is read-only",
            "held: nft hangs",
            "held: Python is gone",
            "held: systemd starts again",
            "held: nftables.service is restarted",
            "held: every shell of systemd's is killed",
            "paused: stopped before the load, woken after the hold",
            "paused: stopped after the load, woken after the hold",
            "controller: the controller is killed with all its processes",
            "controller: the ssh connection is cut",
            "controller: the link is down for three seconds",
            "controller: the shared connection outlives its reset",
            "controller: three controllers at once, of one mind",
            "before: nft is missing",
            "before: nft dies at the load",
            "before: state.json has settings that are a text",
            "before: the disk is full",
            "before: the unit is masked",
            "before: systemctl hangs, and a unit is gone",
            "after: the power is cut as the run returns",
            "after: nftables.service is restarted",
            "removal: the state is damaged before a removal",
        }
    ),
]
"""For `make test-all`, some of each group."""


def base_of(one: Break) -> str:
    """Breaks of one base can share a machine; waits of one kind are spread among those that compute."""
    if isinstance(one, Stepped):
        return stepped.OPERATIONS[one.operation].base.name
    return (
        "to be cut, restored" if isinstance(one, Held) and one.variables else "to be cut" if one.group == HELD else "z"
    )
