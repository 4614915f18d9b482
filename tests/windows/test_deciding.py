# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided for a host as a whole: the way in, the domain, parts of a plan, and what cannot be done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from golden.test_truth_table import Scenario
from hypothesis import given
from hypothesis import strategies as st
from windows.fake.bringing import HOST, Site, remove
from windows.fake.engine import apply, asked, foreign, read_it, rule, wanted
from windows.fake.packets import Packet, interesting_packets, truth
from windows.fake.plans import Line, Want, bring, machine, take_away
from windows.fake.store import Store
from windows.fake.truth_table import sited
from windows.fake.worlds import WANTS, others, ours

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decision import Decision
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.way_in import ports

WEB = wanted(rule(peers="192.0.2.7"), guarded=True)
NOWHERE = replace(HOST, connections=())
MEMBER = replace(HOST, member=True, domain_name="corp.example.com")


def decided(store: Store | None = None, **more: Any) -> Decision:
    host = more.pop("host", HOST)
    return decide(read_it(store or Store(), host, domain=more.get("outbound") == "strict"), asked(WEB, **more))


def ways(store: Store) -> list[tuple[str, str | None]]:
    found = [one for one in store.rules if one.grouping == "portbook: way in"]
    return [(one.remote_addresses.partition("/")[0], one.local_ports) for one in found]


# -- the way in ---------------------------------------------------------------------------------------
def test_management_access_is_where_the_connection_comes_from() -> None:
    store = Store()
    apply(store, asked(WEB))
    assert ways(store) == [("198.51.100.200", "5986")]


def test_over_ssh_it_is_what_the_host_says() -> None:
    store = Store()
    host = replace(HOST, ssh_connection="203.0.113.9 51000 192.0.2.10 2222")
    assert ports(read_it(store, host), "ssh", (), 22) == (2222,)
    apply(store, asked(WEB, ports=(2222,)), host)
    assert ways(store) == [("203.0.113.9", "2222")]


@pytest.mark.parametrize("posture", ["guard", "strict"])
def test_management_access_that_is_not_found_refuses_a_posture_that_refuses(posture: str) -> None:
    found = decided(host=NOWHERE, posture=posture)
    assert found.operations == []
    assert f"posture {posture}: the controller's address is not known" in found.errors[0]
    assert "portbook_management" in found.errors[0]


def test_without_ports_the_error_names_their_variable_too() -> None:
    assert "portbook_management_ports" in decided(ports=(), host=NOWHERE).errors[0]


def test_open_needs_no_management_access() -> None:
    bare = asked(wanted(rule()), posture="open")
    assert decide(read_it(Store(), NOWHERE), bare).errors == []


def test_management_addresses_come_in_next_to_the_connection_that_is_seen() -> None:
    store = Store()
    brought = apply(store, asked(WEB, management=("203.0.113.0/28",)))
    assert brought.decision.errors == []
    (way,) = [one for one in store.rules if one.grouping == "portbook: way in"]
    assert {one.partition("/")[0] for one in way.remote_addresses.split(",")} == {"198.51.100.200", "203.0.113.0"}


def test_management_addresses_are_no_management_access_that_is_known() -> None:
    """W1: the port may be another one than the controller believes."""
    found = decided(host=NOWHERE, management=("203.0.113.0/28",))
    assert found.operations == []
    assert "no established connection to tcp 5985, 5986" in found.errors[0]


def test_a_local_connection_needs_no_management_access() -> None:
    store = Store()
    assert apply(store, asked(WEB, over_network=False, ports=()), NOWHERE).decision.errors == []
    assert ways(store) == []


def test_a_guard_never_covers_management_access() -> None:
    store = Store()
    apply(store, asked(wanted(rule(ports="5980-5990", peers="192.0.2.7"), guarded=True)))
    here = machine(4)
    came = Packet("in", 6, "198.51.100.200", "10.2.0.10", 5986, 50000, "Wi-Fi")
    assert truth([came, replace(came, remote="198.51.100.201")], store, here) == [True, False]


# -- the domain, watching, notes ----------------------------------------------------------------------
def test_controllers_of_the_domain_that_are_not_found_refuse_outbound_strict() -> None:
    found = decided(host=MEMBER, outbound="strict")
    assert found.operations == []
    assert "corp.example.com were not found" in found.errors[0]


def test_a_member_may_reach_its_controllers_and_a_stranger_has_none() -> None:
    member = replace(MEMBER, domain_addresses=("192.0.2.32", "2001:db8::32"))
    names = [one.get("rule", {}).get("Name") for one in decided(host=member, outbound="strict").operations]
    assert {"portbook/baseline/out/domain-tcp", "portbook/baseline/out/domain-udp"} <= {*names}
    assert not [one for one in decided(outbound="strict").operations if "domain" in str(one)]


def test_watch_says_that_windows_cannot_count() -> None:
    found = decide(read_it(Store()), asked(wanted(rule()), posture="watch"))
    assert "Windows cannot count" in " ".join(found.warnings)
    assert [one["rule"]["Action"] for one in found.operations] == [1]


