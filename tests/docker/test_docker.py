# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Docker on a real machine: networks come and go, with no run in between."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from docker.containers import BY_PROXY, GUARDED, NAMED, WANTED, Docker
from lab.machine import Machine
from lab.network import PEER6
from machine.helpers.playbooks import Operator

PEERS = {"portbook_peers_more": {"utmstack_agent": [PEER6]}}


@dataclass(frozen=True)
class Event:
    """What happens to Docker; docs/host-events.md has the same list."""

    name: str
    happens: Callable[[Docker], None]
    differs: dict[str, bool] = field(default_factory=dict)
    """Cells that are other ones because of Docker."""


def by_compose(docker: Docker) -> None:
    docker.compose("up", "-d")


def again(docker: Docker) -> None:
    docker.compose("down", "-t", "0")
    docker.compose("up", "-d")


def new_network(docker: Docker) -> None:
    docker.compose("down", "-t", "0")
    docker.up("late")


def back_to_compose(docker: Docker) -> None:
    docker.down("late")
    docker.compose("up", "-d")


def flushed(docker: Docker) -> None:
    """By hand, and Docker makes its own again."""
    for table, chain in (("filter", "DOCKER"), ("filter", "FORWARD"), ("nat", "DOCKER")):
        docker.machine.run("iptables", "-t", table, "-F", chain)
    docker.restart()


def other_iptables(docker: Docker) -> None:
    """From iptables over nftables to the old one, or back: the rules are made by the other program."""
    now = "legacy" if "nf_tables" in docker.machine.run("iptables", "--version") else "nft"
    docker.machine.run("systemctl", "stop", "docker", "docker.socket")
    for table in ("filter", "nat"):
        docker.machine.run("iptables", "-t", table, "-F")
        docker.machine.run("iptables", "-t", table, "-P", "OUTPUT", "ACCEPT")
    docker.machine.run("iptables", "-P", "FORWARD", "ACCEPT")
    for program in ("iptables", "ip6tables"):
        docker.machine.run("update-alternatives", "--set", program, f"/usr/sbin/{program}-{now}")
    docker.restart()


EVENTS = (
    Event("`docker compose up`", by_compose),
    Event("`docker compose down` and `up`", again),
    Event("a new network", new_network),
    Event("a network goes, another one comes", back_to_compose),
    Event("`docker restart`", lambda docker: bool(docker("restart", "-t", "0", "beats", "other")) or None),
    Event("`systemctl restart docker`", lambda docker: docker.restart()),
    Event("Docker's chains are flushed, and Docker is restarted", flushed),
    Event("Docker without its proxy", lambda docker: docker.restart(**{"userland-proxy": False}), BY_PROXY),
    Event("Docker with its proxy again", lambda docker: docker.restart(**{"userland-proxy": True})),
    Event("a restart of Docker with `live-restore`", lambda docker: docker.restart(**{"live-restore": True})),
    Event("Docker with the other kind of iptables", other_iptables),
)


@pytest.fixture
def docker(machine: Machine) -> Docker:
    machine.listen(GUARDED)
    return Docker(machine)


def test_everybody_gets_in_without_rules(docker: Docker) -> None:
    """Or the others prove nothing."""
    docker.compose("up", "-d")
    assert set(docker.cells().values()) == {True}


def test_the_truth_table_holds_whatever_happens_to_docker(docker: Docker, operator: Operator) -> None:
    operator.inventory(**PEERS)
    operator.run().ok(changed=True)
    table = docker.machine.table()
    assert re.search(r"\btable inet portbook\b", table)
    found = {}
    for event in EVENTS:
        event.happens(docker)
        cells, wanted = docker.cells(), {**WANTED, **event.differs}
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
