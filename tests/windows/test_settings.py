# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles are switched as a posture needs, and back; policies that make them void are named before anything is
written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from windows.fake.bringing import HOST, remove
from windows.fake.engine import apply, asked, foreign, read_it, rule, wanted
from windows.fake.state import Profile
from windows.fake.store import Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decision import Decision
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.removal import decide_removal
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import Store as Read
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import Unreadable

WEB = rule(peers="192.0.2.7")
GUARDED = wanted(WEB, guarded=True)


def reached(**public: Any) -> Store:
    """A host that lets the controller in of itself."""
    return Store.of(foreign(Name="Windows Remote Management", LocalPorts="5986")).profile(4, **public)


def run(store: Store, posture: str = "guard", **more: Any) -> list[str]:
    """All profiles are held. The plan guards nothing where the posture is open."""
    guarded = more.pop("guarded", posture != "open")
    how = {"profiles": "all", **more}
    found = apply(store, asked(wanted(WEB, guarded=guarded), posture=posture, **how))
    assert found.decision.errors == []
    return found.decision.settings


def now(store: Store, bit: int = 4) -> tuple[bool, int, int]:
    profile = store.profiles[bit]
    return profile.enabled, profile.inbound, profile.outbound


# -- settings -----------------------------------------------------------------------------------------
def test_a_guard_needs_no_setting_where_the_firewall_is_on() -> None:
    store = Store().profile(4, inbound=1)
    assert run(store) == []
    assert now(store) == (True, 1, 1)


def test_a_guard_switches_a_profile_on_and_lets_in_and_out_what_it_did() -> None:
    store = Store().profile(4, enabled=False, outbound=0)
    run(store)
    assert now(store) == (True, 1, 1)


def test_where_profiles_in_use_are_held_those_that_are_off_stay_off() -> None:
    store = Store().profile(1, enabled=False).profile(4, enabled=False)
    assert run(store, profiles="in_use") == []
    assert (now(store, 1), now(store)) == ((False, 0, 1), (False, 0, 1))


def test_where_all_are_held_all_are_switched_on() -> None:
    store = Store().profile(1, enabled=False).profile(4, enabled=False)
    run(store)
    assert (now(store, 1), now(store)) == ((True, 1, 1), (True, 1, 1))


def test_open_switches_nothing() -> None:
    store = Store().profile(4, enabled=False, inbound=1)
    assert run(store, posture="open") == []


def test_strict_blocks_by_default_and_outbound_strict_too() -> None:
    store = Store().profile(4, inbound=1)
    in_use = {"posture": "strict", "profiles": "in_use"}
    assert run(store, **in_use) == ["profile public: DefaultInboundAction = 0"]
    assert run(store, **in_use, outbound="strict") == ["profile public: DefaultOutboundAction = 0"]
    assert now(store) == (True, 0, 0)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("inbound", [0, 1])
@pytest.mark.parametrize("outbound", [0, 1])
def test_strict_then_guard_then_open_gives_everything_back(enabled: bool, inbound: int, outbound: int) -> None:
    before = Profile(enabled=enabled, inbound=inbound, outbound=outbound)
    store = reached()
    store.profiles[4] = replace(before)
    run(store, posture="strict", outbound="strict")
    assert now(store) == (True, 0, 0)
    run(store, posture="guard")
    assert now(store) == ((True, inbound, outbound) if enabled else (True, 1, 1))
    run(store, posture="open")
    assert store.profiles[4] == before


@pytest.mark.parametrize("postures", [("guard",), ("strict",), ("guard", "strict"), ("strict", "guard")])
def test_removal_gives_every_setting_back(postures: tuple[str, ...]) -> None:
    store = Store().profile(4, enabled=False, inbound=1, outbound=0)
    before = {bit: replace(one) for bit, one in store.profiles.items()}
    for posture in postures:
        run(store, posture=posture)
    remove(store)
    assert store.profiles == before


def test_what_somebody_else_set_after_us_is_left() -> None:
    store = Store().profile(4, inbound=1)
    run(store, posture="strict")
    store.profile(4, inbound=1)
    run(store, posture="open")
    store.profile(4, inbound=0)
    remove(store)
    assert now(store) == (True, 0, 1)


def test_what_was_set_in_a_network_that_the_host_left_is_given_back_too() -> None:
    store = reached(enabled=False)
    run(store, posture="strict")
    store.current_profiles = 1
    run(store, posture="guard", profiles="in_use")
    assert now(store) == (True, 0, 1)
    remove(store)
    assert now(store) == (False, 0, 1)


