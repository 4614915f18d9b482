# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions become the text that nft is given."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.intervals import cut
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import (
    Local,
    Mark,
    Permission,
    Settings,
)
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.ruleset import deletion, ruleset

PEER = ("192.0.2.10",)
ONE = Permission("in", "tcp", ((514, 514),), networks=PEER, refusal="guard")
OUT = replace(ONE, direction="out")
NOWHERE = Local()


class Table:
    """The text, by chains, sets and maps."""

    def __init__(self, *permissions: Permission, local: Local = NOWHERE, **settings: Any) -> None:
        self.text = ruleset(permissions, Settings(**settings), local)
        self.parts: dict[str, list[str]] = {}
        for kind, name, body in re.findall(r"^  (\w+) (\w+) \{\n(.*?)^  \}$", self.text, re.MULTILINE | re.DOTALL):
            assert f"{kind} {name}" not in self.parts
            self.parts[f"{kind} {name}"] = [line.strip() for line in body.splitlines()]

    def chain(self, name: str) -> list[str]:
        return self.parts[f"chain {name}"]

    def hooks(self) -> list[str]:
        return [body[0].split("hook ")[1].split(";")[0] for body in self.parts.values() if "hook" in (body or [""])[0]]

    def elements(self, kind: str, name: str) -> list[str]:
        line = next(line for line in self.parts[f"{kind} {name}"] if line.startswith("elements"))
        return line.partition("{ ")[2].rpartition(" }")[0].split(", ")

    def peers(self, line: str) -> list[str]:
        """Of the set that a rule names."""
        found = re.search(r"@(p\w+)", line)
        assert found
        return self.elements("set", found[1])


# -- postures -----------------------------------------------------------------------------------------


def test_the_table_is_replaced_in_one_transaction() -> None:
    assert Table(ONE).text.startswith("table inet portbook\ndelete table inet portbook\ntable inet portbook {\n")


def test_taking_it_away_needs_no_table() -> None:
    assert deletion() == "table inet portbook\ndelete table inet portbook\n"


@pytest.mark.parametrize(
    ("permissions", "settings", "hooks"),
    [
        ((), {}, []),
        ((replace(ONE, refusal="open"),), {}, []),
        ((replace(OUT, refusal="open"),), {}, []),
        ((ONE,), {}, ["prerouting priority -110"]),
        ((OUT,), {}, ["postrouting priority 90"]),
        ((ONE, OUT), {}, ["prerouting priority -110", "postrouting priority 90"]),
        ((), {"verdict_in": "refuse"}, ["prerouting priority -110"]),
        ((), {"verdict_out": "refuse"}, ["postrouting priority 90"]),
    ],
)
def test_a_hook_is_there_only_where_something_is_refused(
    permissions: tuple[Permission, ...], settings: dict[str, bool], hooks: list[str]
) -> None:
    assert Table(*permissions, **settings).hooks() == hooks


def test_permissions_may_come_from_a_generator() -> None:
    assert ruleset((one for one in (ONE, OUT)), Settings(), NOWHERE) == Table(ONE, OUT).text


def test_a_guarded_port_is_refused_to_all_but_its_peers() -> None:
    table = Table(ONE)
    first, last = table.chain("in_tcp_514")
    assert (table.peers(first), last) == (["192.0.2.10"], "jump refused")
    assert table.elements("map", "in_ports") == ["tcp . 514 : jump in_tcp_514"]
    assert table.chain("inbound")[-1] == "meta l4proto . th dport vmap @in_ports"


def test_a_port_that_has_no_guard_is_looked_up_in_strict_only() -> None:
    free = replace(ONE, spans=((600, 600),), refusal="open")
    assert "in_tcp_600" not in Table(ONE, free).text
    strict = Table(ONE, free, verdict_in="refuse")
    assert len(strict.chain("in_tcp_600")) == 1
    assert strict.chain("inbound")[-2:] == ["tcp flags & (fin | syn | rst | ack) != syn accept", "jump refused"]


def test_inbound_asks_in_the_order_that_lets_a_host_live() -> None:
    rules = Table(ONE, local=Local(trusted=("docker0",))).chain("inbound")
    order = [
        "iif lo accept",
        "iifname @trusted accept",
        "ct state established,related ct direction reply accept",
        "meta l4proto igmp accept",
        "fib daddr type unicast accept",
        "meta l4proto . th dport vmap @in_ports",
    ]
    assert [rule for rule in rules if rule in order] == order


