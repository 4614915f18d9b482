# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For inventories that nobody thought of: both ends agree, and more hosts never mean less."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.helpers.book import PARTY, Planned, book, feature, flow, host, port, port_above

BOOK = book(
    {
        "agent": {
            "ports": {"main": port(6000)},
            "features": {"push": feature(True)},
            "versions": {"known": ["1", "2"], "default": "2"},
        },
        "hub": {
            "ports": {"main": port(8080), "tls": port_above("main"), "late": port()},
            "features": {"extra": feature(False)},
            "versions": {"known": ["1", "2"], "default": "1"},
        },
        "siem": {**PARTY, "ports": {"main": port(514)}},
    },
    {
        "a.talk": flow("agent", "hub", "main", exclusive=True),
        "a.tls": flow("agent", "hub", "tls", protocol=["tcp", "udp"]),
        "a.late": flow("agent hub", "hub", "late"),
        "a.extra": flow("agent", "hub", 9000, feature="extra"),
        "a.push": flow("agent", "hub", "main", decided_by="initiator", feature="push"),
        "a.old": flow("agent", "hub", 9100, versions=["1"]),
        "a.new": flow("agent", "hub", 9200, decided_by="initiator", versions=["2"]),
        "a.pull": flow("hub", "agent", "main", "9300-9310"),
        "a.mesh": flow("agent hub", "agent hub", 7000, responder={"owner": "mesh"}),
        "a.log": flow("agent hub", "siem", "main", protocol="udp"),
        "a.shout": flow("agent", "agent", 9400, protocol="udp", cast=["unicast", "broadcast"]),
    },
)

OVERRIDE = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["enabled", "disabled"]),
        "ports": st.sampled_from([9500, ["9500-9510"], [8080]]),
        "peers": st.sampled_from([["h0", "h1"], ["10.0.0.0/29"], ["10.0.0.16/28"], ["2001:db8::/64"], [], "any"]),
        "log": st.booleans(),
        "expires": st.sampled_from(["2020-01-01", "2030-01-01"]),
    },
)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "portbook_realm": st.sampled_from([["a"], ["b"], ["a", "b"]]),
        "hub_realm": st.sampled_from([["a"], ["b"], ["a", "b"]]),
        "agent_port": st.sampled_from([6000, 6001, [6001, 6002]]),
        "hub_port": st.sampled_from([8080, 8090]),
        "hub_late_port": st.sampled_from([9600, 9601]),
        "hub_extra": st.booleans(),
        "agent_push": st.booleans(),
        "hub_version": st.sampled_from(["1", "2"]),
        "agent_version": st.sampled_from(["1", "2"]),
        "portbook_siem_port": st.sampled_from([514, 5514]),
        "portbook_components": st.sampled_from([["siem"], ["agent"]]),
        "portbook_flows": st.dictionaries(st.sampled_from(sorted(BOOK.catalog.flows)), OVERRIDE, max_size=2),
    },
)  # fmt: skip
GROUPS = st.sampled_from(["agent", "agent", "hub", "siem"])
HOSTS = st.lists(st.tuples(GROUPS, SAID, st.booleans()), min_size=2, max_size=6)


def inventory(drawn):
    return [
        host(
            f"h{number}",
            group,
            portbook_addresses=[f"10.0.0.{number * 3 + 1}", *([f"2001:db8::{number}"] if dual else [])],
            **said,
        )
        for number, (group, said, dual) in enumerate(drawn)
    ]  # fmt: skip


def compute(hosts) -> Planned | None:
    """None if two programs want one port, which is no question of this file."""
    # Names of hosts that are not drawn are nobody's.
    outcome = BOOK.compute(*hosts, groups="agent hub siem", names={"h0": ("10.9.0.1",), "h1": ("10.9.0.2",)})
    if outcome.plan is None:
        assert all("both want" in str(one) for one in outcome.errors), list(map(str, outcome.errors))
        return None
    return Planned(outcome)


def permissions(plan: Planned, name: str, direction: str) -> set[tuple]:
    """Flow, protocol, cast, port and single peer address (or any) that the host lets through."""
    found = set()
    for rule in plan.rules(name, direction=direction):
        peers = plan.peers(rule)
        networks = ["0.0.0.0/0", "::/0"] if isinstance(peers, str) else peers
        for low, high in rule.ports.spans:
            for number in range(low, high + 1):
                found |= {
                    (rule.flow, rule.protocol, rule.cast, number, ipaddress.ip_network(network)) for network in networks
                }
    return found


