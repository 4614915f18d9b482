# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows join only hosts that share a realm."""

from __future__ import annotations

from unit.helpers.book import MESH, SIMPLE, book, flow, host, port


def client(number: int, *realms: str, **more: object):
    said = {"portbook_realm": list(realms)} if realms else {}
    return host(f"c{number}", "client", f"192.0.2.{number}0", **said, **more)


def server(number: int, *realms: str, **more: object):
    said = {"portbook_realm": list(realms)} if realms else {}
    return host(f"s{number}", "server", f"203.0.113.{number}0", **said, **more)


def test_a_flow_joins_two_hosts_only_if_they_share_a_realm():
    plan = SIMPLE.plan(client(1, "a"), client(2, "b"), server(1, "a"), server(2, "b"))
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.10")}
    assert plan.brief("s2") == {("in", "tcp", "8080", "192.0.2.20")}
    assert plan.brief("c1") == {("out", "tcp", "8080", "203.0.113.10")}
    assert plan.brief("c2") == {("out", "tcp", "8080", "203.0.113.20")}


def test_the_realm_is_main_unless_it_is_said():
    plan = SIMPLE.plan(client(1), server(1, "main"))
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.10")}


def test_a_host_of_several_realms_meets_all_of_them():
    plan = SIMPLE.plan(client(1, "a"), client(2, "b"), client(3, "c"), server(1, "a", "b"), server(2, "c"))
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.10 192.0.2.20")}
    assert plan.brief("s2") == {("in", "tcp", "8080", "192.0.2.30")}


def test_two_hosts_that_share_several_realms_are_joined_once():
    plan = SIMPLE.plan(client(1, "a", "b"), server(1, "b", "a"))
    assert len(plan.rules("s1")) == len(plan.rules("c1")) == 1


def test_a_realm_is_no_bridge_to_the_realms_of_ones_peers():
    plan = MESH.plan(
        host("n1", "node", "192.0.2.1", portbook_realm="a"),
        host("n2", "node", "192.0.2.3", portbook_realm=["a", "b"]),
        host("n3", "node", "192.0.2.5", portbook_realm="b"),
    )
    assert plan.peers(plan.rules("n1", direction="in")[0]) == ["192.0.2.1", "192.0.2.3"]
    assert plan.peers(plan.rules("n3", direction="in")[0]) == ["192.0.2.3", "192.0.2.5"]
    assert plan.peers(plan.rules("n2", direction="in")[0]) == ["192.0.2.1", "192.0.2.3", "192.0.2.5"]


def test_one_component_may_be_of_a_realm_of_its_own():
    two = book(
        {"client": {}, "server": {}, "logger": {}},
        {"acme.f": flow("client", "server", 1001), "acme.log": flow("client", "logger", 1002)},
    )
    plan = two.plan(
        host("s1", "server logger", "203.0.113.1", portbook_realm="a", logger_realm=["a", "b"]),
        host("c1", "client", "192.0.2.1", portbook_realm="a"),
        host("c2", "client", "192.0.2.3", portbook_realm="b"),
    )
    assert plan.brief("s1") == {
        ("in", "tcp", "1001", "192.0.2.1"),
        ("in", "tcp", "1002", "192.0.2.1 192.0.2.3"),
    }


def test_the_realm_of_one_component_stands_instead_of_the_hosts():
    plan = SIMPLE.plan(client(1, "a", client_realm="b"), server(1, "b"))
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.10")}


def test_a_required_peer_of_another_realm_only_is_an_error_that_says_so():
    (error,) = SIMPLE.errors(client(1, "a"), server(1, "b"))
    assert error.startswith("c1: client needs server for acme.talk, and none is in the same realm")
    assert "portbook_realm" in error
    assert "server_realm" in error


def test_an_optional_peer_of_another_realm_gets_no_rule():
    plan = SIMPLE.plan(server(1, "a"), client(1, "b"), server(2, "b"))
    assert plan.why_not("s1", "acme.talk") == ["no client shares a realm with it"]


def test_an_empty_list_is_a_decision_in_a_realm_without_peers_too():
    plan = SIMPLE.plan(client(1, "a", portbook_peers={"server": []}), server(1, "b"), client(2, "b"))
    assert plan.rules("c1") == []


def test_each_realm_has_its_own_deciders():
    plan = SIMPLE.plan(client(1, "a"), client(2, "b"), server(1, "a"), server(2, "b", server_port=9000))
    assert plan.rule("c1").ports.texts == ("8080",)
    assert plan.rule("c2").ports.texts == ("9000",)


def test_realms_of_a_host_are_those_of_its_components():
    plan = SIMPLE.plan(client(1, "a", client_realm=["c", "b"]), server(1, "b"))
    assert plan.hosts["c1"].realms == ("b", "c")
    assert plan.hosts["s1"].realms == ("b",)


def test_a_port_of_a_party_may_differ_by_realm():
    one = book(
        {"agent": {}, "siem": {"party": True, "ports": {"main": port(514)}}},
        {"acme.log": flow("agent", "siem", "main")},
    )
    peers = {
        "siem": [
            {"addresses": ["203.0.113.1"], "realms": ["a"], "port": 1514},
            {"addresses": ["203.0.113.2"], "realms": ["b"]},
        ]
    }
    plan = one.plan(
        host("a1", "agent", "192.0.2.1", portbook_realm="a", portbook_peers=peers),
        host("a2", "agent", "192.0.2.3", portbook_realm="b", portbook_peers=peers),
    )
    assert plan.brief("a1") == {("out", "tcp", "1514", "203.0.113.1")}
    assert plan.brief("a2") == {("out", "tcp", "514", "203.0.113.2")}
