# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Docker and real compose on a machine: containers with published ports, and who reaches them how."""

from __future__ import annotations

import json

from lab import network
from lab.machine import Machine

PUBLISHED, GUARDED = 5044, 9000
CONFIG = "/etc/docker/daemon.json"
_FOLDER = "/srv/siem"
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
_SERVE = ["/bin/busybox", "httpd", "-f", "-p", str(PUBLISHED)]
_COMPOSE = {
    "version": "3",
    "services": {
        "beats": {
            "image": "box",
            "container_name": "beats",
            "command": _SERVE,
            "ports": [f"{PUBLISHED}:{PUBLISHED}"],
            "restart": "always",
            "stop_grace_period": "0s",
        },
        "other": {
            "image": "box",
            "container_name": "other",
            "command": _SERVE,
            "restart": "always",
            "stop_grace_period": "0s",
        },
    },
}
"""As UTMStack's own file has it: a port on both sides, nothing about addresses."""
WANTED = {
    "own address, stranger": False,
    "own address, peer": True,
    "own address, neighbour": False,
    "published, stranger": False,
    "published, peer": True,
    "published, neighbour": False,
    "published, stranger by IPv6": False,
    "published, peer by IPv6": True,
    "container to container": True,
    "container to its host": True,
    "container to its host's published port": True,
}
NAMED = {**WANTED, "container to its host": False, "container to its host's published port": False}
BY_IPV6 = {"own address, stranger by IPv6": False, "own address, peer by IPv6": True}
"""In a network that has addresses of both families."""
_NETWORK6 = "2001:db8:d0c::/64"
BY_PROXY = {"published, peer by IPv6": False}
"""Without its proxy this Docker publishes nothing by IPv6."""


class Docker:
    """Docker on the machine; the network has a container whose port is published, and another one."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.run("sh", "-euc", _START)
        # A router with a route to the containers' own addresses, which is the neighbour as well.
        route = ("ip", "route", "add", "172.16.0.0/12", "via", machine.address)
        machine.outside(*route, place=network.ROUTER, check=True)
        route = ("ip", "route", "add", _NETWORK6, "via", machine.address6)
        machine.outside(*route, place=network.ROUTER, check=True)

    def __call__(self, *words: str) -> str:
        return self.machine.run("docker", *words).strip()

    def compose(self, *words: str) -> None:
        self.machine.run("mkdir", "-p", _FOLDER)
        # JSON is YAML, too.
        self.machine.write(f"{_FOLDER}/docker-compose.yml", json.dumps(_COMPOSE))
        self.machine.run(
            "docker-compose", "--project-directory", _FOLDER, "-f", f"{_FOLDER}/docker-compose.yml", *words
        )

    def up(self, name: str, *options: str) -> None:
        self("network", "create", *options, name)
        serve = ("box", *_SERVE)
        self("run", "-d", "--name", "beats", "--network", name, "-p", f"{PUBLISHED}:{PUBLISHED}", *serve)
        self("run", "-d", "--name", "other", "--network", name, *serve)

    def up_with_both_families(self, name: str) -> None:
        self.up(name, "--ipv6", "--subnet", _NETWORK6)

    def down(self, name: str) -> None:
        self("rm", "-f", "beats", "other")
        self("network", "rm", name)

    def restart(self, **settings: object) -> None:
        """As an upgrade does, with other settings of the daemon."""
        if settings:
            self.machine.run("mkdir", "-p", "/etc/docker")
            self.machine.write(CONFIG, json.dumps(settings))
        self.machine.run("systemctl", "reset-failed", "docker.service", check=False)
        self.machine.run("systemctl", "restart", "docker")
        self("start", "beats", "other")

    def swarm(self) -> str:
        """A service whose port is published by its host; the address of its container on the host's bridge."""
        self("swarm", "init", "--advertise-addr", self.machine.address)
        self("network", "create", "--driver", "overlay", "services")
        publish = f"mode=host,published={PUBLISHED},target={PUBLISHED}"
        how = ("--no-resolve-image", "--detach=false", "--endpoint-mode", "dnsrr", "--network", "services")
        self("service", "create", "--name", "beats", *how, "--publish", publish, "box", *_SERVE)
        (one,) = json.loads(self("network", "inspect", "docker_gwbridge"))
        addresses = {name: value["IPv4Address"] for name, value in one["Containers"].items()}
        (own,) = (address for name, address in addresses.items() if name != "ingress-sbox")
        return str(own).partition("/")[0]

    def from_outside(self, own: str, own6: str = "") -> dict[str, bool]:
        host, host6 = self.machine.address, self.machine.address6
        asked = {
            "own address, stranger": (network.STRANGER, own),
            "own address, peer": (network.PEER, own),
            "own address, neighbour": (self.machine.neighbour, own),
            "published, stranger": (network.STRANGER, host),
            "published, peer": (network.PEER, host),
            "published, neighbour": (self.machine.neighbour, host),
            "published, stranger by IPv6": (network.STRANGER6, host6),
            "published, peer by IPv6": (network.PEER6, host6),
        }
        if own6:
            asked["own address, stranger by IPv6"] = (network.STRANGER6, own6)
            asked["own address, peer by IPv6"] = (network.PEER6, own6)
        every = {name: network.Way(*one, PUBLISHED) for name, one in asked.items()}
        reached = self.machine.laboratory.reached(every.values(), seconds=1.5, greeted=False)
        return {name: way in reached for name, way in every.items()}

    def cells(self) -> dict[str, bool]:
        (one,) = json.loads(self("inspect", "beats"))
        (connected,) = one["NetworkSettings"]["Networks"].values()
        own = str(connected["IPAddress"])
        return {
            **self.from_outside(own, str(connected["GlobalIPv6Address"])),
            "container to container": self._inside(own, PUBLISHED),
            "container to its host": self._inside(self.machine.address, GUARDED),
            "container to its host's published port": self._inside(self.machine.address, PUBLISHED),
        }

    def _inside(self, address: str, port: int) -> bool:
        box = "/bin/busybox"
        return self.machine.succeeds(
            "docker", "exec", "other", box, "timeout", "2", box, "nc", address, str(port), "-e", "true"
        )
