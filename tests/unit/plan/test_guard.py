# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused to everyone but its peers: only what is the product's own."""

from __future__ import annotations

import pytest
from unit.helpers.book import PARTY, book, flow, host, port

BOOK = book(
    {
        "client": {},
        "server": {"ports": {"main": port(8080), "web": port(443), "wide": port("30000-30063")}},
        "console": PARTY,
    },
    {
        "acme.own": flow("client", "server", "main", exclusive=True),
        "acme.shared": flow("client", "server", 445),
        "acme.common": flow("client", "server", 8088),
        "acme.web": flow("client", "server", "web", exclusive=True),
        "acme.wide": flow("client", "server", "wide", exclusive=True),
        "acme.rpc": flow("client", "server", 135, "rpc_dynamic"),
        "acme.extra": flow("client", "server", 8099, exclusive=True, origin="evidence"),
        "acme.ui": flow("client", "console", 8077),
    },
)


def guarded(direction: str = "in", **said: object) -> set[str]:
    """Short names of the server's (or, outbound, of the client's) guarded flows."""
    plan = BOOK.plan(
        host("s1", "server", "192.0.2.1", **(said if direction == "in" else {})),
        host("c1", "client", "192.0.2.11", **(said if direction == "out" else {})),
    )
    rules = plan.rules("s1" if direction == "in" else "c1", direction=direction)
    return {rule.flow.removeprefix("acme.") for rule in rules if rule.guarded}


OWN = {"own", "web", "wide", "extra"}


def test_only_exclusive_ports_are_guarded():
    assert guarded() == OWN


@pytest.mark.parametrize(("posture", "expected"), [("guard", OWN), ("watch", OWN), ("strict", OWN), ("open", set())])
def test_a_posture_that_refuses_guards_and_an_open_one_does_not(posture, expected):
    assert guarded(portbook_posture=posture) == expected


def test_the_posture_of_a_component_speaks_before_the_hosts():
    assert guarded(portbook_posture="open", server_posture="guard") == OWN
    assert guarded(portbook_posture="guard", server_posture="open") == set()


def test_the_posture_of_a_component_leaves_other_components_alone():
    two = book(
        {"a": {}, "b": {}, "client": {}},
        {
            "acme.a": flow("client", "a", 1001, exclusive=True),
            "acme.b": flow("client", "b", 1002, exclusive=True),
        },
    )
    plan = two.plan(host("h", "a b", "192.0.2.1", a_posture="open"), host("c", "client", "192.0.2.11"))
    assert [rule.flow for rule in plan.rules("h") if rule.guarded] == ["acme.b"]


def test_a_strict_component_guards_all_its_ports_but_shared_ones_and_tokens():
    assert guarded(server_posture="strict") == OWN | {"common"}


def test_a_port_that_a_variable_moves_onto_a_shared_one_has_no_guard():
    assert "own" not in guarded(server_port=445)
    assert "own" not in guarded(server_port=[8080, 22])


def test_a_port_of_the_web_is_guarded_only_where_the_catalogue_says_so():
    assert "web" in guarded()
    assert "own" not in guarded(server_port=443, server_web_port=8443)


def test_a_port_that_a_variable_moves_off_a_shared_one_is_guarded():
    assert "web" in guarded(server_web_port=8443)


def test_more_than_64_ports_have_no_guard():
    assert "wide" in guarded(server_wide_port="30000-30063")
    assert "wide" not in guarded(server_wide_port="30000-30064")
    assert "wide" not in guarded(server_wide_port=["30000-30062", "31000-31001"])


@pytest.mark.parametrize("flow_id", ["acme.shared", "acme.common", "acme.rpc"])
def test_the_user_may_guard_what_the_catalogue_does_not(flow_id):
    word = {"portbook_flows": {flow_id: {"guard": True}}}
    assert flow_id.removeprefix("acme.") in guarded(**word)


def test_the_user_may_leave_a_port_without_a_guard():
    assert guarded(portbook_flows={"acme.own": {"guard": False}}) == OWN - {"own"}


def test_an_open_posture_guards_nothing_even_on_the_users_word():
    word = {"acme.own": {"guard": True}}
    assert guarded(portbook_posture="open", portbook_flows=word) == set()


def test_flows_of_parties_have_no_guard():
    plan = BOOK.plan(
        host("c1", "client", "192.0.2.11"),
        host("k1", "", "192.0.2.30", portbook_components="console"),
    )
    assert plan.rule("k1", "acme.ui").guarded is False


@pytest.mark.parametrize("outbound", ["off", "open"])
def test_outbound_is_guarded_only_where_its_own_switch_says_so(outbound):
    assert guarded("out", portbook_outbound=outbound) == set()
    assert guarded("out", portbook_outbound=outbound, portbook_posture="strict") == set()


@pytest.mark.parametrize("outbound", ["guard", "strict"])
def test_outbound_guards_only_what_the_document_asks_for(outbound):
    assert guarded("out", portbook_outbound=outbound) == OWN - {"extra"}


def test_outbound_switches_leave_inbound_alone():
    assert guarded(portbook_outbound="guard", portbook_posture="open") == set()
