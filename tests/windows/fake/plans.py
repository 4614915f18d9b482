# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small plans of any kind for one host, and a store written by hand that means what such a plan asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

from windows.fake.bringing import CONTROLLER, HOST, WINRM, Brought, act, headed, look
from windows.fake.packets import Interface, Machine
from windows.fake.rule import commit, from_json
from windows.fake.sample import SVCHOST
from windows.fake.store import Faults, Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import exchange
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.removal import decide_removal
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.wanted import Renderer
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.model import Rule
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart, PeerSummary, Settings

RPC = "rpc_dynamic"
TOKENS = {RPC: [[49152, 65535]]}
NUMBERS = {"tcp": 6, "udp": 17}
NETWORKS = {
    1: ("Ethernet", "192.0.2.10", "192.0.2.0/24"),
    2: ("Ethernet 2", "10.1.0.10", "10.1.0.0/16"),
    4: ("Wi-Fi", "10.2.0.10", "10.2.0.0/16"),
}


def machine(profiles: int) -> Machine:
    """One network of each profile in use."""
    return Machine(
        tuple(
            Interface(name, bit, "Lan", (own, f"2001:db8:{bit}::10"), (net, f"2001:db8:{bit}::/64"))
            for bit, (name, own, net) in NETWORKS.items()
            if profiles & bit
        ),
        rpc_ports={"": frozenset({50001}), "appsvc": frozenset({50002})},
        iphttps=443,
        teredo=3544,
    )


@dataclass(frozen=True)
class Line:
    """One rule of a plan."""

    component: str = "app"
    protocol: str = "tcp"
    ports: tuple[str, ...] = ("80",)
    peers: tuple[str, ...] | str = ("192.0.2.7",)
    direction: str = "in"
    guarded: bool = False
    program: str | None = None
    service: str | None = None
    cast: str = "unicast"

    def rule(self, number: int, posture: str, outbound: str) -> Rule:
        armed = outbound in ("guard", "strict") if self.direction == "out" else posture != "open"
        watched = posture == "watch" and self.direction == "in"
        return plain_rule(
            id=f"{self.component}-{number}",
            flow=f"{self.component}.flow-{number}",
            component=self.component,
            direction=self.direction,
            protocol=self.protocol,
            ports=tuple(self.ports),
            peers=self.peers if isinstance(self.peers, str) else f"set-{number}",
            cast=self.cast,
            refusal="open" if not (self.guarded and armed) else "watch" if watched else "guard",
            program=self.program,
            service=self.service,
            why="It is asked for.",
            rows=("T1",),
        )


def plain_rule(**given: Any) -> Rule:
    """A rule of a plan; what is not given is what most rules have."""
    usual: dict[str, Any] = {
        "direction": "in",
        "protocol": "tcp",
        "ports": (),
        "source_ports": (),
        "peers": "any",
        "peer_components": (),
        "cast": "unicast",
        "group": (),
        "refusal": "open",
        "program": None,
        "service": None,
        "listener": "native",
        "container_ports": (),
        "log": False,
        "confidence": "high",
        "rows": (),
        "why": "why",
    }
    return Rule(**{**usual, **given})


@dataclass(frozen=True)
class Want:
    """A plan of one host and how it is held."""

    lines: tuple[Line, ...] = ()
    posture: str = "guard"
    outbound: str = "off"
    disable: bool = False
    profiles: str = "all"
    foreign: str = "warn"
    components: tuple[str, ...] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def part(self) -> HostPart:
        rules = tuple(line.rule(number, self.posture, self.outbound) for number, line in enumerate(self.lines))
        part = HostPart(
            "host",
            posture=self.posture,
            outbound=self.outbound,
            rules=rules,
            peers={one.peers: PeerSummary(one.peers, 0, ()) for one in rules if one.peers.startswith("set-")},
            settings=Settings(
                foreign=self.foreign,
                windows_policy="warn",
                windows_foreign="disable" if self.disable else "report",
                windows_profiles=self.profiles,
            ),
        )
        return headed(part, **self.extra)

    def networks(self, name: str) -> list[str]:
        return list(self.lines[int(name.removeprefix("set-"))].peers)


