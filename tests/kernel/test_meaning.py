# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel holds means what was asked for: random permissions, compared point by point."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel.helpers.commands import listed, nft, run, tables
from kernel.helpers.listing import ANYBODY, Opening, openings
from kernel.helpers.processes import cover, told

from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import (
    ACCEPT,
    GUARD,
    OPEN,
    REFUSE,
    Local,
    Mark,
    Permission,
    Settings,
)
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.kernel import Nft
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.ruleset import deletion, ruleset

GOLDEN = Path(__file__).parent.parent / "golden" / "expected"
PROTOCOLS = Path("/etc/protocols")
CASTS = ("broadcast", "multicast")
NETWORKS = (
    *("192.0.2.1", "192.0.2.2", "192.0.2.0/24", "192.0.2.0/30", "192.0.2.128/25", "192.0.2.4/30"),
    *("198.51.100.0/24", "198.51.100.7", "2001:db8::1", "2001:db8::/64", "2001:db8::/48", "2001:db8:1::5"),
)
SUBNETS = ("203.0.113.0/28", "2001:db8:9::/64")
# One of each network, some next to their edges, and some of none.
PEERS = (
    *("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.127", "192.0.2.128", "192.0.2.255", "192.0.3.0"),
    *("198.51.100.7", "198.51.100.8", "203.0.113.15", "203.0.113.16", "0.0.0.0", "224.0.0.1", "255.255.255.255"),
    *("2001:db8::1", "2001:db8::2", "2001:db8:0:1::", "2001:db8:1::5", "2001:db8:1::6", "2001:db8:9::1"),
    *("fe80::1", "fec0::1", "::", "ff02::1"),
)
PORTS = (1, 2, 3, 4, 5, 6, 7, 8, 65534, 65535)
SOURCES = (1, 53, 67, 1024, 65535)

spans = st.lists(
    st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)).map(lambda pair: (min(pair), max(pair))),
    min_size=1,
    max_size=3,
).map(tuple)
source_spans = st.lists(st.sampled_from([(53, 53), (67, 68), (1024, 65535), (60, 2000)]), max_size=2).map(tuple)
permission = st.builds(
    Permission,
    direction=st.sampled_from(["in", "out"]),
    protocol=st.sampled_from(["tcp", "udp", "sctp"]),
    spans=spans,
    source_spans=st.one_of(st.just(()), source_spans),
    networks=st.one_of(st.none(), st.lists(st.sampled_from(NETWORKS), max_size=4, unique=True).map(tuple)),
    local_subnet=st.just(False),
    cast=st.just("unicast"),
    refusal=st.sampled_from([OPEN, GUARD]),
    flow=st.sampled_from(["one.flow", "another.flow"]),
    logged=st.booleans(),
)
local_one = permission.map(lambda one: replace(one, networks=None, local_subnet=True))
cast_one = st.tuples(st.one_of(permission, local_one), st.sampled_from(CASTS)).map(
    lambda pair: replace(pair[0], cast=pair[1], protocol="udp")
)
permissions = st.lists(st.one_of(permission, local_one, cast_one), min_size=1, max_size=7)
VERDICTS = st.sampled_from([ACCEPT, REFUSE])
choices = st.builds(
    Settings,
    verdict_in=VERDICTS,
    verdict_out=VERDICTS,
    refuse=st.sampled_from(["drop", "reject"]),
    log=st.sampled_from(["off", "refused", "all"]),
    cut=st.booleans(),
    outbound=st.booleans(),
)
LOCAL = Local(subnets=SUBNETS, way_in=("192.0.2.9",), way_in_ports=(22,))


# -- what was asked for, slowly -------------------------------------------------------------------


def within(address: str, networks: Sequence[str]) -> bool:
    return any(inside(address, network) for network in networks)


@cache
def inside(address: str, network: str) -> bool:
    one, net = ipaddress.ip_address(address), ipaddress.ip_network(network)
    return one.version == net.version and one in net


def lets(one: Permission, port: int, source: int, peer: str) -> bool:
    if one.source_spans and not any(low <= source <= high for low, high in one.source_spans):
        return False
    if one.local_subnet:
        extra = [*(("0.0.0.0", "::") if one.cast in CASTS else ())]
        extra += ("224.0.0.0/4", "255.255.255.255", "ff00::/8") if one.direction == "out" else ()
        return within(peer, [*SUBNETS, "fe80::/10", *extra])
    return one.networks is None or within(peer, one.networks)


