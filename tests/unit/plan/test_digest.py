# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest changes exactly if the meaning of the plan changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.helpers.book import PARTY, TODAY, book, feature, flow, host, port

from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.file import digest
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.model import Plan

COMPONENTS = {
    "client": {},
    "siem": PARTY,
    "server": {
        "ports": {"main": port(8080)},
        "features": {"extra": feature(False)},
        "programs": {"main": {"what": "it", "path": "C:\\s.exe"}},
    },
}
FLOWS = {
    "acme.talk": flow("client", "server", "main", exclusive=True, responder={"program": "main"}),
    "acme.extra": flow("client", "server", 9000, feature="extra"),
    "acme.log": flow("server", "siem", 514, protocol="udp"),
}


def plan(flows=None, components=None, client=None, today=TODAY, **server):
    """A small plan; `client` and `server` are variables of these hosts."""
    return book(components or COMPONENTS, flows or FLOWS).plan(
        host("c1", "client", "192.0.2.11", **(client or {})),
        host("c2", "client", "192.0.2.20"),
        host("s1", "server", "192.0.2.1", **server),
        today=today,
    )


def talk(**more):
    return {**FLOWS, "acme.talk": {**FLOWS["acme.talk"], **more}}


USUAL = plan().digest


def test_the_digest_is_the_same_for_the_same_input():
    assert plan().digest == USUAL


def test_the_digest_stands_in_the_file():
    assert plan().data["digest"] == USUAL


@pytest.mark.parametrize(
    "said",
    [
        {"server_port": 8081},
        {"portbook_posture": "strict"},
        {"portbook_posture": "open"},
        {"server_posture": "open"},
        {"client": {"portbook_outbound": "guard"}},
        {"portbook_outbound": "strict"},
        {"portbook_posture": "watch"},
        {"server_posture": "watch"},
        {"portbook_management_ports": 2222},
        {"portbook_flows": {"acme.talk": {"guard": False}}},
        {"portbook_flows": {"acme.talk": {"log": True}}},
        {"portbook_flows": {"acme.talk": {"state": "disabled"}}},
        {"portbook_flows": {"acme.talk": {"peers": ["192.0.2.11"]}}},
        {"portbook_flows": {"acme.talk": {"ports": [8080, 8081]}}},
        {"portbook_peers": {"client": ["203.0.113.1"]}},
        {"portbook_peers": {"client": "any"}},
        {"portbook_peers": {"siem": ["203.0.113.1"]}},
        {"portbook_realm": "elsewhere"},
        {"server_realm": "elsewhere"},
        {"server_extra": True},
        {"server_main_program": "D:\\s.exe"},
        {"portbook_allow": [{"name": "x", "ports": 1, "peers": "any"}]},
        {"portbook_management": ["203.0.113.1"]},
        {"portbook_backend": "none"},
        {"portbook_refuse": "reject"},
        {"portbook_log": "refused"},
        {"portbook_cut": False},
        {"portbook_restore_after_flush": True},
        {"portbook_mark": "0x10"},
        {"portbook_foreign": "fail"},
        {"portbook_trusted_interfaces": ["br0"]},
        {"portbook_components": ["client"]},
        {"portbook_addresses": ["192.0.2.2"]},
        {"client": {"portbook_addresses": ["192.0.2.11", "2001:db8::11"]}},
        {"flows": talk(ports=["main", 8081])},
        {"flows": talk(protocol="udp")},
        {"flows": talk(source_ports=[1000])},
        {"flows": talk(cast="broadcast")},
        {"flows": talk(cast="multicast", group=["239.0.0.1"])},
        {"flows": talk(reach="any")},
        {"flows": talk(exclusive=False)},
        {"flows": talk(responder={})},
        {"flows": talk(responder={"program": "main", "service": "svc"})},
        {"flows": talk(listener="docker_compose")},
    ],
    ids=str,
)
def test_a_change_of_meaning_changes_the_digest(said):
    assert plan(**said).digest != USUAL


