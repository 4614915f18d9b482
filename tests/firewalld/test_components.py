# SPDX-License-Identifier: GPL-3.0-or-later
"""Every component that can be on Linux, applied on a host that runs firewalld: packets agree with the plan."""

from __future__ import annotations

import json
from typing import Any

import pytest
from firewalld.helpers.daemon import Daemon
from lab.machine import Machine
from lab.network import PEER, STRANGER
from machine.helpers.playbooks import HOST, Operator

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.load import load
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

pytestmark = pytest.mark.more
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


def planned(operator: Operator) -> dict[int, bool]:
    """A TCP port of each inbound flow, and whether it is open to the peer."""
    path = operator.folder / "plan.json"
    operator.run(PLAN, portbook_plan_file=str(path)).ok()
    plan = json.loads(path.read_text())
    found: dict[int, bool] = {}
    for rule in plan["hosts"][HOST]["rules"]:
        # The management access has its port from the host itself.
        if rule["ports"] and (rule["direction"], rule["protocol"], rule["cast"]) == ("in", "tcp", "unicast"):
            first = str(rule["ports"][0]).partition("-")[0]
            if first.isdigit() and first != "22":
                peers = plan["peers"].get(rule["peers"], [PEER])
                found[int(first)] = found.get(int(first), False) or PEER in peers
    return found


@pytest.mark.parametrize("posture", ["guard", "strict"])
@pytest.mark.parametrize("component", ON_LINUX)
def test_packets_agree_with_the_plan(
    machine: Machine, operator: Operator, daemon: Daemon, component: str, posture: str
) -> None:
    inventory(operator, component, portbook_posture=posture, portbook_backend="firewalld")
    ports = planned(operator)
    machine.listen(*sorted(ports))
    operator.run().ok(changed=True)
    asked = [(source, port) for source in (PEER, STRANGER) for port in ports]
    wanted = {(PEER, port) for port, opened in ports.items() if opened}
    assert (machine.reached(asked) if asked else set()) == wanted
    assert bool(daemon.rules()) == bool(daemon.rules("--permanent"))
    operator.run().ok(changed=False)