def strict(chosen: Settings, where: str) -> bool:
    return chosen.strict_out if where == "out" else chosen.strict_in


def speak_of(mine: Sequence[Permission], chosen: Settings, where: str, protocol: str, port: int) -> list[Permission]:
    def counts(one: Permission) -> bool:
        if where == "out" or one.direction == "out":
            return where == one.direction
        if where == ("cast" if one.cast in CASTS else "in"):
            return True
        # A guarded port is its peers' alone, however a packet comes to it.
        return one.guarded and not strict(chosen, where) and (where == "in" or protocol == "udp")

    if where == "cast" and not any(one.cast in CASTS and one.direction == "in" for one in mine):
        return []  # Casts are treated like the rest.
    here = [one for one in mine if counts(one) and one.protocol == protocol]
    return [one for one in here if any(low <= port <= high for low, high in one.spans)]


def asked(here: Sequence[Permission], is_strict: bool, port: int, source: int, peer: str) -> str:
    """accept, refuse, or nothing: left to what comes after."""
    guarded = any(one.guarded for one in here)
    if not (guarded or (here and is_strict)):
        return "nothing"
    if any(lets(one, port, source, peer) for one in here):
        return "accept"
    return "refuse" if guarded else "nothing"


def logged(here: Sequence[Permission], chosen: Settings, port: int, source: int, peer: str) -> bool:
    return any(
        (one.logged or chosen.log == "all")
        and not (one.direction == "out" and not chosen.outbound)
        and lets(one, port, source, peer)
        for one in here
    )


# -- what the kernel has ----------------------------------------------------------------------------


def opened_at(opened: Sequence[Opening], where: str, protocol: str, port: int) -> Opening | None:
    here = [one for one in opened if (one.where, one.protocol) == (where, protocol) and one.low <= port <= one.high]
    assert len(here) < 2
    return here[0] if here else None


def found(one: Opening | None, source: int, peer: str) -> str:
    if one is None:
        return "nothing"
    if names(one.peers, source, peer):
        return "accept"
    return "refuse" if one.guarded else "nothing"


def names(listed: tuple[tuple[str, tuple[str, ...]], ...], source: int, peer: str) -> bool:
    return any(
        covers(sources, source) and (peers == ANYBODY or any(contains(text, peer) for text in peers))
        for sources, peers in listed
    )


def covers(sources: str, source: int) -> bool:
    edges = [text.partition("-") for text in sources.split(",")]
    return sources == "" or any(int(low) <= source <= int(high or low) for low, _dash, high in edges)


def contains(text: str, peer: str) -> bool:
    low, dash, high = text.partition("-")
    if not dash:
        return within(peer, [text])
    edges = [ipaddress.ip_address(low), ipaddress.ip_address(high)]
    one = ipaddress.ip_address(peer)
    return one.version == edges[0].version and int(edges[0]) <= int(one) <= int(edges[1])


def load(mine: Sequence[Permission], chosen: Settings) -> list[Opening]:
    nft(ruleset(mine, chosen, LOCAL))
    return openings(Nft().table() or [])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mine=permissions, chosen=choices)
def test_the_kernel_means_what_was_asked_for(mine: list[Permission], chosen: Settings) -> None:
    opened = load(mine, chosen)
    different = []
    for where, protocol, port in product(("in", "cast", "out"), ("tcp", "udp", "sctp"), PORTS):
        here = speak_of(mine, chosen, where, protocol, port)
        opening = opened_at(opened, where, protocol, port)
        for source, peer in product(SOURCES, PEERS) if here or opening else ():
            wanted = asked(here, strict(chosen, where), port, source, peer), logged(here, chosen, port, source, peer)
            told = found(opening, source, peer), opening is not None and names(opening.logged, source, peer)
            if wanted != told:
                different.append((where, protocol, port, source, peer, wanted, told))
    assert different == []


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mine=permissions, chosen=choices)
def test_the_order_of_permissions_means_nothing(mine: list[Permission], chosen: Settings) -> None:
    assert load(mine, chosen) == load(mine[::-1], chosen)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mine=permissions, chosen=choices)
