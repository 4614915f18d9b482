# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""portbook_flows: the user's word about single flows, which both ends follow."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from unit.helpers.book import SIMPLE, TODAY, book, feature, flow, host, port

CLIENT = host("c1", "client", "192.0.2.11")


def server(number: int = 1, suffix: str = "", **said: object):
    return host(
        f"s{number}",
        "server",
        f"192.0.2.{number}",
        **{f"portbook_flows{suffix}": {"acme.talk": said}},
    )


def test_a_disabled_flow_has_no_rule_at_either_end():
    plan = SIMPLE.plan(CLIENT, server(state="disabled"))
    assert plan.rules("s1") == plan.rules("c1") == []
    for name in ("s1", "c1"):
        assert plan.why_not(name, "acme.talk") == ["disabled by portbook_flows"]


def test_a_flow_disabled_at_one_responder_stays_at_the_others():
    plan = SIMPLE.plan(CLIENT, server(1, state="disabled"), host("s2", "server", "192.0.2.2"))
    assert plan.rules("s1") == []
    assert plan.brief("c1") == {("out", "tcp", "8080", "192.0.2.2")}


def test_a_word_on_the_initiator_says_nothing_about_the_responder():
    client = host("c1", "client", "192.0.2.11", portbook_flows={"acme.talk": {"state": "disabled"}})
    plan = SIMPLE.plan(client, host("s1", "server", "192.0.2.1"))
    assert plan.brief("c1") == {("out", "tcp", "8080", "192.0.2.1")}
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.11")}


def test_an_initiator_speaks_for_a_responder_that_is_not_in_the_inventory():
    client = host(
        "c1",
        "client",
        "192.0.2.11",
        portbook_peers={"server": ["203.0.113.9"]},
        portbook_flows={"acme.talk": {"ports": 9999}},
    )
    assert SIMPLE.plan(client).brief("c1") == {("out", "tcp", "9999", "203.0.113.9")}


OPTIONAL = book(
    {"client": {}, "server": {"features": {"extra": feature(False)}}},
    {"acme.talk": flow("client", "server", 8080, feature="extra")},
)


def test_an_enabled_flow_needs_no_feature():
    assert OPTIONAL.plan(CLIENT, host("s1", "server", "192.0.2.1")).rules("s1") == []
    plan = OPTIONAL.plan(CLIENT, server(state="enabled"))
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.11")}
    assert plan.brief("c1") == {("out", "tcp", "8080", "192.0.2.1")}


def test_other_words_about_a_flow_do_not_enable_it():
    assert OPTIONAL.plan(CLIENT, server(log=True, ports=9)).rules("s1") == []


def test_ports_of_the_users_hold_at_both_ends():
    plan = SIMPLE.plan(CLIENT, server(ports=["9000-9001", 9100]))
    assert plan.rule("s1").ports.texts == plan.rule("c1").ports.texts == ("9000-9001", "9100")


def test_ports_of_the_users_make_a_flow_without_a_known_port():
    late = book(
        {"client": {}, "server": {"ports": {"main": port()}}},
        {"acme.talk": flow("client", "server", "main")},
    )
    assert late.plan(CLIENT, host("s1", "server", "192.0.2.1")).rules("c1") == []
    plan = late.plan(CLIENT, server(state="enabled", ports=7))
    assert plan.rule("s1").ports.texts == plan.rule("c1").ports.texts == ("7",)


def test_peers_of_the_users_replace_those_of_the_port_book_at_both_ends():
    plan = SIMPLE.plan(
        host("c1", "client", "192.0.2.11"),
        host("c2", "client", "192.0.2.20"),
        server(peers=["192.0.2.16/28", "203.0.113.9"]),
    )
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.16/28 203.0.113.9")}
    assert plan.brief("c2") == {("out", "tcp", "8080", "192.0.2.1")}
    assert plan.rules("c1") == []
    assert plan.why_not("c1", "acme.talk") == ["the responder's portbook_flows names other peers"]


def test_peers_of_the_users_may_be_named_as_the_inventory_names_them():
    plan = SIMPLE.plan(CLIENT, host("c2", "client", "192.0.2.20"), server(peers=["c2"]))
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.20")}
    assert plan.rules("c1") == []


def test_any_peer_of_the_users_opens_the_responder_and_no_initiator():
    plan = SIMPLE.plan(CLIENT, server(peers="any"))
    assert plan.brief("s1") == {("in", "tcp", "8080", "any")}
    assert plan.brief("c1") == {("out", "tcp", "8080", "192.0.2.1")}


def test_one_responder_may_narrow_its_peers_and_the_other_not():
    plan = SIMPLE.plan(
        CLIENT,
        host("c2", "client", "192.0.2.20"),
        server(1, peers=["192.0.2.20"]),
        host("s2", "server", "192.0.2.3"),
    )
    assert plan.brief("c1") == {("out", "tcp", "8080", "192.0.2.3")}
    allowed = {address for rule in plan.rules("c2") for address in plan.peers(rule)}
    assert allowed == {"192.0.2.1", "192.0.2.3"}