def meets(permitted: set[tuple], addresses: list[ipaddress._BaseAddress]) -> set[tuple]:
    """What is permitted of a peer with these addresses, without the peer."""
    return {
        kind
        for *kind_, network in permitted
        for kind in [tuple(kind_)]
        if any(one.version == network.version and one in network for one in addresses)
    }


def addresses(one) -> list[ipaddress._BaseAddress]:
    return [ipaddress.ip_address(text) for text in one.variables["portbook_addresses"]]


@settings(max_examples=50)
@given(HOSTS)
def test_both_ends_agree_on_every_flow(drawn):
    hosts = inventory(drawn)
    plan = compute(hosts)
    if plan is None:
        return
    outgoing = {one.name: permissions(plan, one.name, "out") for one in hosts if one.name in plan.hosts}
    incoming = {one.name: permissions(plan, one.name, "in") for one in hosts if one.name in plan.hosts}
    # What a user opened to peers of his own choice may stand without an initiator.
    own_word = {
        (one.name, name)
        for one in hosts
        for name, word in one.variables.get("portbook_flows", {}).items()
        if "peers" in word
    }
    for here in hosts:
        for there in hosts:
            if here.name == there.name or not {here.name, there.name} <= set(plan.hosts):
                continue
            sends = meets(outgoing[here.name], addresses(there))
            takes = meets(incoming[there.name], addresses(here))
            if "siem" not in plan.hosts[there.name].components:
                # A party gets rules of its own only through portbook_components.
                sends = {kind for kind in sends if kind[0] != "a.log"}
            assert sends <= takes, (here.name, there.name)
            decided = {kind for kind in takes if (there.name, kind[0]) in own_word}
            assert takes - decided <= sends, (here.name, there.name)


@settings(max_examples=50)
@given(HOSTS, st.data())
def test_a_host_more_takes_no_permission_away_from_others(drawn, data):
    hosts = inventory(drawn)
    taken = data.draw(st.integers(0, len(hosts) - 1))
    after = compute(hosts)
    before = compute([one for place, one in enumerate(hosts) if place != taken])
    if before is None or after is None:
        return
    for name in before.hosts:
        for direction in ("in", "out"):
            earlier = permissions(before, name, direction)
            later = permissions(after, name, direction)
            for *kind, network in earlier:
                if network.prefixlen not in (32, 128) or network.network_address in addresses_of(
                    ["10.9.0.1", "10.9.0.2"]
                ):
                    continue
                assert any(
                    kind == other and network.version == wider.version and network.subnet_of(wider)
                    for *other, wider in later
                ), (name, direction, kind, network)


def addresses_of(texts: list[str]) -> list[ipaddress._BaseAddress]:
    return [ipaddress.ip_address(text) for text in texts]


@settings(max_examples=50)
@given(HOSTS)
def test_rules_of_a_host_have_ids_of_their_own(drawn):
    plan = compute(inventory(drawn))
    for name in plan.hosts if plan else ():
        ids = [rule.id for rule in plan.hosts[name].rules]
        assert len(set(ids)) == len(ids)


@settings(max_examples=30)
@given(HOSTS)
def test_a_host_never_opens_more_than_its_groups_peers_and_the_users_word(drawn):
    """Every address that a rule names belongs to a host of the right component, or was written down."""
    hosts = inventory(drawn)
    plan = compute(hosts)
    if plan is None:
        return
    of_component: dict[str, set[str]] = {}
    for one in hosts:
        for component in {*one.groups, *one.variables.get("portbook_components", ())}:
            of_component.setdefault(component, set()).update(one.variables["portbook_addresses"])
    for name, planned in plan.hosts.items():
        for rule in plan.rules(name):
            word = planned.settings.flows.get(rule.flow)
            if rule.peers == "any" or (rule.direction == "in" and word and word.peers is not None):
                continue
            networks = {ipaddress.ip_network(text) for text in plan.peers(rule)}
            allowed = {
                ipaddress.ip_address(text)
                for component in rule.peer_components
                for text in of_component.get(component, ())
            }
            assert {one for network in networks for one in network} <= allowed


@settings(max_examples=30)
@given(HOSTS)
def test_every_flow_of_a_host_is_planned_or_has_a_reason(drawn):
    plan = compute(inventory(drawn))
    for name, planned in plan.hosts.items() if plan else ():
        told = {one.flow for one in planned.not_planned} | {rule.flow for rule in planned.rules}
        for component in planned.components:
            for one in BOOK.catalog.flows_of(component):
                assert one.id in told or one.versions, (name, component, one.id)
