# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges of containers come and go between two runs, and what is refused stays the same."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from kernel.helpers.commands import listed, nft, run
from kernel.helpers.host import Host, rule, slice_of
from kernel.helpers.namespaces import Namespace, sysctl
from kernel.helpers.wire import (
    CONTAINER,
    HOST,
    LAN,
    PASSES,
    PEER,
    SECOND,
    SILENCE,
    STRANGER,
    Wire,
    connects,
    listening,
    tcp,
)

from ansible_collections.portbook.firewall.plugins.module_utils.linux.request import Applied
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.kernel import NftError

PUBLISHED, INSIDE, GUARDED = 9000, 80, 514
NETWORK = "br-0123456789ab"
GUARDS = {
    "one": slice_of(
        rule(PUBLISHED, PEER, container_spans=[[INSIDE, INSIDE]]),
        rule(GUARDED, PEER),
    )
}


class Site:
    """The host on the wire, and what reaches what."""

    def __init__(self, wire: Wire, folder: Path) -> None:
        self.wire, self.host = wire, Host(folder)

    def apply(self, nft: str | None = None, **settings: Any) -> Applied:
        if nft:
            self.host.nft_path = nft
        with self.wire.host.inside():
            return self.host.apply(GUARDS, settings=settings)

    def network(self, bridge: str) -> tuple[Namespace, Namespace]:
        """Two containers of one network; a port of the first is published, and neighbours have a route to it."""
        first = self.wire.container(CONTAINER, "c0", bridge)
        second = self.wire.container(SECOND, "c1", bridge)
        with self.wire.host.inside():
            nft(
                "table ip nat {\n"
                "chain prerouting { type nat hook prerouting priority dstnat; fib daddr type local jump DOCKER; }\n"
                "chain postrouting { type nat hook postrouting priority srcnat;\n"
                f'  ip saddr 198.51.100.0/24 oifname != "{bridge}" masquerade\n'
                "}\n"
                f"chain DOCKER {{ tcp dport {PUBLISHED} dnat to {CONTAINER}:{INSIDE}; }}\n"
                "}\n"
            )
        for place in (self.wire.peer, self.wire.stranger):
            with place.inside():
                run("ip", "route", "add", "198.51.100.0/24", "via", HOST[0])
        return first, second

    def cells(self, first: Namespace, second: Namespace) -> dict[str, str]:
        wire = self.wire
        with listening(first, "0.0.0.0", INSIDE):
            return {
                "own address, stranger": connects(wire.stranger, CONTAINER, INSIDE),
                "own address, peer": connects(wire.peer, CONTAINER, INSIDE),
                "published, stranger": connects(wire.stranger, HOST[0], PUBLISHED),
                "published, peer": connects(wire.peer, HOST[0], PUBLISHED),
                "container to container": connects(second, CONTAINER, INSIDE),
                "container to host": tcp(second, wire.host, HOST[0], GUARDED),
                "container to others": tcp(second, wire.stranger, STRANGER[0], INSIDE),
            }


WANTED = {
    "own address, stranger": SILENCE,
    "own address, peer": PASSES,
    "published, stranger": SILENCE,
    "published, peer": PASSES,
    "container to container": PASSES,
    "container to host": PASSES,
    "container to others": PASSES,
}


@pytest.fixture
def site(wire: Wire, tmp_path: Path) -> Site:
    return Site(wire, tmp_path / "portbook")


# -- bridges that come later --------------------------------------------------------------------------


def test_without_rules_everything_passes(site: Site) -> None:
    """So that the others prove something."""
    assert set(site.cells(*site.network(NETWORK)).values()) == {PASSES}


@pytest.mark.parametrize("bridge", ["docker0", NETWORK, "docker_gwbridge", "cni-podman0", "virbr0"])
def test_a_network_made_after_the_apply_is_guarded_and_trusted(site: Site, bridge: str) -> None:
    site.apply()
    assert site.cells(*site.network(bridge)) == WANTED