def test_a_component_with_guards_of_its_own_switches_the_profile_on_and_keeps_management_access() -> None:
    store = Store().profile(4, enabled=False)
    run(store, posture="open", guarded=True)
    assert now(store)[0]
    assert [one.name for one in store.rules if one.grouping == "portbook: way in"] == ["portbook/way-in/in/1"]


# -- the host itself ----------------------------------------------------------------------------------
def decided(store: Store, **more: Any) -> Decision:
    return decide(read_it(store, more.pop("host", HOST)), asked(GUARDED, **more))


POLICIES = [
    ("AllowLocalPolicyMerge", 0, {"posture": "open"}),
    ("DoNotAllowExceptions", 1, {"posture": "open"}),
    ("EnableFirewall", 0, {}),
    ("DefaultInboundAction", 0, {"posture": "strict"}),
    ("DefaultOutboundAction", 0, {"outbound": "strict"}),
]


@pytest.mark.parametrize(("name", "value", "how"), POLICIES)
def test_a_policy_that_makes_the_collections_rules_void_is_an_error_that_names_profile_and_policy(
    name: str, value: int, how: dict[str, str]
) -> None:
    store = Store()
    store.policy = {"PublicProfile": {name: value}}
    found = decided(store, **how)
    assert found.operations == []
    error = found.errors[0]
    assert error.startswith("profile public: the group policy HKLM\\SOFTWARE\\Policies")
    assert f"PublicProfile, {name} = {value}" in error
    assert "portbook_windows_policy: warn" in error
    warned = decided(store, policy="warn", over_network=False, **how)
    assert warned.errors == []
    assert any(f"{name} = {value}" in one for one in warned.warnings)


@pytest.mark.parametrize(("name", "value", "how"), POLICIES)
def test_the_other_value_of_it_and_other_profiles_are_none(name: str, value: int, how: dict[str, str]) -> None:
    store = Store()
    store.policy = {"PublicProfile": {name: 1 - value}, "DomainProfile": {name: value}}
    assert decided(store, **how).errors == []


def test_all_profiles_that_are_concerned_are_named_at_once() -> None:
    store = Store()
    store.current_profiles = 7
    store.policy = {key: {"AllowLocalPolicyMerge": 0} for key in ("DomainProfile", "StandardProfile", "PublicProfile")}
    errors = decided(store, over_network=False).errors
    assert [one.partition(":")[0] for one in errors] == ["profile domain", "profile private", "profile public"]


@pytest.mark.parametrize("state", [1, 2])
def test_what_windows_says_of_its_policy_is_reported_where_the_registry_said_nothing(state: int) -> None:
    store = Store()
    store.modify_state = state
    assert f"LocalPolicyModifyState {state}" in decided(store).errors[0]


def test_a_profile_that_blocks_everything_is_reported_as_such_and_not_as_a_policy() -> None:
    store = Store().profile(4, block_all=True)
    store.modify_state = 2
    error, cut = decided(store).errors
    assert error.startswith("profile public blocks all inbound traffic")
    assert "would not be allowed again: the profile public blocks all inbound traffic" in cut
    assert decided(store, foreign="warn", over_network=False).errors == []


def test_a_block_of_a_policy_is_reported() -> None:
    store = Store.of(
        {"Name": "theirs", "Enabled": True, "Action": 0, "Protocol": 6, "LocalPorts": "80", "Source": "gpo"}
    )
    assert "rule of a group policy 'theirs' refuses what portbook/app.web/in/1" in decided(store).errors[0]


def test_interfaces_that_are_left_out_are_reported() -> None:
    store = Store().profile(4, excluded_interfaces=("Ethernet 2",))
    assert any("Ethernet 2 unfiltered" in one for one in decided(store).warnings)


def test_another_firewall_is_reported_and_an_error_where_that_was_decided() -> None:
    other = replace(HOST, products=("Shield 9",))
    assert any("Shield 9" in one for one in decided(Store(), host=other).warnings)
    assert "Shield 9" in decided(Store(), host=other, foreign="fail").errors[0]


def test_a_program_or_service_that_the_host_lacks_is_reported() -> None:
    store, path = Store(), "C:\\Nowhere\\a.exe"
    host = replace(HOST, services=frozenset({"dnscache"}))
    want = wanted(rule(program=path, service="AppSvc"))
    found = read_it(store, host, services=["AppSvc"])
    lacking = replace(found, programs={path: replace(next(iter(found.programs.values())), path=path, exists=False)})
    warnings = " ".join(decide(lacking, asked(want)).warnings)
    assert f"the program {path} is not on this host" in warnings
    assert "the service AppSvc is not on this host" in warnings


