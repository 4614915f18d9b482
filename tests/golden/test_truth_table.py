# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every pair of components: what the catalogue says may be reached is what the plan lets through, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from golden.helpers.book import Book, shipped, words
from golden.helpers.evaluator import both_ends, differences, evaluate
from golden.helpers.network import Node, Packet, Universe, nodes, span, universe
from golden.helpers.running import Machine, plan
from golden.helpers.table import Pairs, Table, kept_shut, pairs, table, talks

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog


@dataclass(frozen=True)
class Scenario:
    features: str = "default"
    version: str = "default"
    strict: bool = False

    def __str__(self) -> str:
        strict = "-strict" if self.strict else ""
        return f"features-{self.features}-versions-{self.version}{strict}"


SCENARIOS = (
    Scenario(),
    Scenario(strict=True),
    Scenario("on"),
    Scenario("on", strict=True),
    Scenario("off"),
    Scenario("opposite"),
    Scenario(version="oldest"),
    Scenario(version="newest"),
    Scenario("on", "oldest"),
    Scenario("on", "second"),
    Scenario("on", "newest", strict=True),
)
EACH = pytest.mark.parametrize("scenario", SCENARIOS, ids=str)


@dataclass(frozen=True, eq=False)
class Trial:
    """The table of a scenario, from the book alone; the book's own plan may be compared with it, or a mutant's."""

    book: Book
    scenario: Scenario
    network: tuple[Node, ...]
    tried: Universe
    table: Table
    pairs: Pairs

    def plan(self, catalog: Catalog | None = None) -> dict[str, Any]:
        everywhere = {"portbook_evidence": "strict"} if self.scenario.strict else {}
        result = plan([self.machine(node) for node in self.network], everywhere, catalog)
        assert result.errors == (), "\n".join(result.errors)
        return result.data

    def machine(self, node: Node) -> Machine:
        """Only the host that decides has the variables, and none that says no more than the default does."""
        prefix = f"portbook_{node.component}" if node.party else node.component
        variables: dict[str, Any] = {
            f"{prefix}_port" if name == "main" else f"{prefix}_{name}_port": port for name, port in node.ports.items()
        }
        if self.scenario.features != "default":
            variables |= {f"{prefix}_{name}": on for name, on in node.features.items()}
        if self.scenario.version != "default" and node.version:
            variables[f"{prefix}_version"] = node.version
        return Machine(node.name, node.component, (node.address,), node.platform, variables, rules=node.party)

    def wrong(self, data: dict[str, Any]) -> list[str]:
        """Where a plan differs from the table, at each end and at both together."""
        actual = evaluate(data, self.book, self.network, self.tried)
        return [
            *differences(self.table, actual),
            *differences(self.pairs, both_ends(actual, self.network)),
        ]


@cache
def trial(scenario: Scenario) -> Trial:
    book = shipped()
    network = nodes(book, scenario.features, scenario.version)
    tried = universe(book, network)
    return Trial(
        book,
        scenario,
        network,
        tried,
        table(book, network, tried, scenario.strict),
        pairs(book, network, tried, scenario.strict),
    )


@cache
def planned(scenario: Scenario) -> dict[str, Any]:
    return trial(scenario).plan()


@EACH
def test_the_plan_lets_through_what_the_catalogue_has_and_no_more(scenario: Scenario) -> None:
    assert trial(scenario).wrong(planned(scenario)) == []


@EACH
def test_every_host_is_in_the_plan_with_its_platform(scenario: Scenario) -> None:
    hosts = planned(scenario)["hosts"]
    assert {name: host["platform"] for name, host in hosts.items()} == {
        node.name: node.platform for node in trial(scenario).network
    }


@EACH
def test_a_rule_stands_at_a_host_only_for_a_talk_that_it_takes_part_in(scenario: Scenario) -> None:
    tried = trial(scenario)
    wanted = {
        (node.name, direction, talk.flow, other.component)
        for talk in talks(tried.book, tried.network, scenario.strict)
        for node, direction, other in (
            (talk.initiator, "out", talk.responder),
            (talk.responder, "in", talk.initiator),
        )
    }
    planned_ = {
        (name, rule["direction"], rule["flow"], peer)
        for name, rule in _rules(scenario)
        for peer in rule["peer_components"]
    }
    assert planned_ == wanted


@EACH
def test_only_exclusive_ports_are_guarded_and_all_of_them(scenario: Scenario) -> None:
    """The network has the default posture: guards inbound, none outbound. The catalogue marks no token exclusive."""
    book = trial(scenario).book
    wrong = [
        (name, rule["id"])
        for name, rule in _rules(scenario)
        if rule["guarded"] != (rule["direction"] == "in" and book.flows[rule["flow"]]["exclusive"])
    ]
    assert wrong == []