@pytest.mark.parametrize(
    "said",
    [
        {"flows": talk(purpose="Quite another text")},
        {"flows": talk(confidence="low")},
        {"flows": talk(note="by the way")},
        {"flows": talk(doubts=[{"verdict": "superfluous", "why": "perhaps"}])},
        {"components": {**COMPONENTS, "client": {"title": "Other", "what": "Else"}}},
        {"portbook_flows": {"acme.talk": {"owner": "ops", "ticket": "T1"}}},
        {"portbook_flows": {"acme.talk": {"expires": "2030-01-01"}}},
        {"portbook_flows": {"acme.talk": {"state": "enabled"}}},
        {"portbook_flows": {"acme.talk": {"ports": 8080}}},
        {"portbook_peers": {"client": ["192.0.2.11"]}},
        {"portbook_peers": {"client": []}},
        {"server_port": "8080-8080"},
        {"server_extra": False},
        {"portbook_posture": "guard"},
        {"portbook_realm": ["main"]},
        {"client": {"portbook_realm": ["main", "b"]}},
        {"client": {"portbook_addresses": ["192.0.2.11/32"]}},
        {"variable_of_the_users": 7},
    ],
    ids=str,
)
def test_what_changes_no_meaning_leaves_the_digest(said):
    assert plan(**said).digest == USUAL


def test_a_day_later_is_the_same_plan():
    assert plan(today=TODAY.replace(year=2027)).digest == USUAL


def test_texts_of_allowed_entries_leave_the_digest():
    entry = {"name": "x", "ports": 1, "peers": ["10.0.0.0/8"]}
    before = plan(portbook_allow=[entry]).digest
    assert plan(portbook_allow=[{**entry, "why": "w", "owner": "o", "ticket": "t"}]).digest == before
    assert plan(portbook_allow=[{**entry, "peers": ["10.0.0.0/9", "10.128.0.0/9"]}]).digest == before
    assert plan(portbook_allow=[{**entry, "ports": 2}]).digest != before
    assert plan(portbook_allow=[{**entry, "peers": ["10.0.0.0/9"]}]).digest != before


def test_names_of_sets_leave_the_digest():
    before = plan().outcome.plan
    sets = {f"x-{name}": replace(one, name=f"x-{name}") for name, one in before.peers.items()}
    hosts = {
        name: replace(
            one,
            rules=tuple(
                replace(rule, peers=f"x-{rule.peers}") if rule.peers in before.peers else rule for rule in one.rules
            ),
        )
        for name, one in before.hosts.items()
    }
    assert digest(Plan(sets, hosts)) == USUAL


def test_a_host_more_changes_the_digest():
    more = book(COMPONENTS, FLOWS).plan(
        host("c1", "client", "192.0.2.11"),
        host("c2", "client", "192.0.2.20"),
        host("c3", "client", "192.0.2.21"),
        host("s1", "server", "192.0.2.1"),
    )
    assert more.digest != USUAL


def test_the_file_follows_the_format_of_the_design():
    data = plan().data
    assert data["format"] == 1
    assert set(data) == {"format", "digest", "peers", "hosts"}
    server = data["hosts"]["s1"]
    assert {"backend", "posture", "outbound", "components", "realms", "rules", "not_planned"} <= set(server)
    (rule,) = [one for one in server["rules"] if one["flow"] == "acme.talk"]
    assert {
        "id", "component", "flow", "direction", "protocol", "ports", "source_ports", "peers", "cast",
        "group", "guarded", "program", "service", "confidence", "rows", "why",
    } <= set(rule)  # fmt: skip
    assert rule["group"] is None
    assert data["peers"][rule["peers"]] == ["192.0.2.11", "192.0.2.20"]
    assert [set(one) >= {"flow", "why"} for one in server["not_planned"]]


def test_every_set_that_a_rule_names_stands_in_the_file_and_no_other():
    data = plan(portbook_peers={"siem": ["203.0.113.1"]}).data
    used = {rule["peers"] for one in data["hosts"].values() for rule in one["rules"]}
    assert used - {"management"} == set(data["peers"])


@pytest.mark.parametrize("said", [{"server_posture": "guard"}, {"client_posture": "open"}])
def test_a_posture_that_changes_nothing_leaves_the_digest(said):
    assert plan(**said).digest == USUAL


def test_a_realm_of_another_name_that_joins_the_same_hosts_leaves_the_digest():
    def named(realm: str) -> str:
        every = {"portbook_realm": realm}
        return (
            book(COMPONENTS, FLOWS)
            .plan(host("c1", "client", "192.0.2.11", **every), host("s1", "server", "192.0.2.1", **every))
            .digest
        )

    assert named("a") == named("b")
