# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Docker on a real machine: networks come and go, with no run in between."""

from __future__ import annotations

import json
import sys

import pytest
from lab.machine import Machine
from lab.network import PEER, ROUTER, STRANGER
from machine.helpers.playbooks import Operator

PUBLISHED, GUARDED = 5044, 9000
_START = """
umount --lazy /sys/fs/cgroup/memory 2>/dev/null || true
mount -o remount,bind,rw /sys/fs/cgroup
for one in /sys/fs/cgroup/*; do
  if mountpoint -q $one; then mount -o remount,bind,rw $one; fi
done
mkdir -p /var/lib/docker
mount -t tmpfs tmpfs /var/lib/docker
systemctl start docker
mkdir -p /image/bin
cp /bin/busybox /image/bin
tar -C /image -c . | docker import - box
"""
_REACHES = """
import socket, sys
source, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    socket.create_connection((address, port), 1.5, (source, 0)).close()
except OSError:
    sys.exit(1)
"""
WANTED = {
    "own address, stranger": False,
    "own address, peer": True,
    "published, stranger": False,
    "published, peer": True,
    "container to container": True,
    "container to its host": True,
    "container to its host's published port": True,
}
NAMED = {**WANTED, "container to its host": False, "container to its host's published port": False}


class Docker:
    """Docker on the machine; the network has a container whose port is published, and another one."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.run("sh", "-euc", _START)
        # A router with a route to the containers' own addresses.
        machine.outside("ip", "route", "add", "172.16.0.0/12", "via", machine.address, place=ROUTER, check=True)

    def __call__(self, *words: str) -> str:
        return self.machine.run("docker", *words).strip()

    def up(self, network: str, *options: str) -> None:
        self("network", "create", *options, network)
        serve = ("box", "/bin/busybox", "httpd", "-f", "-p", str(PUBLISHED))
        self("run", "-d", "--name", "beats", "--network", network, "-p", f"{PUBLISHED}:{PUBLISHED}", *serve)
        self("run", "-d", "--name", "other", "--network", network, *serve)

    def down(self, network: str) -> None:
        self("rm", "-f", "beats", "other")
        self("network", "rm", network)

    def swarm(self) -> str:
        """A service whose port is published by its host; the address of its container on the host's bridge."""
        self("swarm", "init", "--advertise-addr", self.machine.address)
        self("network", "create", "--driver", "overlay", "services")
        publish = f"mode=host,published={PUBLISHED},target={PUBLISHED}"
        how = ("--no-resolve-image", "--detach=false", "--endpoint-mode", "dnsrr", "--network", "services")
        serve = ("box", "/bin/busybox", "httpd", "-f", "-p", str(PUBLISHED))
        self("service", "create", "--name", "beats", *how, "--publish", publish, *serve)
        (one,) = json.loads(self("network", "inspect", "docker_gwbridge"))
        addresses = {name: value["IPv4Address"] for name, value in one["Containers"].items()}
        (own,) = (address for name, address in addresses.items() if name != "ingress-sbox")
        return str(own).partition("/")[0]

    def from_outside(self, own: str) -> dict[str, bool]:
        return {
            "own address, stranger": self._outside(STRANGER, own),
            "own address, peer": self._outside(PEER, own),
            "published, stranger": self._outside(STRANGER, self.machine.address),
            "published, peer": self._outside(PEER, self.machine.address),
        }

    def cells(self) -> dict[str, bool]:
        own = self("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "beats")
        return {
            **self.from_outside(own),
            "container to container": self._inside(own, PUBLISHED),
            "container to its host": self._inside(self.machine.address, GUARDED),
            "container to its host's published port": self._inside(self.machine.address, PUBLISHED),
        }

    def _outside(self, source: str, address: str) -> bool:
        asked = (sys.executable, "-c", _REACHES, source, address, str(PUBLISHED))
        return self.machine.outside(*asked).returncode == 0

    def _inside(self, address: str, port: int) -> bool:
        asked = (
            "exec",
            "other",
            "/bin/busybox",
            "timeout",
            "2",
            "/bin/busybox",
            "nc",
            address,
            str(port),
            "-e",
            "true",
        )
        return self.machine.succeeds("docker", *asked)


@pytest.fixture
def docker(machine: Machine) -> Docker:
    machine.listen(GUARDED)
    return Docker(machine)


def test_networks_come_and_go_and_nothing_has_to_be_applied_again(docker: Docker, operator: Operator) -> None:
    docker.up("before")
    assert set(docker.cells().values()) == {True}, "without rules everybody gets in, or this proves nothing"
    docker.down("before")

    operator.run().ok(changed=True)
    for network, options, wanted in (
        ("late", (), WANTED),
        ("named", ("-o", "com.docker.network.bridge.name=utm0"), NAMED),
        ("again", (), WANTED),
    ):
        docker.up(network, *options)
        assert docker.cells() == wanted, network
        if network != "again":
            docker.down(network)

    docker("restart", "beats", "other")
    assert docker.cells() == WANTED
    docker.machine.run("systemctl", "restart", "docker")
    docker("start", "beats", "other")
    assert docker.cells() == WANTED
    operator.run().ok(changed=False)
    assert docker.cells() == WANTED


def test_a_named_network_is_trusted_where_it_is_named(docker: Docker, operator: Operator) -> None:
    operator.inventory(portbook_trusted_interfaces=["utm0"])
    operator.run().ok(changed=True)
    docker.up("named", "-o", "com.docker.network.bridge.name=utm0")
    assert docker.cells() == WANTED


def test_services_of_swarm_that_their_host_publishes_are_guarded(docker: Docker, operator: Operator) -> None:
    operator.run().ok(changed=True)
    found = docker.from_outside(docker.swarm())
    assert found == {name: WANTED[name] for name in found}
    operator.run().ok(changed=False)
