# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host, its neighbours on one wire and containers behind its bridge, all of them namespaces of this test."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

from kernel.helpers.commands import run
from kernel.helpers.namespaces import Namespace, sysctl
from kernel.helpers.processes import until

PASSES, REFUSED, SILENCE = "passes", "refused", "silence"
# How long silence lasts, and how long something may take that has to come.
_WAIT, _SURELY = 0.25, 1.5

HOST, PEER, STRANGER = ("192.0.2.1", "2001:db8::1"), ("192.0.2.10", "2001:db8::10"), ("192.0.2.20", "2001:db8::20")
BROADCAST, GROUP = "192.0.2.255", "239.255.255.250"
CONTAINER, SECOND = "198.51.100.2", "198.51.100.3"
LAN = "203.0.113"
_V4, _V6 = "24", "64"


@dataclass
class Wire:
    """Namespaces on one bridge in a namespace of its own."""

    host: Namespace
    peer: Namespace
    stranger: Namespace
    _others: list[Namespace] = field(default_factory=list)

    @staticmethod
    def make() -> Wire:
        switch = Namespace()
        wire = Wire(Namespace(), Namespace(), Namespace(), [switch])
        with switch.inside():
            run("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
            run("ip", "link", "set", "br0", "up")
            for number, place in enumerate((wire.host, wire.peer, wire.stranger)):
                run("ip", "link", "add", f"p{number}", "type", "veth", "peer", "name", "eth0", "netns", place.path)
                run("ip", "link", "set", f"p{number}", "master", "br0", "up")
        for place, addresses in ((wire.host, HOST), (wire.peer, PEER), (wire.stranger, STRANGER)):
            with place.inside():
                _up("eth0", *(f"{one}/{_V6 if ':' in one else _V4}" for one in addresses))
                run("ip", "route", "add", "224.0.0.0/4", "dev", "eth0")
        for address in (*PEER, *STRANGER):
            _reaches(wire.host, address)
        return wire

    def container(self, address: str, name: str, bridge: str = "docker0") -> Namespace:
        """Behind a bridge of the host."""
        gateway = address.rpartition(".")[0] + ".1"
        self.bridge(bridge, f"{gateway}/24")
        inside = self._behind(bridge, name)
        with inside.inside():
            _up("eth0", f"{address}/24")
            run("ip", "route", "add", "default", "via", gateway)
        _reaches(self.host, address)
        return inside

    def bridge(self, name: str, address: str) -> None:
        """Of the host, where it is not there yet."""
        with self.host.inside():
            sysctl("net/ipv4/ip_forward", "1")
            # As Docker has it: what crosses a bridge goes through the host's rules.
            sysctl("net/bridge/bridge-nf-call-iptables", "1")
            if name not in run("ip", "-br", "link").split():
                run("ip", "link", "add", name, "type", "bridge", "forward_delay", "0")
                _up(name, address)

    def lan(self, bridge: str) -> None:
        """A network of the administrator's: the bridge leads to where the stranger is, too."""
        self.bridge(bridge, f"{LAN}.1/24")
        for place, other in ((self.host, STRANGER[0]), (self.stranger, HOST[0])):
            with place.inside():
                # A veth would be the end of a container.
                how = ("id", "7", "dstport", "4789", "remote", other, "dev", "eth0")
                run("ip", "link", "add", "lan0", "type", "vxlan", *how)
        with self.host.inside():
            run("ip", "link", "set", "lan0", "master", bridge, "up")
        with self.stranger.inside():
            _up("lan0", f"{LAN}.20/24")
        _reaches(self.host, f"{LAN}.20")

    def _behind(self, bridge: str, name: str) -> Namespace:
        inside = Namespace()
        self._others.append(inside)
        with self.host.inside():
            run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", inside.path)
            run("ip", "link", "set", name, "master", bridge, "up")
        return inside

    def close(self) -> None:
        for one in (self.host, self.peer, self.stranger, *self._others):
            one.close()


def _reaches(place: Namespace, address: str) -> None:
    """A link takes its time to come up, and loses what is sent before."""
    assert until(lambda: ping(place, address, 0.05), _SURELY), address


def _up(name: str, *addresses: str) -> None:
    run("ip", "link", "set", name, "up")
    for address in addresses:
        run("ip", "address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@contextlib.contextmanager
def listening(place: Namespace, address: str, port: int, kind: int = socket.SOCK_STREAM) -> Iterator[socket.socket]:
    with place.inside():
        server = socket.socket(_family(address), kind)
    with server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        if kind == socket.SOCK_STREAM:
            server.listen()
        server.settimeout(_WAIT)
        yield server


@contextlib.contextmanager
def connected(
    place: Namespace, address: str, port: int, source: int = 0, wait: float = _SURELY
) -> Iterator[socket.socket]:
    with place.inside():
        client = socket.socket(_family(address))
    with client:
        client.settimeout(wait)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if source:
            client.bind(("", source))
        client.connect((address, port))
        yield client


def connects(place: Namespace, address: str, port: int, source: int = 0) -> str:
    """Whether TCP comes through to a server that listens there."""
    try:
        with connected(place, address, port, source, _WAIT):
            return PASSES
    except TimeoutError:
        return SILENCE
    except OSError:
        return REFUSED


def tcp(place: Namespace, to: Namespace, address: str, port: int, source: int = 0) -> str:
    with listening(to, "::" if ":" in address else "0.0.0.0", port):
        return connects(place, address, port, source)


def udp(
    place: Namespace,
    to: Namespace,
    address: str,
    port: int,
    *,
    source: tuple[str, int] | None = None,
    listen: str = "",
) -> str:
    with listening(to, listen or ("::" if ":" in address else "0.0.0.0"), port, socket.SOCK_DGRAM) as server:
        if address == GROUP:
            member = socket.inet_aton(GROUP) + socket.inet_aton(HOST[0])
            server.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        return sends(place, server, address, port, source)


def sends(
    place: Namespace, server: socket.socket, address: str, port: int, source: tuple[str, int] | None = None
) -> str:
    with place.inside():
        client = socket.socket(_family(address), socket.SOCK_DGRAM)
    with client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.settimeout(_WAIT)
        if source:
            client.bind(source)
        try:
            # Connected, so that it hears of errors.
            client.connect((address, port))
            client.send(b"x")
            server.recv(1)
        except TimeoutError:
            return _told(client)
        except OSError:
            return REFUSED
        return PASSES


def _told(client: socket.socket) -> str:
    """Whether an ICMP error came back."""
    client.settimeout(0.01)
    try:
        client.recv(1)
    except TimeoutError:
        return SILENCE
    except OSError:
        return REFUSED
    return SILENCE


def delivers(sender: socket.socket, receiver: socket.socket) -> bool:
    """Over an open connection."""
    sender.send(b"x")
    receiver.settimeout(_WAIT)
    try:
        return receiver.recv(1) == b"x"
    except TimeoutError:
        return False


def ping(place: Namespace, address: str, wait: float = _WAIT) -> bool:
    """By hand: the program may be missing, and ICMP sockets may not be permitted."""
    six = ":" in address
    with place.inside():
        sender = socket.socket(_family(address), socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
    with sender:
        sender.settimeout(wait)
        request = bytes([128 if six else 8, 0, 0, 0, 0, 1, 0, 1])
        try:
            sender.sendto(request if six else _summed(request), (address, 0))
            for _one in range(8):
                answer, (came_from, *_more) = sender.recvfrom(256)
                if came_from == address and (answer[0] if six else answer[20]) == (129 if six else 0):
                    return True
        except OSError:
            pass
    return False


def _summed(packet: bytes) -> bytes:
    total = sum(int.from_bytes(packet[at : at + 2], "big") for at in range(0, len(packet), 2))
    total = (total & 0xFFFF) + (total >> 16)
    return packet[:2] + (~total & 0xFFFF).to_bytes(2, "big") + packet[4:]
