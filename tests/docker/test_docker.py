# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Docker on a real machine: networks come and go, with no run in between."""

from __future__ import annotations

import pytest
from docker.containers import GUARDED, NAMED, WANTED, Docker
from docker.events import EVENTS
from lab.machine import Machine
from lab.network import PEER6
from machine.helpers.beside import unmanaged
from machine.helpers.playbooks import Operator

PEERS = {"portbook_peers_more": {"utmstack_agent": [PEER6]}}


@pytest.fixture
def docker(machine: Machine) -> Docker:
    machine.listen(GUARDED)
    return Docker(machine)


def test_everybody_gets_in_without_rules(docker: Docker) -> None:
    """Or the others prove nothing."""
    docker.compose("up", "-d")
    assert set(docker.cells().values()) == {True}


def test_the_truth_table_holds_whatever_happens_to_docker(docker: Docker, operator: Operator) -> None:
    untouched = unmanaged(docker.machine)
    assert {"table ip filter", "table ip nat"} <= set(untouched), "Docker's own"
    operator.inventory(**PEERS)
    operator.run().ok(changed=True)
    assert unmanaged(docker.machine) == untouched
    table = docker.machine.table()
    assert table
    found = {}
    for event in EVENTS:
        event.happens(docker)
        cells, wanted = docker.cells(), {**WANTED, **event.differs}
        assert cells.keys() == wanted.keys(), event.name
        found[event.name] = {name: cell for name, cell in cells.items() if cell != wanted[name]}
        print(f"{event.name}: {sum(cells.values())} of {len(cells)} reached, {len(found[event.name])} wrong")
    assert found == {event.name: {} for event in EVENTS}
    assert docker.machine.table() == table
    operator.run().ok(changed=False)


def test_networks_that_come_later_are_guarded_and_trusted_by_their_names(docker: Docker, operator: Operator) -> None:
    operator.inventory(**PEERS)
    operator.run().ok(changed=True)
    docker.up("named", "-o", "com.docker.network.bridge.name=utm0")
    assert docker.cells() == NAMED
    operator.run().ok(changed=False)
    assert docker.cells() == NAMED


def test_a_named_network_is_trusted_where_it_is_named(docker: Docker, operator: Operator) -> None:
    operator.inventory(portbook_trusted_interfaces=["utm0"], **PEERS)
    operator.run().ok(changed=True)
    docker.up("named", "-o", "com.docker.network.bridge.name=utm0")
    assert docker.cells() == WANTED


def test_services_of_swarm_that_their_host_publishes_are_guarded(docker: Docker, operator: Operator) -> None:
    operator.inventory(**PEERS)
    operator.run().ok(changed=True)
    found = docker.from_outside(docker.swarm())
    assert found == {name: WANTED[name] for name in found}
    operator.run().ok(changed=False)
