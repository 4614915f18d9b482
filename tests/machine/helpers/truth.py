# SPDX-License-Identifier: GPL-3.0-or-later
"""The truth table of a machine: who reaches which port, cell by cell, as packets say it."""

from __future__ import annotations

from collections.abc import Iterable

from lab import network
from lab.machine import Machine

GUARDED, FREE = 5044, 8080
"""A port that the plan guards, and one that it does not know."""
TUNNEL = network.Network("198.51.100", "2001:db8:51")
"""Inside a VXLAN tunnel between the outside and the machine."""
OUTSIDE = {
    "peer": (network.PEER, network.PEER6),
    "stranger": (network.STRANGER, network.STRANGER6),
    "controller": (network.CONTROLLER, network.CONTROLLER6),
}
_TUNNEL_END = 10
_VXLAN = 4789


def cells_of(*who: str, port: str = "guarded") -> set[str]:
    return {f"{one}, {family}: {port}" for one in who for family in ("IPv4", "IPv6")}


class Truth:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.ways: dict[str, network.Way] = {}
        self._ports = {GUARDED: "guarded", FREE: "free"}
        own = machine.address, machine.address6
        for who, sources in OUTSIDE.items():
            self.add(who, sources, own)
        self.add("neighbour", (machine.neighbour, machine.neighbour6), own)

    def add(self, who: str, sources: tuple[str, str], targets: tuple[str, str]) -> None:
        """Cells of somebody by IPv4 and IPv6, for each port."""
        for port, name in self._ports.items():
            for family, source, target in zip(("IPv4", "IPv6"), sources, targets, strict=True):
                self.ways[f"{who}, {family}: {name}"] = network.Way(source, target, port)

    def take_away(self, who: str) -> None:
        self.ways = {name: way for name, way in self.ways.items() if not name.startswith(f"{who}, ")}

    def add_port(self, port: int, name: str) -> None:
        """One more, for those outside."""
        self._ports[port] = name
        for who, sources in OUTSIDE.items():
            self.add(who, sources, (self._machine.address, self._machine.address6))

    def tunnel(self) -> dict[str, tuple[str, str]]:
        """Dig one, in which the peer and a stranger have addresses of their own; those."""
        machine = self._machine
        underlay = ("type", "vxlan", "id", "42", "dstport", str(_VXLAN), "dev")
        outer, inner = ("local", network.CONTROLLER), ("local", machine.address)
        machine.outside("ip", "link", "add", "tunnel", *underlay, "outside", *outer, "remote", inner[1], check=True)
        machine.run("ip", "link", "add", "tunnel", *underlay, "host0", *inner, "remote", outer[1])
        ends = {"peer in the tunnel": TUNNEL.pair(2), "stranger in the tunnel": TUNNEL.pair(3)}
        for address in (one for pair in ends.values() for one in pair):
            machine.outside(*_address(address, "tunnel"), check=True)
        for address in TUNNEL.pair(_TUNNEL_END):
            machine.run(*_address(address, "tunnel"))
        machine.outside("ip", "link", "set", "tunnel", "up", check=True)
        machine.run("ip", "link", "set", "tunnel", "up")
        for who, pair in ends.items():
            self.add(who, pair, TUNNEL.pair(_TUNNEL_END))
        return ends

    def cells(self) -> dict[str, bool]:
        """Each way by its name, and whether a connection comes about."""
        self._listen()
        reached = self._machine.laboratory.reached(self.ways.values())
        return {name: way in reached for name, way in self.ways.items()}

    def wanted(self, reached: Iterable[str]) -> dict[str, bool]:
        """What is to be found in posture guard, if these are the cells of guarded ports that are open."""
        let_in = set(reached)
        assert let_in <= set(self.ways), let_in - set(self.ways)
        return {name: way.port == FREE or name in let_in for name, way in self.ways.items()}

    def _listen(self) -> None:
        """A restart of the machine ends what listened."""
        heard = self._machine.run("ss", "-Hltn")
        missing = [port for port in self._ports if f":{port} " not in heard]
        if missing:
            self._machine.listen(*missing)


def _address(address: str, link: str) -> tuple[str, ...]:
    return ("ip", "address", "add", network.with_length(address), "dev", link)


def differs(found: dict[str, bool], wanted: dict[str, bool]) -> dict[str, bool]:
    """The cells that are not as they should be, with what they are."""
    return {name: reached for name, reached in found.items() if reached != wanted.get(name)}
