# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets in at which port, as it should be and as it is."""

from __future__ import annotations

from lab.machine import Machine
from lab.network import CONTROLLER, CONTROLLER6, PEER, PEER6, STRANGER, STRANGER6

GUARDED, OTHER, SSH = 5044, 8080, 22
"""Of the product alone; of nobody in the plan; and where Ansible comes in."""
EVERYBODY = (CONTROLLER, PEER, STRANGER)
_SIX = {CONTROLLER: CONTROLLER6, PEER: PEER6, STRANGER: STRANGER6}
Reached = set[tuple[str, int]]


def asked(machine: Machine) -> Reached:
    return machine.reached([(source, port) for source in EVERYBODY for port in (GUARDED, OTHER)])


def asked_by_ipv6(machine: Machine) -> Reached:
    """The same hosts by their other addresses, in the words of the first."""
    found = machine.reached([(source, port) for source in _SIX.values() for port in (GUARDED, OTHER)])
    return {(four, port) for four, six in _SIX.items() for source, port in found if source == six}


PEER_ALONE: Reached = {(PEER, GUARDED)}
ALL_OF_GUARDED: Reached = {(source, GUARDED) for source in EVERYBODY}
ALL_OF_OTHER: Reached = {(source, OTHER) for source in EVERYBODY}
