# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules of others refuse what we permit, and which permit what we refuse. Against the model, packet by packet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from windows.fake.building import holding
from windows.fake.engine import asked, read_it, rule, wanted
from windows.fake.engine import foreign as theirs
from windows.fake.longer import LONGER
from windows.fake.packets import Judge, interesting_packets
from windows.fake.plans import machine
from windows.fake.store import Store
from windows.fake.worlds import foreign_rules

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import foreign
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decision import Decision
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.foreign import covers, meet
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.rule import StoredRule, Traffic

pytestmark = pytest.mark.longer

HERE = machine(7)
MANY = settings(
    max_examples=50 * LONGER,
    derandomize=LONGER == 1,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def traffic(given_: dict[str, Any]) -> Traffic:
    (one,) = read_it(holding({**given_, "Enabled": True})).rules
    return one.rule.traffic


def matches(given_: dict[str, Any], among: list[Any]) -> list[bool]:
    """Which packets this rule alone would let pass."""
    store = holding({**given_, "Enabled": True, "Action": 1})
    for bit in (1, 2, 4):
        store.profile(bit, inbound=0, outbound=0)
    judge = Judge(store, HERE)
    return [judge.passes(packet) for packet in among]


@MANY
@given(foreign_rules(), foreign_rules())
def test_what_is_said_to_cover_covers_and_what_is_said_not_to_meet_does_not(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assume(one["Direction"] == other["Direction"])
    stores = [holding({**given_, "Enabled": True, "Action": 1}) for given_ in (one, other)]
    packets = [*interesting_packets(stores[0], machine=HERE, more=60)]
    packets += interesting_packets(stores[1], machine=HERE, more=60)
    first, second = matches(one, packets), matches(other, packets)
    if covers(traffic(one), traffic(other)):
        assert [packet for packet, a, b in zip(packets, first, second, strict=True) if b and not a] == []
    if not meet(traffic(one), traffic(other)):
        assert [packet for packet, a, b in zip(packets, first, second, strict=True) if a and b] == []


COVERED = [
    ({}, {}),
    ({"Protocol": 256}, {}),
    ({"LocalPorts": "80-90"}, {"LocalPorts": "81,85"}),
    ({"RemoteAddresses": "192.0.2.0/24"}, {"RemoteAddresses": "192.0.2.7"}),
    ({"RemoteAddresses": "LocalSubnet,10.0.0.0/8"}, {"RemoteAddresses": "LocalSubnet"}),
    ({}, {"ApplicationName": "C:\\a.exe", "ServiceName": "a"}),
    ({"Profiles": 7}, {"Profiles": 1}),
    ({"Protocol": 1, "Icmp": "8:*"}, {"Protocol": 1, "Icmp": "8:0"}),
    ({"LocalPorts": "RPC"}, {"LocalPorts": "RPC"}),
]
NOT_COVERED = [
    ({}, {"Protocol": 256}),
    ({"LocalPorts": "80"}, {}),
    ({"RemoteAddresses": "LocalSubnet"}, {"RemoteAddresses": "192.0.2.7"}),
    ({"ApplicationName": "C:\\a.exe"}, {}),
    ({"ServiceName": "a"}, {"ServiceName": "b"}),
    ({"Profiles": 1}, {"Profiles": 3}),
    ({"Protocol": 1, "Icmp": "8:*"}, {"Protocol": 1}),
    ({"InterfaceTypes": "Lan"}, {}),
    ({"LocalAddresses": "192.0.2.10"}, {}),
    ({"Direction": 2}, {}),
    # What comes by another way than ours would let it.
    ({}, {"EdgeOptions": 1}),
    ({}, {"SecureFlags": 4, "RemoteMachineAuthorizedList": "O:LSD:(A;;CC;;;S-1-5-21-1)"}),
]


@pytest.mark.parametrize(("wide", "narrow"), COVERED)
def test_a_rule_covers_what_says_no_more(wide: dict[str, Any], narrow: dict[str, Any]) -> None:
    assert covers(traffic(theirs(**wide)), traffic(theirs(**narrow)))


@pytest.mark.parametrize(("wide", "narrow"), NOT_COVERED)
def test_a_rule_does_not_cover_what_says_more_or_something_else(wide: dict[str, Any], narrow: dict[str, Any]) -> None:
    assert not covers(traffic(theirs(**wide)), traffic(theirs(**narrow)))


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        ({"LocalPorts": "80"}, {"LocalPorts": "80-90"}, True),
        ({"LocalPorts": "80"}, {"LocalPorts": "81"}, False),
        ({"LocalPorts": "23"}, {"LocalPorts": "RPC"}, False),
        ({"LocalPorts": "50000"}, {"LocalPorts": "RPC"}, True),
        ({"LocalPorts": "135"}, {"LocalPorts": "RPC-EPMap"}, True),
        ({"LocalPorts": "RPC"}, {"LocalPorts": "RPC-EPMap"}, False),
        ({"Protocol": 17, "LocalPorts": "80"}, {"Protocol": 17, "LocalPorts": "Teredo"}, True),
        ({"RemoteAddresses": "192.0.2.7"}, {"RemoteAddresses": "192.0.2.8"}, False),
        ({"RemoteAddresses": "192.0.2.7"}, {"RemoteAddresses": "LocalSubnet"}, True),
        ({"RemoteAddresses": "192.0.2.7"}, {"RemoteAddresses": "2001:db8::/32"}, False),
        ({"ApplicationName": "C:\\a.exe"}, {"ApplicationName": "c:\\A.EXE"}, True),
        ({"ApplicationName": "C:\\a.exe"}, {"ApplicationName": "C:\\b.exe"}, False),
        ({"Profiles": 1}, {"Profiles": 4}, False),
        ({}, {"Direction": 2}, False),
        ({"Protocol": 1, "Icmp": "8:*"}, {"Protocol": 1, "Icmp": "3:4"}, False),
    ],
)
def test_rules_meet_where_a_packet_may_be_matched_by_both(
    one: dict[str, Any], other: dict[str, Any], may: bool
) -> None:
    assert meet(traffic(theirs(**one)), traffic(theirs(**other))) is may
    assert meet(traffic(theirs(**other)), traffic(theirs(**one))) is may


