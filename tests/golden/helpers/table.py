# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be reached, straight from the catalogue's YAML: plain loops that share no code with the planner. The demo
goes by it, too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from golden.helpers.book import Book, words
from golden.helpers.network import Node, Packet, Universe, contains, packets, span

Table = dict[tuple[str, str, str], set[Packet]]
"""(host, in or out, the other's address) to the packets that may pass there."""
Pairs = dict[tuple[str, str], set[Packet]]
"""(initiator, responder) to the packets that the catalogue has for the two."""
EVERYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Talk:
    """One flow between two nodes, with the ports of whoever decides."""

    flow: str
    initiator: Node
    responder: Node
    ports: tuple[tuple[str, tuple[str, ...]], ...]


def talks(book: Book, network: Iterable[Node], strict: bool) -> Iterator[Talk]:
    network = list(network)
    for name, flow in book.flows.items():
        for a in network:
            for b in network:
                if a is b or a.component not in flow["from"] or b.component not in flow["to"]:
                    continue
                if (
                    "platforms" in flow
                    and (a if flow["decided_by"] == "initiator" else b).platform not in flow["platforms"]
                ):
                    continue
                ports = figures(book, flow, a if flow["decided_by"] == "initiator" else b, strict)
                if ports:
                    yield Talk(name, a, b, tuple(ports.items()))


def kept_shut(book: Book, network: Iterable[Node], strict: bool) -> Iterator[tuple[Node, str, dict[str, Any]]]:
    """Ports that nobody should reach, at each node that has them."""
    for node in network:
        for name, flow in book.flows.items():
            if not flow["from"] and node.component in flow["to"]:
                ports = figures(book, flow, node, strict)
                if ports:
                    yield node, name, ports


def figures(book: Book, flow: dict[str, Any], decider: Node, strict: bool) -> dict[str, tuple[str, ...]]:
    """Protocol to ports, empty if the flow is off."""
    if not is_of_version(flow, decider) or ("feature" in flow and not decider.features[flow["feature"]]):
        return {}
    found = ports_of(book, flow, decider)
    if found is None:
        return {}
    result = {}
    for protocol in words(flow["protocol"]):
        left = found
        for doubt in flow.get("doubts", []) if strict else []:
            if doubt.get("protocol", protocol) == protocol:
                left = _without(left, doubt["ports"]) if "ports" in doubt else []
        if left:
            result[protocol] = tuple(left)
    return result


def is_of_version(flow: dict[str, Any], decider: Node) -> bool:
    return "versions" not in flow or decider.version in flow["versions"]


def ports_of(book: Book, flow: dict[str, Any], decider: Node) -> list[str] | None:
    """None if one of them is not known."""
    found: list[str] = []
    for port in flow["ports"]:
        if port in book.platform["tokens"]:
            found += book.platform["tokens"][port]["ports"]
        elif isinstance(port, int) or port[0].isdigit():
            found.append(str(port))
        else:
            own = _own_port(book, decider, port)
            if own is None:
                return None
            found += own
    return found


def _own_port(book: Book, decider: Node, port: str) -> list[str] | None:
    raw = book.components[decider.component]["ports"][port]
    if port in decider.ports:
        return [str(decider.ports[port])]
    if "next_to" in raw:
        below = _own_port(book, decider, raw["next_to"])
        return None if below is None else [str(int(below[0]) + 1)]
    if raw["default"] is None:
        return None
    return [str(one) for one in (raw["default"] if isinstance(raw["default"], list) else [raw["default"]])]


def _without(figures_: list[str], taken: Iterable[object]) -> list[str]:
    left = []
    gone = {port for one in taken for port in range(span(one)[0], span(one)[1] + 1)}
    for figure in figures_:
        low, high = span(figure)
        if not any(port in gone for port in range(low, high + 1)):
            left.append(figure)
        else:
            left += [str(port) for port in range(low, high + 1) if port not in gone]
    return left


def table(book: Book, network: tuple[Node, ...], tried: Universe, strict: bool) -> Table:
    found: Table = defaultdict(set)
    for view in views(book, network, tried, strict):
        for address in view.addresses:
            found[view.viewer.name, view.direction, address] |= view.packets
    return dict(found)


@dataclass(frozen=True, eq=False)
class View:
    """A talk as one of its ends sees it."""

    talk: Talk
    viewer: Node
    direction: str
    addresses: tuple[str, ...]
    packets: set[Packet]


def views(book: Book, network: tuple[Node, ...], tried: Universe, strict: bool) -> Iterator[View]:
    for talk in talks(book, network, strict):
        flow = book.flows[talk.flow]
        some = _packets(flow, talk, tried)
        a, b = talk.initiator, talk.responder
        for viewer, direction in ((a, "out"), (b, "in")):
            networks = reached(book, talk, viewer)
            addresses = (
                address
                for address in tried.addresses
                if address != viewer.address and any(contains(one, address) for one in networks)
            )
            yield View(talk, viewer, direction, tuple(addresses), some)


def pairs(book: Book, network: tuple[Node, ...], tried: Universe, strict: bool) -> Pairs:
    found: Pairs = defaultdict(set)
    for talk in talks(book, network, strict):
        flow = book.flows[talk.flow]
        if flow.get("reach") == "local_subnet" and talk.initiator.subnet != talk.responder.subnet:
            continue
        found[talk.initiator.name, talk.responder.name] |= _packets(flow, talk, tried)
    return dict(found)


def _packets(flow: dict[str, Any], talk: Talk, tried: Universe) -> set[Packet]:
    return {
        packet
        for protocol, ports in talk.ports
        for cast in words(flow.get("cast", "unicast"))
        for packet in packets(
            tried, protocol, cast, tuple(flow.get("group", [])), tuple(flow.get("source_ports", [])), ports
        )
    }


def reached(book: Book, talk: Talk, viewer: Node) -> tuple[str, ...]:
    """The networks that the viewer's rule for the other end covers."""
    reach = book.flows[talk.flow].get("reach", "peers")
    if reach == "any":
        return EVERYWHERE
    if reach == "local_subnet":
        return (f"{viewer.subnet}.0/24",)
    other = talk.initiator if viewer is talk.responder else talk.responder
    return (*other.known_as, *_tunnel(book, talk))


def _tunnel(book: Book, talk: Talk) -> tuple[str, ...]:
    """The networks of the responder's own tunnel, if the flow may run through it."""
    tunnel = book.components[talk.responder.component].get("tunnel")
    if not tunnel or talk.initiator.component not in tunnel["peers"] or talk.flow == tunnel["carried_by"]:
        return ()
    return tuple(tunnel["networks"])
