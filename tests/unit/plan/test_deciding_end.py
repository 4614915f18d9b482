# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What variables, versions and evidence make of a flow; the deciding end speaks for both."""

from __future__ import annotations

import pytest
from unit.helpers.book import PARTY, book, flow, host, port

CLIENT = host("c1", "client", "192.0.2.11")
SERVER = host("s1", "server", "192.0.2.1")

DECIDED = book(
    {
        "agent": {"ports": {"listen": port(6000)}, "features": {"push": {"what": "x", "default": True}}},
        "master": {"ports": {"main": port(5000)}},
    },
    {
        "acme.push": flow("agent", "master", "listen", decided_by="initiator", feature="push"),
        "acme.pull": flow("master", "agent", "listen", decided_by="responder"),
    },
)


def test_the_deciding_initiators_port_holds_for_both_ends():
    plan = DECIDED.plan(
        host("a1", "agent", "192.0.2.11", agent_listen_port=6100),
        host("a2", "agent", "192.0.2.20"),
        host("m", "master", "192.0.2.1"),
    )
    assert plan.rule("a1", "acme.push").ports.texts == ("6100",)
    assert plan.rule("a2", "acme.push").ports.texts == ("6000",)
    assert {(rule.ports.texts, *plan.peers(rule)) for rule in plan.rules("m", "acme.push")} == {
        (("6100",), "192.0.2.11"),
        (("6000",), "192.0.2.20"),
    }


def test_the_deciding_initiators_feature_holds_for_both_ends():
    plan = DECIDED.plan(
        host("a1", "agent", "192.0.2.11", agent_push=False),
        host("m", "master", "192.0.2.1"),
    )
    assert plan.rules("a1", "acme.push") == plan.rules("m", "acme.push") == []
    assert plan.why_not("a1", "acme.push") == ["off: agent_push: true turns it on"]
    assert plan.why_not("m", "acme.push") == ["off: agent_push: true turns it on"]


@pytest.mark.parametrize("end", ["initiator", "responder"])
def test_the_others_variables_do_not_decide(end):
    both = {"ports": {"main": port(5000)}, "features": {"x": {"what": "x", "default": True}}}
    two = book(
        {"left": both, "right": both},
        {"acme.f": flow("left", "right", "main", decided_by=end, feature="x")},
    )
    silent = "right" if end == "initiator" else "left"
    said = {f"{silent}_port": 1111, f"{silent}_x": False}
    plan = two.plan(host("l", "left", "192.0.2.1", **said), host("r", "right", "192.0.2.2", **said))
    assert plan.rule("l").ports.texts == plan.rule("r").ports.texts == ("5000",)


VERSIONED = book(
    {"server": {"versions": {"known": ["2.10", "2.14"], "default": "2.14"}}, "client": {}},
    {
        "acme.old": flow("client", "server", 1001, versions=["2.10"]),
        "acme.new": flow("client", "server", 1002, versions=["2.14"]),
    },
)


def test_a_version_has_its_own_flows_at_both_ends():
    plan = VERSIONED.plan(CLIENT, SERVER, host("s2", "server", "192.0.2.2", server_version="2.10"))
    assert plan.rule("s1").flow == "acme.new"
    assert plan.rule("s2").flow == "acme.old"
    assert plan.brief("c1") == {
        ("out", "tcp", "1001", "192.0.2.2"),
        ("out", "tcp", "1002", "192.0.2.1"),
    }


def test_flows_of_another_version_are_not_listed_as_without_a_rule():
    plan = VERSIONED.plan(CLIENT, SERVER)
    assert plan.why_not("s1", "acme.old") == plan.why_not("c1", "acme.old") == []


# -- ports that variables move -----------------------------------------------------------------------

NEIGHBOURS = book(
    {
        "client": {},
        "server": {"ports": {"main": port(8001), "tls": {"what": "x", "next_to": "main"}, "late": port()}},
    },
    {
        "acme.plain": flow("client", "server", "main"),
        "acme.tls": flow("client", "server", "tls"),
        "acme.late": flow("client", "server", "late", 7070),
    },
)


@pytest.mark.parametrize(
    ("said", "tls"),
    [
        ({}, "8002"),
        ({"server_port": 9000}, "9001"),
        ({"server_tls_port": 8443}, "8443"),
        ({"server_port": 9000, "server_tls_port": 8443}, "8443"),
    ],
)
def test_a_port_next_to_another_follows_it_unless_it_is_set(said, tls):
    plan = NEIGHBOURS.plan(CLIENT, host("s1", "server", "192.0.2.1", **said))
    assert plan.rule("s1", "acme.tls").ports.texts == plan.rule("c1", "acme.tls").ports.texts == (tls,)


