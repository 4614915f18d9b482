# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores that people and products have left behind, and plans for them, as hypothesis draws them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from windows.fake.bringing import CONTROLLER, WINRM
from windows.fake.packets import Packet, truth
from windows.fake.plans import RPC, Line, Want, machine
from windows.fake.rule import Rule, commit, from_json
from windows.fake.store import Profile, Store

PREFIX, NAMES = "portbook: ", "portbook/"
PEERS = (
    *("192.0.2.7", "192.0.2.8", "192.0.2.0/28", "10.1.0.0/16", "203.0.113.5"),
    *("2001:db8::7", "2001:db8:1::/64", "255.255.255.255"),
)
PORTS = ("80", "81", "82", "443", "8000-8010", "8005-8020", "5986", "50000")
FROM = st.sampled_from(["*", "*", "LocalSubnet", "192.0.2.0/24", "192.0.2.7", "2001:db8::/32"])
LISTS = st.lists(st.sampled_from(PEERS), min_size=1, max_size=3, unique=True).map(tuple)
PROGRAMS = st.sampled_from([None, None, "C:\\App\\app.exe", "System"])
SERVICES = st.sampled_from([None, None, None, "AppSvc"])


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """Who may be in the local subnet only Windows knows, so such ports are never guarded, nor near guarded ones."""
    common: dict[str, Any] = {
        "component": draw(st.sampled_from(["app", "other"])),
        "direction": draw(st.sampled_from(["in", "in", "in", "out"])),
        "program": draw(PROGRAMS),
        "service": draw(SERVICES),
    }
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return Line(ports=("7000", "7005-7006"), peers="local_subnet", protocol="udp", **common)
    if kind == 1:
        return Line(ports=("135", RPC), peers=draw(LISTS), **{**common, "service": None, "program": None})
    if kind == 2 and common["direction"] == "in":
        return Line(protocol="udp", ports=("67", "4011"), peers=draw(LISTS), cast="broadcast", **common)
    return Line(
        protocol=draw(st.sampled_from(["tcp", "tcp", "udp"])),
        ports=tuple(draw(st.lists(st.sampled_from(PORTS), min_size=1, max_size=3, unique=True))),
        peers=draw(st.one_of(LISTS, LISTS, LISTS, st.just(()), st.just("any"))),
        guarded=draw(st.booleans()),
        **common,
    )


WANTS = st.builds(
    Want,
    st.lists(lines(), max_size=5).map(tuple),
    posture=st.sampled_from(["guard", "guard", "strict", "strict", "open"]),
    outbound=st.sampled_from(["off", "off", "open", "guard", "strict"]),
    disable=st.booleans(),
    profiles=st.sampled_from(["in_use", "all"]),
)


@st.composite
def foreign_rules(draw: st.DrawFn) -> dict[str, Any]:
    protocol = draw(st.sampled_from([6, 6, 17, 256, 1, 58]))
    inbound = draw(st.sampled_from([True, True, False]))
    given: dict[str, Any] = {
        "Name": draw(st.sampled_from(["theirs", "twice", "Règle", "portbooks/not-ours"])),
        "Grouping": draw(st.sampled_from([None, "Group", "portbook:not ours"])),
        "Enabled": draw(st.sampled_from([True, True, False])),
        "Action": draw(st.sampled_from([1, 1, 1, 0])),
        "Direction": 1 if inbound else 2,
        "Protocol": protocol,
        "Profiles": draw(st.sampled_from([0x7FFFFFFF, 7, 1, 4, 6])),
        "RemoteAddresses": draw(
            st.sampled_from(["*", "*", "LocalSubnet", "192.0.2.0/24", "192.0.2.7", "2001:db8::/32"])
        ),
        "ApplicationName": draw(PROGRAMS),
        "ServiceName": draw(SERVICES),
    }
    if protocol in (6, 17) and draw(st.booleans()):
        key = "LocalPorts" if inbound or draw(st.booleans()) else "RemotePorts"
        given[key] = draw(st.sampled_from(["80", "80-90", "443", "8000-9000", "5986", "50000-60000", "81,8005"]))
    if protocol == 6 and inbound and draw(st.integers(0, 9)) == 0:
        given["LocalPorts"] = draw(st.sampled_from(["RPC", "RPC-EPMap", "IPHTTPS"]))
    if protocol in (1, 58) and draw(st.booleans()):
        given["Icmp"] = "8:*" if protocol == 1 else "128:*"
    if inbound and given["Action"] == 1 and draw(st.integers(0, 5)) == 0:
        given["EdgeOptions"] = 1
    return given


PROFILES = st.builds(
    Profile,
    enabled=st.booleans(),
    inbound=st.sampled_from([0, 0, 1]),
    outbound=st.sampled_from([1, 1, 0]),
)


REMOTE_MANAGEMENT: dict[str, Any] = {
    "Name": "Windows Remote Management (HTTPS-In)",
    "Grouping": "@FirewallAPI.dll,-30267",
    "Enabled": True,
    "Action": 1,
    "Direction": 1,
    "Protocol": 6,
    "LocalPorts": str(WINRM),
    "ApplicationName": "System",
}


def lets_the_controller_in(store: Store) -> bool:
    """Whatever the network, whoever is near, and whichever profile is switched on."""
    there = store.copy()
    for rule in there.rules:
        if rule.action == 0 and rule.remote_addresses == "LocalSubnet":
            rule.remote_addresses = "*"
    for bit in (1, 2, 4):
        there.profiles[bit] = Profile(enabled=True, inbound=0)
    here = machine(7)
    came = [Packet("in", 6, CONTROLLER, one.addresses[0], WINRM, 50000, one.name, "System") for one in here.interfaces]
    return all(truth(came, there, here))


@st.composite
def stores(draw: st.DrawFn, most: int = 8) -> Store:
    """A host before us, which Ansible has reached: so nothing of it refuses that."""
    store = Store()
    add(store, REMOTE_MANAGEMENT)
    for one in draw(st.lists(foreign_rules(), max_size=most)):
        add(store, one)
        if not lets_the_controller_in(store):
            store.rules.pop()
    store.profiles = {bit: draw(PROFILES) for bit in (1, 2, 4)}
    store.current_profiles = draw(st.sampled_from([4, 4, 1, 2, 5, 7]))
    return store


def add(store: Store, given: dict[str, Any]) -> None:
    rule = from_json({"Id": f"{{theirs-{len(store.rules)}-{given.get('Name')}}}", **given})
    commit(rule)
    store.rules.append(rule)


def is_ours(rule: Rule) -> bool:
    return str(rule.grouping or "").startswith(PREFIX) or str(rule.name or "").startswith(NAMES)


def others(store: Store) -> Counter[str]:
    """What rules of others say and whether they are on, in no order: of two that are alike, each is as good."""
    return Counter(repr(replace(rule, id="")) for rule in store.rules if not is_ours(rule))


def ours(store: Store) -> list[Rule]:
    return [rule for rule in store.rules if is_ours(rule)]


def settings(store: Store) -> dict[int, Profile]:
    return {bit: replace(profile) for bit, profile in store.profiles.items()}