def bring(store: Store, want: Want, faults: Faults | None = None) -> Brought:
    """As the action does it; the faults are those of the write."""
    part = want.part()
    found = look(store, exchange.read_arguments(part))
    components = None if want.components is None else list(want.components)
    asked = exchange.asked(part, components, Renderer(TOKENS, want.networks, found.programs), [WINRM], True)
    return _faulty(store, lambda: act(store, found, decide(found, asked), HOST, True), faults)


def take_away(store: Store, components: Iterable[str] | None = None, faults: Faults | None = None) -> Brought:
    found = look(store, exchange.removal_arguments())
    named = None if components is None else list(components)
    return _faulty(store, lambda: act(store, found, decide_removal(found, named), HOST, True), faults)


def _faulty(store: Store, run: Any, faults: Faults | None) -> Brought:
    store.faults = faults or Faults()
    try:
        found: Brought = run()
        return found
    finally:
        store.faults = Faults()


# -- what it should come to ---------------------------------------------------------------------------
_ICMP = "8:*,3:*,11:*,12:*"
_ICMP6 = ",".join(f"{kind}:*" for kind in (1, 2, 3, 4, 128, 130, 131, 132, 133, 134, 135, 136, 143))
_ALWAYS: tuple[dict[str, Any], ...] = (
    {"Protocol": 1, "Icmp": _ICMP},
    {"Protocol": 58, "Icmp": _ICMP6},
    {"Protocol": 2},
    {"Protocol": 17, "LocalPorts": "68", "RemotePorts": "67", "ApplicationName": SVCHOST, "ServiceName": "dhcp"},
    {"Protocol": 17, "LocalPorts": "546", "RemotePorts": "547", "ApplicationName": SVCHOST, "ServiceName": "dhcp"},
)
_ALWAYS_OUT: tuple[dict[str, Any], ...] = (
    *_ALWAYS,
    {"Protocol": 17, "RemotePorts": "53", "RemoteAddresses": "DNS"},
    {"Protocol": 6, "RemotePorts": "53", "RemoteAddresses": "DNS"},
    {"Protocol": 17, "RemotePorts": "123", "ApplicationName": SVCHOST, "ServiceName": "w32time"},
)
_CAME_BY = {"Protocol": 6, "LocalPorts": str(WINRM), "RemoteAddresses": CONTROLLER}


def meant(before: Store, want: Want) -> Store:
    """The store of before us, with the plan in it as somebody would write it who has all day: each permission by
    itself, a block for each guarded port, and everything that the posture speaks of."""
    store = before.copy()
    refuses = want.posture in ("guard", "strict")
    lines = [line for line in want.lines if line.direction == "in" or want.outbound != "off"]
    for bit in (1, 2, 4):
        if store.current_profiles & bit:
            _set(store, bit, want, refuses or bool(_guarded(lines, want)))
    for rule in store.rules:
        strict = want.posture == "strict" if rule.direction == 1 else want.outbound == "strict"
        if strict and want.disable and rule.action == 1 and not rule.of_policy:
            rule.enabled = False
    if refuses:
        _add(store, {**_CAME_BY, "Direction": 1})
    for number, on, always in (
        (1, want.posture == "strict", _ALWAYS),
        (2, want.outbound == "strict", _ALWAYS_OUT),
    ):
        for one in always if on else ():
            _add(store, {**one, "Direction": number})
    for line in lines:
        for given in _permissions(line):
            _add(store, given)
    for direction, protocol, port in _guarded(lines, want):
        _guard(store, lines, direction, protocol, port, refuses)
    return store


