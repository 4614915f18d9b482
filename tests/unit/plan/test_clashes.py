# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Components of one host that want the same port."""

from __future__ import annotations

from unit.helpers.book import book, flow, host, port, windows


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
    allowed = host("h", "left", "192.0.2.1", portbook_allow=[{"name": "a", "ports": 8080, "peers": ["203.0.113.1"]}])
    assert two({}, {}).plan(allowed, CLIENT)
