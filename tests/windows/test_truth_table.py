# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every Windows host: what the catalogue says may be reached passes at its written store, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import pytest
from golden.test_truth_table import Scenario
from windows.fake.bringing import CONTROLLER, WINRM
from windows.fake.machine import Direction
from windows.fake.packets import Judge, interesting_packets, truth
from windows.fake.rule import Rule
from windows.fake.store import Store
from windows.fake.truth_table import HostTable, Key, Process, host_table, sited, windows_hosts
from windows.fake.worlds import add

MOST = Scenario("on")
SCENARIOS = (Scenario(), MOST, Scenario(strict=True))
HOSTS = [
    pytest.param(scenario, name, id=f"{scenario}-{name}", marks=[pytest.mark.more] * (scenario != MOST))
    for scenario in SCENARIOS
    for name in windows_hosts(scenario)
]
EACH = pytest.mark.parametrize(("scenario", "name"), HOSTS)


def empty() -> Store:
    return Store()


def wide_open() -> Store:
    """A rule of others lets everybody in: only what is guarded is refused."""
    return Store.of({"Name": "any", "Enabled": True, "Direction": 1, "Action": 1})


@cache
def _sample() -> Store:
    return Store.sample(400)


def sample() -> Store:
    return _sample().copy()


@dataclass(frozen=True, eq=False)
class Held:
    """A host as it was and as it was brought to its plan."""

    table: HostTable
    before: Store
    after: Store
    posture: str
    outbound: str = "off"

    def wrong(self, direction: Direction = "in", most: int = 8) -> list[str]:
        before, after = Judge(self.before, self.table.machine), Judge(self.after, self.table.machine)
        found = []
        for address, key, process, packet in self.table.packets(direction):
            passes = after.passes(packet)
            if passes != self.expected(direction, address, key, process, before.passes(packet)):
                found.append(f"{'passes' if passes else 'is lost'}: {direction} {address} {key} {process}")
                if len(found) == most:
                    break
        return found

    def expected(self, direction: Direction, address: str, key: Key, process: Process, before: bool) -> bool:
        table = self.table
        came = direction == "in" and (address, key[0], key[2]) == (CONTROLLER, "tcp", WINRM)
        if came or table.lets(direction, address, key, process):
            return True
        if (self.posture if direction == "in" else self.outbound) == "strict":
            return _of_policy(self.before, direction, key)
        return not (direction == "in" and table.refuses(address, key)) and before


def _of_policy(store: Store, direction: Direction, key: Key) -> bool:
    """Deviation: policy. Those of the sample name a port of TCP and nothing more."""
    ports = {rule.local_ports for rule in store.rules if rule.of_policy and rule.action == 1}
    return direction == "in" and key[0] == "tcp" and str(key[2]) in ports


def held(scenario: Scenario, name: str, store: Store, posture: str, outbound: str = "off") -> Held:
    after = store.copy()
    others = "disable" if posture == "strict" else "report"
    brought = sited(scenario, outbound).bring(after, name, posture=posture, outbound=outbound, windows_foreign=others)
    assert brought.decision.errors == []
    assert brought.written is None or not brought.written.get("failed"), brought.written
    return Held(host_table(scenario, name), store, after, posture, outbound)


@EACH
def test_in_a_store_of_nothing_only_the_catalogue_passes(scenario: Scenario, name: str) -> None:
    assert held(scenario, name, empty(), "guard").wrong() == []


@EACH
def test_a_guard_refuses_what_others_let_in(scenario: Scenario, name: str) -> None:
    assert held(scenario, name, wide_open(), "guard").wrong() == []


@EACH
def test_a_guard_leaves_a_servers_own_rules_alone(scenario: Scenario, name: str) -> None:
    assert held(scenario, name, sample(), "guard").wrong() == []


@EACH
def test_strict_lets_in_what_the_catalogue_has_and_nothing_else(scenario: Scenario, name: str) -> None:
    assert held(scenario, name, sample(), "strict").wrong() == []


@EACH
def test_strict_outbound_lets_out_what_the_catalogue_has_and_nothing_else(scenario: Scenario, name: str) -> None:
    assert held(scenario, name, sample(), "strict", "strict").wrong("out") == []


# -- it can fail --------------------------------------------------------------------------------------
def _own(store: Store, group: str = "portbook: ") -> list[Rule]:
    found = [rule for rule in store.rules if str(rule.grouping).startswith(group) and rule.enabled]
    return [rule for rule in found if rule.action == 1] if group == "portbook: " else found


def _delete_rule(store: Store) -> None:
    store.take_out(_own(store)[-1].id)


def _disable_rule(store: Store) -> None:
    _own(store)[0].enabled = False


def _widen(store: Store) -> None:
    next(rule for rule in _own(store) if rule.remote_addresses != "*").remote_addresses = "*"


def _narrow(store: Store) -> None:
    _own(store)[0].remote_addresses = "203.0.113.99/255.255.255.255"


def _other_port(store: Store) -> None:
    next(rule for rule in _own(store) if rule.local_ports).local_ports = "81"


def _other_protocol(store: Store) -> None:
    rule = next(rule for rule in _own(store) if rule.local_ports)
    rule.protocol = 17 if rule.protocol == 6 else 6


def _other_program(store: Store) -> None:
    _own(store)[0].application_name = "C:\\else.exe"


