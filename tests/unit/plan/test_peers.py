# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who must be there, who may be there, and what portbook_peers and portbook_groups say."""

from __future__ import annotations

import pytest
from unit.helpers.book import PARTY, SIMPLE, book, feature, flow, host, port

CLIENT = host("c1", "client", "192.0.2.11")
SERVER = host("s1", "server", "192.0.2.1")

OFFICE = book(
    {
        "agent": {},
        "master": {"ports": {"main": port(5000)}},
        "nas": {**PARTY, "ports": {"main": port(445)}},
        "console": {**PARTY, "versions": {"known": ["1", "2"], "default": "1"}},
        "domain_controller": PARTY,
    },
    {
        "acme.up": flow("agent", "master", "main", peer="required"),
        "acme.nas": flow("agent", "nas", "main"),
        "acme.dc": flow("agent", "domain_controller", 389),
        "acme.ui": flow("console", "master", 8443),
        "acme.both": flow("console", "master", 8444, peer={"responder": "required", "initiator": "required"}),
    },
)
AGENT = host("a1", "agent", "192.0.2.11")
MASTER = host("m1", "master", "192.0.2.1", portbook_peers={"console": ["198.51.100.0/24"]})


# -- must it be there? -----------------------------------------------------------------------------


def test_a_required_peer_that_nobody_defined_is_an_error_that_says_what_to_set():
    (error,) = SIMPLE.errors(CLIENT)
    assert error.startswith("c1: client needs server for acme.talk")
    assert "the inventory has no group server" in error
    assert "portbook_peers: {server: [addresses]}" in error


def test_hosts_that_miss_the_same_peer_are_reported_in_one_error():
    (error,) = SIMPLE.errors(*(host(f"c{n}", "client", f"192.0.2.{n}") for n in range(1, 9)))
    assert error.startswith("c1, c2, c3 and 5 more: client needs server")


def test_a_required_peer_looks_for_the_groups_that_the_user_named():
    groups = {"portbook_groups": {"server": ["masters"]}}
    errors = SIMPLE.errors(host("c1", "client", "192.0.2.11", **groups))
    assert any("no group masters" in error for error in errors)


def test_a_word_about_need_speaks_of_the_responder_alone():
    plan = SIMPLE.plan(SERVER)
    assert plan.rules("s1") == []
    why = "no host has the component client: no group of that name, no entry in portbook_peers"
    assert plan.why_not("s1", "acme.talk") == [why]


def test_an_initiator_can_be_required_too():
    (error,) = OFFICE.errors(host("m1", "master", "192.0.2.1"))
    assert "m1: master needs console for acme.both" in error
    assert "portbook_peers: {console: [addresses]}" in error


def test_an_optional_peer_that_nobody_defined_gives_no_rule_and_is_listed():
    plan = OFFICE.plan(AGENT, MASTER)
    assert plan.rules("a1", "acme.nas") == []
    why = "no host has the component nas: no group of that name, no entry in portbook_peers"
    assert plan.why_not("a1", "acme.nas") == [why]


def test_an_existing_but_empty_group_is_a_decision():
    plan = SIMPLE.plan(CLIENT, groups="server")
    assert plan.rules("c1") == []
    assert plan.why_not("c1", "acme.talk") == ["server is empty"]


def test_an_empty_list_of_peers_is_a_decision():
    plan = SIMPLE.plan(host("c1", "client", "192.0.2.11", portbook_peers={"server": []}))
    assert plan.rules("c1") == []
    assert plan.why_not("c1", "acme.talk") == ["server is empty"]


def test_an_empty_list_of_peers_removes_no_host_of_the_inventory():
    server = host("s1", "server", "192.0.2.1", portbook_peers={"client": []})
    assert SIMPLE.plan(CLIENT, server).brief("s1") == {("in", "tcp", "8080", "192.0.2.11")}


def test_a_flow_that_is_off_needs_nobody():
    one = book(
        {"client": {"features": {"talk": feature(False)}}, "server": {}},
        {"acme.talk": flow("client", "server", 8080, peer="required", feature="talk", decided_by="initiator")},
    )  # fmt: skip
    assert one.plan(CLIENT).why_not("c1", "acme.talk") == ["off: client_talk: true turns it on"]
    assert one.errors(host("c1", "client", "192.0.2.11", client_talk=True))


def test_a_flow_of_another_version_needs_nobody():
    one = book(
        {"client": {"versions": {"known": ["9", "10"], "default": "10"}}, "server": {}},
        {"acme.old": flow("client", "server", 1, peer="required", versions=["9"], decided_by="initiator")},
    )  # fmt: skip
    assert one.plan(CLIENT).why_not("c1", "acme.old") == []
    (error,) = one.errors(host("c1", "client", "192.0.2.11", client_version="9"))
    assert "Version 10 does without: client_version" in error