def test_a_port_next_to_the_last_one_is_unknown():
    plan = NEIGHBOURS.plan(CLIENT, host("s1", "server", "192.0.2.1", server_port=65535))
    assert plan.rules("s1", "acme.tls") == []
    assert plan.why_not("s1", "acme.tls") == ["no port is known: set server_tls_port"]


def test_a_port_that_nobody_knows_gets_no_rule_and_names_its_variable():
    plan = NEIGHBOURS.plan(CLIENT, SERVER)
    assert plan.rules("s1", "acme.late") == plan.rules("c1", "acme.late") == []
    for name in ("s1", "c1"):
        assert plan.why_not(name, "acme.late") == ["no port is known: set server_late_port"]


def test_a_port_that_nobody_knows_is_planned_once_it_is_set():
    plan = NEIGHBOURS.plan(CLIENT, host("s1", "server", "192.0.2.1", server_late_port="7100-7110"))
    assert plan.rule("s1", "acme.late").ports.texts == ("7070", "7100-7110")


def test_a_party_has_variables_that_begin_with_portbook():
    siem = book(
        {"agent": {}, "siem": {**PARTY, "ports": {"main": port(514)}}},
        {"acme.log": flow("agent", "siem", "main", protocol="udp")},
    )
    plan = siem.plan(host("a", "agent", "192.0.2.11"), host("x", "siem", "192.0.2.50", portbook_siem_port=5514))
    assert plan.rule("a").ports.texts == ("5514",)


# -- evidence -----------------------------------------------------------------------------------------

DOUBTED = book(
    {"client": {}, "server": {}},
    {
        "acme.whole": flow("client", "server", 1001, doubts=[{"verdict": "obsolete", "why": "gone"}]),
        "acme.some": flow(
            "client", "server", "2000-2010", 2050,
            doubts=[{"verdict": "superfluous", "why": "half", "ports": ["2005-2010", 2050]}],
        ),
        "acme.one-protocol": flow(
            "client", "server", 3001, protocol=["tcp", "udp"],
            doubts=[{"verdict": "superfluous", "why": "no udp", "protocol": "udp"}],
        ),
        "acme.token": flow(
            "client", "server", 135, "rpc_dynamic",
            doubts=[{"verdict": "superfluous", "why": "mapper", "ports": [135]}],
        ),
        "acme.sure": flow("client", "server", 4001),
    },
)  # fmt: skip


def test_documented_evidence_keeps_what_is_doubted_and_says_so():
    plan = DOUBTED.plan(CLIENT, SERVER)
    assert plan.rule("s1", "acme.whole").doubt == "obsolete: gone"
    assert plan.rule("s1", "acme.some").ports.texts == ("2000-2010", "2050")
    assert {rule.protocol for rule in plan.rules("s1", "acme.one-protocol")} == {"tcp", "udp"}
    assert plan.rule("s1", "acme.sure").doubt == ""


def test_strict_evidence_leaves_doubts_out_at_both_ends():
    strict = {"portbook_evidence": "strict"}
    plan = DOUBTED.plan(host("c1", "client", "192.0.2.11", **strict), host("s1", "server", "192.0.2.1", **strict))
    for name in ("s1", "c1"):
        assert plan.rules(name, "acme.whole") == []
        assert plan.why_not(name, "acme.whole") == ["left out by portbook_evidence: strict: gone"]
        assert plan.rule(name, "acme.some").ports.texts == ("2000-2004",)
        assert plan.rule(name, "acme.one-protocol").protocol == "tcp"
        assert plan.rule(name, "acme.token").ports.texts == ("rpc_dynamic",)
        assert plan.rule(name, "acme.sure").ports.texts == ("4001",)


def test_rules_of_a_flow_name_its_rows_and_its_purpose():
    rows = {
        "A1.1": {"document": "ports", "table": "1", "printed": {"port": "99"}, "became": "flow", "flows": ["acme.f"]}
    }
    documents = {"ports": {"title": "Ports", "rows": 1, "flows": 1}}
    one = book({"a": {}, "b": {}}, {"acme.f": flow("a", "b", 99)}, rows=rows, documents=documents)
    rule = one.plan(host("a", "a", "192.0.2.1"), host("b", "b", "192.0.2.2")).rule("a")
    assert (rule.rows, rule.why, rule.confidence) == (("A1.1",), "They talk", "high")