def test_connections_are_cut_unless_they_are_to_live_on() -> None:
    assert "ct state established accept" not in Table(ONE).text
    assert Table(ONE, cut=False).chain("inbound")[3] == "ct state established accept"


@pytest.mark.parametrize("where", ["in", "out"])
def test_refused_is_dropped_or_rejected_but_only_dropped_where_packets_leave(where: str) -> None:
    name = "refused" if where == "in" else "refused_out"
    one = replace(ONE, direction=where)
    assert Table(one).chain(name) == ["counter drop"]
    rejected = ["meta l4proto tcp counter reject with tcp reset", "counter reject with icmpx type admin-prohibited"]
    assert Table(one, refuse="reject").chain(name) == (rejected if where == "in" else ["counter drop"])


@pytest.mark.parametrize("log", ["refused", "all"])
def test_what_is_refused_is_logged_at_a_limited_rate(log: str) -> None:
    assert Table(ONE, log=log).chain("refused")[0] == 'limit rate 5/second log prefix "portbook refused: "'


PERMITTED = 'ct state new limit rate 5/second log prefix "portbook permitted a.flow: "'
FLOW = replace(ONE, flow="a.flow")


def test_all_logs_new_connections_of_every_flow_next_to_what_is_refused() -> None:
    table = Table(FLOW, replace(FLOW, flow="b.flow", networks=("192.0.2.11",)), log="all")
    first, second, accept, refused = table.chain("in_tcp_514")
    assert first.endswith(PERMITTED)
    assert (table.peers(first), table.peers(second)) == (["192.0.2.10"], ["192.0.2.11"])
    assert "a.flow" not in second
    assert (table.peers(accept), refused) == (["192.0.2.10", "192.0.2.11"], "jump refused")
    assert "log" in table.chain("refused")[0]


@pytest.mark.parametrize("log", ["off", "refused"])
def test_otherwise_new_connections_are_not_logged(log: str) -> None:
    assert "permitted" not in Table(FLOW, log=log).text


def test_one_flow_alone_is_logged_both_ways() -> None:
    table = Table(replace(FLOW, logged=True), replace(FLOW, spans=((600, 600),)))
    assert table.chain("in_tcp_514")[0].endswith(PERMITTED)
    assert table.chain("in_tcp_514")[-1] == "jump refused_logged"
    assert table.chain("refused_logged") == ['limit rate 5/second log prefix "portbook refused: "', "counter drop"]
    assert table.chain("in_tcp_600")[-1] == "jump refused"
    assert table.chain("refused") == ["counter drop"]


def test_a_flow_that_has_no_guard_is_logged_and_its_port_refuses_nobody() -> None:
    table = Table(replace(FLOW, refusal="open", logged=True))
    (only,) = table.chain("in_tcp_514")
    assert only.endswith(PERMITTED)
    assert "drop" not in table.text


def test_a_fixed_source_port_is_part_of_what_is_logged() -> None:
    table = Table(replace(FLOW, source_spans=((700, 710),), networks=None, logged=True))
    assert table.chain("in_tcp_514")[0] == f"tcp sport 700-710 {PERMITTED}"


def test_protocols_without_ports_are_logged() -> None:
    table = Table(Permission("in", "esp", networks=PEER, flow="a.flow", logged=True))
    (line,) = [line for line in table.chain("inbound") if "log prefix" in line]
    assert line.endswith(f"meta l4proto esp {PERMITTED}")


def test_outbound_off_logs_nothing_outbound() -> None:
    out = replace(OUT, refusal="open", logged=True)
    assert Table(out).hooks() == ["postrouting priority 90"]
    assert Table(out, outbound=False, log="all").hooks() == []


def test_what_a_flow_is_called_cannot_break_the_ruleset() -> None:
    text = Table(replace(FLOW, flow='a"; accept; \n' + "x" * 200, logged=True)).text
    (prefix,) = re.findall(r'ct state new limit rate 5/second log prefix "([^"]*)"', text)
    assert len(prefix) < 128
    assert ";" not in prefix


def test_a_watched_port_refuses_nothing() -> None:
    table = Table(replace(ONE, refusal="watch"))
    assert table.chain("in_tcp_514")[-1] == "jump watched"
    assert table.chain("watched") == ['limit rate 5/second log prefix "portbook watched: "', "counter"]
    assert "drop" not in table.text


