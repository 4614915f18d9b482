# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""portbook_mark beside rulesets that drop by default: one rule of theirs lets pass what the plan permits."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from itertools import product
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
    SILENCE,
    STRANGER,
    Wire,
    connected,
    connects,
    delivers,
    listening,
    sends,
    tcp,
    udp,
)

from ansible_collections.portbook.firewall.plugins.module_utils.linux import policy_routes
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import StateError

PORT, UNGUARDED, ANYBODY, UNPLANNED = 514, 515, 516, 517
MARK = [0x10, 0x30]
POSTURES = ("open", "guard", "strict", "watch")
PLAN = (
    *(rule(PORT, PEER, protocol=protocol) for protocol in ("tcp", "udp")),
    *(rule(UNGUARDED, PEER, protocol=protocol, refusal="open") for protocol in ("tcp", "udp")),
    rule(ANYBODY, refusal="open"),
)


class Marked:
    """The host on the wire, with a mark."""

    def __init__(self, wire: Wire, folder: Path) -> None:
        self._wire, self._host = wire, Host(folder)

    def __call__(self, *rules: dict[str, Any], **settings: Any) -> list[dict[str, str]]:
        """What rules of others make of the flows."""
        posture = settings.get("posture", "guard")
        refusal = {"open": "open", "watch": "watch"}.get(posture)
        mine = [{**one, "refusal": refusal} if refusal and one["refusal"] == "guard" else one for one in rules or PLAN]
        with self._wire.host.inside():
            return self._host.apply({"one": slice_of(*mine)}, settings={"mark": MARK, **settings}).foreign


@pytest.fixture
def apply(wire: Wire, tmp_path: Path) -> Marked:
    return Marked(wire, tmp_path / "portbook")


# -- three ways to drop by default, each with its one rule -----------------------------------------------


def by_nft(line: str = "meta mark and 0x30 == 0x10 accept") -> None:
    common = f"ct state established,related accept; iif lo accept; meta l4proto icmpv6 accept; {line};"
    nft(
        "table inet own {\n"
        f"chain input {{ type filter hook input priority 0; policy drop; {common} }}\n"
        f"chain forward {{ type filter hook forward priority 0; policy drop; {common} }}\n"
        "}\n"
    )