# -- what a decision makes of it ----------------------------------------------------------------------
WEB = rule(peers="192.0.2.0/28")


def decided(*rules: dict[str, Any], store: Store | None = None, **more: Any) -> Decision:
    there = store or Store()
    there.rules += holding(*rules).rules
    return decide(read_it(there), asked(wanted(WEB, guarded=True), **more))


def block(**properties: Any) -> dict[str, Any]:
    return theirs(Name="no", Action=0, **properties)


def test_a_block_that_covers_a_rule_of_the_collection_is_an_error_before_anything_is_written() -> None:
    found = decided(block(LocalPorts="80"))
    assert found.operations == []
    assert len(found.errors) == 1
    assert "'no'" in found.errors[0]
    assert WEB.name in found.errors[0]
    assert "portbook_foreign: warn" in found.errors[0]


def test_it_is_a_finding_alone_where_that_was_decided() -> None:
    found = decided(block(LocalPorts="80"), foreign="warn")
    assert found.errors == []
    assert [(one.flow, one.outcome) for one in found.foreign] == [(WEB.name, "lost")]


def test_a_block_that_may_meet_is_reported_and_an_error_only_where_that_was_decided() -> None:
    some = block(LocalPorts="80", RemoteAddresses="192.0.2.7")
    assert [one.outcome for one in decided(some).foreign] == ["unknown"]
    assert decided(some).errors == []
    assert len(decided(some, foreign="fail").errors) == 1


@pytest.mark.parametrize("properties", [{"Enabled": False}, {"Profiles": 1}, {"LocalPorts": "81"}, {"Direction": 2}])
def test_a_block_that_does_not_act_on_it_is_no_hindrance(properties: dict[str, Any]) -> None:
    assert decided(block(**{"LocalPorts": "80", **properties})).foreign == []


def test_a_block_of_management_access_is_an_error_where_the_firewall_is_switched_on() -> None:
    """As long as its profile is off, it does not show."""
    off = Store().profile(4, enabled=False)
    found = decided(
        block(LocalPorts="5986"), store=off, profiles="all", foreign="warn", management=("198.51.100.0/24",)
    )
    assert found.operations == []
    (error,) = found.errors
    assert "198.51.100.200 to tcp 5986) would not be allowed again: the rule 'no' refuses it" in error


def test_a_permission_for_everyone_is_reported_where_nothing_is_refused() -> None:
    found = decided(theirs(LocalPorts="80"), posture="open")
    assert [(one.flow, one.outcome) for one in found.foreign] == [(WEB.name, "open to others")]


def test_a_guard_holds_against_permissions_of_others_and_leaves_them_alone() -> None:
    found = decided(theirs(LocalPorts="80"))
    assert found.errors == []
    assert all(one["op"] == "create" for one in found.operations)


@pytest.mark.parametrize("peers", ["LocalSubnet", ",".join(f"10.0.{n // 128}.{n % 128 * 2 + 1}" for n in range(600))])
def test_a_port_that_cannot_be_guarded_is_reported_with_the_rules_that_open_it(peers: str) -> None:
    store = holding(theirs(LocalPorts="80"), theirs(LocalPorts="80", RemoteAddresses="LocalSubnet", Name="near"))
    want = wanted(rule(peers=peers), guarded=True)
    told = decide(read_it(store), asked(want))
    assert any(one.startswith("not restricted: in tcp 80: ") for one in told.warnings)
    assert "'theirs'" in " ".join(one.where for one in told.foreign)
    shut = decide(read_it(store), asked(want, others="disable"))
    assert "theirs" in shut.disabled
    assert ("near" in shut.disabled) == (peers != "LocalSubnet")


def test_strict_without_leave_to_disable_says_that_it_is_not_strict() -> None:
    found = decided(theirs(), theirs(Name="more"), theirs(Name="off", Enabled=False), posture="strict")
    assert [one for one in found.warnings if "not strict: 2 unmanaged rules that allow stay: more, theirs" in one]
    assert all(one["op"] != "disable" for one in found.operations)


def test_strict_disables_permissions_of_others_in_every_profile_and_leaves_blocks_alone() -> None:
    found = decided(
        theirs(), theirs(Name="home", Profiles=2), block(LocalPorts="23"), posture="strict", others="disable"
    )
    assert found.disabled == ["home", "theirs"]


def test_strict_leaves_a_permission_that_says_no_more_than_that_of_the_collection() -> None:
    same = theirs(LocalPorts="80", RemoteAddresses="192.0.2.7")
    assert decided(same, posture="strict", others="disable").disabled == []
    assert decided({**same, "EdgeOptions": 1}, posture="strict", others="disable").disabled == ["theirs"]


def test_named_says_name_and_group() -> None:
    (one,) = read_it(holding(theirs(Grouping="Group"))).rules
    assert foreign.named(one.rule) == "'theirs' (Group)"
    assert foreign.named(replace(one.rule, group="")) == "'theirs'"


def test_of_a_rule_that_is_off_nothing_but_its_name_is_known_and_it_is_asked_for_nothing() -> None:
    (one,) = read_it(holding(theirs(Enabled=False, LocalPorts="80"))).rules
    assert isinstance(one, StoredRule)
    assert one.brief
    assert not foreign.acts(one, read_it(Store()))
