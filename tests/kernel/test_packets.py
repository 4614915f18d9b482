# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused and what passes, proved with packets between namespaces. None leaves the machine."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernel.helpers.commands import nft, run
from kernel.helpers.host import Host, rule, slice_of
from kernel.helpers.wire import (
    BROADCAST,
    CONTAINER,
    GROUP,
    HOST,
    PASSES,
    PEER,
    REFUSED,
    SECOND,
    SILENCE,
    STRANGER,
    Wire,
    connected,
    connects,
    delivers,
    listening,
    ping,
    sends,
    tcp,
    udp,
)

PEERS = [PEER[0], PEER[1]]
GUARDED, FREE = 514, 515
UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


class Applied:
    """The host on the wire, with the rules that a test gives it."""

    def __init__(self, wire: Wire, folder: Path) -> None:
        self._wire, self._host = wire, Host(folder)

    def __call__(self, *rules: dict[str, Any], **settings: Any) -> None:
        with self._wire.host.inside():
            self._host.apply({"one": slice_of(*rules)}, settings=settings)


@pytest.fixture
def apply(wire: Wire, tmp_path: Path) -> Applied:
    return Applied(wire, tmp_path / "portbook")


def both(port: int = GUARDED, peers: Any = tuple(PEERS), **more: Any) -> list[dict[str, Any]]:
    return [rule(port, peers, **more), rule(port, peers, protocol="udp", **more)]


# -- guard ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", HOST)
def test_a_guarded_port_lets_in_its_peers_and_nobody_else(wire: Wire, apply: Applied, address: str) -> None:
    apply(*both())
    for send in (tcp, udp):
        assert send(wire.peer, wire.host, address, GUARDED) == PASSES
        assert send(wire.stranger, wire.host, address, GUARDED) == SILENCE
        assert send(wire.stranger, wire.host, address, FREE) == PASSES


def test_before_the_rules_everybody_gets_in(wire: Wire) -> None:
    """So that the others prove something."""
    assert {send(wire.stranger, wire.host, HOST[0], GUARDED) for send in (tcp, udp)} == {PASSES}


def test_a_watched_port_refuses_nobody_and_counts_what_it_would(wire: Wire, apply: Applied) -> None:
    apply(*both(refusal="watch"))
    assert {send(wire.stranger, wire.host, HOST[0], GUARDED) for send in (tcp, udp)} == {PASSES}
    with wire.host.inside():
        assert "counter packets 0 " not in run("nft", "list", "chain", "inet", "portbook", "watched")


@pytest.mark.parametrize("address", HOST)
def test_what_is_logged_passes_and_is_refused_as_before(wire: Wire, apply: Applied, address: str) -> None:
    apply(*both(log=True), *both(FREE, refusal="open"), log="all", outbound="guard")
    for send in (tcp, udp):
        # More often than the log's limit has room for.
        assert {send(wire.peer, wire.host, address, GUARDED) for _time in range(12)} == {PASSES}
        assert send(wire.stranger, wire.host, address, GUARDED) == SILENCE
        assert send(wire.stranger, wire.host, address, FREE) == PASSES
        assert send(wire.host, wire.stranger, STRANGER[0], FREE) == PASSES


@pytest.mark.parametrize("posture", ["guard", "strict"])
def test_a_host_reaches_itself(wire: Wire, apply: Applied, posture: str) -> None:
    apply(*both(), posture=posture)
    for address in (*HOST, "127.0.0.1", "::1"):
        assert {send(wire.host, wire.host, address, GUARDED) for send in (tcp, udp)} == {PASSES}


def test_a_peer_by_network_and_one_by_source_port(wire: Wire, apply: Applied) -> None:
    apply(
        rule(GUARDED, ["192.0.2.8/29"]),
        rule(600, [PEER[0]], source_spans=[[700, 710]]),
    )
    assert tcp(wire.peer, wire.host, HOST[0], GUARDED) == PASSES
    assert tcp(wire.stranger, wire.host, HOST[0], GUARDED) == SILENCE
    assert tcp(wire.peer, wire.host, HOST[0], 600, source=705) == PASSES
    assert tcp(wire.peer, wire.host, HOST[0], 600, source=711) == SILENCE


