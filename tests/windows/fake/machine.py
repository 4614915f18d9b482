# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A packet, and what of its machine the rules' words mean: interfaces, servers in use, ports of RPC."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

DOMAIN, PRIVATE, PUBLIC = 1, 2, 4
Direction = Literal["in", "out"]
Kind = Literal["Lan", "Wireless", "RemoteAccess"]
SVCHOST = "C:\\Windows\\system32\\svchost.exe"
SYSTEM = "System"
"""The kernel, as a program."""


@dataclass(frozen=True)
class Interface:
    name: str = "Ethernet"
    profile: int = PUBLIC
    """Of a network that was not identified: public."""
    kind: Kind = "Lan"
    addresses: tuple[str, ...] = ("192.0.2.10", "2001:db8::10")
    subnets: tuple[str, ...] = ("192.0.2.0/24", "2001:db8::/64")


@dataclass(frozen=True)
class Machine:
    interfaces: tuple[Interface, ...] = (Interface(),)
    dns: tuple[str, ...] = ("192.0.2.53",)
    dhcp: tuple[str, ...] = ("192.0.2.67",)
    wins: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ("192.0.2.1",)
    rpc_ports: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """What RPC servers have open, by the service's short name; '' for those that are no service."""
    rpc_mapper: bool = True
    iphttps: int | None = None
    """The port, where it is in use."""
    teredo: int | None = None
    isolation: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What Internet, Intranet ... mean, where network isolation says it."""
    environment: Mapping[str, str] | None = None
    """None for the store's."""

    def interface(self, name: str) -> Interface:
        return next(one for one in self.interfaces if one.name.lower() == name.lower())

    @property
    def current_profiles(self) -> int:
        bits = 0
        for interface in self.interfaces:
            bits |= interface.profile
        return bits


@dataclass(frozen=True)
class Packet:
    """Local and remote are of this machine, not source and destination."""

    direction: Direction = "in"
    protocol: int = 6
    remote: str = "198.51.100.7"
    local: str = "192.0.2.10"
    local_port: int = 0
    remote_port: int = 0
    interface: str = "Ethernet"
    program: str | None = "C:\\app.exe"
    """The path of the process that holds the socket; None where there is no socket."""
    service: str | None = None
    """The short name of the service that the process is."""
    icmp: tuple[int, int] = (0, 0)
    app: str | None = None
    """The SID of its package."""
    user: str | None = None
    via_edge: bool = False
    """It came through Teredo or the like."""
    edge_wanted: bool = False
    """The program asked for what comes through Teredo."""
    secured: bool = False
    """IPsec authenticated it."""
    flow: Packet | None = None
    """The packet that opened the flow to which this one belongs."""

    @property
    def opened_to_many(self) -> bool:
        """A multicast or broadcast."""
        remote = ipaddress.ip_address(self.remote)
        return remote.is_multicast or self.remote == "255.255.255.255"


@lru_cache(maxsize=200000)
def number(address: str) -> tuple[int, int]:
    """The version and the address as a number."""
    parsed = ipaddress.ip_address(address)
    return parsed.version, int(parsed)


@lru_cache(maxsize=200000)
def is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback
