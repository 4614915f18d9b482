# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network in which each component has a host, and the packets that tell one port book from another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any

from golden.helpers.book import Book

Packet = tuple[str, str, int, int]
"""Protocol, cast (of a multicast its group), source port, destination port."""

NEAR, FAR = "192.0.2", "198.51.100"
STRANGERS = ("192.0.2.250", "198.51.100.250", "203.0.113.77", "0.0.0.0")
"""Nobody's addresses: in the one subnet, in the other, in neither, and the one of who has none yet."""
OTHER_GROUP = "239.1.2.3"
MORE_PORTS = (1, 7, 22, 81, 3136, 12345, 65535)


@dataclass(frozen=True, eq=False)
class Node:
    """A host with one component and one address, in one of two subnets."""

    name: str
    component: str
    address: str
    platform: str
    party: bool
    version: str | None
    features: Mapping[str, bool]
    ports: Mapping[str, int] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    """Under which others know it; none: by its address."""

    @property
    def known_as(self) -> tuple[str, ...]:
        return self.networks or (self.address,)

    @property
    def subnet(self) -> str:
        return self.address.rpartition(".")[0]

    def near(self, address: str) -> bool:
        """Whether the address is in the node's own subnet."""
        return address.startswith(f"{self.subnet}.")


@dataclass(frozen=True, eq=False)
class Universe:
    """What is tried: few enough to be counted, with the neighbours of every port that stands in the catalogue."""

    addresses: tuple[str, ...]
    ports: tuple[int, ...]
    source_ports: tuple[int, ...]
    groups: tuple[str, ...]


def nodes(book: Book, features: str, version: str) -> tuple[Node, ...]:
    """One host a component; three of those that talk to themselves, the third in the other subnet."""
    found: list[Node] = []
    for component, raw in sorted(book.components.items()):
        itself = any(component in flow["from"] and component in flow["to"] for flow in book.flows.values())
        for number in range(3 if itself else 1):
            versions = raw.get("versions")
            found.append(
                Node(
                    name=f"{component}-{number + 1}",
                    component=component,
                    address=f"{FAR if number == 2 else NEAR}.{len(found) + 1}",
                    platform=raw.get("platforms", ["linux"])[0],
                    party=raw.get("party", False),
                    version=_version(versions, version) if versions else None,
                    features={name: _turned(one["default"], features) for name, one in raw.get("features", {}).items()},
                    ports={
                        name: 6514
                        for name, one in raw.get("ports", {}).items()
                        if features == "on" and one.get("default", 0) is None
                    },
                )
            )
    return tuple(found)


def _turned(default: bool, how: str) -> bool:
    return {"default": default, "on": True, "off": False, "opposite": not default}[how]


def _version(versions: Mapping[str, Any], which: str) -> str:
    known = versions["known"]
    second = known[min(1, len(known) - 1)]
    return str({"default": versions["default"], "oldest": known[0], "second": second, "newest": known[-1]}[which])


def universe(book: Book, network: Iterable[Node]) -> Universe:
    figures: list[object] = [*MORE_PORTS, *(port for node in network for port in node.ports.values())]
    sources: list[object] = [50000]
    groups = {OTHER_GROUP}
    for token in book.platform["tokens"].values():
        figures += token["ports"]
    for raw in book.components.values():
        for port in raw.get("ports", {}).values():
            default = port.get("default")
            figures += default if isinstance(default, list) else [default] if default is not None else []
    for flow in book.flows.values():
        figures += [port for port in flow["ports"] if isinstance(port, int) or port[0].isdigit()]
        sources += flow.get("source_ports", [])
        groups |= set(flow.get("group", []))
    tunnels = [raw["tunnel"]["networks"] for raw in book.components.values() if "tunnel" in raw]
    around = {
        str(address)
        for networks in tunnels
        for one in map(ip_network, networks)
        for address in (one[0] - 1, one[0], one[9], one[-1], one[-1] + 1)
    }
    addresses = [*(node.address for node in network), *STRANGERS, *sorted(around)]
    return Universe(tuple(addresses), _edges(figures), _edges(sources), tuple(sorted(groups)))


def span(figure: object) -> tuple[int, int]:
    low, _dash, high = str(figure).partition("-")
    return int(low), int(high or low)


def within(port: int, figures: Iterable[object]) -> bool:
    return any(low <= port <= high for low, high in map(span, figures))


def _edges(figures: Iterable[object]) -> tuple[int, ...]:
    found = {edge + step for figure in figures for edge in span(figure) for step in (-1, 0, 1)}
    return tuple(sorted(port for port in found if 1 <= port <= 65535))


@cache
def contains(network: str, address: str) -> bool:
    return ip_address(address) in ip_network(network)


@cache
def packets(
    tried: Universe,
    protocol: str,
    cast: str,
    groups: tuple[str, ...],
    sources: tuple[object, ...],
    ports: tuple[object, ...],
) -> frozenset[Packet]:
    """All tried packets that fit; no sources: from any port."""
    casts = groups if cast == "multicast" else (cast,)
    source_ports = [port for port in tried.source_ports if not sources or within(port, sources)]
    target_ports = [port for port in tried.ports if within(port, ports)]
    return frozenset((protocol, one, source, port) for one in casts for source in source_ports for port in target_ports)