def test_either_of_two_responders_is_enough():
    one = book(
        {"client": {}, "server": {}, "relay": {}},
        {"acme.f": flow("client", "server relay", 8080, peer="required")},
    )
    plan = one.plan(CLIENT, host("r1", "relay", "192.0.2.2"))
    assert plan.brief("c1") == {("out", "tcp", "8080", "192.0.2.2")}
    (error,) = one.errors(CLIENT)
    assert "needs server or relay" in error


# -- portbook_peers --------------------------------------------------------------------------------


def test_peers_of_variables_are_added_to_those_of_the_inventory():
    server = host("s1", "server", "192.0.2.1", portbook_peers={"client": ["198.51.100.0/24"]})
    assert SIMPLE.plan(CLIENT, server).brief("s1") == {("in", "tcp", "8080", "192.0.2.11 198.51.100.0/24")}


def test_a_required_peer_may_stand_in_a_variable_alone():
    client = host("c1", "client", "192.0.2.11", portbook_peers={"server": ["203.0.113.9"]})
    assert SIMPLE.plan(client).brief("c1") == {("out", "tcp", "8080", "203.0.113.9")}


def test_any_is_a_decision_that_someone_wrote_down():
    server = host("s1", "server", "192.0.2.1", portbook_peers={"client": "any"})
    plan = SIMPLE.plan(server, CLIENT)
    assert [rule.peers for rule in plan.rules("s1")] == ["any"]
    assert plan.brief("c1") == {("out", "tcp", "8080", "192.0.2.1")}


def test_peers_of_one_host_open_nothing_on_another():
    server = host("s1", "server", "192.0.2.1", portbook_peers={"client": ["198.51.100.0/24"]})
    plan = SIMPLE.plan(CLIENT, server, host("s2", "server", "192.0.2.2"))
    assert plan.brief("s2") == {("in", "tcp", "8080", "192.0.2.11")}


def test_a_peer_may_be_named_as_the_inventory_names_it():
    server = host("s1", "server", "192.0.2.1", portbook_peers={"client": ["kiosk"]})
    plan = SIMPLE.plan(server, host("kiosk", "", portbook_addresses=["192.0.2.77", "2001:db8::77"]))
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.77 2001:db8::77")}


def test_a_peers_name_is_resolved_to_all_its_addresses():
    server = host("s1", "server", "192.0.2.1", portbook_peers={"client": ["lab.example"]})
    plan = SIMPLE.plan(server, names={"lab.example": ("198.51.100.5", "2001:db8::5")})
    assert plan.brief("s1") == {("in", "tcp", "8080", "198.51.100.5 2001:db8::5")}


def entry(**more):
    return {"addresses": ["203.0.113.9"], **more}


def test_an_entry_may_have_a_port_of_its_own():
    agent = host("a1", "agent", "192.0.2.11", portbook_peers={"nas": [entry(port=4450), "203.0.113.20"]})
    plan = OFFICE.plan(agent, MASTER)
    assert {(rule.ports.texts, *plan.peers(rule)) for rule in plan.rules("a1", "acme.nas")} == {
        (("4450",), "203.0.113.9"),
        (("445",), "203.0.113.20"),
    }


SUITE = book(
    {
        "agent": {},
        "hub": {
            **PARTY,
            "versions": {"known": ["9", "10"], "default": "10"},
            "features": {"extra": feature(False)},
            "ports": {"main": port(5000), "tls": port(5001)},
        },
    },
    {
        "acme.old": flow("agent", "hub", "main", versions=["9"]),
        "acme.new": flow("agent", "hub", "tls", versions=["10"]),
        "acme.extra": flow("agent", "hub", 7777, feature="extra"),
    },
)


@pytest.mark.parametrize(
    ("said", "ports"),
    [
        ({}, {"5001"}),
        ({"version": "9"}, {"5000"}),
        ({"version": 9}, {"5000"}),
        ({"features": ["extra"]}, {"5001", "7777"}),
        ({"features": {"extra": True}, "version": "9"}, {"5000", "7777"}),
        ({"port": {"tls": 6001, "main": 6000}}, {"6001"}),
    ],
)
def test_an_entry_may_have_a_version_features_and_ports_of_its_own(said, ports):
    plan = SUITE.plan(host("a1", "agent", "192.0.2.11", portbook_peers={"hub": [entry(**said)]}))
    assert {str(rule.ports) for rule in plan.rules("a1")} == ports


def test_where_an_entry_is_silent_the_viewers_variables_speak():
    agent = host("a1", "agent", "192.0.2.11", portbook_peers={"hub": ["203.0.113.9"]}, portbook_hub_version="9")
    assert SUITE.plan(agent).rule("a1").ports.texts == ("5000",)


