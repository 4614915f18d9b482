# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A group that is there and empty may lack hosts: no guard rests on it, unless somebody wrote that it is empty."""

from __future__ import annotations

from typing import Any

import pytest
from unit.helpers.book import PARTY, Planned, book, flow, host, port

BOOK = book(
    {
        "agent": {},
        "probe": {},
        "console": PARTY,
        "master": {"ports": {"main": port(5000), "other": port(6000)}},
    },
    {
        "acme.up": flow("agent probe", "master", "main", exclusive=True),
        "acme.also": flow("probe", "master", 5000, exclusive=True),
        "acme.agents": flow("agent", "master", "other", exclusive=True),
        "acme.ui": flow("console", "master", 6000),
    },
)
MASTER = ("m1", "master", "192.0.2.1")
AGENT = host("a1", "agent", "192.0.2.11")


def plan(groups: str = "", **variables: Any) -> Planned:
    """One master and one agent; `groups` are there and empty."""
    return BOOK.plan(
        host(*MASTER, **variables), host("a1", "agent", "192.0.2.11", **_for_all(variables)), groups=groups
    )


def _for_all(variables: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in variables.items() if name == "portbook_groups"}


def guarded(planned: Planned) -> set[str]:
    return {rule.flow for rule in planned.rules("m1", direction="in") if rule.guarded}


def test_without_an_empty_group_all_is_guarded() -> None:
    assert guarded(plan()) == {"acme.up", "acme.agents"}
    assert plan().warnings == []


def test_no_guard_rests_on_an_empty_group_and_a_warning_says_so() -> None:
    planned = plan("probe")
    assert guarded(planned) == {"acme.agents"}
    assert planned.rule("m1", "acme.up").empty_groups == ("probe",)
    (warning,) = planned.warnings
    assert warning.startswith("m1: acme.up is not restricted to its peers, because the group of probe is empty")
    assert "portbook_peers: {probe: []}" in warning


@pytest.mark.parametrize(
    "said",
    [
        {"portbook_peers": {"probe": []}},
        {"portbook_peers": {"probe": ["192.0.2.99"]}},
        {"portbook_groups": {"probe": []}},
        {"portbook_flows": {"acme.up": {"guard": True}}},
    ],
)
def test_what_somebody_wrote_is_a_decision(said: dict[str, Any]) -> None:
    assert "acme.up" in guarded(plan("probe", **said))
    assert plan("probe", **said).warnings == []


def test_one_of_several_groups_that_is_empty_counts_too() -> None:
    said = {"portbook_groups": {"agent": ["agent", "branch_agents"]}}
    assert guarded(plan("branch_agents", **said)) == set()
    assert guarded(plan("", portbook_groups={"agent": ["agent"]})) == {"acme.up", "acme.agents"}


def test_another_flow_to_the_same_port_counts_too() -> None:
    """The guard of one flow refuses the peers of all others on its ports."""
    planned = plan("console")
    assert guarded(planned) == {"acme.up"}
    assert planned.rule("m1", "acme.agents").empty_groups == ("console",)


def test_any_and_open_have_no_guard_to_leave_out() -> None:
    assert plan("probe", portbook_posture="open").warnings == []
    assert plan("probe", portbook_flows={"acme.up": {"peers": "any"}}).warnings == []


def test_the_plan_file_names_the_groups_and_the_digest_follows_the_guard() -> None:
    data = plan("probe").data["hosts"]["m1"]["rules"]
    assert [one["empty_groups"] for one in data if one["flow"] == "acme.up"] == [["probe"]]
    assert all("empty_groups" not in one for one in plan().data["hosts"]["m1"]["rules"])
    assert plan("probe").digest != plan().digest


# -- what the host is told -----------------------------------------------------------------------------
def missing(planned: Planned, name: str = "m1") -> dict[str, tuple[str, ...]]:
    return {one.flow: one.missing for one in planned.hosts[name].not_planned if one.missing}


def test_flows_without_peers_name_whom_they_miss() -> None:
    assert missing(plan()) == {"acme.also": ("probe",), "acme.ui": ("console",)}
    assert missing(plan("probe console")) == {"acme.also": ("probe",), "acme.ui": ("console",)}


