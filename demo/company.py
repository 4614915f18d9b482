# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is who, as a person would describe the company: nothing here is read from the inventory or from a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

WIRE = "wire"
"""The namespace that joins all others: the company's switches and its router."""

BREMEN, GRAZ, FIELD, VPN = "bremen", "graz", "field", "vpn"
BOTH = frozenset({BREMEN, GRAZ})


@dataclass(frozen=True)
class Subnet:
    """One switch; the router's addresses on it, if it has any."""

    name: str
    interface: str
    bits4: int = 24
    router: tuple[str, ...] = ()


SUBNETS = (
    Subnet(BREMEN, "eth0", router=("192.0.2.1", "2001:db8:b::1")),
    Subnet(GRAZ, "eth0", router=("198.51.100.1", "2001:db8:6::1")),
    Subnet(FIELD, "eth0", router=("203.0.113.1", "2001:db8:b:de::1", "2001:db8:e::1")),
    # The product's own tunnel: the packets inside of it, not those that carry it.
    Subnet(VPN, "vpn0"),
)


@dataclass(frozen=True)
class Machine:
    """A namespace. `plays` has the realms of each component; only `managed` ones get rules of nftables."""

    name: str
    subnet: str
    ip4: str
    ip6: str | None = None
    plays: Mapping[str, frozenset[str]] = field(default_factory=dict)
    managed: bool = False
    posture: str = "guard"
    outbound: str = "off"
    tunnel: str | None = None
    containers: str | None = None
    """First three numbers of the network behind docker0, where one container holds all published ports."""

    @property
    def container(self) -> str:
        return f"{self.name}-c1"

    @property
    def container_ip(self) -> str:
        return f"{self.containers}.2"

    @property
    def addresses(self) -> tuple[str, ...]:
        """Under which others know it."""
        return (self.ip4,) if self.ip6 is None else (self.ip4, self.ip6)


def _at(realm: str, *components: str) -> dict[str, frozenset[str]]:
    return {component: frozenset({realm}) for component in components}


MACHINES = (
    Machine(
        "siem-hb",
        BREMEN,
        "192.0.2.10",
        "2001:db8:b::10",
        {"utmstack_master": BOTH},
        managed=True,
        tunnel="10.21.199.1",
        containers="198.18.10",
    ),
    Machine(
        "probe-hb",
        BREMEN,
        "192.0.2.11",
        "2001:db8:b::11",
        _at(BREMEN, "utmstack_probe", "wallboard"),
        managed=True,
        outbound="guard",
        tunnel="10.21.199.2",
        containers="198.18.11",
    ),
    Machine(
        "probe-gr",
        GRAZ,
        "198.51.100.11",
        None,
        _at(GRAZ, "utmstack_probe"),
        managed=True,
        tunnel="10.21.199.3",
        containers="198.18.12",
    ),
    Machine(
        "web-hb-1",
        BREMEN,
        "192.0.2.21",
        "2001:db8:b::21",
        _at(BREMEN, "utmstack_agent", "wallboard_sender"),
        managed=True,
    ),
    Machine(
        "web-hb-2",
        BREMEN,
        "192.0.2.22",
        "2001:db8:b::22",
        _at(BREMEN, "utmstack_agent", "wallboard"),
        managed=True,
        posture="strict",
        outbound="strict",
    ),
    Machine("web-gr-1", GRAZ, "198.51.100.21", None, _at(GRAZ, "utmstack_agent"), managed=True, posture="strict"),
    Machine("beacon-gr", GRAZ, "198.51.100.35", None, _at(GRAZ, "stifler_beacon"), managed=True),
    # Windows: in the plan, and here only somebody who sends.
    Machine("desk-gr-1", GRAZ, "198.51.100.101", None, _at(GRAZ, "stifler_client")),
    # No hosts of Ansible's.
    Machine("device-hb", FIELD, "203.0.113.5", "2001:db8:b:de::5"),
    Machine("device-gr", FIELD, "203.0.113.70"),
    Machine("admin", BREMEN, "192.0.2.200", "2001:db8:b::200"),
    Machine("metrics", BREMEN, "192.0.2.70"),
    Machine("stranger", BREMEN, "192.0.2.250", "2001:db8:b::250"),
    Machine("stranger-far", FIELD, "203.0.113.200", "2001:db8:e::200"),
)

# Hosts of the inventory that have no namespace here and are somebody's peers all the same: none of them sends.
ABSENT = (
    Machine("desk-gr-2", GRAZ, "198.51.100.102", None, _at(GRAZ, "stifler_client")),
    Machine("desk-hb-1", BREMEN, "192.0.2.101", None, _at(BREMEN, "stifler_client")),
    Machine("desk-hb-2", BREMEN, "192.0.2.102", None, _at(BREMEN, "stifler_client")),
)


@dataclass(frozen=True)
class Party:
    """Addresses that play a component without being hosts of the inventory; no realms: in all of them."""

    component: str
    networks: tuple[str, ...]
    realms: frozenset[str] | None = None


PARTIES = (
    Party("utmstack_device", ("203.0.113.0/26", "2001:db8:b:de::/64"), frozenset({BREMEN})),
    Party("utmstack_device", ("203.0.113.64/26",), frozenset({GRAZ})),
    Party("utmstack_console", ("192.0.2.192/27",)),
    Party("utmstack_admin", ("192.0.2.200/32",)),
)

FEATURES: Mapping[str, frozenset[str]] = {
    "utmstack_master": frozenset({"ssh", "http_redirect", "autoupdate", "logan", "vpn_services", "close_internal"}),
    "utmstack_probe": frozenset({"autoupdate", "close_internal"}),
}
"""What is on beside the catalogue's defaults."""

DISABLED = frozenset({("siem-hb", "utmstack.log-http")})
"""Flows that a responder does not want."""


@dataclass(frozen=True)
class Extra:
    """What a component's hosts are to let in beside the port book; no networks: from anyone."""

    component: str
    ports: tuple[int, ...]
    networks: tuple[str, ...] | None


EXTRAS = (
    Extra("utmstack_agent", (80, 443), None),
    Extra("utmstack_agent", (9100,), ("192.0.2.70/32",)),
)

OTHER_PORTS = (22, 1193, 1195, 12345)
"""Ports of nobody's flows, tried as well."""

MANAGEMENT, MANAGEMENT_PORT = ("192.0.2.192/27",), 22
"""Where Ansible's connection comes from, as the hosts see it: the administrator's machine."""


def by_name() -> dict[str, Machine]:
    return {machine.name: machine for machine in MACHINES}


def docker_hosts() -> tuple[Machine, ...]:
    return tuple(machine for machine in MACHINES if machine.containers)
