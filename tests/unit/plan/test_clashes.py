# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports cut into disjoint intervals, and components that want the same one."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.helpers.book import Planned, book, flow, host, port, windows

from ansible_collections.portbook.firewall.plugins.plugin_utils.plan import clashes as checks

EMPTY = book({"client": {}}, {"acme.f": flow("client", "client", 1)})


def cut(plan: Planned, name: str, catalog) -> tuple[checks.Interval, ...]:
    return checks.cut(plan.hosts[name].rules, plan.sets, catalog)


def allow(name, ports, peers, **more):
    return {"name": name, "ports": ports, "peers": peers, **more}


def intervals(*entries):
    """Ports, peers and flows of the intervals that these entries of portbook_allow are cut into."""
    plan = EMPTY.plan(host("h", "", "192.0.2.1", portbook_allow=list(entries)))
    return [
        (one.direction, one.protocol, one.ports, one.peers.networks(), one.flows)
        for one in cut(plan, "h", EMPTY.catalog)
    ]


def test_overlapping_ports_are_cut_and_the_common_part_has_the_peers_of_both():
    assert intervals(allow("a", "10-20", ["192.0.2.0/25"]), allow("b", "15-30", ["192.0.2.128/25"])) == [
        ("in", "tcp", (10, 14), ["192.0.2.0/25"], ("allow.a",)),
        ("in", "tcp", (15, 20), ["192.0.2.0/24"], ("allow.a", "allow.b")),
        ("in", "tcp", (21, 30), ["192.0.2.128/25"], ("allow.b",)),
    ]


def test_a_port_inside_a_range_splits_it():
    assert [one[2] for one in intervals(allow("a", "1-100", "any"), allow("b", 50, "any"))] == [
        (1, 49),
        (50, 50),
        (51, 100),
    ]


def test_protocols_and_directions_are_cut_apart():
    found = intervals(
        allow("a", 53, ["192.0.2.2"]),
        allow("b", 53, ["192.0.2.3"], protocol="udp"),
        allow("c", 53, ["192.0.2.4"], direction="out"),
    )
    assert [(one[:2], one[3]) for one in found] == [
        (("in", "tcp"), ["192.0.2.2"]),
        (("in", "udp"), ["192.0.2.3"]),
        (("out", "tcp"), ["192.0.2.4"]),
    ]


def test_any_is_every_address_of_both_families():
    ((_direction, _protocol, _ports, networks, _flows),) = intervals(allow("a", 53, "any"))
    assert networks == ["0.0.0.0/0", "::/0"]


def test_the_local_subnet_is_kept_as_a_symbol():
    plan = EMPTY.plan(
        host("h", "", "192.0.2.1", portbook_allow=[allow("a", 53, "local_subnet"), allow("b", 53, ["10.0.0.1"])])
    )
    (one,) = cut(plan, "h", EMPTY.catalog)
    assert (one.symbols, one.peers.networks()) == ({"local_subnet"}, ["10.0.0.1"])


MIXED = book(
    {"client": {}, "server": {}},
    {
        "acme.rpc": flow("client", "server", "rpc_dynamic"),
        "acme.own": flow("client", "server", 50000, exclusive=True),
        "acme.shout": flow("client", "server", 67, protocol="udp", cast="broadcast"),
    },
)


def test_a_token_is_all_that_it_may_turn_out_to_be_and_an_interval_is_guarded_if_one_flow_is():
    plan = MIXED.plan(host("s", "server", "192.0.2.1"), host("c", "client", "192.0.2.11"))
    found = [(one.ports, one.guarded) for one in cut(plan, "s", MIXED.catalog)]
    assert found == [((49152, 49999), False), ((50000, 50000), True), ((50001, 65535), False)]


def test_the_way_in_and_what_is_not_unicast_are_not_cut():
    plan = MIXED.plan(host("s", "server", "192.0.2.1"), host("c", "client", "192.0.2.11"))
    assert {one.protocol for one in cut(plan, "s", MIXED.catalog)} == {"tcp"}


ENTRY = st.tuples(
    st.sampled_from(["in", "out"]),
    st.sampled_from(["tcp", "udp"]),
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(0, 10)).map(lambda two: (two[0], two[0] + two[1])),
        min_size=1,
        max_size=3,
    ),
    st.sets(st.integers(0, 15), min_size=1, max_size=4),
)