def test_all_errors_are_reported_at_once() -> None:
    store = Store.of(foreign(Action=0, LocalPorts="80"))
    store.policy = {"PublicProfile": {"AllowLocalPolicyMerge": 0}}
    assert len(decided(store, host=replace(MEMBER, connections=()), outbound="strict").errors) == 4


def test_a_protocol_without_ports_on_windows_is_noted() -> None:
    found = bring(Store(), Want((Line(protocol="sctp", ports=("38412",)), Line())))
    assert "Windows Firewall knows no ports of sctp" in " ".join(found.decision.warnings)
    assert [one["rule"]["Name"] for one in found.operations if "flow" in str(one)] == ["portbook/app.flow-1/in/1"]


# -- parts of a plan ----------------------------------------------------------------------------------
def same_meaning(one: Store, other: Store) -> bool:
    here = machine(4)
    packets = interesting_packets(one, other, machine=here, more=200)
    return truth(packets, one, here) == truth(packets, other, here)


def of_components(want: Want, *names: str) -> Want:
    return replace(want, components=names)


@given(WANTS, st.sampled_from([("app", "other"), ("other", "app")]))
def test_components_add_up_in_any_order(want: Want, order: tuple[str, str]) -> None:
    whole, parts = Store(), Store()
    bring(whole, of_components(want, "app", "other"))
    for name in order:
        bring(parts, of_components(want, name))
    assert same_meaning(whole, parts)
    assert not bring(parts, of_components(want, order[0])).decision.changed


@given(WANTS)
def test_removing_one_component_leaves_what_the_other_alone_would_have(want: Want) -> None:
    both, alone = Store(), Store()
    bring(both, of_components(want, "app", "other"))
    bring(alone, of_components(want, "other"))
    take_away(both, ["app"])
    # Where nothing is left, the way in goes too.
    if [line for line in want.lines if line.component == "other" and line.direction == "in"]:
        assert same_meaning(both, alone)
    assert [rule for rule in both.rules if rule.grouping == "portbook: app"] == []
    assert not take_away(both, ["app"]).decision.changed


def test_the_last_component_that_is_removed_takes_everything_with_it() -> None:
    store = Store.of(foreign()).profile(4, enabled=False)
    before = store.copy()
    want = Want((Line(guarded=True),), posture="strict", disable=True)
    bring(store, want)
    take_away(store, ["app"])
    assert (ours(store), others(store), store.profiles) == ([], others(before), before.profiles)


def test_a_rule_that_was_moved_and_renamed_by_hand_comes_back() -> None:
    store = Store()
    want = Want((Line(guarded=True), Line(ports=("81",))))
    bring(store, want)
    held = sorted((rule.name, rule.grouping) for rule in store.rules)
    one, other = [rule for rule in store.rules if rule.grouping == "portbook: app"]
    one.grouping, other.name = "Mine now", "My web server"
    assert sorted(bring(store, want).decision.words.change) == ["portbook/app.flow-0/in/1", "portbook/app.flow-1/in/1"]
    assert sorted((rule.name, rule.grouping) for rule in store.rules) == held


def test_two_rules_of_our_name_become_one() -> None:
    store, want = Store(), Want((Line(),))
    bring(store, want)
    one = next(rule for rule in store.rules if rule.grouping == "portbook: app")
    store.rules += [replace(one, id="again"), replace(one, id="wrong", local_ports="99")]
    assert bring(store, want).decision.words.delete == [one.name, one.name]
    assert len([rule for rule in store.rules if rule.name == one.name]) == 1


def test_a_program_that_makes_its_rule_again_finds_it_refused_and_has_it_back_afterwards() -> None:
    """As 2PXE does at each start."""
    store = Store.of(foreign())
    want = Want((Line(),), posture="strict", disable=True)
    for number in range(3):
        assert bring(store, want).decision.disabled == ["theirs"]
        assert not bring(store, want).decision.changed
        store.rules.append(replace(store.rules[0], id=f"again-{number}", enabled=True))
    take_away(store)
    assert [rule.enabled for rule in store.rules] == [True] * 4


def test_from_strict_to_a_guard_that_cannot_be_written_the_doors_stay_shut() -> None:
    store = Store.of(foreign(LocalPorts="80"), foreign(Name="another", LocalPorts="90"))
    line = Line(peers="local_subnet", guarded=True)
    bring(store, Want((line,), posture="strict", disable=True))
    brought = bring(store, Want((line,), posture="guard", disable=True))
    assert brought.decision.enabled == ["another"]
    assert not bring(store, Want((line,), posture="guard", disable=True)).decision.changed
    bring(store, Want((line,), posture="strict", disable=True))
    assert not bring(store, Want((line,), posture="strict", disable=True)).decision.changed


