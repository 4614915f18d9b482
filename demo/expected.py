# SPDX-License-Identifier: GPL-3.0-or-later
"""What should pass, from the catalogue's YAML and the company's description: a way of its own, beside the planner's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

import yaml

from . import company
from .company import Machine

Network = IPv4Network | IPv6Network
Span = tuple[int, int]
_WIDEST_GUARD = 64
_WEB = {80, 443}


@dataclass(frozen=True)
class Book:
    """The catalogue as plain data."""

    components: dict[str, Any]
    flows: dict[str, Any]
    shared: dict[str, list[Span]]


def read(folders: Iterable[Path]) -> Book:
    components: dict[str, Any] = {}
    flows: dict[str, Any] = {}
    shared: dict[str, list[Span]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yml")):
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
            components |= data.get("components", {})
            flows |= data.get("flows", {})
            for protocol, figures in data.get("shared_ports", {}).items():
                shared[protocol] = [span(one) for one in figures]
    return Book(components, flows, shared)


def words(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def span(figure: object) -> Span:
    low, _dash, high = str(figure).partition("-")
    return int(low), int(high or low)


@dataclass(frozen=True)
class Permit:
    """One flow as one host sees it; `networks` are those of the other end, None: anybody."""

    flow: str
    protocols: tuple[str, ...]
    spans: tuple[Span, ...]
    casts: tuple[str, ...]
    networks: tuple[Network, ...] | None
    guarded: bool
    inner: tuple[Span, ...] = ()

    def covers(self, protocol: str, port: int) -> bool:
        return protocol in self.protocols and _within(port, self.spans)

    def has(self, address: str) -> bool:
        if self.networks is None:
            return True
        one = ip_address(address)
        return any(one in network for network in self.networks if network.version == one.version)


def _within(port: int, spans: Iterable[Span]) -> bool:
    return any(low <= port <= high for low, high in spans)


class Truth:
    def __init__(self, book: Book) -> None:
        self.book = book

    # -- what each machine permits ------------------------------------------------------------------

    @cached_property
    def inbound(self) -> dict[str, list[Permit]]:
        return {one.name: [*self._permits_in(one), *_extras(one)] for one in company.MACHINES if one.managed}

    @cached_property
    def outbound(self) -> dict[str, list[Permit]]:
        return {one.name: list(self._permits_out(one)) for one in company.MACHINES if one.managed}

    def _permits_in(self, machine: Machine) -> Iterator[Permit]:
        for name, flow in self.book.flows.items():
            for own in machine.plays:
                if own not in flow["to"] or (machine.name, name) in company.DISABLED:
                    continue
                if not flow["from"] and self._is_on(flow, own):
                    yield self._permit(name, own, (), self._guards(flow, own), flow)
                for other in flow["from"]:
                    decider = own if flow["decided_by"] == "responder" else other
                    networks = self._peers(other, machine.plays[own])
                    if networks and self._is_on(flow, decider):
                        networks += self._tunnel(name, responder=own, initiator=other)
                        reach = flow.get("reach", "peers")
                        if reach == "local_subnet":
                            networks = [ip_network(f"{machine.ip4}/24", strict=False)]
                        yield self._permit(
                            name, decider, None if reach == "any" else networks, self._guards(flow, decider), flow
                        )

    def _permits_out(self, machine: Machine) -> Iterator[Permit]:
        if machine.outbound == "off":
            return
        for name, flow in self.book.flows.items():
            for own in machine.plays:
                for other in flow["to"] if own in flow["from"] else ():
                    decider = own if flow["decided_by"] == "initiator" else other
                    networks = self._peers(other, machine.plays[own], name)
                    if networks and self._is_on(flow, decider):
                        networks += self._tunnel(name, responder=other, initiator=own)
                        guards = self._guards(flow, decider) and flow.get("origin", "document") == "document"
                        yield self._permit(name, decider, networks, guards, flow)

    def _permit(
        self, name: str, decider: str, networks: Iterable[Network] | None, guards: bool, flow: dict[str, Any]
    ) -> Permit:
        spans = self._spans(flow, decider)
        behind = flow.get("listener", "native").startswith("docker")
        return Permit(
            name,
            tuple(words(flow["protocol"])),
            spans,
            tuple(words(flow.get("cast", "unicast"))),
            None if networks is None else tuple(networks),
            guards,
            tuple(map(span, flow["container_ports"])) if "container_ports" in flow else spans if behind else (),
        )

    def _is_on(self, flow: dict[str, Any], decider: str) -> bool:
        if not self._is_of_version(flow, decider):
            return False
        component, feature = self.book.components[decider], flow.get("feature")
        return (
            feature is None
            or feature in company.FEATURES.get(decider, ())
            or bool(component["features"][feature]["default"])
        )

    def _is_of_version(self, flow: dict[str, Any], decider: str) -> bool:
        return "versions" not in flow or self.book.components[decider]["versions"]["default"] in flow["versions"]

    def _spans(self, flow: dict[str, Any], decider: str) -> tuple[Span, ...]:
        found = []
        for port in flow["ports"]:
            named = isinstance(port, str) and not port[0].isdigit()
            figures = self.book.components[decider]["ports"][port]["default"] if named else port
            found += [span(one) for one in (figures if isinstance(figures, list) else [figures])]
        return tuple(found)

    def _guards(self, flow: dict[str, Any], decider: str) -> bool:
        """Only what is the product's own, and no port that others serve on too."""
        spans = self._spans(flow, decider)
        if not flow["exclusive"] or sum(high - low + 1 for low, high in spans) > _WIDEST_GUARD:
            return False
        ports = {port for low, high in spans for port in range(low, high + 1)} - _WEB
        return not any(
            _within(port, self.book.shared.get(protocol, ())) for port in ports for protocol in words(flow["protocol"])
        )

    @staticmethod
    def _peers(component: str, realms: frozenset[str], flow: str = "") -> list[Network]:
        """Of hosts and parties that share a realm; `flow`: without those that do not want to be reached by it."""
        found: list[Network] = []
        for one in (*company.MACHINES, *company.ABSENT):
            if one.plays.get(component, frozenset()) & realms and (one.name, flow) not in company.DISABLED:
                found += [ip_network(address) for address in one.addresses]
        for party in company.PARTIES:
            if party.component == component and (party.realms is None or party.realms & realms):
                found += [ip_network(network) for network in party.networks]
        return found

    def _tunnel(self, flow: str, responder: str, initiator: str) -> list[Network]:
        tunnel = self.book.components[responder].get("tunnel")
        if tunnel is None or initiator not in tunnel["peers"] or flow == tunnel["carried_by"]:
            return []
        return [ip_network(network) for network in tunnel["networks"]]

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
        played = {component for machine in company.MACHINES if machine.managed for component in machine.plays}
        found = {*company.OTHER_PORTS, *(port for extra in company.EXTRAS for port in extra.ports)}
        for flow in self.book.flows.values():
            for component in played & set(flow["to"]):
                if not self._is_of_version(flow, component):
                    continue
                for low, high in (*self._spans(flow, component), *map(span, flow.get("container_ports", ()))):
                    found |= {low, high} if low == high else {low - 1, *range(low, high + 1), high + 1}
        return sorted(found)

    def published(self) -> dict[str, dict[str, dict[int, int]]]:
        """Of each Docker host: protocol, published port, container's port."""
        result: dict[str, dict[str, dict[int, int]]] = {}
        for machine in company.docker_hosts():
            table = result.setdefault(machine.name, {})
            for flow in self.book.flows.values():
                for component in set(flow["to"]) & set(machine.plays):
                    if flow.get("listener", "native").startswith("docker"):
                        for protocol in words(flow["protocol"]):
                            table.setdefault(protocol, {}).update(self._translated(flow, component))
        return result

    def _translated(self, flow: dict[str, Any], component: str) -> dict[int, int]:
        """A container's port that is published under its own number stays; the other one is left for the rest."""
        inner = [low for low, _high in map(span, flow.get("container_ports", ()))]
        outer = [port for low, high in self._spans(flow, component) for port in range(low, high + 1)]
        moved = [port for port in inner if port not in outer]
        return {port: port if not inner or port in inner else moved[0] for port in outer}


def _extras(machine: Machine) -> Iterator[Permit]:
    for extra in company.EXTRAS:
        if extra.component in machine.plays:
            networks = None if extra.networks is None else tuple(map(ip_network, extra.networks))
            spans = tuple((port, port) for port in extra.ports)
            yield Permit("portbook_allow", ("tcp",), spans, ("unicast",), networks, False)


def _manages(source: str) -> bool:
    one = ip_address(source)
    return any(
        one in ip_network(network) for network in company.MANAGEMENT if one.version == ip_network(network).version
    )
