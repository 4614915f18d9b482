# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""portbook_allow: what a host needs beside the port book."""

from __future__ import annotations

from datetime import timedelta

import pytest
from unit.helpers.book import SIMPLE, TODAY, host

BACKUP = {
    "name": "backup",
    "direction": "in",
    "protocol": "tcp",
    "ports": [10000, "10001-10005"],
    "peers": ["198.51.100.0/24", "2001:db8::5"],
}


def allowing(*entries, **more):
    return host("h1", "", "192.0.2.1", portbook_allow=list(entries), **more)


def test_what_a_host_allows_is_in_its_plan_without_any_component():
    plan = SIMPLE.plan(allowing(BACKUP))
    rule = plan.rule("h1")
    assert (rule.direction, rule.protocol, rule.ports.texts) == ("in", "tcp", ("10000-10005",))
    assert plan.peers(rule) == ["198.51.100.0/24", "2001:db8::5"]
    assert rule.guarded is False


def test_what_a_host_allows_is_no_other_hosts():
    plan = SIMPLE.plan(allowing(BACKUP, portbook_components="server"), host("s2", "server", "192.0.2.2"))
    assert plan.rules("s2") == []
    assert plan.brief("h1") == {("in", "tcp", "10000-10005", "198.51.100.0/24 2001:db8::5")}


def test_in_and_tcp_are_what_is_meant_without_a_word():
    rule = SIMPLE.plan(allowing({"name": "x", "ports": 99, "peers": "any"})).rule("h1")
    assert (rule.direction, rule.protocol, rule.peers) == ("in", "tcp", "any")


def test_outbound_can_be_allowed_too():
    plan = SIMPLE.plan(allowing({**BACKUP, "direction": "out"}))
    assert plan.rule("h1").direction == "out"


@pytest.mark.parametrize(
    "protocol", ["vrrp", "esp", "gre", "ah", "ospf", "icmp", "icmpv6", "igmp", "pim", "ipip", "l2tp"]
)
def test_protocols_without_ports_are_allowed_as_they_are(protocol):
    rule = SIMPLE.plan(allowing({"name": "x", "protocol": protocol, "peers": ["192.0.2.2"]})).rule("h1")
    assert (rule.protocol, rule.ports.texts) == (protocol, ())


def test_a_protocol_without_ports_takes_none():
    (error,) = SIMPLE.errors(allowing({"name": "x", "protocol": "vrrp", "ports": 1, "peers": "any"}))
    assert error == "h1: portbook_allow.x has ports, but vrrp has none. Leave ports out"


@pytest.mark.parametrize("protocol", ["tcp", "udp", "sctp"])
def test_a_protocol_with_ports_needs_some(protocol):
    (error,) = SIMPLE.errors(allowing({"name": "x", "protocol": protocol, "peers": "any"}))
    assert "h1: portbook_allow.x has no ports" in error


def test_peers_may_be_one_network_a_name_or_the_local_subnet():
    plan = SIMPLE.plan(
        allowing(
            {"name": "net", "ports": 1, "peers": "10.0.0.0/8"},
            {"name": "name", "ports": 2, "peers": ["mon.example", "h2"]},
            {"name": "near", "ports": 3, "peers": "local_subnet"},
        ),
        host("h2", "", "192.0.2.2"),
        names={"mon.example": ("192.0.2.9",)},
    )
    assert plan.brief("h1") == {
        ("in", "tcp", "1", "10.0.0.0/8"),
        ("in", "tcp", "2", "192.0.2.2 192.0.2.9"),
        ("in", "tcp", "3", "local_subnet"),
    }


def test_a_name_that_does_not_resolve_names_host_and_entry():
    (error,) = SIMPLE.errors(allowing({"name": "x", "ports": 1, "peers": ["mon.nowhere"]}))
    assert error.startswith("h1: portbook_allow.x.peers names mon.nowhere, which does not resolve")


def test_why_owner_ticket_and_expiry_stand_in_the_rule():
    said = {"why": "backups", "owner": "ops", "ticket": 4711, "expires": "2027-06-30"}
    rule = SIMPLE.plan(allowing({**BACKUP, **said})).rule("h1")
    assert (rule.why, rule.owner, rule.ticket, rule.expires) == (
        "backups",
        "ops",
        "4711",
        "2027-06-30",
    )


def test_a_past_expiry_drops_the_entry_and_says_so():
    past = TODAY - timedelta(days=1)
    plan = SIMPLE.plan(allowing({**BACKUP, "expires": past}))
    assert plan.rules("h1") == []
    assert plan.why_not("h1", "allow.backup") == [f"expired on {past}"]
    (warning,) = plan.warnings
    assert f"h1: portbook_allow.backup expired on {past} and is left out" in warning


@pytest.mark.parametrize(("days", "warned"), [(0, True), (14, True), (15, False)])
def test_an_expiry_within_14_days_warns_and_keeps_the_entry(days, warned):
    plan = SIMPLE.plan(allowing({**BACKUP, "expires": TODAY + timedelta(days=days)}))
    assert plan.rules("h1")
    assert bool(plan.warnings) is warned


def test_an_entry_without_peers_in_its_list_gives_no_rule():
    plan = SIMPLE.plan(allowing({**BACKUP, "peers": []}))
    assert plan.rules("h1") == []
    assert plan.why_not("h1", "allow.backup") == ["its peers are empty"]


def test_suffixed_lists_are_united():
    plan = SIMPLE.plan(allowing(BACKUP, portbook_allow_site=[{"name": "x", "ports": 1, "peers": "any"}]))
    assert {rule.flow for rule in plan.rules("h1")} == {"allow.backup", "allow.x"}


def test_the_same_entry_in_two_lists_is_one():
    plan = SIMPLE.plan(allowing(BACKUP, portbook_allow_site=[{**BACKUP, "ports": ["10000-10005"]}]))
    assert len(plan.rules("h1")) == 1