@settings(max_examples=60)
@given(st.lists(ENTRY, min_size=1, max_size=6))
def test_no_two_intervals_overlap_and_each_point_has_exactly_the_union_of_its_flows(entries):
    plan = EMPTY.plan(
        host(
            "h",
            "",
            "192.0.2.1",
            portbook_allow=[
                {
                    "name": f"e{number}",
                    "direction": direction,
                    "protocol": protocol,
                    "ports": [f"{low}-{high}" for low, high in ports],
                    "peers": [f"10.0.0.{peer}" for peer in peers],
                }
                for number, (direction, protocol, ports, peers) in enumerate(entries)
            ],
        )
    )
    found = cut(plan, "h", EMPTY.catalog)
    for direction in ("in", "out"):
        for protocol in ("tcp", "udp"):
            for number in range(1, 55):
                met = [
                    (place, peers)
                    for place, (one, other, ports, peers) in enumerate(entries)
                    if (one, other) == (direction, protocol) and any(low <= number <= high for low, high in ports)
                ]
                here = [
                    one
                    for one in found
                    if (one.direction, one.protocol) == (direction, protocol) and one.ports[0] <= number <= one.ports[1]
                ]
                assert len(here) == bool(met)
                for one in here:
                    assert addresses(one.peers.networks()) == set().union(*(two[1] for two in met))
                    assert set(one.flows) == {f"allow.e{place}" for place, _peers in met}


def addresses(networks: list[str]) -> set[int]:
    return {int(one) & 0xFF for text in networks for one in ipaddress.ip_network(text)}


# -- two programs on one port ---------------------------------------------------------------------------


def two(left: dict, right: dict, components: dict | None = None):
    return book(
        {"client": {}, "left": {}, "right": {"ports": {"main": port(8080)}}, **(components or {})},
        {
            "acme.l": flow("client", "left", 8080, **left),
            "acme.r": flow("client", "right", "main", **right),
        },
    )


BOTH = windows("h", "left right", "192.0.2.1")
CLIENT = host("c", "client", "192.0.2.11")


def test_two_components_of_a_host_that_want_the_same_port_are_an_error_that_names_both():
    (error,) = two({}, {}).errors(BOTH, CLIENT)
    assert error.startswith("h: left and right both want tcp 8080 for programs of their own")
    assert "(acme.l and acme.r)" in error
    assert "change the port" in error


def test_a_port_that_a_variable_moves_away_is_no_clash():
    moved = windows("h", "left right", "192.0.2.1", right_port=8081)
    assert two({}, {}).plan(moved, CLIENT)


def test_a_port_that_a_variable_moves_onto_anothers_is_a_clash():
    book_ = two({"ports": [8090]}, {})
    assert book_.plan(BOTH, CLIENT)
    assert book_.errors(windows("h", "left right", "192.0.2.1", right_port=8090), CLIENT)


def test_the_same_port_of_different_protocols_is_no_clash():
    assert two({"protocol": "udp"}, {}).plan(BOTH, CLIENT)


def test_components_on_different_hosts_do_not_clash():
    assert two({}, {}).plan(host("l", "left", "192.0.2.1"), host("r", "right", "192.0.2.2"), CLIENT)


def test_http_sys_serves_many_at_once():
    shared = {"listener": "http.sys"}
    assert two(shared, shared).plan(BOTH, CLIENT)
    assert two(shared, {}).errors(BOTH, CLIENT)


def test_an_owner_serves_its_flows_for_many_components():
    owned = {"responder": {"owner": "windows"}}
    assert two(owned, owned).plan(BOTH, CLIENT)


def test_one_program_of_two_components_is_no_clash():
    program = {"programs": {"main": {"what": "it", "path": "C:\\same.exe"}}}
    users = {"responder": {"program": "main"}}
    one = two(users, users, {"left": program, "right": {**program, "ports": {"main": port(8080)}}})
    assert one.plan(BOTH, CLIENT)


def test_two_flows_of_one_component_share_its_port():
    one = book(
        {"client": {}, "peer": {}, "server": {}},
        {"acme.a": flow("client", "server", 8080), "acme.b": flow("peer", "server", 8080)},
    )
    plan = one.plan(host("s", "server", "192.0.2.1"), CLIENT, host("p", "peer", "192.0.2.20"))
    assert len(plan.rules("s")) == 2


def test_what_the_user_allows_clashes_with_nothing():
    allowed = host("h", "left", "192.0.2.1", portbook_allow=[allow("a", 8080, ["203.0.113.1"])])
    assert two({}, {}).plan(allowed, CLIENT)
