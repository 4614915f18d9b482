# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order the firewall decides, and which rules and settings count."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from windows.fake.building import Given, allow, block, holding, tcp
from windows.fake.machine import DOMAIN, PRIVATE, PUBLIC
from windows.fake.packets import Interface, Machine, Packet, modify_state, passes
from windows.fake.store import Store

WEB = Packet("in", 6, local_port=443)
OUT = Packet("out", 6, remote_port=443)
BYPASS = tcp(443, SecureFlags=4, RemoteMachineAuthorizedList="O:LSD:(A;;CC;;;S-1-5-21-1)")
BLOCKED = block(Protocol=6, LocalPorts="443")


# ------------------------------------------------------------------ order
def test_out_of_the_box_inbound_is_blocked_and_outbound_allowed() -> None:
    assert not passes(WEB, Store())
    assert passes(OUT, Store())


def test_an_allow_rule_lets_in_and_a_block_rule_keeps_from_going_out() -> None:
    assert passes(WEB, holding(tcp(443)))
    assert not passes(OUT, holding(block(Direction=2)))


def test_default_actions_come_last() -> None:
    open_inside = holding(block(Protocol=6, LocalPorts="443")).profile(PUBLIC, inbound=1, outbound=0)
    assert passes(replace(WEB, local_port=80), open_inside)
    assert not passes(WEB, open_inside)
    assert not passes(OUT, open_inside)
    assert passes(OUT, holding(allow(Direction=2)).profile(PUBLIC, outbound=0))


def test_block_is_over_allow_in_whatever_order() -> None:
    narrow = tcp(443, RemoteAddresses="198.51.100.7", ApplicationName="C:\\app.exe")
    for rules in permutations([narrow, block()]):
        assert not passes(WEB, holding(*rules))


def test_bypass_is_over_block_in_whatever_order() -> None:
    for rules in permutations([BYPASS, BLOCKED]):
        assert passes(replace(WEB, secured=True), holding(*rules))
        assert not passes(WEB, holding(*rules))


def test_outbound_the_flag_alone_makes_a_bypass() -> None:
    store = holding(allow(Direction=2, SecureFlags=4), block(Direction=2))
    assert passes(replace(OUT, secured=True), store)


def test_a_rule_for_secured_traffic_allows_no_other() -> None:
    store = holding(tcp(443, SecureFlags=1))
    assert passes(replace(WEB, secured=True), store)
    assert not passes(WEB, store)


# ------------------------------------------------------------------ settings of a profile
def test_a_firewall_that_is_off_blocks_nothing() -> None:
    store = holding(BLOCKED).profile(PUBLIC, enabled=False, block_all=True)
    assert passes(WEB, store)


def test_a_firewall_that_is_off_in_another_profile_still_blocks() -> None:
    assert not passes(WEB, Store().profile(DOMAIN, enabled=False))


def test_block_all_ignores_every_allow_rule_inbound_only() -> None:
    store = holding(tcp(443)).profile(PUBLIC, block_all=True)
    assert not passes(WEB, store)
    assert not passes(WEB, store.profile(PUBLIC, inbound=1))
    assert passes(OUT, store)


def test_replies_to_own_traffic_pass_block_all() -> None:
    reply = Packet("in", 6, local_port=50000, remote_port=443, flow=OUT)
    assert passes(reply, Store().profile(PUBLIC, block_all=True))


def test_an_excluded_interface_is_not_filtered() -> None:
    store = holding(BLOCKED).profile(PUBLIC, excluded_interfaces=("ETHERNET",))
    assert passes(WEB, store)
    machine = Machine((Interface(), Interface("Ethernet 2")))
    assert not passes(replace(WEB, interface="Ethernet 2"), store, machine)


def test_block_all_holds_on_excluded_interfaces_too() -> None:
    assert not passes(WEB, Store().profile(PUBLIC, excluded_interfaces=("Ethernet",), block_all=True))


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("policy", [0, 1, None])
def test_block_all_is_on_if_either_says_so(local: bool, policy: int | None) -> None:
    store = holding(tcp(443)).profile(PUBLIC, block_all=local)
    store.policy = {} if policy is None else {"PublicProfile": {"DoNotAllowExceptions": policy}}
    assert passes(WEB, store) is not (local or bool(policy))