def test_a_port_that_one_watches_and_another_guards_is_refused() -> None:
    assert (
        Table(replace(ONE, refusal="watch"), replace(ONE, networks=("192.0.2.11",))).chain("in_tcp_514")[-1]
        == "jump refused"
    )


# -- peers --------------------------------------------------------------------------------------------


def test_addresses_and_networks_of_both_families_have_a_set_each() -> None:
    table = Table(replace(ONE, networks=("192.0.2.10", "198.51.100.0/24", "2001:db8::1", "2001:db8:1::/64")))
    lines = table.chain("in_tcp_514")[:-1]
    assert [line.split()[0] for line in lines] == ["ip", "ip", "ip6", "ip6"]
    assert [table.peers(line) for line in lines] == [
        ["192.0.2.10"],
        ["198.51.100.0/24"],
        ["2001:db8::1"],
        ["2001:db8:1::/64"],
    ]
    assert [name for name, body in table.parts.items() if "flags interval" in body and name.startswith("set")] != []


def test_flows_of_the_same_peers_share_a_set() -> None:
    table = Table(ONE, replace(ONE, spans=((600, 600),)), replace(ONE, protocol="udp"))
    assert sum(name.startswith("set ") for name in table.parts) == 1


def test_flows_of_one_port_unite_their_peers() -> None:
    table = Table(ONE, replace(ONE, networks=("192.0.2.11",)))
    assert table.peers(table.chain("in_tcp_514")[0]) == ["192.0.2.10", "192.0.2.11"]


def test_any_peer_makes_others_needless() -> None:
    assert Table(ONE, replace(ONE, networks=None)).chain("in_tcp_514") == ["accept", "jump refused"]


def test_a_flow_without_peers_lets_in_nobody() -> None:
    assert Table(replace(ONE, networks=())).chain("in_tcp_514") == ["jump refused"]


def test_overlapping_ports_are_cut_into_intervals() -> None:
    table = Table(replace(ONE, spans=((500, 520),)), replace(ONE, spans=((510, 530),), networks=("192.0.2.11",)))
    assert table.elements("map", "in_ports") == [
        "tcp . 500-509 : jump in_tcp_500_509",
        "tcp . 510-520 : jump in_tcp_510_520",
        "tcp . 521-530 : jump in_tcp_521_530",
    ]
    assert table.peers(table.chain("in_tcp_510_520")[0]) == ["192.0.2.10", "192.0.2.11"]


def test_source_ports_have_a_line_of_their_own() -> None:
    table = Table(ONE, replace(ONE, source_spans=((700, 710), (53, 53)), networks=None))
    assert table.chain("in_tcp_514")[-2:] == ["tcp sport { 53, 700-710 } accept", "jump refused"]


def test_overlapping_source_ports_are_cut() -> None:
    table = Table(replace(ONE, source_spans=((67, 68), (68, 68)), networks=None))
    assert table.chain("in_tcp_514")[0] == "tcp sport { 67, 68 } accept"


def test_the_local_subnet_is_what_the_host_is_on_and_link_local() -> None:
    one = replace(ONE, networks=None, local_subnet=True)
    table = Table(one, local=Local(subnets=("192.0.2.0/24", "2001:db8::/64")))
    assert [table.peers(line) for line in table.chain("in_tcp_514")[:-1]] == [
        ["192.0.2.0/24"],
        ["2001:db8::/64", "fe80::/10"],
    ]


def test_the_local_subnet_outbound_has_its_groups() -> None:
    table = Table(replace(OUT, networks=None, local_subnet=True), local=Local(subnets=("192.0.2.0/24",)))
    assert [table.peers(line) for line in table.chain("out_tcp_514")[:-1]] == [
        ["255.255.255.255"],
        ["192.0.2.0/24", "224.0.0.0/4"],
        ["fe80::/10", "ff00::/8"],
    ]


# -- casts --------------------------------------------------------------------------------------------

CAST = Permission("in", "udp", ((3702, 3702),), networks=PEER, cast="multicast", refusal="guard")


def test_casts_have_a_map_of_their_own() -> None:
    table = Table(CAST)
    assert "fib daddr type { broadcast, multicast } goto cast" in table.chain("inbound")
    assert table.elements("map", "cast_ports") == ["udp . 3702 : jump cast_udp_3702"]
    assert table.chain("cast") == ["meta l4proto . th dport vmap @cast_ports"]