def test_a_variable_that_the_host_lacks_is_an_error() -> None:
    path = "%NOWHERE%\\a.exe"
    found = read_it(Store(), programs=[path])
    errors = decide(found, asked(wanted(rule(program=path)))).errors
    assert errors == [f"the program {path} names a variable that the host does not have. Give the whole path"]


def test_a_default_that_somebody_hardened_after_us_stays_hard() -> None:
    store = Store().profile(4, enabled=False)
    run(store)
    assert now(store) == (True, 1, 1)
    store.profile(4, inbound=0)
    assert run(store) == []
    assert now(store) == (True, 0, 1)


def test_a_block_of_a_policy_that_may_concern_us_is_reported_and_no_error() -> None:
    given = {"Name": "theirs", "Enabled": True, "Action": 0, "Protocol": 6, "Source": "gpo"}
    found = decided(Store.of({**given, "RemoteAddresses": "192.0.2.0/29", "ApplicationName": "C:\\theirs.exe"}))
    assert found.errors == []
    assert [(one.where, one.outcome) for one in found.foreign] == [("rule of a group policy 'theirs'", "unknown")]


# -- what is told of profiles (W3, W6) -----------------------------------------------------------------
def told(store: Store, text: str, **how: Any) -> list[str]:
    return [one for one in decided(store, **how).warnings if text in one]


def test_a_profile_in_use_that_is_off_is_named_with_what_guard_cannot_hold_there() -> None:
    (text,) = told(Store().profile(4, enabled=False), "profile public")
    assert text.startswith("profile public is off and stays off, so nothing is refused there")
    assert "portbook/guard/in/tcp-80" in text
    assert "portbook_windows_profiles: all" in text


def test_a_profile_that_is_not_in_use_and_off_is_named_too() -> None:
    """The host may come into such a network."""
    store = Store().profile(1, enabled=False).profile(2, inbound=1)
    texts = told(store, "which is not in use", posture="strict")
    assert [one.partition(",")[0] for one in texts] == ["profile domain", "profile private"]
    assert "lets in what no rule names, so strict does not hold there" in texts[1]
    assert told(Store(), "which is not in use", posture="strict") == []


def test_each_block_of_others_that_begins_to_act_is_listed_before_all_else() -> None:
    blocks = [foreign(Name=name, Action=0, LocalPorts="23", Profiles=2) for name in ("no telnet", "no tftp")]
    store = Store.of(*blocks, foreign(Name="theirs", LocalPorts="81")).profile(2, enabled=False)
    first = decided(store, profiles="all").warnings[0]
    assert first == (
        "profile private is switched on, so unmanaged rules there take effect: refusals: 'no telnet', "
        "'no tftp'; permissions: 1"
    )


def test_what_all_switched_on_is_given_back_where_profiles_in_use_are_held() -> None:
    store = reached(enabled=False)
    before = replace(store.profiles[4])
    run(store)
    again = apply(store, asked(GUARDED))
    assert store.profiles[4] == before
    assert any("profile public is switched off again" in one for one in again.decision.warnings)


# -- a policy wins over what the host itself has (F1, F9, W4, W5, W7) -----------------------------------
EITHER = pytest.mark.parametrize("kind", ["policy", "mdm"])


def by(store: Store, kind: str, **values: int) -> Store:
    setattr(store, kind, {"PublicProfile": values})
    return store


@EITHER
def test_a_profile_that_a_policy_switches_on_is_on(kind: str) -> None:
    """It was told as off, and guard let in locally what no rule named."""
    store = by(Store().profile(4, enabled=False), kind, EnableFirewall=1, DefaultInboundAction=1)
    found = decided(store, posture="open")
    assert not [one for one in found.foreign if "is off" in one.where]
    for profiles in ("in_use", "all"):
        assert decided(store, profiles=profiles).settings == []
    assert told(store, "is off") == []


def test_the_private_profile_is_read_where_windows_keeps_it() -> None:
    store = Store()
    store.current_profiles = 2
    store.policy = {"PrivateProfile": {"AllowLocalPolicyMerge": 0}}
    assert "PrivateProfile, AllowLocalPolicyMerge = 0" in decided(store).errors[0]
    store.policy = {"PrivateProfile": {"AllowLocalPolicyMerge": 1}, "StandardProfile": {"AllowLocalPolicyMerge": 0}}
    assert decided(store).errors == []