@pytest.mark.parametrize(("realms", "met"), [(["main"], True), ("main", True), (["b"], False)])
def test_an_entry_with_realms_is_met_only_in_these(realms, met):
    agent = host("a1", "agent", "192.0.2.11", portbook_peers={"hub": [entry(realms=realms)]})
    assert bool(SUITE.plan(agent).rules("a1")) is met


def test_an_entry_without_realms_is_met_in_all():
    agent = host("a1", "agent", "192.0.2.11", portbook_peers={"hub": ["203.0.113.9"]}, portbook_realm="b")
    assert SUITE.plan(agent).rules("a1")


def test_suffixed_peers_are_united():
    server = host(
        "s1",
        "server",
        "192.0.2.1",
        portbook_peers={"client": ["198.51.100.0/25"]},
        portbook_peers_site_a={"client": ["198.51.100.128/25"]},
        portbook_peers_site_b={"client": ["203.0.113.9"]},
    )
    assert SIMPLE.plan(server).brief("s1") == {("in", "tcp", "8080", "198.51.100.0/24 203.0.113.9")}


# -- parties and components --------------------------------------------------------------------------


def test_a_party_of_the_inventory_is_a_peer_at_once_but_gets_no_rules():
    plan = OFFICE.plan(AGENT, MASTER, host("dc1", "domain_controller", "192.0.2.53"))
    assert plan.brief("a1") >= {("out", "tcp", "389", "192.0.2.53")}
    assert "dc1" not in plan.hosts


def test_a_party_gets_rules_where_portbook_components_names_it():
    dc = host("dc1", "", "192.0.2.53", portbook_components=["domain_controller"])
    plan = OFFICE.plan(AGENT, MASTER, dc)
    assert plan.brief("dc1") == {("in", "tcp", "389", "192.0.2.11")}
    assert plan.brief("a1") >= {("out", "tcp", "389", "192.0.2.53")}


def test_a_component_may_be_given_by_a_variable_instead_of_a_group():
    plan = SIMPLE.plan(host("c1", "", "192.0.2.11", portbook_components="client"), SERVER)
    assert plan.brief("c1") == {("out", "tcp", "8080", "192.0.2.1")}
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.11")}


def test_portbook_groups_give_a_component_other_groups():
    every = {"portbook_groups": {"client": ["kiosks", "desks"]}}
    plan = SIMPLE.plan(
        host("k1", "kiosks", "192.0.2.11", **every),
        host("d1", "desks", "192.0.2.20", **every),
        host("s1", "server", "192.0.2.1", **every),
    )
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.11 192.0.2.20")}


def test_portbook_groups_stand_in_for_the_group_of_the_components_name():
    every = {"portbook_groups": {"client": ["kiosks"]}}
    plan = SIMPLE.plan(
        host("k1", "kiosks", "192.0.2.11", **every),
        host("c1", "client", "192.0.2.20", **every),
        host("s1", "server", "192.0.2.1", **every),
    )
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.11")}
    assert "c1" not in plan.hosts


def test_one_group_may_play_two_components():
    every = {"portbook_groups": {"client": ["servers"], "server": ["servers"]}}
    plan = SIMPLE.plan(host("x", "servers", "192.0.2.4", **every), host("y", "servers", "192.0.2.6", **every))
    assert plan.brief("x") == {
        ("in", "tcp", "8080", "192.0.2.4 192.0.2.6"),
        ("out", "tcp", "8080", "192.0.2.4 192.0.2.6"),
    }


def test_a_required_peer_is_missed_though_both_ends_have_versions_of_their_own():
    one = book(
        {
            "client": {"versions": {"known": ["c1", "c2"], "default": "c1"}},
            "server": {"versions": {"known": ["9", "10"], "default": "10"}},
        },
        {"acme.f": flow("client", "server", 1, peer="required", versions=["9", "10"])},
    )
    assert one.errors(CLIENT)


def test_a_host_that_is_there_for_another_version_is_named_with_the_version_to_set():
    moved = book(
        {
            "agent": {"versions": {"known": ["1", "2"], "default": "1"}},
            "master": {"versions": {"known": ["1"], "default": "1"}},
            "server": {"versions": {"known": ["2"], "default": "2"}},
        },
        {
            "a.old": flow("agent", "master", 9100, versions=["1"], decided_by="initiator", peer="required"),
            "a.new": flow("agent", "server", 9200, versions=["2"]),
        },
    )
    agent, server = host("a1", "agent", "192.0.2.1"), host("s1", "server", "192.0.2.2")
    (error,) = moved.errors(agent, server)
    assert error.endswith('. s1 is server in version 2: set agent_version: "2" (group_vars/agent.yml)')
    (error,) = moved.errors(agent)
    assert error.endswith(". Version 2 does without: agent_version")
    assert moved.errors(host("a1", "agent", "192.0.2.1", agent_version="2"), server) == []