def test_a_cast_of_the_local_subnet_may_come_from_the_unset_address() -> None:
    table = Table(replace(CAST, networks=None, local_subnet=True), local=Local(subnets=("192.0.2.0/24",)))
    assert table.peers(table.chain("cast_udp_3702")[0]) == ["0.0.0.0"]


def test_a_guarded_port_is_guarded_against_casts_and_a_guarded_cast_against_unicast() -> None:
    datagrams = replace(ONE, protocol="udp")
    table = Table(CAST, datagrams)
    for prefix in ("in", "cast"):
        assert {f"{prefix}_udp_514", f"{prefix}_udp_3702"} <= {name.partition(" ")[2] for name in table.parts}


def test_strict_refuses_casts_that_are_not_in_the_plan() -> None:
    assert Table(ONE, verdict_in="refuse").chain("cast")[-1] == "jump refused"
    assert Table(CAST).chain("cast")[-1] != "jump refused"


def test_without_casts_they_are_looked_up_like_the_rest() -> None:
    assert "goto cast" not in Table(ONE).text


# -- protocols without ports --------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "given"), [("vrrp", "112"), ("esp", "esp"), ("gre", "47"), ("icmpv6", "icmpv6")])
def test_protocols_without_ports_are_for_strict(name: str, given: str) -> None:
    one = Permission("in", name, networks=PEER)
    assert f"l4proto {given} accept" not in Table(ONE, one).text
    table = Table(one, verdict_in="refuse")
    (line,) = [line for line in table.chain("inbound") if line.endswith(f"meta l4proto {given} accept")]
    assert table.peers(line) == ["192.0.2.10"]
    assert f"meta l4proto {given} accept" in Table(replace(one, networks=None), verdict_in="refuse").chain("inbound")


# -- containers ---------------------------------------------------------------------------------------

PUBLISHED = replace(ONE, container_spans=((5140, 5140),))
BRIDGES = Local(trusted=("docker0",), bridges=("docker0",))
CONTAINERS = Local(trusted=None)
OWN = Local(trusted=None, own_bridges=("br0", "br-lan"))


def test_a_containers_own_port_is_refused_to_routed_neighbours_on_every_bridge() -> None:
    table = Table(PUBLISHED)
    assert table.hooks() == ["prerouting priority -110", "forward priority -10"]
    assert table.elements("map", "container_ports") == ["tcp . 5140 : jump container_tcp_5140"]
    *_before, translated, last = table.chain("containers")
    assert (translated, last) == ("ct status dnat accept", 'meta oifkind "bridge" goto into_bridges')
    assert table.chain("into_bridges") == [
        'meta iifkind "bridge" fib daddr . iif oif exists accept',
        "meta l4proto . th dport vmap @container_ports",
    ]


def test_networks_of_the_administrators_have_no_guard() -> None:
    table = Table(PUBLISHED, local=OWN)
    assert table.elements("set", "own_bridges") == ['"br-lan"', '"br0"']
    assert table.chain("into_bridges")[1] == "oifname @own_bridges accept"


@pytest.mark.parametrize("one", [ONE, replace(PUBLISHED, refusal="open")], ids=["native", "not guarded"])
def test_no_containers_need_no_guard(one: Permission) -> None:
    assert "hook forward" not in Table(one, replace(ONE, spans=((1, 1),)), local=BRIDGES).text


@pytest.mark.parametrize(("interface", "chain"), [("iif", "from_containers"), ("oif", "to_containers")])
def test_bridges_of_containers_are_trusted_by_name_and_only_bridges_are(interface: str, chain: str) -> None:
    table = Table(PUBLISHED, OUT, local=OWN)
    bases = {"iif": ("inbound", "containers"), "oif": ("outbound",)}[interface]
    for base in bases:
        assert table.chain(base)[1:3] == [f"{interface} lo accept", f'meta {interface}kind "bridge" jump {chain}']
    first, *rules = table.chain(chain)
    assert first == f"{interface}name @own_bridges return"
    names = [rule.split('"')[1] for rule in rules]
    assert rules == [f'{interface}name "{name}" accept' for name in names]
    assert {"docker*", "br-0*", "br-f*", "podman*", "cni*", "virbr*", "lxcbr*", "lxdbr*", "incusbr*"} <= set(names)
    assert not {"br*", "br-*", "br-l*", "*"} & set(names)


