# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets in at which port, as it should be and as it is."""

from __future__ import annotations

from lab.machine import Machine
from lab.network import CONTROLLER, PEER, STRANGER

GUARDED, OTHER, SSH = 5044, 8080, 22
"""Of the product alone; of nobody in the plan; and where Ansible comes in."""
EVERYBODY = (CONTROLLER, PEER, STRANGER)
Reached = set[tuple[str, int]]


def asked(machine: Machine) -> Reached:
    return machine.reached([(source, port) for source in EVERYBODY for port in (GUARDED, OTHER)])


PEER_ALONE: Reached = {(PEER, GUARDED)}
ALL_OF_GUARDED: Reached = {(source, GUARDED) for source in EVERYBODY}
ALL_OF_OTHER: Reached = {(source, OTHER) for source in EVERYBODY}