def test_by_ipv6_a_late_network_with_a_name_of_its_own_is_guarded_as_well(site: Site) -> None:
    site.apply()
    first, second = site.network("utm0")
    inside = {first: "2001:db8:1::2", second: "2001:db8:1::3"}
    with site.wire.host.inside():
        sysctl("net/ipv6/conf/all/forwarding", "1")
        sysctl("net/bridge/bridge-nf-call-ip6tables", "1")
        run("ip", "address", "add", "2001:db8:1::1/64", "dev", "utm0", "nodad")
    for place, address in inside.items():
        with place.inside():
            run("ip", "address", "add", f"{address}/64", "dev", "eth0", "nodad")
            run("ip", "route", "add", "default", "via", "2001:db8:1::1")
    for place in (site.wire.peer, site.wire.stranger):
        with place.inside():
            run("ip", "route", "add", "2001:db8:1::/64", "via", HOST[1])
    reached = {
        place: tcp(place, first, inside[first], INSIDE) for place in (site.wire.stranger, site.wire.peer, second)
    }
    assert list(reached.values()) == [SILENCE, PASSES, PASSES]


def test_in_strict_they_are_guarded_and_trusted_as_well(site: Site) -> None:
    site.apply(posture="strict", outbound="guard")
    assert site.cells(*site.network(NETWORK)) == WANTED


@pytest.mark.parametrize(
    ("trusted", "reached"),
    [(None, SILENCE), (["utm0"], PASSES), (["docker0"], SILENCE)],
    ids=["default", "it", "other"],
)
def test_a_network_with_a_name_of_its_own_is_guarded_and_trusted_where_it_is_named(
    site: Site, trusted: Any, reached: str
) -> None:
    site.apply(trusted_interfaces=trusted)
    assert site.cells(*site.network("utm0")) == {**WANTED, "container to host": reached}


def test_a_second_run_finds_nothing_to_do_though_networks_came_and_went(site: Site) -> None:
    site.apply(posture="strict", outbound="strict")
    before, files = site.host.traces(), site.host.files()
    for name in ("docker0", NETWORK, "utm0"):
        site.wire.bridge(name, "198.51.100.1/24")
        assert not site.apply(posture="strict", outbound="strict").changed
        with site.wire.host.inside():
            run("ip", "link", "del", name)
    assert not site.apply(posture="strict", outbound="strict").changed
    assert (site.host.traces(), site.host.files()) == (before, files)


# -- bridges of the administrator's own -------------------------------------------------------------


def test_a_machine_on_the_administrators_bridge_is_reached_from_its_network(site: Site) -> None:
    """It has an address of a network that the host may not even be on."""
    site.wire.lan("br0")
    machine = site.wire.container(f"{LAN}.2", "vm0", "br0")
    with site.wire.host.inside():
        run("ip", "address", "flush", "dev", "br0")
    site.apply()
    assert tcp(site.wire.stranger, machine, f"{LAN}.2", INSIDE) == PASSES


def test_a_machine_on_the_administrators_bridge_is_reached_by_way_of_the_host(site: Site) -> None:
    site.wire.lan("br0")
    machine = site.wire.container(f"{LAN}.2", "vm0", "br0")
    with site.wire.peer.inside():
        run("ip", "route", "add", f"{LAN}.0/24", "via", HOST[0])
    with site.wire.stranger.inside():
        run("ip", "link", "del", "lan0")
        run("ip", "route", "add", f"{LAN}.0/24", "via", HOST[0])
    site.apply()
    assert tcp(site.wire.stranger, machine, f"{LAN}.2", INSIDE) == PASSES


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("bridge", ["br0", "br-lan"])
def test_a_network_of_the_administrators_is_not_trusted_whenever_it_came(site: Site, when: str, bridge: str) -> None:
    if when == "after":
        site.apply()
    site.wire.lan(bridge)
    if when == "before":
        site.apply()
    assert tcp(site.wire.stranger, site.wire.host, f"{LAN}.1", GUARDED) == SILENCE