@pytest.mark.parametrize("kinds", [True, False])
@pytest.mark.parametrize("trusted", [(), ("eth1",)])
def test_whoever_names_interfaces_trusts_no_others(trusted: tuple[str, ...], kinds: bool) -> None:
    text = ruleset([PUBLISHED, OUT], Settings(), Local(trusted=trusted, bridges=("docker0",)), kinds)
    assert "_containers" not in text
    assert ("iifname @trusted accept" in text) == ("oifname @trusted accept" in text) == bool(trusted)


@pytest.mark.parametrize("settings", [{}, {"mark": Mark(1, 1)}, {"verdict_in": "refuse", "verdict_out": "refuse"}])
def test_the_rules_are_the_same_whichever_bridges_of_containers_there_are(settings: dict[str, Any]) -> None:
    with_some = replace(OWN, bridges=("docker0", "br-0123456789ab"))
    assert Table(PUBLISHED, OUT, local=with_some, **settings).text == Table(PUBLISHED, OUT, local=OWN, **settings).text


def test_no_rule_asks_for_what_kind_an_interface_is_not() -> None:
    """Network cards have no kind, and a rule that asks for one does not match them, whatever it asks."""
    text = Table(PUBLISHED, OUT, local=OWN, mark=Mark(1, 1)).text
    assert set(re.findall(r"[io]ifkind (\S+)", text)) == {'"bridge"'}


def test_without_kinds_the_bridges_that_are_there_are_guarded_and_trusted() -> None:
    local = replace(OWN, bridges=("docker0",))
    text = ruleset([PUBLISHED, OUT], Settings(mark=Mark(1, 1)), local, kinds=False)
    assert "kind" not in text
    for line in ("oifname != @bridges accept", "iifname != @bridges accept", "iifname @trusted accept"):
        assert line in text
    assert text.count('elements = { "docker0" }') == 2


def test_without_kinds_and_bridges_there_is_nothing_to_guard() -> None:
    text = ruleset([PUBLISHED, OUT], Settings(mark=Mark(1, 1)), CONTAINERS, kinds=False)
    assert "hook forward" not in text
    assert "@trusted" not in text


# -- baseline -----------------------------------------------------------------------------------------


def test_management_access_is_let_in_before_anything_is_looked_up() -> None:
    table = Table(ONE, local=Local(way_in=("192.0.2.250", "2001:db8::250"), way_in_ports=(22, 2222)))
    rules = table.chain("inbound")
    ways = [rule for rule in rules if "tcp dport { 22, 2222 } accept" in rule]
    assert [table.peers(rule) for rule in ways] == [["192.0.2.250"], ["2001:db8::250"]]
    assert rules.index(ways[-1]) < rules.index("fib daddr type unicast accept")


def test_outbound_strict_keeps_names_and_time() -> None:
    table = Table(verdict_out="refuse", local=Local(resolvers=("192.0.2.53",), time_servers=("192.0.2.123",)))
    rules = table.chain("outbound")
    (names,) = [rule for rule in rules if rule.endswith("meta l4proto { tcp, udp } th dport 53 accept")]
    (time,) = [rule for rule in rules if rule.endswith("udp dport 123 accept")]
    assert (table.peers(names), table.peers(time)) == (["192.0.2.53"], ["192.0.2.123"])
    assert rules[-1] == "jump refused_out"


def test_time_servers_that_are_known_by_name_only_may_be_anywhere() -> None:
    assert "udp dport 123 accept" in Table(verdict_out="refuse", local=Local(time_servers=("any",))).chain("outbound")


def test_outbound_checks_the_destination() -> None:
    assert Table(OUT).chain("out_tcp_514")[0].startswith("ip daddr @")


# -- intervals ----------------------------------------------------------------------------------------


def test_intervals_meet_and_do_not_overlap() -> None:
    assert cut([("a", [(1, 10)]), ("b", [(5, 65535)]), ("c", [(20, 20)])]) == [
        ((1, 4), ["a"]),
        ((5, 10), ["a", "b"]),
        ((11, 19), ["b"]),
        ((20, 20), ["b", "c"]),
        ((21, 65535), ["b"]),
    ]


def test_an_item_may_overlap_itself() -> None:
    assert cut([("a", [(1, 3), (2, 5), (6, 6)])]) == [
        ((1, 1), ["a"]),
        ((2, 3), ["a"]),
        ((4, 5), ["a"]),
        ((6, 6), ["a"]),
    ]


def test_nothing_is_cut_into_nothing() -> None:
    assert cut([]) == cut([("a", [])]) == []