def test_answers_to_the_hosts_own_connections_pass(wire: Wire, apply: Applied) -> None:
    """Even from a port that is guarded, to a stranger's."""
    apply(*both(), posture="strict")
    assert {send(wire.host, wire.stranger, STRANGER[0], 80) for send in (tcp, udp)} == {PASSES}
    with (
        listening(wire.stranger, "0.0.0.0", 80) as server,
        connected(wire.host, STRANGER[0], 80, source=GUARDED) as client,
    ):
        assert delivers(client, server.accept()[0])
    with listening(wire.host, "0.0.0.0", GUARDED, UDP) as asking, listening(wire.stranger, "0.0.0.0", 53, UDP) as names:
        asking.sendto(b"?", (STRANGER[0], 53))
        _question, asker = names.recvfrom(1)
        names.sendto(b"!", asker)
        assert asking.recv(1) == b"!"


@contextlib.contextmanager
def _open(wire: Wire, port: int = GUARDED, address: str = HOST[0]) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection of the peer's: its end and the host's."""
    with listening(wire.host, "0.0.0.0", port) as server, connected(wire.peer, address, port) as client:
        accepted, _who = server.accept()
        with accepted:
            yield client, accepted


@pytest.mark.parametrize("cut", [True, False])
def test_a_peer_that_is_removed_loses_its_connections_if_they_are_to_be_cut(
    wire: Wire, apply: Applied, cut: bool
) -> None:
    apply(*both(), cut=cut)
    with _open(wire) as (client, server), listening(wire.host, "0.0.0.0", GUARDED, UDP) as datagrams:
        assert delivers(client, server)
        assert sends(wire.peer, datagrams, HOST[0], GUARDED, (PEER[0], 999)) == PASSES
        datagrams.sendto(b"x", (PEER[0], 999))
        apply(*both(peers=[STRANGER[0]]), cut=cut)
        assert delivers(client, server) == (not cut)
        assert sends(wire.peer, datagrams, HOST[0], GUARDED, (PEER[0], 999)) == (SILENCE if cut else PASSES)
    assert tcp(wire.peer, wire.host, HOST[0], GUARDED) == SILENCE


def test_a_peer_that_stays_keeps_its_connections(wire: Wire, apply: Applied) -> None:
    apply(*both())
    with _open(wire) as (client, server):
        apply(*both(peers=[*PEERS, "192.0.2.30"]))
        assert delivers(client, server)
        assert delivers(server, client)


@pytest.mark.parametrize("address", HOST)
def test_reject_says_so_at_once(wire: Wire, apply: Applied, address: str) -> None:
    apply(*both(), refuse="reject")
    assert {send(wire.stranger, wire.host, address, GUARDED) for send in (tcp, udp)} == {REFUSED}
    assert {send(wire.peer, wire.host, address, GUARDED) for send in (tcp, udp)} == {PASSES}


# -- strict -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", HOST)
def test_strict_refuses_what_is_not_in_the_plan(wire: Wire, apply: Applied, address: str) -> None:
    apply(*both(refusal="open"), posture="strict")
    for send in (tcp, udp):
        assert send(wire.peer, wire.host, address, GUARDED) == PASSES
        assert send(wire.stranger, wire.host, address, GUARDED) == SILENCE
        assert send(wire.peer, wire.host, address, FREE) == SILENCE


def test_strict_lets_pass_echo_and_neighbour_discovery(wire: Wire, apply: Applied) -> None:
    apply(*both(), posture="strict")
    for place in (wire.host, wire.stranger):
        with place.inside():
            run("ip", "neighbour", "flush", "all")
    for address in HOST:
        assert ping(wire.stranger, address)
    for address in STRANGER:
        assert ping(wire.host, address)


def test_strict_leaves_connections_alone_that_are_older_than_connection_tracking(wire: Wire, apply: Applied) -> None:
    with _open(wire, FREE) as (client, server):
        apply(*both(), posture="strict")
        assert delivers(client, server)
        assert delivers(server, client)
        assert connects(wire.peer, HOST[0], FREE) == SILENCE


@pytest.mark.parametrize("address", [HOST[0], "224.0.0.18"])
def test_strict_lets_in_a_protocol_without_ports_from_its_peers_to_a_group_too(
    wire: Wire, apply: Applied, address: str
) -> None:
    """VRRP is sent to 224.0.0.18 and nowhere else."""
    apply(rule(None, [PEER[0]], protocol="vrrp"), posture="strict")
    with wire.host.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as member:
        nft(
            "table inet heard { chain input { type filter hook input priority 0; "
            f"ip protocol vrrp ip saddr {PEER[0]} counter; ip protocol vrrp counter; }}; }}"
        )
        joined = socket.inet_aton("224.0.0.18") + socket.inet_aton(HOST[0])
        member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        for place in (wire.peer, wire.stranger):
            with place.inside(), socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as sender:
                sender.sendto(b"x", (address, 0))
        with wire.host.inside():
            assert run("nft", "list", "table", "inet", "heard").count("counter packets 1 ") == 2, "the peer's alone"


def test_strict_lets_in_management_access(wire: Wire, apply: Applied) -> None:
    apply(*both(), posture="strict", management=[STRANGER[0]], management_ports=[22])
    assert tcp(wire.stranger, wire.host, HOST[0], 22) == PASSES
    assert tcp(wire.peer, wire.host, HOST[0], 22) == SILENCE


def test_management_access_is_stronger_than_a_guard_on_its_port(wire: Wire, apply: Applied) -> None:
    apply(rule(22, [PEER[0]]), management=[STRANGER[0]], management_ports=[22])
    assert tcp(wire.stranger, wire.host, HOST[0], 22) == PASSES


def test_a_trusted_interface_is_never_refused(wire: Wire, apply: Applied) -> None:
    apply(*both(), posture="strict", trusted_interfaces=["eth0"])
    assert tcp(wire.stranger, wire.host, HOST[0], FREE) == PASSES


# -- casts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cast", ["broadcast", None])
@pytest.mark.parametrize("address", [BROADCAST, "255.255.255.255", GROUP])
def test_a_guard_cannot_be_passed_by_broadcast_or_multicast(
    wire: Wire, apply: Applied, address: str, cast: str | None
) -> None:
    """Whether the host has such flows on other ports or not."""
    apply(*both(), *([rule(3702, PEERS, protocol="udp", cast=cast)] if cast else []))
    assert udp(wire.stranger, wire.host, address, GUARDED, source=(STRANGER[0], 999)) == SILENCE
    assert udp(wire.peer, wire.host, address, GUARDED, source=(PEER[0], 999)) == PASSES
    assert udp(wire.stranger, wire.host, address, FREE, source=(STRANGER[0], 999)) == PASSES


@pytest.mark.parametrize(("cast", "address"), [("broadcast", BROADCAST), ("multicast", GROUP)])
@pytest.mark.parametrize("posture", ["guard", "strict"])
def test_a_cast_is_for_its_peers(wire: Wire, apply: Applied, cast: str, address: str, posture: str) -> None:
    apply(rule(3702, [PEER[0]], protocol="udp", cast=cast), posture=posture)
    assert udp(wire.peer, wire.host, address, 3702, source=(PEER[0], 999)) == PASSES
    assert udp(wire.stranger, wire.host, address, 3702, source=(STRANGER[0], 999)) == SILENCE
    assert udp(wire.stranger, wire.host, HOST[0], 3702) == SILENCE
    # What is not in the plan passes a guard and not strict.
    left = PASSES if posture == "guard" else SILENCE
    assert udp(wire.peer, wire.host, address, 3703, source=(PEER[0], 999)) == left


@pytest.mark.parametrize("posture", ["guard", "strict"])
def test_a_cast_to_the_local_subnet_may_come_from_the_unset_address(wire: Wire, apply: Applied, posture: str) -> None:
    """As a client that has none yet."""
    apply(rule(67, "local_subnet", protocol="udp", cast="broadcast"), posture=posture)
    with wire.peer.inside():
        run("ip", "address", "del", f"{PEER[0]}/24", "dev", "eth0")
        run("ip", "route", "add", "255.255.255.255", "dev", "eth0")
    assert udp(wire.peer, wire.host, "255.255.255.255", 67, source=("0.0.0.0", 68)) == PASSES
    assert udp(wire.stranger, wire.host, BROADCAST, 67, source=(STRANGER[0], 68)) == PASSES


def test_answers_of_a_dhcp_server_reach_the_host(wire: Wire, apply: Applied) -> None:
    apply(*both(), posture="strict")
    assert udp(wire.stranger, wire.host, BROADCAST, 68, source=(STRANGER[0], 67)) == PASSES
    assert udp(wire.stranger, wire.host, BROADCAST, 68, source=(STRANGER[0], 69)) == SILENCE


# -- containers ---------------------------------------------------------------------------------------


@pytest.fixture
def published(wire: Wire) -> Any:
    """Port 8080 of the host is port 80 of a container, as Docker does it."""
    container = wire.container(CONTAINER, "c0")
    with wire.host.inside():
        nft(
            "table ip nat {\n"
            "chain prerouting { type nat hook prerouting priority dstnat; fib daddr type local jump DOCKER; }\n"
            "chain output { type nat hook output priority -100; fib daddr type local jump DOCKER; }\n"
            "chain postrouting { type nat hook postrouting priority srcnat;\n"
            '  ip saddr 198.51.100.0/24 oifname != "docker0" masquerade\n'
            f"  ip saddr {CONTAINER} ip daddr {CONTAINER} masquerade\n"
            "}\n"
            f"chain DOCKER {{ tcp dport 8080 dnat to {CONTAINER}:80; udp dport 8080 dnat to {CONTAINER}:80; }}\n"
            "}\n"
        )
    for place in (wire.peer, wire.stranger):
        with place.inside():
            run("ip", "route", "add", "198.51.100.0/24", "via", HOST[0])
    return container


def docker(**more: Any) -> list[dict[str, Any]]:
    return both(8080, container_spans=[[80, 80]], **more)


def _to_container(place: Any, container: Any, address: str, port: int, kind: int) -> str:
    with listening(container, "0.0.0.0", 80, kind) as server:
        return connects(place, address, port) if kind == TCP else sends(place, server, address, port)


@pytest.mark.parametrize("kind", [TCP, UDP])
@pytest.mark.parametrize("posture", ["guard", "strict"])
def test_a_published_port_is_guarded_in_front_of_its_translation(
    wire: Wire, apply: Applied, published: Any, kind: int, posture: str
) -> None:
    assert _to_container(wire.stranger, published, HOST[0], 8080, kind) == PASSES
    apply(*docker(), posture=posture)
    assert _to_container(wire.peer, published, HOST[0], 8080, kind) == PASSES
    assert _to_container(wire.stranger, published, HOST[0], 8080, kind) == SILENCE


def test_another_published_port_of_the_same_container_stays_open(wire: Wire, apply: Applied, published: Any) -> None:
    with wire.host.inside():
        nft(f"add rule ip nat DOCKER tcp dport 9090 dnat to {CONTAINER}:80")
    apply(*docker())
    assert _to_container(wire.stranger, published, HOST[0], 9090, TCP) == PASSES


@pytest.mark.parametrize("kind", [TCP, UDP])
@pytest.mark.parametrize("trusted", [None, [], ["other0"]])
def test_a_routed_neighbour_does_not_reach_the_containers_own_address(
    wire: Wire, apply: Applied, published: Any, kind: int, trusted: Any
) -> None:
    assert _to_container(wire.stranger, published, CONTAINER, 80, kind) == PASSES
    apply(*docker(), trusted_interfaces=trusted)
    assert _to_container(wire.stranger, published, CONTAINER, 80, kind) == SILENCE
    assert _to_container(wire.peer, published, CONTAINER, 80, kind) == PASSES


def test_a_container_reaches_its_own_hosts_published_port(wire: Wire, apply: Applied, published: Any) -> None:
    second = wire.container(SECOND, "c1")
    apply(*docker(), posture="strict", outbound="strict")
    for place in (second, wire.host):
        assert _to_container(place, published, HOST[0], 8080, TCP) == PASSES
    assert _to_container(second, published, CONTAINER, 80, TCP) == PASSES


def test_a_container_reaches_others_and_hears_their_answers(wire: Wire, apply: Applied, published: Any) -> None:
    apply(*docker(), posture="strict")
    assert tcp(published, wire.stranger, STRANGER[0], 80) == PASSES
    assert udp(published, wire.stranger, STRANGER[0], 53) == PASSES


def test_outbound_covers_containers(wire: Wire, apply: Applied, published: Any) -> None:
    apply(rule(80, [PEER[0]], direction="out"), outbound="strict")
    assert tcp(published, wire.peer, PEER[0], 80) == PASSES
    assert tcp(published, wire.stranger, STRANGER[0], 80) == SILENCE


def test_a_connection_to_a_published_port_is_cut_with_its_peer(wire: Wire, apply: Applied, published: Any) -> None:
    apply(*docker())
    with listening(published, "0.0.0.0", 80) as server, connected(wire.peer, HOST[0], 8080) as client:
        accepted, _who = server.accept()
        with accepted:
            assert delivers(client, accepted)
            apply(*docker(peers=[STRANGER[0]]))
            assert not delivers(client, accepted)


# -- outbound -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [0, 1])
def test_outbound_guard_keeps_a_port_to_its_peers(wire: Wire, apply: Applied, family: int) -> None:
    apply(*both(direction="out"), outbound="guard")
    for send in (tcp, udp):
        assert send(wire.host, wire.peer, PEER[family], GUARDED) == PASSES
        assert send(wire.host, wire.stranger, STRANGER[family], GUARDED) != PASSES
        assert send(wire.host, wire.stranger, STRANGER[family], FREE) == PASSES


@pytest.mark.parametrize("family", [0, 1])
def test_outbound_strict_refuses_the_rest_and_answers_everybody(wire: Wire, apply: Applied, family: int) -> None:
    apply(*both(direction="out", refusal="open"), outbound="strict")
    for send in (tcp, udp):
        assert send(wire.host, wire.peer, PEER[family], GUARDED) == PASSES
        assert send(wire.host, wire.stranger, STRANGER[family], FREE) != PASSES
        assert send(wire.stranger, wire.host, HOST[family], 22) == PASSES
    assert ping(wire.host, STRANGER[family])
    with _open(wire, 22) as (client, server):
        assert delivers(server, client)


def test_outbound_strict_leaves_older_connections_alone(wire: Wire, apply: Applied) -> None:
    with (
        listening(wire.stranger, "0.0.0.0", FREE) as server,
        connected(wire.host, STRANGER[0], FREE) as client,
        server.accept()[0] as accepted,
    ):
        apply(*both(direction="out"), outbound="strict")
        assert delivers(client, accepted)
        assert delivers(accepted, client)


def test_taking_everything_away_opens_everything(wire: Wire, apply: Applied) -> None:
    apply(*both(), posture="strict", outbound="strict")
    apply(posture="guard", outbound="off")
    assert {send(wire.stranger, wire.host, HOST[0], GUARDED) for send in (tcp, udp)} == {PASSES}
    with wire.host.inside():
        assert run("nft", "list", "ruleset") == ""