@pytest.mark.parametrize("peers", [["192.0.2.20"], "any"])
def test_rules_of_a_host_have_ids_of_their_own_even_where_responders_let_in_different_peers(peers):
    plan = SIMPLE.plan(host("c2", "client", "192.0.2.20"), server(1, peers=peers), host("s2", "server", "192.0.2.3"))
    ids = [rule.id for rule in plan.rules("c2")]
    assert len(set(ids)) == len(ids)


def test_no_peers_of_the_users_is_a_decision():
    plan = SIMPLE.plan(CLIENT, server(peers=[]))
    assert plan.rules("s1") == plan.rules("c1") == []


@pytest.mark.parametrize("word", [True, False])
def test_guard_and_log_of_the_users_hold(word):
    plan = SIMPLE.plan(CLIENT, server(guard=word, log=word))
    assert (plan.rule("s1").guarded, plan.rule("s1").log) == (word, word)


def test_owner_ticket_and_expiry_stand_in_the_rule():
    plan = SIMPLE.plan(CLIENT, server(owner="ops", ticket="CHG-1", expires="2027-06-30"))
    rule = plan.rule("s1")
    assert (rule.owner, rule.ticket, rule.expires) == ("ops", "CHG-1", "2027-06-30")
    (data,) = [one for one in plan.data["hosts"]["s1"]["rules"] if one["flow"] == "acme.talk"]
    assert (data["owner"], data["ticket"], data["expires"]) == ("ops", "CHG-1", "2027-06-30")


# -- expiry ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [-400, -1])
def test_a_past_expiry_drops_the_flow_at_both_ends(days):
    past = TODAY + timedelta(days=days)
    plan = SIMPLE.plan(CLIENT, server(expires=past, log=True))
    assert plan.rules("s1") == plan.rules("c1") == []
    for name in ("s1", "c1"):
        (why,) = plan.why_not(name, "acme.talk")
        assert f"expired on {past}" in why


@pytest.mark.parametrize("days", [0, 1, 14])
def test_an_expiry_within_14_days_warns_and_keeps_the_flow(days):
    soon = TODAY + timedelta(days=days)
    plan = SIMPLE.plan(CLIENT, server(expires=soon.isoformat()))
    assert plan.rules("s1")
    assert plan.rules("c1")
    (warning,) = plan.warnings
    assert "s1" in warning
    assert f"portbook_flows.acme.talk expires on {soon}" in warning


def test_an_expiry_after_14_days_is_silent():
    plan = SIMPLE.plan(CLIENT, server(expires=TODAY + timedelta(days=15)))
    assert plan.rules("s1")
    assert plan.warnings == []


def test_an_expiry_in_the_past_of_one_responder_leaves_the_others_alone():
    plan = SIMPLE.plan(CLIENT, server(1, expires=date(2020, 1, 1)), host("s2", "server", "192.0.2.2"))
    assert plan.brief("c1") == {("out", "tcp", "8080", "192.0.2.2")}


# -- suffixes -----------------------------------------------------------------------------------------


def test_suffixed_words_about_a_flow_are_merged():
    both = host(
        "s1",
        "server",
        "192.0.2.1",
        portbook_flows={"acme.talk": {"ports": 9000}},
        portbook_flows_site={"acme.talk": {"log": True, "owner": "ops"}},
    )
    rule = SIMPLE.plan(CLIENT, both).rule("s1")
    assert (rule.ports.texts, rule.log, rule.owner) == (("9000",), True, "ops")


def test_suffixed_words_that_say_the_same_do_not_contradict_each_other():
    both = host(
        "s1",
        "server",
        "192.0.2.1",
        portbook_flows={"acme.talk": {"ports": [9000]}},
        portbook_flows_site={"acme.talk": {"ports": "9000"}},
    )
    assert SIMPLE.plan(CLIENT, both).rule("s1").ports.texts == ("9000",)


def test_peers_of_the_users_need_no_initiator_in_the_inventory():
    plan = SIMPLE.plan(server(peers=["203.0.113.0/24"]))
    assert plan.brief("s1") == {("in", "tcp", "8080", "203.0.113.0/24")}


def test_the_same_peers_said_for_all_hosts_keep_ids_apart_next_to_a_responder_from_outside():
    every = {"portbook_flows": {"acme.talk": {"peers": ["192.0.2.0/24"]}}}
    plan = SIMPLE.plan(
        host("c1", "client", "192.0.2.11", portbook_peers={"server": ["203.0.113.9"]}, **every),
        host("s1", "server", "192.0.2.1", **every),
    )
    ids = [rule.id for rule in plan.rules("c1")]
    assert len(set(ids)) == len(ids)