def by_iptables(kind: str) -> Callable[..., None]:
    def drop(line: str = "-m mark --mark 0x10/0x30 -j ACCEPT") -> None:
        for program, icmp in ((f"iptables-{kind}", "icmp"), (f"ip6tables-{kind}", "ipv6-icmp")):
            for chain in ("INPUT", "FORWARD"):
                run(program, "-P", chain, "DROP")
                run(program, "-A", chain, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT")
                run(program, "-A", chain, "-i", "lo", "-j", "ACCEPT")
                run(program, "-A", chain, "-p", icmp, "-j", "ACCEPT")
                if line:
                    run(program, "-A", chain, *line.split())

    return drop


DROPPERS = {"nft": by_nft, "iptables-nft": by_iptables("nft"), "iptables-legacy": by_iptables("legacy")}
needs_iptables = pytest.mark.skipif(
    shutil.which("iptables-legacy", path="/usr/sbin:/sbin:/usr/bin:/bin") is None,
    reason="iptables missing: apt-get install iptables",
)


def _dropper(name: str, *more: Any) -> Any:
    marks = [needs_iptables] if name.startswith("iptables") else []
    return pytest.param(DROPPERS[name], *more, id="-".join([name, *map(str, more)]), marks=marks)


drops = pytest.mark.parametrize("drop", [_dropper(name) for name in DROPPERS])
in_every_posture = pytest.mark.parametrize(
    ("drop", "posture"),
    [*(_dropper("nft", posture) for posture in POSTURES), *(_dropper(name, "open") for name in list(DROPPERS)[1:])],
)


@in_every_posture
def test_one_rule_lets_pass_what_the_plan_permits_and_no_more(
    wire: Wire, apply: Marked, drop: Callable[..., None], posture: str
) -> None:
    with wire.host.inside():
        drop()
    assert apply(posture=posture) == []
    for address in HOST:
        for send in (tcp, udp):
            assert send(wire.peer, wire.host, address, PORT) == PASSES
            assert send(wire.peer, wire.host, address, UNGUARDED) == PASSES
            assert send(wire.stranger, wire.host, address, PORT) == SILENCE
        assert tcp(wire.stranger, wire.host, address, UNGUARDED) == SILENCE
        assert tcp(wire.peer, wire.host, address, UNPLANNED) == SILENCE
        assert tcp(wire.stranger, wire.host, address, ANYBODY) == PASSES


@drops
def test_without_the_rule_nothing_is_applied_and_the_error_names_it_for_each_chain_and_all_flows(
    wire: Wire, apply: Marked, drop: Callable[..., None]
) -> None:
    many = [rule(600 + number, PEER) for number in range(12)]
    with wire.host.inside():
        drop(line="")
        with pytest.raises(StateError) as refused:
            apply(*many)
        told = str(refused.value)
        assert all(f"one.{number}" in told for number in range(12))
        assert "Set portbook_mark" not in told
        added = [part.partition(" (for ")[0] for part in told.split("in front of what refuses: ")[1:]]
        assert added
        for line in added:
            if line.startswith("ip"):
                program = line.split()[0]
                kind = "legacy" if "iptables-legacy" in told else "nft"
                run(*line.replace(program, f"{program}-{kind}", 1).split())
            else:
                nft(f"add rule inet own input {line}")
        assert apply(*many) == []
    assert tcp(wire.peer, wire.host, HOST[0], 605) == PASSES
    assert tcp(wire.peer, wire.host, HOST[1], 605) == PASSES
    assert tcp(wire.stranger, wire.host, HOST[0], 605) == SILENCE


def test_without_a_mark_the_error_says_which_to_set(wire: Wire, apply: Marked) -> None:
    with wire.host.inside():
        by_nft("meta mark and 0xf0 == 0x20 counter")
        with pytest.raises(StateError, match=r"Set portbook_mark: 0x1000/0x1000 for this host\. Add to"):
            apply(mark=None)
        with pytest.raises(StateError, match="Or set portbook_foreign: warn"):
            apply(mark=None)


def test_a_chain_before_the_mark_is_no_place_for_the_rule(wire: Wire, apply: Marked) -> None:
    with wire.host.inside():
        nft("table inet own { chain early { type filter hook prerouting priority -150; policy drop; }; }")
        with pytest.raises(StateError, match=r"Let pass in table inet own, chain early, where packets are not"):
            apply()


@pytest.mark.more
@pytest.mark.parametrize("posture", POSTURES)
def test_the_mark_changes_nothing_that_is_refused(wire: Wire, apply: Marked, posture: str) -> None:
    def seen() -> list[str]:
        return [
            send(place, wire.host, HOST[0], port)
            for send in (tcp, udp)
            for place in (wire.peer, wire.stranger)
            for port in (PORT, UNGUARDED, UNPLANNED)
        ]

    apply(posture=posture, mark=None)
    before = seen()
    apply(posture=posture)
    assert seen() == before


def test_an_established_connection_is_let_pass_by_the_rule_for_such(wire: Wire, apply: Marked) -> None:
    with wire.host.inside():
        by_nft()
    apply()
    with listening(wire.host, "0.0.0.0", PORT) as server, connected(wire.peer, HOST[0], PORT) as client:
        accepted, _who = server.accept()
        with accepted:
            assert delivers(client, accepted)
            assert delivers(accepted, client)


@pytest.mark.more
@pytest.mark.parametrize(("cast", "address"), [("broadcast", BROADCAST), ("multicast", GROUP)])
@pytest.mark.parametrize("posture", POSTURES)
def test_casts_are_marked_where_the_plan_has_casts(
    wire: Wire, apply: Marked, cast: str, address: str, posture: str
) -> None:
    with wire.host.inside():
        by_nft()
    apply(rule(3702, [PEER[0]], protocol="udp", cast=cast), rule(PORT, [PEER[0]], protocol="udp"), posture=posture)
    assert udp(wire.peer, wire.host, address, 3702, source=(PEER[0], 999)) == PASSES
    assert udp(wire.stranger, wire.host, address, 3702, source=(STRANGER[0], 999)) == SILENCE
    # One is no permission for the other.
    assert udp(wire.peer, wire.host, HOST[0], 3702, source=(PEER[0], 999)) == SILENCE
    assert udp(wire.peer, wire.host, address, PORT, source=(PEER[0], 999)) == SILENCE


@pytest.mark.parametrize("posture", POSTURES)
def test_the_management_access_is_marked(wire: Wire, apply: Marked, posture: str) -> None:
    with wire.host.inside():
        by_nft()
    apply(posture=posture, management=[STRANGER[0]], management_ports=[22])
    assert tcp(wire.stranger, wire.host, HOST[0], 22) == PASSES
    assert tcp(wire.peer, wire.host, HOST[0], 22) == SILENCE


def test_a_protocol_without_ports_is_marked(wire: Wire, apply: Marked) -> None:
    apply(rule(None, [PEER[0]], protocol="vrrp"), posture="open")
    with wire.host.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as member:
        count = "meta mark and 0x30 == 0x10 counter"
        nft(f"table inet own {{ chain input {{ type filter hook input priority 0; {count}; }}; }}")
        joined = socket.inet_aton("224.0.0.18") + socket.inet_aton(HOST[0])
        member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        for place, address in product((wire.peer, wire.stranger), (HOST[0], "224.0.0.18")):
            with place.inside(), socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as sender:
                sender.sendto(b"x", (address, 0))
        with wire.host.inside():
            assert "counter packets 2 " in run("nft", "list", "table", "inet", "own")


@pytest.mark.parametrize("before", [0x0, 0xFF00, 0x20, 0x30])
def test_other_bits_of_the_mark_stay_as_they_were(wire: Wire, apply: Marked, before: int) -> None:
    apply()
    with wire.host.inside():
        # Loaded behind our backs, since one that sets bits of the mark is an error.
        nft(
            "table inet own {\n"
            f"chain first {{ type filter hook prerouting priority -150; meta mark set {before:#x}; }}\n"
            "chain input { type filter hook input priority 0; policy drop; meta l4proto icmpv6 accept;\n"
            f"  ct state established accept; meta mark {before & ~0x30 | 0x10:#x} accept; }}\n"
            "}\n"
        )
    assert tcp(wire.peer, wire.host, HOST[0], PORT) == PASSES


# -- published ports ------------------------------------------------------------------------------------


@pytest.mark.more
@in_every_posture
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_published_port_passes_a_forward_chain_that_drops_by_default(
    wire: Wire, apply: Marked, drop: Callable[..., None], posture: str, kind: int
) -> None:
    container = wire.container(CONTAINER, "c0")
    with wire.host.inside():
        nft(
            "table ip published { chain to { type nat hook prerouting priority dstnat;\n"
            f"  fib daddr type local meta l4proto {{ tcp, udp }} th dport 8080 dnat to {CONTAINER}:80; }}; }}"
        )
        drop()
    for place in (wire.peer, wire.stranger):
        with place.inside():
            run("ip", "route", "add", "198.51.100.0/24", "via", HOST[0])
    both = [rule(8080, PEER, protocol=protocol, container_spans=[[80, 80]]) for protocol in ("tcp", "udp")]
    assert apply(*both, posture=posture) == []

    def reaches(place: Any, address: str, port: int) -> str:
        with listening(container, "0.0.0.0", 80, kind) as server:
            stream = kind == socket.SOCK_STREAM
            return connects(place, address, port) if stream else sends(place, server, address, port)

    assert reaches(wire.peer, HOST[0], 8080) == PASSES
    assert reaches(wire.stranger, HOST[0], 8080) == SILENCE
    # What is only on its way through carries no mark.
    assert reaches(wire.peer, CONTAINER, 80) == SILENCE


def test_a_forward_chain_that_drops_published_ports_is_named(wire: Wire, apply: Marked) -> None:
    published = rule(8080, PEER, container_spans=[[80, 80]])
    with wire.host.inside():
        nft("table inet own { chain forward { type filter hook forward priority 0; policy drop; }; }")
        with pytest.raises(StateError, match=r"Add to table inet own, chain forward, .*0x10 accept \(for one\.1\)"):
            apply(rule(PORT, PEER), published)
        nft("add rule inet own forward meta mark and 0x30 == 0x10 accept")
        assert apply(rule(PORT, PEER), published) == []


# -- outbound -------------------------------------------------------------------------------------------


def test_what_leaves_is_marked_where_outbound_is_on(wire: Wire, apply: Marked) -> None:
    container = wire.container(CONTAINER, "c0")
    with wire.stranger.inside():
        run("ip", "route", "add", "198.51.100.0/24", "via", HOST[0])
    with wire.peer.inside():
        run("ip", "route", "add", "198.51.100.0/24", "via", HOST[0])
    with wire.host.inside():
        line = "ct state established accept; meta l4proto icmpv6 accept; meta mark and 0x30 == 0x10 accept"
        nft(
            f"table inet own {{ chain output {{ type filter hook output priority 0; policy drop; {line}; }}\n"
            f"chain forward {{ type filter hook forward priority 0; policy drop; {line}; }}; }}"
        )
    out = rule(PORT, PEER, direction="out", refusal="open")
    assert apply(out, outbound="open") == []
    for place in (wire.host, container):
        assert tcp(place, wire.peer, PEER[0], PORT) == PASSES
        assert tcp(place, wire.stranger, STRANGER[0], PORT) != PASSES
        assert tcp(place, wire.peer, PEER[0], UNPLANNED) != PASSES


# -- bits that something else uses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["-4", "rule", "add", "fwmark", "0x10/0xff", "lookup", "100"], r"ip rule \d+ \(fwmark 0x10/0xff\)"),
        (["-4", "rule", "add", "fwmark", "0x1", "lookup", "100"], r"ip rule \d+ \(fwmark 0x1\)"),
        (["-6", "rule", "add", "not", "fwmark", "51820", "lookup", "100"], r"ip -6 rule \d+ \(fwmark 0xca6c\)"),
    ],
)
def test_a_policy_route_that_uses_its_bits_is_an_error(host: Host, words: list[str], named: str) -> None:
    run("ip", *words)
    with pytest.raises(StateError, match=rf"portbook_mark is 0x10/0x30, and other rules of this host use .*{named}"):
        host.apply({"one": slice_of(rule(PORT, PEER))}, settings={"mark": MARK})
    assert host.apply({"one": slice_of(rule(PORT, PEER))}).foreign == []


