# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packets are sent, and what is to become of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_interface

from . import company
from .company import Machine
from .expected import Truth

PROTOCOLS = ("tcp", "udp")


@dataclass(frozen=True, slots=True)
class Probe:
    """A packet from one namespace; `answers` are the places that should get it, `hears` all that could."""

    kind: str
    initiator: str
    responder: str
    source: str
    target: str
    protocol: str
    port: int
    answers: frozenset[str]
    hears: frozenset[str]
    cast: str = "unicast"

    @property
    def allowed(self) -> bool:
        return bool(self.answers)


@dataclass(frozen=True)
class _Sender:
    """Where packets come from: a machine, or its container, whose packets bear the machine's address outside."""

    place: str
    machine: Machine
    in_container: bool = False


def probes(truth: Truth) -> Iterator[Probe]:
    ports, published = truth.ports(), truth.published()
    senders = [_Sender(one.name, one) for one in company.MACHINES]
    senders += [_Sender(one.container, one, True) for one in company.docker_hosts()]
    for sender in senders:
        for machine in company.MACHINES:
            for kind, target, source, seen_as in _ways(sender, machine):
                for protocol in PROTOCOLS:
                    outer = published.get(machine.name, {}).get(protocol, {})
                    for port in ports:
                        yield _probe(truth, sender, machine, kind, (target, source, seen_as), protocol, port, outer)
    yield from _casts(truth)


def _ways(sender: _Sender, machine: Machine) -> Iterator[tuple[str, str, str, str]]:
    """Kind, target, source, and the source as the target's firewall sees it."""
    me = sender.machine
    if sender.in_container:
        own = me.container_ip
        if machine is me:
            yield "container to own host", machine.ip4, own, own
        elif me.managed or machine.managed:
            yield "container to others", machine.ip4, own, me.ip4
            if machine.tunnel and me.tunnel:
                yield "tunnel", machine.tunnel, own, me.tunnel
        return
    if machine is me:
        if me.managed:
            yield from (("own host", one, one, one) for one in (*me.addresses, *_loopback(me)))
        return
    if not (me.managed or machine.managed):
        return
    yield "host to host", machine.ip4, me.ip4, me.ip4
    if machine.ip6 and me.ip6:
        yield "host to host, IPv6", machine.ip6, me.ip6, me.ip6
    if machine.tunnel and me.tunnel:
        yield "tunnel", machine.tunnel, me.tunnel, me.tunnel
    if machine.containers:
        yield "container's own address", machine.container_ip, me.ip4, me.ip4


def _loopback(machine: Machine) -> tuple[str, ...]:
    return ("127.0.0.1", "::1") if machine.ip6 else ("127.0.0.1",)


def _probe(
    truth: Truth,
    sender: _Sender,
    machine: Machine,
    kind: str,
    way: tuple[str, str, str],
    protocol: str,
    port: int,
    published: dict[int, int],
) -> Probe:
    target, source, seen_as = way
    at_home = machine is sender.machine
    answers, place = True, machine.name
    if kind == "container's own address":
        place = machine.container
        answers = truth.lets_through(machine, seen_as, protocol, port)
    elif not at_home:
        answers = truth.lets_in(machine, seen_as, protocol, port)
        if port in published and ":" not in target:
            # IPv6 and neighbours on the machine itself are served by docker-proxy, a process of the host.
            place = machine.container
            kind = {"host to host": "published container ports"}.get(kind, kind)
    answers = answers and (at_home or truth.lets_out(sender.machine, target, protocol, port))
    return Probe(
        kind,
        sender.place,
        machine.name,
        source,
        target,
        protocol,
        port,
        frozenset({place}) if answers else frozenset(),
        frozenset({place}),
    )


def _casts(truth: Truth) -> Iterator[Probe]:
    """From every machine to all others of its subnet at once."""
    played = {component for machine in company.MACHINES if machine.managed for component in machine.plays}
    flows = [flow for flow in truth.book.flows.values() if played & set(flow["to"])]
    groups = {group for flow in flows for group in flow.get("group", ())}
    for me in company.MACHINES:
        near = [one for one in company.MACHINES if one.subnet == me.subnet and one is not me]
        ways = [("broadcast", "255.255.255.255"), ("broadcast", _broadcast(me))]
        ways += [("multicast", group) for group in sorted(groups) if ":" not in group or me.ip6]
        for cast, target in ways:
            for port in truth.ports():
                six = ":" in target
                hearers = [one for one in near if (one.ip6 or not six) and not _undecided(truth, one, me, port, cast)]
                source = (me.ip6 or "") if six else me.ip4
                if not truth.lets_out(me, target, "udp", port):
                    hearers_in: list[Machine] = []
                else:
                    hearers_in = [one for one in hearers if truth.lets_in(one, source, "udp", port, cast)]
                yield Probe(
                    cast,
                    me.name,
                    f"all of {me.subnet}",
                    source,
                    target,
                    "udp",
                    port,
                    frozenset(one.name for one in hearers_in),
                    frozenset(one.name for one in hearers),
                    cast,
                )


def _broadcast(machine: Machine) -> str:
    return str(ip_interface(f"{machine.ip4}/24").network.broadcast_address)


def _undecided(truth: Truth, hearer: Machine, me: Machine, port: int, cast: str) -> bool:
    """A peer of the port who calls to all where the flow speaks to one, or the other way round: no document says."""
    here = [one for one in truth.inbound.get(hearer.name, ()) if one.covers("udp", port)]
    peer = any(one.has(address) for one in here for address in me.addresses)
    return peer and not any(cast in one.casts and one.has(me.ip4) for one in here)
