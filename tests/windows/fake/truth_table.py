# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalogue lets pass at a Windows host, from its rows alone, and what the model of Windows makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

from golden.helpers.book import words
from golden.helpers.network import MORE_PORTS, Node, within
from golden.helpers.table import View, views
from golden.test_truth_table import Scenario, Trial, planned, trial
from windows.fake.bringing import CONTROLLER, WINRM, Site, site
from windows.fake.machine import SVCHOST, Direction, Interface, Machine, Packet
from windows.fake.store import Store

DEVIATIONS: Mapping[str, str] = {
    "cast": "Of what comes in, Windows' rules name the remote address only: a port is open for unicast, broadcast and "
    "multicast alike. Going out, each has an address of its own; but a group of IPv6 is none that Windows takes.",
    "unset": "Who broadcasts may have no address yet, and no guard ever refuses 0.0.0.0.",
    "near": "What is sent to all or to a group passes where the local subnet may be reached, so that may be too.",
    "source": "A guard spares a peer whatever its own port.",
    "subnet": "Who is in the local subnet only Windows knows: such a port has no guard, which is reported.",
    "policy": "Permissions of a group policy are not ours to take away.",
}
"""Where a Windows host lets more pass than the table says, and why. Nothing else is loosened."""

UNSET, STRANGER6 = "0.0.0.0", "2001:db8:ffff::9"
NUMBERS = {"tcp": 6, "udp": 17}
Process = tuple[str | None, str | None]
"""Service and program; None in a rule for any, in a packet for a program that is no service."""
OTHER: Process = (None, "C:\\other.exe")
MAPPER: Process = ("rpcss", SVCHOST)
"""Who holds port 135, on every Windows; the word for it means nobody else."""
ALL_NEAR = "255.255.255.255"
Key = tuple[str, int, int]
"""Protocol, the port of who opens, the port of who answers."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A talk at one end, as far as Windows can tell packets apart."""

    flow: str
    direction: Direction
    process: Process
    addresses: frozenset[str]
    packets: frozenset[Key]
    casts: frozenset[str]
    groups: frozenset[str]
    reach: Literal["peers", "any", "local_subnet"]

    @cached_property
    def _by_port(self) -> dict[tuple[str, int], list[Key]]:
        found: dict[tuple[str, int], list[Key]] = {}
        for key in self.packets:
            found.setdefault((key[0], key[2]), []).append(key)
        return found

    @property
    def ports(self) -> Iterable[tuple[str, int]]:
        return self._by_port

    def between(self, protocol: str, port: int) -> list[Key]:
        return self._by_port.get((protocol, port), [])

    def has(self, address: str) -> bool:
        return self.reach == "any" or address in self.addresses

    def from_(self, address: str) -> bool:
        """Deviations: cast, unset."""
        return self.has(address) or (address == UNSET and "broadcast" in self.casts)

    def to(self, address: str, near: bool) -> bool:
        """Deviation: near."""
        if self.casts != {"unicast"} and near:
            return True
        if address in self.groups or (address == ALL_NEAR and "broadcast" in self.casts):
            return True
        return "unicast" in self.casts and self.has(address)

    def run_by(self, process: Process) -> bool:
        return all(mine in (None, his) for mine, his in zip(self.process, process, strict=True))