@pytest.mark.parametrize(
    ("name", "value", "inbound", "outbound"),
    [
        ("EnableFirewall", 0, True, True),
        # In the registry 0 is allow and 1 is block, unlike in COM.
        ("DefaultInboundAction", 0, True, True),
        ("DefaultInboundAction", 1, False, True),
        ("DefaultOutboundAction", 0, False, True),
        ("DefaultOutboundAction", 1, False, False),
    ],
)
def test_what_policy_configures_wins(name: str, value: int, inbound: bool, outbound: bool) -> None:
    store = Store()
    store.policy = {"PublicProfile": {name: value}}
    assert (passes(WEB, store), passes(OUT, store)) == (inbound, outbound)


# ------------------------------------------------------------------ which rules are enforced
def test_a_rule_that_is_switched_off_does_nothing() -> None:
    assert not passes(WEB, holding(tcp(443, Enabled=False)))


@pytest.mark.parametrize(
    "idle",
    [
        {"RemoteAddresses": "WINS"},
        {"RemoteAddresses": "198.51.100.7,WINS"},
        {"RemoteAddresses": "Internet"},
        {"LocalPorts": "RPC"},
        {"LocalPorts": "443,IPHTTPS"},
        {"Interfaces": ["Wi-Fi"]},
        {"Interfaces": ["Ethernet", "Wi-Fi"]},
        {"ApplicationName": "%nowhere%\\app.exe"},
    ],
)
def test_a_word_that_means_nothing_makes_the_whole_rule_idle(idle: Given) -> None:
    assert not passes(WEB, holding({**tcp(443), **idle}))
    # So a block rule that is idle lets traffic through.
    assert passes(WEB, holding(tcp(443), {**BLOCKED, **idle}))


def test_words_count_as_soon_as_they_mean_something() -> None:
    store = holding(tcp("443,IPHTTPS", RemoteAddresses="WINS"))
    assert passes(replace(WEB, remote="192.0.2.44"), store, Machine(iphttps=8443, wins=("192.0.2.44",)))


def test_local_rules_do_not_count_where_policy_does_not_merge_them() -> None:
    store = holding(tcp(443), {**tcp(80), "Source": "gpo"})
    store.policy = {"PublicProfile": {"AllowLocalPolicyMerge": 0}}
    assert not passes(WEB, store)
    assert passes(replace(WEB, local_port=80), store)
    # They are listed and written all the same,
    store.firewall().rules.item("allow").put("Enabled", False)
    assert store.firewall().rules.count == 1
    # and count in a profile about which policy says nothing.
    inside = Machine((Interface(profile=DOMAIN),))
    store.rules[0].enabled = True
    assert passes(WEB, store, inside)


def test_a_local_block_is_over_an_allow_of_policy() -> None:
    store = holding({**tcp(443), "Source": "gpo"})
    assert passes(WEB, store)
    assert not passes(WEB, holding({**tcp(443), "Source": "gpo"}, BLOCKED))


def test_windows_says_beforehand_whether_a_change_takes_effect() -> None:
    store = Store().profile(PRIVATE, block_all=True)
    store.policy = {"PublicProfile": {"AllowLocalPolicyMerge": 0}}
    assert [modify_state(store, bit) for bit in (DOMAIN, PRIVATE, PUBLIC)] == [0, 2, 1]


# ------------------------------------------------------------------ the profile of a packet
TWO = Machine((Interface("Office", DOMAIN), Interface("Street", PUBLIC)))


def test_several_profiles_are_active_at_once() -> None:
    assert TWO.current_profiles == DOMAIN | PUBLIC
    assert Machine((Interface(),)).current_profiles == PUBLIC