def _other_direction(store: Store) -> None:
    next(rule for rule in _own(store) if rule.grouping == "portbook: netwrix_activity_agent").direction = 2


def _drop_guard(store: Store) -> None:
    store.take_out(_own(store, "portbook: guard")[0].id)


def _guard_all(store: Store) -> None:
    _own(store, "portbook: guard")[0].remote_addresses = "*"


def _guard_the_unset(store: Store) -> None:
    rule = _own(store, "portbook: guard")[0]
    rule.remote_addresses = rule.remote_addresses.replace("0.0.0.1-", "0.0.0.0-", 1)


def _guard_one_family(store: Store) -> None:
    for rule in _own(store, "portbook: guard"):
        rule.remote_addresses = ",".join(one for one in rule.remote_addresses.split(",") if ":" not in one)


def _allow_everyone(store: Store) -> None:
    add(store, {"Name": "theirs", "Enabled": True, "Action": 1, "Direction": 1})


def _allow_one_port(store: Store) -> None:
    add(store, {"Name": "theirs", "Enabled": True, "Action": 1, "Direction": 1, "Protocol": 6, "LocalPorts": "81"})


def _block(store: Store) -> None:
    add(store, {"Name": "theirs", "Enabled": True, "Action": 0, "Direction": 1, "RemoteAddresses": "LocalSubnet"})


def _default_in(store: Store) -> None:
    store.profile(4, inbound=1)


def _block_all(store: Store) -> None:
    store.profile(4, block_all=True)


def _off(store: Store) -> None:
    store.profile(4, enabled=False)


def _close_the_way_in(store: Store) -> None:
    store.take_out(_own(store, "portbook: way in")[0].id)


def _other_profile(store: Store) -> None:
    _own(store)[0].profiles = 3


SPOILED = (
    *(_delete_rule, _disable_rule, _widen, _narrow, _other_port, _other_protocol, _other_program, _other_direction),
    *(_allow_everyone, _allow_one_port, _block, _default_in, _block_all, _off, _close_the_way_in, _other_profile),
)
GUARDS_SPOILED = (_drop_guard, _guard_all, _guard_the_unset, _guard_one_family, _off, _block_all, _block)


def _name(spoil: Callable[[Store], None]) -> str:
    return spoil.__name__.strip("_")


@cache
def _held(posture: str) -> Held:
    return held(Scenario(), "netwrix_activity_agent-1", empty() if posture == "strict" else wide_open(), posture)


def _spoiled(there: Held, spoil: Callable[[Store], object]) -> Held:
    after = there.after.copy()
    spoil(after)
    assert after.to_json() != there.after.to_json()
    return replace(there, after=after)


@pytest.mark.parametrize("spoil", SPOILED, ids=_name)
def test_a_strict_store_that_is_spoilt_is_noticed(spoil: Callable[[Store], None]) -> None:
    assert _spoiled(_held("strict"), spoil).wrong() != []


@pytest.mark.parametrize("spoil", GUARDS_SPOILED, ids=_name)
def test_a_guard_that_is_spoilt_is_noticed(spoil: Callable[[Store], None]) -> None:
    assert _spoiled(_held("guard"), spoil).wrong() != []


@pytest.mark.parametrize("name", ["stifler_client-1", "netwrix_cee-1", "netwrix_activity_agent-1", "twopxe_server-1"])
def test_each_rule_that_is_removed_is_noticed(name: str) -> None:
    """But for one all of whose packets other rules let pass as well."""
    there = held(Scenario("on"), name, empty(), "strict", "strict")
    groups = (f"portbook: {name.rpartition('-')[0]}", "portbook: way in")
    unnoticed = []
    for rule in [rule for rule in there.after.rules if rule.grouping in groups]:
        spoilt = there.after.copy()
        spoilt.take_out(rule.id)
        direction: Direction = "in" if rule.direction == 1 else "out"
        if not replace(there, after=spoilt).wrong(direction, most=1) and _differ(there, spoilt):
            unnoticed.append(rule.name)
    assert unnoticed == []


def _differ(there: Held, spoilt: Store) -> bool:
    packets = interesting_packets(there.after, spoilt, machine=there.table.machine, more=100)
    return truth(packets, there.after, there.table.machine) != truth(packets, spoilt, there.table.machine)


def test_default_out_and_programs_of_others_are_noticed_outbound() -> None:
    there = held(Scenario(), "netwrix_threat_manager_reporting-1", empty(), "strict", "strict")
    assert there.wrong("out") == []
    assert _spoiled(there, lambda store: store.profile(4, outbound=1)).wrong("out") != []
    theirs = {"Name": "theirs", "Enabled": True, "Action": 1, "Direction": 2, "ApplicationName": "C:\\other.exe"}
    assert _spoiled(there, lambda store: add(store, theirs)).wrong("out") != []


def test_the_ports_that_cannot_be_guarded_are_those_that_are_reported() -> None:
    """And whatever deviates does so for a reason that is written down."""
    for name in windows_hosts(Scenario("on")):
        brought = sited(Scenario("on")).bring(Store(), name)
        reported = [text for text in brought.decision.warnings if text.startswith("not restricted")]
        assert bool(reported) == bool(host_table(Scenario("on"), name).unguarded), (name, reported)