def test_what_somebody_wrote_is_not_missed() -> None:
    assert missing(plan(portbook_peers={"console": [], "probe": []})) == {}
    assert missing(plan(portbook_groups={"console": [], "probe": []})) == {}
    assert "acme.ui" not in missing(plan(portbook_flows={"acme.ui": {"state": "disabled"}}))


def test_a_group_that_is_said_to_be_none_satisfies_who_requires_it() -> None:
    required = book({"client": {}, "server": {}}, {"acme.talk": flow("client", "server", 80, peer="required")})
    said = {"portbook_groups": {"server": []}}
    assert required.errors(host("c1", "client", "192.0.2.11"))
    assert required.errors(host("c1", "client", "192.0.2.11", **said)) == []


NARROWED = book(
    {"agent": {}, "master": {}, "relay": {}, "console": PARTY},
    {
        "acme.up": flow("agent", "master", 5000, exclusive=True),
        "acme.relay": flow("agent", "relay", 5000),
        "acme.ui": flow("console", "agent", 6000),
    },
)


def narrowed(peers: list[str], **of_a2: Any) -> Planned:
    """Of two agents, the master lets in `peers`."""
    return NARROWED.plan(
        host(*MASTER, portbook_flows={"acme.up": {"peers": peers}}),
        host("a1", "agent", "192.0.2.11", portbook_outbound="guard"),
        host("a2", "agent", "192.0.2.13", portbook_outbound="guard", **of_a2),
        groups="relay",
    )


@pytest.mark.parametrize(
    "of_a2",
    [
        {},
        {"portbook_management": ["192.0.2.99"]},
        {"portbook_peers": {"console": []}},
        {"portbook_posture": "watch"},
    ],
)
def test_a_host_that_has_no_such_rule_is_not_named_by_the_warning(of_a2: dict[str, Any]) -> None:
    """Whether or not it is planned together with one that has it."""
    planned = narrowed(["a1"], **of_a2)
    assert [rule.empty_groups for rule in planned.rules("a1", "acme.up")] == [("relay",)]
    assert planned.rules("a2", "acme.up") == []
    assert [one.partition(":")[0] for one in planned.warnings] == ["a1"]


def test_a_host_that_says_that_there_is_none_is_not_named_by_the_warning() -> None:
    planned = narrowed(["a1", "a2"], portbook_peers={"relay": []})
    assert not planned.rule("a1", "acme.up").guarded
    assert planned.rule("a2", "acme.up").guarded
    assert [one.partition(":")[0] for one in planned.warnings] == ["a1"]


# -- names ---------------------------------------------------------------------------------------------
def near(*hosts: Any, **more: Any) -> tuple[list[str], list[str]]:
    outcome = BOOK.compute(host(*MASTER), *hosts, **more)
    return [str(one) for one in outcome.errors], [str(one) for one in outcome.warnings]


def test_hosts_in_a_group_of_a_near_name_are_an_error() -> None:
    errors, _warnings = near(host("p1", "probes", "192.0.2.21"), host("p2", "probes", "192.0.2.22"), AGENT)
    (error,) = errors
    assert "group probes has 2 hosts and is the group of no component, while probe has none" in error
    assert "Rename the group to probe" in error
    assert "portbook_groups" in error


def test_a_near_name_next_to_the_right_one_is_a_warning() -> None:
    errors, warnings = near(host("p1", "probes", "192.0.2.21"), host("p2", "probe", "192.0.2.22"), AGENT)
    assert errors == []
    assert any("group probes" in one for one in warnings)


def test_an_empty_group_of_a_near_name_is_a_warning() -> None:
    errors, warnings = near(AGENT, groups="probes")
    assert errors == []
    assert any("group probes" in one for one in warnings)


@pytest.mark.parametrize("groups", [[], ["probe"], ["probes"]])
def test_a_word_about_the_component_settles_it(groups: list[str]) -> None:
    said = {"portbook_groups": {"probe": groups}}
    hosts = (
        host(*MASTER, **said),
        host("p1", "probes", "192.0.2.21", **said),
        host("a1", "agent", "192.0.2.11", **said),
    )
    assert BOOK.errors(*hosts, groups="probe") == []