def test_a_policy_of_mdm_makes_the_collections_rules_void_as_one_of_a_group_does() -> None:
    store = by(Store(), "mdm", AllowLocalPolicyMerge=0)
    assert "the MDM policy HKLM\\SYSTEM" in decided(store).errors[0]


@pytest.mark.parametrize("source", ["gpo", "mdm"])
def test_a_permission_of_a_policy_is_why_strict_is_not(source: str) -> None:
    store = Store.of(foreign(Name="any by policy", Protocol=256, Source=source))
    (text,) = told(store, "not strict", posture="strict")
    assert "1 permission of a group policy or MDM: any by policy" in text
    (text,) = told(store, "not strict", posture="strict", others="disable")
    assert "any by policy" in text
    assert decided(store, posture="strict", others="disable").disabled == []


def test_a_permission_of_a_policy_is_reported_where_nothing_is_refused() -> None:
    store = Store.of(foreign(Name="any by policy", Protocol=256, Source="gpo"))
    assert [one.where for one in decided(store, posture="open").foreign] == ["rule of a group policy 'any by policy'"]


OUT = rule(name="app.call/out/1", ports="443", peers="192.0.2.80", direction="out")


def test_what_goes_out_by_default_is_lost_to_a_block_of_a_policy() -> None:
    """Nothing is written for it, since everything may go out."""
    store = Store.of(foreign(Name="no https", Action=0, Direction=2, RemotePorts="443", Source="gpo"))
    found = decided(store, planned_out=(OUT,))
    assert found.operations == []
    assert "rule of a group policy 'no https' refuses what portbook/app.call/out/1 permits" in found.errors[0]
    assert decided(store, planned_out=(OUT,), policy="warn").errors == []


def test_a_block_of_others_for_what_goes_out_by_default_is_reported() -> None:
    store = Store.of(foreign(Name="no https", Action=0, Direction=2, RemotePorts="443"))
    found = decided(store, planned_out=(OUT,))
    assert found.errors == []
    assert [(one.where, one.outcome) for one in found.foreign] == [("rule 'no https'", "lost")]


@EITHER
def test_a_default_that_lets_nothing_out_is_reported_where_nothing_is_written_for_it(kind: str) -> None:
    store = by(Store(), kind, DefaultOutboundAction=1)
    (text,) = told(store, "refuses outbound traffic without a rule", planned_out=(OUT,))
    assert "portbook/app.call/out/1" in text
    store.rules += Store.of(foreign(Name="https", Direction=2, RemotePorts="443")).rules
    assert told(store, "refuses outbound traffic without a rule", planned_out=(OUT,)) == []


# -- IPv6 (W8) ----------------------------------------------------------------------------------------
def test_guards_that_refuse_all_of_ipv6_are_reported_before_they_are_written() -> None:
    (text,) = told(Store(), "over IPv6")
    assert "link-local (fe80::) too" in text
    assert "in tcp 80" in text
    store = Store()
    run(store)
    assert told(store, "over IPv6") == []
    both = wanted(rule(peers="192.0.2.7,2001:db8::7"), guarded=True)
    assert not [one for one in decide(read_it(Store()), asked(both)).warnings if "over IPv6" in one]


# -- rules that cannot be read (N4) --------------------------------------------------------------------
def with_unreadable(name: str, *, owned: bool) -> Read:
    return replace(read_it(Store()), unreadable=(Unreadable(name, "Group", owned, ("Action", "Protocol")),))


def unreadable(name: str, *, owned: bool) -> Decision:
    return decide(with_unreadable(name, owned=owned), asked(GUARDED, posture="strict", foreign="auto"))


def test_an_unmanaged_rule_that_cannot_be_read_is_named_and_counts_as_unknown() -> None:
    found = unreadable("theirs", owned=False)
    assert found.errors == []
    ((where, outcome),) = [(one.where, one.outcome) for one in found.foreign]
    assert where == "rule 'theirs' (Group), of which Action, Protocol cannot be read,"
    assert outcome == "unknown"
    assert any("not strict, maybe" in one and "theirs" in one for one in found.warnings)


def test_a_rule_of_the_collection_that_cannot_be_read_stops_the_host() -> None:
    found = unreadable("portbook/app.web/in/1", owned=True)
    assert found.operations == []
    assert "the rule 'portbook/app.web/in/1' (Group) of portbook cannot be read (Action, Protocol)" in found.errors[0]
    assert decide_removal(with_unreadable("portbook/memory/1", owned=True), None).errors