class HostTable:
    """All that the catalogue says of one host in a scenario."""

    def __init__(self, scenario: Scenario, node: Node) -> None:
        self.node, self.scenario, self.trial = node, scenario, trial(scenario)
        self.seen = [self._seen(one) for one in _views(scenario) if one.viewer is node]
        ports = self.trial.tried.ports
        self._ports = {*ports, WINRM}
        self._packets: dict[str, list[tuple[str, Key, Process, Packet]]] = {}
        guarded = [
            rule
            for rule in planned(scenario)["hosts"][node.name]["rules"]
            if rule["guarded"] and rule["direction"] == "in"
        ]
        marked = {(rule["protocol"], port) for rule in guarded for port in ports if within(port, rule["ports"])}
        self._at: dict[tuple[str, str, int], list[Seen]] = {}
        for one in self.seen:
            for protocol, port in one.ports:
                self._at.setdefault((one.direction, protocol, port), []).append(one)
        self.unguarded = {
            port for port in marked if any(one.reach == "local_subnet" for one in self._at.get(("in", *port), ()))
        }
        """Deviation: subnet."""
        self.guarded = marked - self.unguarded

    def _seen(self, view: View) -> Seen:
        book, flow = self.trial.book, self.trial.book.flows[view.talk.flow]
        inbound, near = view.direction == "in", flow.get("reach") == "local_subnet"
        end = flow.get("responder" if inbound else "initiator", {})
        process: Process = (None, None)
        # http.sys holds the socket, whoever answers.
        if not inbound or flow.get("listener", "native") == "native":
            programs = book.components[self.node.component].get("programs", {})
            path = programs[end["program"]].get("path") if "program" in end else None
            process = (end.get("service"), Store().expand(path))
        return Seen(
            view.talk.flow,
            "in" if inbound else "out",
            process,
            # The controller is none of those that the table speaks of.
            frozenset(view.addresses) | ({CONTROLLER} if near and self.node.near(CONTROLLER) else set()),
            frozenset((protocol, source, port) for protocol, _cast, source, port in view.packets),
            frozenset(words(flow.get("cast", "unicast"))),
            frozenset(flow.get("group", [])),
            flow.get("reach", "peers"),
        )

    # -- what should pass ------------------------------------------------------------------------------
    def lets(self, direction: Direction, address: str, key: Key, process: Process) -> bool:
        near = self.node.near(address)
        return any(
            key in one.packets
            and one.run_by(process)
            and (one.from_(address) if direction == "in" else one.to(address, near))
            for one in self._at.get((direction, key[0], key[2]), ())
        )

    def refuses(self, address: str, key: Key) -> bool:
        """By a guard, whoever listens. Deviations: unset, source."""
        protocol, _source, port = key
        if (protocol, port) not in self.guarded or address == UNSET:
            return False
        return not any(one.from_(address) for one in self._at.get(("in", protocol, port), ()))

    # -- what is tried ---------------------------------------------------------------------------------
    def packets(self, direction: Direction) -> list[tuple[str, Key, Process, Packet]]:
        """Of every talk and around it: peers, strangers and some that have no part in it."""
        if direction not in self._packets:
            self._packets[direction] = list(self._made(direction))
        return self._packets[direction]

    def _made(self, direction: Direction) -> Iterator[tuple[str, Key, Process, Packet]]:
        seen = [one for one in self.seen if one.direction == direction]
        addresses = self._addresses(seen)
        for key, processes in sorted(self._keys(seen).items()):
            for process in processes:
                for address in addresses:
                    yield address, key, process, self._packet(direction, address, key, process)

    def _addresses(self, seen: list[Seen]) -> list[str]:
        every = self.trial.tried.addresses
        peers = {address for one in seen if one.reach == "peers" for address in one.addresses}
        groups = {group for one in seen for group in one.groups if ":" not in group} if seen[:1] else set()
        out = [*sorted(groups), ALL_NEAR] if any(one.direction == "out" for one in seen) else []
        found = [*sorted(peers), *every[::9], *every[-9:], CONTROLLER, STRANGER6, *out]
        return [one for one in dict.fromkeys(found) if one != self.node.address]

    def _keys(self, seen: list[Seen]) -> dict[Key, list[Process]]:
        """With those who may hold the socket."""
        own = {port for one in seen for port in _some(one.ports, MOST_PORTS)}
        tried = {(protocol, port + step) for protocol, port in own for step in (-1, 0, 1)}
        others = (*MORE_PORTS, *self.trial.tried.ports[::29], 135, WINRM)
        tried |= {(protocol, port) for protocol in NUMBERS for port in others}
        found: dict[Key, list[Process]] = {}
        for protocol, port in (one for one in tried if one[1] in self._ports):
            here = [one for one in seen if one.between(protocol, port)]
            holders = {(service, program or OTHER[1]) for service, program in (one.process for one in here)}
            sources = (source for one in here for source in _some({key[1] for key in one.between(protocol, port)}, 4))
            for source in {50000, *sources}:
                mapper = (protocol, port) == ("tcp", 135)
                found[protocol, source, port] = [MAPPER] if mapper else [OTHER, *sorted(holders - {OTHER}, key=str)]
        return found

    def _packet(self, direction: Direction, address: str, key: Key, process: Process) -> Packet:
        protocol, source, port = key
        service, program = process
        local = "2001:db8::10" if ":" in address else self.node.address
        ports = (port, source) if direction == "in" else (source, port)
        return Packet(direction, NUMBERS[protocol], address, local, *ports, program=program, service=service)

    @property
    def machine(self) -> Machine:
        """Its RPC servers have the whole range open."""
        dynamic = frozenset(range(49152, 65536))
        services = {"", *(str(one.process[0]).lower() for one in self.seen if one.process[0])}
        here = Interface(addresses=(self.node.address,), subnets=(f"{self.node.subnet}.0/24",))
        return Machine((here,), ("203.0.113.53",), rpc_ports=dict.fromkeys(services, dynamic))


MOST_PORTS = 8
"""Of one talk, evenly taken; each with its neighbours."""


def _some(every: Iterable[Any], most: int) -> list[Any]:
    """With the first and the last."""
    ordered = sorted(every)
    return [*ordered[:: len(ordered) // most + 1], *ordered[-1:]]


@cache
def _views(scenario: Scenario) -> tuple[View, ...]:
    tried: Trial = trial(scenario)
    return tuple(views(tried.book, tried.network, tried.tried, scenario.strict))


@cache
def sited(scenario: Scenario, outbound: str = "off") -> Site:
    tried = trial(scenario)
    everywhere = {"portbook_evidence": "strict"} if scenario.strict else {}
    return site([tried.machine(node) for node in tried.network], {**everywhere, "portbook_outbound": outbound})


@cache
def host_table(scenario: Scenario, name: str) -> HostTable:
    return HostTable(scenario, next(node for node in trial(scenario).network if node.name == name))


def windows_hosts(scenario: Scenario) -> list[str]:
    return [node.name for node in trial(scenario).network if node.platform == "windows"]