def _set(store: Store, bit: int, want: Want, refuses: bool) -> None:
    profile = store.profiles[bit]
    strict, strict_out = want.posture == "strict", want.outbound == "strict"
    if not profile.enabled and want.profiles == "in_use":
        return
    if refuses or strict_out:
        if not profile.enabled:
            # What passed because the firewall was off still does.
            store.profiles[bit] = profile = replace(profile, enabled=True, inbound=1, outbound=1)
        if strict:
            store.profiles[bit] = profile = replace(profile, inbound=0)
        if strict_out:
            store.profiles[bit] = replace(profile, outbound=0)


def _add(store: Store, given: Mapping[str, Any]) -> None:
    rule = from_json({"Id": f"meant-{len(store.rules)}", "Name": "meant", "Enabled": True, "Action": 1, **given})
    commit(rule)
    store.rules.append(rule)


def _permissions(line: Line) -> Iterable[dict[str, Any]]:
    inbound = line.direction == "in"
    given: dict[str, Any] = {
        "Protocol": NUMBERS[line.protocol],
        "Direction": 1 if inbound else 2,
        "ApplicationName": line.program,
        "ServiceName": line.service,
    }
    words = {"135": "RPC-EPMap", RPC: "RPC"} if inbound and RPC in line.ports else {RPC: "49152-65535"}
    peers = _texts(line)
    for port in line.ports:
        for peer in peers:
            key = "LocalPorts" if inbound else "RemotePorts"
            yield {**given, key: words.get(port, port), "RemoteAddresses": peer}


def _texts(line: Line) -> list[str]:
    words = {"any": ["*"], "local_subnet": ["LocalSubnet"]}
    found = words[line.peers] if isinstance(line.peers, str) else list(line.peers)
    return found + (["0.0.0.0"] if line.cast == "broadcast" and found != ["*"] else [])


def _guarded(lines: Iterable[Line], want: Want) -> set[tuple[str, str, int]]:
    """Each guarded port by itself."""
    return {
        (line.direction, line.protocol, port)
        for number, line in enumerate(lines)
        if line.rule(number, want.posture, want.outbound).guarded
        for port in _numbers(line)
    }


def _numbers(line: Line) -> Iterable[int]:
    for port in line.ports:
        low, high = TOKENS[port][0] if port in TOKENS else map(int, (port.partition("-")[0], port.split("-")[-1]))
        yield from range(low, high + 1)


def _guard(store: Store, lines: list[Line], direction: str, protocol: str, port: int, refuses: bool) -> None:
    here = [
        line for line in lines if (line.direction, line.protocol) == (direction, protocol) and port in _numbers(line)
    ]
    if any(line.peers == "any" for line in here):
        return
    known = [peer for line in here for peer in _texts(line)]
    if refuses and (direction, protocol, port) == ("in", "tcp", WINRM):
        known.append(CONTROLLER)
    others = [*_gaps(known, 4), *_gaps(known, 6)]
    key = "LocalPorts" if direction == "in" else "RemotePorts"
    given = {"Action": 0, "Direction": 1 if direction == "in" else 2, "Protocol": NUMBERS[protocol]}
    _add(store, {**given, key: str(port), "RemoteAddresses": ",".join(others)})


def _gaps(peers: Iterable[str], version: int) -> Iterable[str]:
    """All addresses between those of the peers; never the unset one, nor what Windows takes in no rule."""
    kind = type(ip_network("0.0.0.0/0") if version == 4 else ip_network("::/0"))
    networks = sorted(one for one in map(ip_network, peers) if isinstance(one, kind))
    start, end = (1, 2**32 - 1) if version == 4 else (2, (0xFEFF << 112) | ((1 << 112) - 1))
    for network in networks:
        low, high = int(network.network_address), int(network.broadcast_address)
        if low > start:
            yield f"{_text(start, version)}-{_text(min(low - 1, end), version)}"
        start = max(start, high + 1)
    if start <= end:
        yield f"{_text(start, version)}-{_text(end, version)}"


def _text(number: int, version: int) -> str:
    return str(ip_network((number, 32 if version == 4 else 128)).network_address)
