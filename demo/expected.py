# SPDX-License-Identifier: GPL-3.0-or-later
"""What should pass, from the golden tests' own reading of the catalogue and the company's description: no planner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from golden.helpers import table
from golden.helpers.book import Book, words
from golden.helpers.network import Node, contains, span
from golden.helpers.table import EVERYWHERE, Talk

from . import company
from .company import Machine

Span = tuple[int, int]
_WIDEST_GUARD = 64
_WEB = {80, 443}


@dataclass(frozen=True)
class Permit:
    """One talk as one host sees it; `networks` are those of the other end."""

    flow: str
    protocols: tuple[str, ...]
    spans: tuple[Span, ...]
    casts: tuple[str, ...]
    networks: tuple[str, ...]
    guarded: bool
    inner: tuple[Span, ...] = ()

    def covers(self, protocol: str, port: int) -> bool:
        return protocol in self.protocols and _within(port, self.spans)

    def has(self, address: str) -> bool:
        return any(contains(network, address) for network in self.networks)


def _within(port: int, spans: Iterable[Span]) -> bool:
    return any(low <= port <= high for low, high in spans)


@dataclass(frozen=True)
class _Part:
    """What a machine or a party plays; no realms: in all of them."""

    node: Node
    realms: frozenset[str] | None

    def meets(self, other: _Part) -> bool:
        return self.realms is None or other.realms is None or bool(self.realms & other.realms)


class Truth:
    def __init__(self, book: Book) -> None:
        self.book = book

    # -- what each machine permits ------------------------------------------------------------------

    @cached_property
    def inbound(self) -> dict[str, list[Permit]]:
        found = {one.name: list(_extras(one)) for one in company.MACHINES if one.managed}
        for node, name, ports in table.kept_shut(self.book, self._nodes, strict=False):
            if node.name in found and (node.name, name) not in company.DISABLED:
                found[node.name].append(self.permit(name, ports, ()))
        for talk in self._talks:
            if talk.responder.name in found:
                networks = table.reached(self.book, talk, talk.responder)
                found[talk.responder.name].append(self.permit(talk.flow, dict(talk.ports), networks))
        return found

    @cached_property
    def outbound(self) -> dict[str, list[Permit]]:
        found: dict[str, list[Permit]] = {one.name: [] for one in company.MACHINES if one.managed}
        for talk in self._talks:
            if talk.initiator.name in found:
                networks = table.reached(self.book, talk, talk.initiator)
                asked = self.book.flows[talk.flow].get("origin", "document") == "document"
                found[talk.initiator.name].append(self.permit(talk.flow, dict(talk.ports), networks, asked))
        return found

    @cached_property
    def _parts(self) -> tuple[_Part, ...]:
        return (
            *(
                _Part(self._node(component, one.name, one.ip4, one.addresses, one.managed), realms)
                for one in (*company.MACHINES, *company.ABSENT)
                for component, realms in one.plays.items()
            ),
            *(_Part(self._node(one.component, "", "", one.networks), one.realms) for one in company.PARTIES),
        )

    @property
    def _nodes(self) -> list[Node]:
        return [part.node for part in self._parts]

    @cached_property
    def _talks(self) -> list[Talk]:
        """Of those who share a realm, without what a responder does not want."""
        parts = {part.node: part for part in self._parts}
        return [
            talk
            for talk in table.talks(self.book, self._nodes, strict=False)
            if parts[talk.initiator].meets(parts[talk.responder])
            and (talk.responder.name, talk.flow) not in company.DISABLED
        ]

    def _node(self, component: str, name: str, address: str, networks: tuple[str, ...], on_linux: bool = False) -> Node:
        raw = self.book.components[component]
        return Node(
            name,
            component,
            address,
            "linux" if on_linux else raw.get("platforms", ["linux"])[0],
            raw.get("party", False),
            raw.get("versions", {}).get("default"),
            {
                feature: feature in company.FEATURES.get(component, ()) or bool(one["default"])
                for feature, one in raw.get("features", {}).items()
            },
            networks=networks,
        )

    def permit(
        self, name: str, ports: dict[str, tuple[str, ...]], networks: tuple[str, ...], may_guard: bool = True
    ) -> Permit:
        flow = self.book.flows[name]
        spans = tuple(map(span, next(iter(ports.values()))))
        behind = flow.get("listener", "native").startswith("docker")
        return Permit(
            name,
            tuple(ports),
            spans,
            tuple(words(flow.get("cast", "unicast"))),
            networks,
            may_guard and self._guards(flow, spans),
            tuple(map(span, flow["container_ports"])) if "container_ports" in flow else spans if behind else (),
        )

    def _guards(self, flow: dict[str, Any], spans: tuple[Span, ...]) -> bool:
        """Only what is the product's own, and no port that others serve on too."""
        if not flow["exclusive"] or sum(high - low + 1 for low, high in spans) > _WIDEST_GUARD:
            return False
        shared = self.book.platform["shared_ports"]
        ports = {port for low, high in spans for port in range(low, high + 1)} - _WEB
        return not any(
            _within(port, map(span, shared.get(protocol, ()))) for port in ports for protocol in words(flow["protocol"])
        )

    # -- what becomes of a packet -------------------------------------------------------------------

    def lets_in(self, machine: Machine, source: str, protocol: str, port: int, cast: str = "unicast") -> bool:
        if not machine.managed:
            return True
        here = [one for one in self.inbound[machine.name] if one.covers(protocol, port)]
        if any(cast in one.casts and one.has(source) for one in here):
            return True
        if machine.posture == "strict":
            return cast == "unicast" and protocol == "tcp" and port == company.MANAGEMENT_PORT and _manages(source)
        return not any(one.guarded for one in here)

    def lets_out(self, machine: Machine, target: str, protocol: str, port: int) -> bool:
        if not machine.managed or machine.outbound == "off":
            return True
        here = [one for one in self.outbound[machine.name] if one.covers(protocol, port)]
        if any(one.has(target) for one in here):
            return True
        return machine.outbound == "guard" and not any(one.guarded for one in here)

    def lets_through(self, machine: Machine, source: str, protocol: str, port: int) -> bool:
        """To a container's own address, past the published port."""
        here = [
            one
            for one in self.inbound[machine.name]
            if one.guarded and protocol in one.protocols and _within(port, one.inner)
        ]
        return not here or any(one.has(source) for one in here)

    # -- what there is to try -----------------------------------------------------------------------

    def ports(self) -> list[int]:
        """Of every flow that a machine of the company may ever see, with the neighbours of ranges, and a few more."""
        managed = [one.name for one in company.MACHINES if one.managed]
        found = {*company.OTHER_PORTS, *(port for extra in company.EXTRAS for port in extra.ports)}
        for node in self._nodes:
            for flow in self.book.flows.values():
                if node.name in managed and node.component in flow["to"] and table.is_of_version(flow, node):
                    for low, high in (*self._spans(flow, node), *map(span, flow.get("container_ports", ()))):
                        found |= {low, high} if low == high else {low - 1, *range(low, high + 1), high + 1}
        return sorted(found)

    def _spans(self, flow: dict[str, Any], decider: Node) -> list[Span]:
        return list(map(span, table.ports_of(self.book, flow, decider) or ()))

    def published(self) -> dict[str, dict[str, dict[int, int]]]:
        """Of each Docker host: protocol, published port, container's port."""
        result: dict[str, dict[str, dict[int, int]]] = {one.name: {} for one in company.docker_hosts()}
        for node in self._nodes:
            for flow in self.book.flows.values():
                docker = flow.get("listener", "native").startswith("docker")
                if docker and node.name in result and node.component in flow["to"]:
                    for protocol in words(flow["protocol"]):
                        result[node.name].setdefault(protocol, {}).update(self._translated(flow, node))
        return result

    def _translated(self, flow: dict[str, Any], node: Node) -> dict[int, int]:
        """A container's port that is published under its own number stays; the other one is left for the rest."""
        inner = [low for low, _high in map(span, flow.get("container_ports", ()))]
        outer = [port for low, high in self._spans(flow, node) for port in range(low, high + 1)]
        moved = [port for port in inner if port not in outer]
        return {port: port if not inner or port in inner else moved[0] for port in outer}


def _extras(machine: Machine) -> Iterator[Permit]:
    for extra in company.EXTRAS:
        if extra.component in machine.plays:
            spans = tuple((port, port) for port in extra.ports)
            yield Permit("portbook_allow", ("tcp",), spans, ("unicast",), extra.networks or EVERYWHERE, False)


def _manages(source: str) -> bool:
    return any(contains(network, source) for network in company.MANAGEMENT)