@EACH
def test_ports_to_keep_shut_have_a_guarded_rule_for_nobody(scenario: Scenario) -> None:
    tried = trial(scenario)
    data = planned(scenario)
    wanted = {
        (node.name, flow, protocol)
        for node, flow, ports in kept_shut(tried.book, tried.network, scenario.strict)
        for protocol in ports
    }
    found = {
        (name, rule["flow"], rule["protocol"])
        for name, rule in _rules(scenario)
        if rule["guarded"] and data["peers"].get(rule["peers"]) == []
    }
    assert found == wanted


@EACH
def test_a_rule_names_program_and_service_only_where_the_socket_is_theirs(scenario: Scenario) -> None:
    """http.sys and Docker hold the responder's socket; who opens the connection is a program all the same."""
    book = trial(scenario).book
    wrong = []
    for name, rule in _rules(scenario):
        flow = book.flows[rule["flow"]]
        inbound = rule["direction"] == "in"
        end = flow.get("responder" if inbound else "initiator", {})
        if inbound and flow.get("listener", "native") != "native":
            end = {}
        programs = book.components[rule["component"]].get("programs", {})
        program = programs[end["program"]].get("path") if "program" in end else None
        if (rule["program"], rule["service"]) != (program, end.get("service")):
            wrong.append(f"{name} {rule['id']}: {rule['program']}, {rule['service']}")
    assert wrong == []


@EACH
def test_a_rule_repeats_what_the_catalogue_says_of_its_flow(scenario: Scenario) -> None:
    book = trial(scenario).book
    for name, rule in _rules(scenario):
        flow = book.flows[rule["flow"]]
        inbound = rule["direction"] == "in"
        doubts = [one for one in flow.get("doubts", []) if one.get("protocol", rule["protocol"]) == rule["protocol"]]
        said = {
            "listener": flow.get("listener", "native") if inbound else "native",
            "container_ports": [str(port) for port in flow.get("container_ports", [])] if inbound else [],
            "confidence": flow["confidence"],
            "why": flow["purpose"],
            "rows": {row for row, raw in book.rows.items() if rule["flow"] in raw.get("flows", [])},
            "doubt": bool(doubts) and not scenario.strict,
        }
        assert said == {
            "listener": rule["listener"],
            "container_ports": rule["container_ports"],
            "confidence": rule["confidence"],
            "why": rule["why"],
            "rows": set(rule["rows"]),
            "doubt": bool(rule.get("doubt")),
        }, (name, rule["id"])


@EACH
def test_each_flow_that_gets_no_rule_says_why(scenario: Scenario) -> None:
    """Both ends of a flow have a rule or a reason; another version's flow is nobody's concern."""
    tried = trial(scenario)
    seen = {(name, rule["flow"]) for name, rule in _rules(scenario)}
    for name, host in planned(scenario)["hosts"].items():
        assert all(one["why"].strip() for one in host["not_planned"])
        seen |= {(name, one["flow"]) for one in host["not_planned"]}
    missing = [
        (node.name, name)
        for name, flow in tried.book.flows.items()
        if "versions" not in flow
        for node in tried.network
        if node.component in {*flow["from"], *flow["to"]} and (node.name, name) not in seen
    ]
    assert missing == []


def test_the_table_speaks_of_every_flow_cast_group_and_source_port() -> None:
    """Nothing of the catalogue is left untried by all scenarios together."""
    book = shipped()
    spoken: set[str] = set()
    packets: set[Packet] = set()
    for scenario in SCENARIOS:
        tried = trial(scenario)
        spoken |= {talk.flow for talk in talks(book, tried.network, scenario.strict)}
        spoken |= {flow for _node, flow, _ports in kept_shut(book, tried.network, scenario.strict)}
        packets |= {packet for some in tried.pairs.values() for packet in some}
    assert set(book.flows) - spoken == set()
    casts = {cast for flow in book.flows.values() for cast in words(flow.get("cast", "unicast"))}
    groups = {group for flow in book.flows.values() for group in flow.get("group", [])}
    assert {cast for _protocol, cast, _source, _port in packets} == (casts - {"multicast"}) | groups
    fixed = {figure for flow in book.flows.values() for figure in flow.get("source_ports", [])}
    assert {port for figure in fixed for port in span(figure)} <= {source for _one, _cast, source, _port in packets}


def _rules(scenario: Scenario) -> list[tuple[str, dict[str, Any]]]:
    """All rules but the ways in."""
    return [
        (name, rule)
        for name, host in planned(scenario)["hosts"].items()
        for rule in host["rules"]
        if rule["peers"] != "management"
    ]