def test_a_policy_route_with_other_bits_is_no_matter(host: Host) -> None:
    run("ip", "rule", "add", "fwmark", "0x100/0xff00", "lookup", "100")
    host.apply({"one": slice_of(rule(PORT, PEER))}, settings={"mark": MARK})


def test_a_clash_stands_in_the_way_of_no_removal(host: Host) -> None:
    both = {name: slice_of(rule(port, PEER), name=name) for name, port in (("one", PORT), ("two", UNPLANNED))}
    host.apply(both, settings={"mark": MARK})
    run("ip", "rule", "add", "fwmark", "0x10", "lookup", "100")
    for gone in both:
        host.apply({gone: {}}, removes=True)
    assert host.table() == ""


def test_where_policy_routes_cannot_be_read_a_warning_says_so(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(policy_routes, "_PATH", str(tmp_path))
    said = host.apply({"one": slice_of(rule(PORT, PEER))}, settings={"mark": MARK}).warnings
    missing = "the program ip (package iproute2) is missing"
    assert said == [f"whether a policy route uses bits of portbook_mark is not known: {missing}"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("meta mark set 0x1", "sets 0xffffffff"),
        ("meta mark set meta mark or 0x11", "sets 0x11"),
        ("ct mark set meta mark and 0xff", "reads 0xff"),
        ("meta mark set ct mark", "sets 0xffffffff"),
        ("meta mark and 0xff == 0x3 accept", "reads 0xff"),
        ("meta mark and 0x30 == 0x20 drop", "reads 0x30"),
        ("meta mark vmap { 0x1 : drop }", "reads 0xffffffff"),
    ],
)
def test_a_rule_of_another_table_that_uses_its_bits_is_an_error(host: Host, line: str, what: str) -> None:
    nft(f"table inet own {{ chain input {{ type filter hook input priority 0; {line}; }}; }}")
    with pytest.raises(StateError, match=rf"table inet own, chain input {what}"):
        host.apply({"one": slice_of(rule(PORT, PEER))}, settings={"mark": MARK, "foreign": "warn"})