@pytest.mark.parametrize("bridge", ["docker1", "br-00"])
def test_a_network_of_the_administrators_with_a_name_like_dockers_is_not_trusted(site: Site, bridge: str) -> None:
    site.wire.lan(bridge)
    site.apply()
    assert tcp(site.wire.stranger, site.wire.host, f"{LAN}.1", GUARDED) == SILENCE


def test_a_stranger_behind_the_hosts_default_route_does_not_reach_containers_by_a_bridge(site: Site) -> None:
    """The route that leads back to where a packet came from is not the one that it would take."""
    first, _second = site.network(NETWORK)
    site.wire.lan("br0")
    with site.wire.host.inside():
        run("ip", "route", "add", "default", "via", f"{LAN}.20")
    with site.wire.stranger.inside():
        run("ip", "route", "replace", "198.51.100.0/24", "via", f"{LAN}.1")
    assert tcp(site.wire.stranger, first, CONTAINER, INSIDE) == PASSES
    site.apply()
    assert tcp(site.wire.stranger, first, CONTAINER, INSIDE) == SILENCE


# -- kinds of interfaces ----------------------------------------------------------------------------


def test_an_interface_without_a_kind_is_not_even_unlike_a_bridge() -> None:
    """As a network card is: so no rule of ours may ask for what an interface is not."""
    nft(
        "table inet one {\nchain output {\ntype filter hook output priority 0; policy accept;\n"
        'oif lo meta oifkind != "bridge" counter\noif lo counter\n}\n}\n'
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", 9))
    rules = [one["rule"]["expr"] for one in listed("table", "inet", "one") if "rule" in one]
    unlike, all_of_them = (next(part["counter"]["packets"] for part in rule if "counter" in part) for rule in rules)
    assert (unlike, all_of_them > 0) == (0, True)


def program(path: Path, *lines: str) -> str:
    """In nft's place, which comes last."""
    path.write_text("\n".join(["#!/bin/sh", *lines, f'exec {shutil.which("nft")} "$@"', ""]))
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def old_nft(tmp_path: Path) -> str:
    """One that knows no kinds."""
    return program(
        tmp_path / "nft",
        f"text={tmp_path}/text",
        'case "$*" in *-f*) cat >$text; grep -q fkind $text && { echo "syntax error: kind" >&2; exit 1; }',
        "exec <$text;; esac",
    )


def test_where_nft_knows_no_kinds_the_bridges_that_are_there_are_guarded_and_trusted(site: Site, old_nft: str) -> None:
    network = site.network(NETWORK)
    assert site.apply(old_nft).changed
    assert site.cells(*network) == WANTED
    assert "fkind" not in site.host.files()["table.nft"]
    assert not site.apply(old_nft).changed


def test_an_update_of_nft_brings_the_rules_that_go_by_kind(site: Site, old_nft: str) -> None:
    site.apply(old_nft)
    assert site.apply(shutil.which("nft")).changed
    assert "iifkind" in site.host.files()["table.nft"]
    assert not site.apply().changed


def test_an_nft_that_fails_for_a_moment_is_no_old_one(site: Site, tmp_path: Path) -> None:
    busy = program(tmp_path / "nft", 'case "$*" in "-c "*) echo busy >&2; exit 1;; esac')
    with pytest.raises(NftError, match="busy"):
        site.apply(busy)
    assert not site.host.files()


def test_the_second_run_does_not_ask_what_its_own_table_shows(site: Site, tmp_path: Path) -> None:
    site.apply()
    calls = tmp_path / "calls"
    assert not site.apply(program(tmp_path / "nft", f'echo "$*" >>{calls}')).changed
    assert calls.read_text().splitlines() == ["-j list table inet portbook"]