@pytest.mark.parametrize(
    ("mask", "office", "street"),
    [(DOMAIN, True, False), (PUBLIC, False, True), (PRIVATE, False, False), (7, True, True), (0x7FFFFFFF, True, True)],
)
def test_a_rule_holds_on_interfaces_of_its_profiles(mask: int, office: bool, street: bool) -> None:
    store = holding(tcp(443, Profiles=mask))
    assert passes(replace(WEB, interface="Office"), store, TWO) is office
    assert passes(replace(WEB, interface="street"), store, TWO) is street


def test_settings_are_those_of_the_packet_s_interface() -> None:
    store = Store().profile(DOMAIN, inbound=1)
    assert passes(replace(WEB, interface="Office"), store, TWO)
    assert not passes(replace(WEB, interface="Street"), store, TWO)


# ------------------------------------------------------------------ flows
REPLY = Packet("out", 6, local_port=443, remote_port=50000, flow=WEB)
ANSWER = Packet("in", 6, local_port=50000, remote_port=443, flow=OUT)


def test_a_reply_needs_no_rule() -> None:
    assert passes(REPLY, holding(tcp(443)).profile(PUBLIC, outbound=0))
    assert passes(ANSWER, Store())


def test_a_new_block_rule_cuts_an_open_connection() -> None:
    assert not passes(REPLY, holding(tcp(443), BLOCKED))
    assert not passes(ANSWER, holding(block(Direction=2)))


def test_a_removed_allow_rule_cuts_an_open_connection() -> None:
    assert not passes(REPLY, Store())


def test_a_reply_on_an_interface_of_another_profile_is_dropped() -> None:
    opened = replace(OUT, interface="Office")
    assert passes(replace(ANSWER, interface="Office", flow=opened), Store(), TWO)
    assert not passes(replace(ANSWER, interface="Street", flow=opened), Store(), TWO)


def test_answers_to_own_multicast_come_in_unless_that_is_off() -> None:
    search = Packet("out", 17, "239.255.255.250", local_port=50000, remote_port=1900)
    answer = Packet("in", 17, "192.0.2.77", local_port=50000, remote_port=1900, flow=search)
    assert passes(answer, Store())
    assert not passes(answer, Store().profile(PUBLIC, no_unicast_responses=True))


def test_answers_of_dhcp_come_in_always() -> None:
    search = Packet("out", 17, "255.255.255.255", local_port=68, remote_port=67)
    answer = Packet("in", 17, "192.0.2.67", local_port=68, remote_port=67, flow=search)
    assert passes(answer, Store().profile(PUBLIC, no_unicast_responses=True))


def test_multicast_that_comes_in_needs_a_rule() -> None:
    packet = Packet("in", 17, local="224.0.0.251", local_port=5353)
    assert not passes(packet, Store())
    assert passes(packet, holding(allow(Protocol=17, LocalPorts="5353")))


# ------------------------------------------------------------------ edge and loopback
EDGE = replace(WEB, via_edge=True)


@pytest.mark.parametrize(
    ("option", "more", "wanted", "passed"),
    [
        (0, {}, True, False),
        (1, {}, False, True),
        (2, {}, False, False),
        (2, {}, True, True),
        (3, {"ApplicationName": "C:\\app.exe", "LocalPorts": None}, True, True),
        (3, {"ApplicationName": "C:\\app.exe", "LocalPorts": None}, False, False),
        (3, {"LocalPorts": None}, True, False),
        (3, {"ApplicationName": "C:\\app.exe"}, True, False),
    ],
)
def test_what_came_through_teredo_needs_a_rule_that_says_so(
    option: int, more: Given, wanted: bool, passed: bool
) -> None:
    store = holding({**tcp(443), "EdgeOptions": option, **more})
    assert passes(replace(EDGE, edge_wanted=wanted), store) is passed
    assert passes(WEB, store)


def test_a_block_rule_needs_no_edge_option() -> None:
    assert not passes(EDGE, holding(tcp(443, EdgeOptions=1), BLOCKED))


@pytest.mark.parametrize(
    ("local", "remote"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("192.0.2.10", "192.0.2.10")]
)
def test_loopback_passes(local: str, remote: str) -> None:
    assert passes(Packet("in", 6, remote, local, 443), holding(block()).profile(PUBLIC, block_all=True))