@pytest.mark.parametrize(
    "line",
    [
        "meta mark and 0x30 == 0x10 accept",
        "meta mark and 0x30 != 0x10 drop",
        "meta mark 0x10 accept",
        "meta mark and 0xff00 == 0x100 accept",
        "meta mark set meta mark or 0x100",
        "ct mark set meta mark and 0xff00",
        "ct mark set 0x10",
    ],
)
def test_who_asks_for_the_mark_or_uses_other_bits_is_no_clash(host: Host, line: str) -> None:
    nft(f"table inet own {{ chain input {{ type filter hook input priority 0; {line}; }}; }}")
    host.apply({"one": slice_of(rule(PORT, PEER))}, settings={"mark": MARK})


@needs_iptables
@pytest.mark.parametrize("kind", ["nft", "legacy"])
@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("-t mangle -A PREROUTING -j MARK --set-xmark 0x10/0x10", "sets 0x10"),
        ("-t mangle -A PREROUTING -j CONNMARK --restore-mark", "sets 0xffffffff"),
        ("-t mangle -A PREROUTING -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff", "reads 0xff"),
        ("-t nat -A PREROUTING -j MARK --or-mark 0x20", "sets 0x20"),
        ("-A INPUT -m mark --mark 0x1 -j DROP", "reads 0xffffffff"),
        ("-A INPUT -m mark --mark 0x10/0x30 -j ACCEPT", ""),
        ("-t mangle -A PREROUTING -j MARK --set-xmark 0x100/0x100", ""),
        ("-t mangle -A PREROUTING -m connmark --mark 0x10 -j ACCEPT", ""),
        ("-t mangle -A PREROUTING -j CONNMARK --set-mark 0x10", ""),
    ],
)
def test_rules_of_iptables_count_alike(host: Host, kind: str, words: str, what: str) -> None:
    run(f"iptables-{kind}", *words.split())
    if what:
        with pytest.raises(StateError, match=rf"chain [A-Z]+ {what}\b"):
            host.apply({"one": slice_of(rule(PORT, PEER))}, settings={"mark": MARK})
    else:
        host.apply({"one": slice_of(rule(PORT, PEER))}, settings={"mark": MARK})


def test_a_mark_that_is_removed_leaves_the_table_as_it_was_without(host: Host) -> None:
    slices = {"one": slice_of(rule(PORT, PEER))}
    host.apply(slices)
    before = host.table()
    assert host.apply(slices, settings={"mark": MARK}).changed
    assert not host.apply(slices, settings={"mark": MARK}).changed
    host.apply(slices, settings={"mark": None})
    assert host.table() == before
