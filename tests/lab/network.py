# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything in a lab lies: one network outside, one for each machine, and a router between them.

outside (192.0.2.0/24, 2001:db8:2::/64): the controller, a peer, a stranger
   |
router: also the neighbour in the network of each machine
   |--- the first machine  (198.18.1.0/24, 2001:db8:18:1::/64)
   `--- the second machine (198.18.2.0/24, 2001:db8:18:2::/64)
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import NamedTuple

ROUTER = "router"
# Nobody else has an address of IPv6 that is added, so nothing has to wait until that is known.
_AT_ONCE = "sysctl --quiet --write net.ipv6.conf.default.accept_dad=0"
_MACHINE, _NEIGHBOUR, _ROUTER = 10, 20, 254


class Way(NamedTuple):
    """One that a connection may take; of a machine's neighbour from the router, of everybody else from outside."""

    source: str
    target: str
    port: int


@dataclass(frozen=True)
class Network:
    v4: str
    """The first three numbers."""
    v6: str
    """The first 64 bits."""

    def pair(self, host: int) -> tuple[str, str]:
        return f"{self.v4}.{host}", f"{self.v6}::{host}"


OUTSIDE = Network("192.0.2", "2001:db8:2")
(CONTROLLER, CONTROLLER6), (PEER, PEER6), (STRANGER, STRANGER6) = (OUTSIDE.pair(number) for number in (1, 2, 3))
HOSTS_OUTSIDE = (CONTROLLER, PEER, STRANGER, CONTROLLER6, PEER6, STRANGER6)


def network_of(number: int) -> Network:
    """Machines are counted from 1."""
    return Network(f"198.18.{number}", f"2001:db8:18:{number}")


def of_machine(number: int) -> tuple[str, str]:
    return network_of(number).pair(_MACHINE)


def neighbour_of(number: int) -> tuple[str, str]:
    """In the machine's own network, so that nothing routes between the two."""
    return network_of(number).pair(_NEIGHBOUR)


def is_v6(address: str) -> bool:
    return ipaddress.ip_address(address).version == 6


def with_length(address: str) -> str:
    return f"{address}/{64 if is_v6(address) else 24}"


def commands(machines: list[str]) -> list[list[str]]:
    """What builds it all in a network that has nothing yet, which becomes the one outside."""
    lines = [_AT_ONCE, "ip link set lo up", *_place(ROUTER)]
    lines.append(f"ip link add outside type veth peer name outside netns {ROUTER}")
    lines += [_address(one, "outside") for one in HOSTS_OUTSIDE]
    lines += [_address(one, "outside", ROUTER) for one in OUTSIDE.pair(_ROUTER)]
    lines += ["ip link set outside up", f"ip -n {ROUTER} link set outside up", *_default(OUTSIDE)]
    for number, name in enumerate(machines, 1):
        network, link = network_of(number), f"machine{number}"
        lines += _place(name)
        lines.append(f"ip link add {link} netns {ROUTER} type veth peer name host0 netns {name}")
        lines += [_address(one, "host0", name) for one in network.pair(_MACHINE)]
        lines += [_address(one, link, ROUTER) for host in (_NEIGHBOUR, _ROUTER) for one in network.pair(host)]
        lines += [f"ip -n {name} link set host0 up", f"ip -n {ROUTER} link set {link} up", *_default(network, name)]
    forward = ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    lines.append(f"ip netns exec {ROUTER} sysctl --quiet --write {' '.join(forward)}")
    return [line.split() for line in lines]


def _place(name: str) -> list[str]:
    return [f"ip netns add {name}", f"ip netns exec {name} {_AT_ONCE}", f"ip -n {name} link set lo up"]


def _address(address: str, link: str, place: str = "") -> str:
    return f"ip {f'-n {place} ' if place else ''}address add {with_length(address)} dev {link}"


def _default(network: Network, place: str = "") -> list[str]:
    inside = f"-n {place} " if place else ""
    return [f"ip {inside}route add default via {router}" for router in network.pair(_ROUTER)]