# -- peers without end, and none ----------------------------------------------------------------------
def test_a_rule_for_nobody_lets_nobody_in_and_its_port_is_refused_to_all() -> None:
    store = Store.of(foreign())
    want = Want((Line(peers=(), guarded=True),))
    bring(store, want)
    tried = [Packet("in", 6, peer, "10.2.0.10", 80, 50000, "Wi-Fi") for peer in ("192.0.2.7", "10.2.0.1", "0.0.0.1")]
    assert truth(tried, store, machine(4)) == [False, False, False]
    assert not bring(store, want).decision.changed


@pytest.mark.parametrize("peers", [("::/0",), ("0.0.0.0/0",), ("0.0.0.0/0", "::/0"), ("ff00::/8", "192.0.2.7")])
def test_networks_of_all_addresses_are_no_change_the_second_time(peers: tuple[str, ...]) -> None:
    store, want = Store(), Want((Line(peers=peers, guarded=True),))
    assert not (bring(store, want).written or {}).get("failed")
    assert not bring(store, want).decision.changed


def test_fifty_thousand_peers_are_parted_and_one_more_changes_one_part() -> None:
    peers = tuple(f"10.{n // 16384}.{n // 128 % 128}.{n % 128 * 2 + 1}" for n in range(50_000))
    store = Store()
    first = bring(store, Want((Line(peers=peers),)))
    assert not (first.written or {}).get("failed")
    assert len(first.operations) > 100
    again = bring(store, Want((Line(peers=(*peers, "172.16.0.1")),)))
    assert len(again.operations) <= 3
    assert not bring(store, Want((Line(peers=(*peers, "172.16.0.1")),))).decision.changed


# -- the whole network --------------------------------------------------------------------------------
@pytest.mark.parametrize("posture", ["guard", "strict", "open"])
def test_a_second_run_of_every_host_changes_nothing_and_removal_leaves_nothing(posture: str) -> None:
    everywhere: Site = sited(Scenario("on"))
    for name in ("stifler_client-1", "stifler_server-1", "twopxe_server-1", "netwrix_cee-1", "ipxe_anywhere-1"):
        store = Store.sample(150)
        before = store.copy()
        assert everywhere.bring(store, name, posture=posture, windows_foreign="disable").decision.changed
        assert not everywhere.bring(store, name, posture=posture, windows_foreign="disable").decision.changed
        remove(store)
        assert (ours(store), others(store), store.profiles) == ([], others(before), before.profiles)


# -- over a local connection --------------------------------------------------------------------------
NOBODY_CONFIRMS = "over a local connection it cannot be confirmed"


def test_over_a_local_connection_a_change_that_refuses_says_that_nothing_confirmed_it() -> None:
    store = Store()
    assert apply(store, asked(WEB, over_network=False, ports=()), NOWHERE).decision.unconfirmed
    again = decide(read_it(store, NOWHERE), asked(WEB, over_network=False, ports=()))
    assert (again.operations, again.unconfirmed) == ([], "")
    assert decided(ports=(5986,)).unconfirmed == ""


def test_over_a_local_connection_a_guard_of_winrm_needs_a_word_for_who_gets_in() -> None:
    guard = wanted(rule(ports="5980-5990", peers="192.0.2.7"), guarded=True)
    found = decide(read_it(Store(), NOWHERE), asked(guard, over_network=False, ports=()))
    assert found.operations == []
    assert NOBODY_CONFIRMS in found.errors[0]
    assert "portbook_management" in found.errors[0]
    named = asked(guard, over_network=False, management=("203.0.113.0/28",))
    assert decide(read_it(Store(), NOWHERE), named).errors == []


def test_over_a_local_connection_the_ports_are_those_that_the_host_listens_on() -> None:
    guard = wanted(rule(ports="4433", peers="192.0.2.7"), guarded=True)
    for listeners, refused in (((("winrm", 4433),), True), ((("winrm", 5986),), False)):
        found = read_it(Store(), replace(NOWHERE, listeners=listeners))
        errors = decide(found, asked(guard, over_network=False, ports=())).errors
        assert bool(errors) == refused


def test_over_a_local_connection_strict_keeps_what_lets_others_in() -> None:
    """Rules of others stay unless they are to be disabled, and then somebody has to say who gets in."""
    winrm = Store.of(foreign(Name="theirs", LocalPorts="5985"))
    local: dict[str, Any] = {"posture": "strict", "over_network": False, "ports": ()}
    assert decide(read_it(winrm, NOWHERE), asked(WEB, **local)).errors == []
    (wrong,) = decide(read_it(winrm, NOWHERE), asked(WEB, others="disable", **local)).errors
    assert NOBODY_CONFIRMS in wrong
    assert "the rule 'theirs' would be disabled" in wrong
    web = Store.of(foreign(Name="theirs", LocalPorts="8080"))
    assert decide(read_it(web, NOWHERE), asked(WEB, others="disable", **local)).errors == []


def test_over_a_local_connection_strict_does_not_close_a_profile_that_lets_everyone_in() -> None:
    store = Store().profile(4, inbound=1)
    (wrong,) = decide(read_it(store, NOWHERE), asked(WEB, posture="strict", over_network=False, ports=())).errors
    assert "the profile public, which lets in everyone now, would refuse by default" in wrong