def test_marked_is_what_is_permitted_and_the_rest_of_the_table_is_what_it_was(
    mine: list[Permission], chosen: Settings
) -> None:
    before = load(mine, chosen)
    opened = load(mine, replace(chosen, mark=Mark(0x10, 0x30)))
    assert [one for one in opened if not one.where.startswith("mark_")] == before
    different = []
    for where, protocol, port in product(("in", "cast", "out"), ("tcp", "udp", "sctp"), PORTS):
        here = [
            one
            for one in mine
            if one.protocol == protocol
            and any(low <= port <= high for low, high in one.spans)
            and (one.direction if one.direction == "out" else "cast" if one.cast in CASTS else "in") == where
            and (where != "out" or chosen.outbound)
        ]
        opening = opened_at(opened, f"mark_{where}", protocol, port)
        for source, peer in product(SOURCES, PEERS) if here or opening else ():
            wanted = any(lets(one, port, source, peer) for one in here)
            told = opening is not None and names(opening.peers, source, peer)
            if wanted != told:
                different.append((where, protocol, port, source, peer, wanted, told))
    assert different == []


def test_a_strict_host_ends_with_a_refusal_and_a_guarded_one_does_not() -> None:
    one = Permission("in", "tcp", ((514, 514),), refusal="guard")
    for strict, last in ((True, "jump refused"), (False, "vmap @in_ports")):
        nft(ruleset([one], Settings(verdict_in="refuse" if strict else "accept"), Local()))
        rules = [one["rule"]["expr"] for one in listed("chain", "inet", "portbook", "inbound") if "rule" in one]
        assert ("jump" in rules[-1][-1]) == strict, last


@pytest.mark.parametrize(
    "protocol", ["icmp", "icmpv6", "igmp", "esp", "ah", "gre", "vrrp", "ospf", "pim", "ipip", "l2tp"]
)
def test_protocols_without_ports_load(protocol: str) -> None:
    mine = [
        Permission(direction, protocol, networks=networks)
        for direction in ("in", "out")
        for networks in (None, ("192.0.2.1", "198.51.100.0/24", "2001:db8::/64"))
    ]
    nft(ruleset(mine, Settings(verdict_in="refuse", verdict_out="refuse"), Local()))


def test_every_setting_of_the_host_loads() -> None:
    everything = Local(
        trusted=("docker0", "br-0123456789ab"),
        bridges=("docker0",),
        own_bridges=("br0",),
        subnets=SUBNETS,
        way_in=("192.0.2.0/24", "192.0.2.9", "2001:db8::9"),
        way_in_ports=(22, 2222),
        resolvers=("192.0.2.53", "2001:db8::53"),
        time_servers=("192.0.2.123",),
    )
    mine = [
        Permission(
            direction, "udp", ((514, 514),), networks=("192.0.2.1",), refusal="guard", container_spans=((5140, 5140),)
        )
        for direction in ("in", "out")
    ]
    for refuse in ("drop", "reject"):
        for log in ("off", "refused", "all"):
            for mark in (None, Mark(0x10, 0x30), Mark(1, 0xFFFFFFFF)):
                for local in (everything, replace(everything, trusted=None)):
                    for kinds in (True, False):
                        nft(ruleset(mine, Settings(REFUSE, REFUSE, refuse=refuse, log=log, mark=mark), local, kinds))


def test_everybody_as_a_network_loads() -> None:
    nft(
        ruleset(
            [Permission("in", "tcp", ((1, 65535),), networks=("0.0.0.0/0", "::/0"), refusal="guard")],
            Settings(),
            Local(),
        )
    )


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.nft")), ids=lambda path: path.stem)
def test_golden_files_load(path: Path) -> None:
    run("nft", "-f", str(path))


@pytest.mark.skipif(not PROTOCOLS.exists(), reason="there is none to hide")
def test_golden_files_load_where_protocols_have_no_names() -> None:
    """Hosts without the package netbase."""

    def load() -> None:
        cover(PROTOCOLS)
        for path in GOLDEN.glob("*.nft"):
            run("nft", "-f", str(path))

    assert told(load) == ""


def test_golden_files_are_there() -> None:
    assert len(list(GOLDEN.glob("*.nft"))) > 10


def test_the_deletion_loads_with_and_without_a_table() -> None:
    nft(deletion())
    nft(ruleset([Permission("in", "tcp", ((514, 514),), refusal="guard")], Settings(), Local()))
    nft(deletion())
    assert tables() == []
