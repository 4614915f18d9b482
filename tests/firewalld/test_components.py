# SPDX-License-Identifier: GPL-3.0-or-later
"""Every component that can be on Linux, applied on a host that runs firewalld: packets agree with the plan."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from firewalld.helpers.daemon import Daemon
from lab.machine import Machine
from lab.network import PEER, STRANGER
from machine.helpers.playbooks import HOST, Operator

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.load import load
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

pytestmark = [pytest.mark.more, pytest.mark.once]
PLAN = "portbook.firewall.plan"
CATALOG = load([], Problems())
ON_LINUX = sorted(
    name
    for name, one in CATALOG.components.items()
    if not one.party and (not one.platforms or "linux" in one.platforms)
)


def inventory(operator: Operator, component: str, **variables: Any) -> None:
    """A host of the component; whoever else there is has the peer's address."""
    operator.inventory(**variables)
    path = operator.folder / "hosts.yml"
    content = json.loads(path.read_text())
    children = content["all"]["children"]
    content["all"]["children"] = {component: children["utmstack_master"]}
    content["all"]["vars"]["portbook_peers"] = {name: [PEER] for name in CATALOG.components if name != component}
    path.write_text(json.dumps(content))


@dataclass(frozen=True)
class Port:
    protocol: str
    number: int
    source: int
    """From which it has to come; 0 is any."""


def planned(operator: Operator) -> dict[Port, bool]:
    """A port of each inbound flow, and whether it is open to the peer."""
    path = operator.folder / "plan.json"
    operator.run(PLAN, portbook_plan_file=str(path)).ok()
    plan = json.loads(path.read_text())
    found: dict[Port, bool] = {}
    for rule in plan["hosts"][HOST]["rules"]:
        # The management access has SSH/WinRM from the host itself.
        if rule["ports"] and rule["direction"] == "in" and rule["protocol"] in ("tcp", "udp"):
            first, source = (first_of(rule[key]) for key in ("ports", "source_ports"))
            if rule["cast"] == "unicast" and first not in (None, 22):
                port = Port(rule["protocol"], first, source or 0)
                found[port] = found.get(port, False) or PEER in plan["peers"].get(rule["peers"], [PEER])
    return found


def first_of(ports: list[object]) -> int | None:
    """Some are names of ranges that the host itself has."""
    numbers = [str(one).partition("-")[0] for one in ports]
    return next((int(one) for one in numbers if one.isdigit()), None)


def listen(machine: Machine, ports: Iterable[Port]) -> None:
    machine.listen(*sorted(one.number for one in ports if one.protocol == "tcp"))
    machine.echo(*sorted(one.number for one in ports if one.protocol == "udp"))


def let_in(machine: Machine, ports: Iterable[Port]) -> set[tuple[str, Port]]:
    tcp = {one.number: one for one in ports if one.protocol == "tcp"}
    udp = {one.number: one for one in ports if one.protocol == "udp"}
    both = (PEER, STRANGER)
    reached = machine.reached([(source, port) for source in both for port in tcp])
    answered = machine.answered([(source, port, one.source) for source in both for port, one in udp.items()])
    return {(source, tcp[port]) for source, port in reached} | {(source, udp[port]) for source, port in answered}


@pytest.mark.parametrize("component", ON_LINUX)
def test_packets_agree_with_the_plan(machine: Machine, operator: Operator, daemon: Daemon, component: str) -> None:
    inventory(operator, component, portbook_backend="firewalld")
    ports = planned(operator)
    listen(machine, ports)
    for posture in ("guard", "strict"):
        inventory(operator, component, portbook_posture=posture, portbook_backend="firewalld")
        assert planned(operator) == ports
        operator.run().ok(changed=True)
        assert let_in(machine, ports) == {(PEER, port) for port, opened in ports.items() if opened}, posture
        assert bool(daemon.rules()) == bool(daemon.rules("--permanent"))
    operator.run().ok(changed=False)
