# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guard refuses a port to everyone but the union of its peers, or says why it cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windows.fake.engine import apply, asked, read_it, rule, wanted
from windows.fake.store import Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.guard import Guards, Permission, guards
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.rule import GUARD, FirewallRule
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.texts import (
    write_addresses,
    write_ports,
)

ONE, OTHER = "192.0.2.7", "192.0.2.99"


def made(*given_: FirewallRule, free: tuple[FirewallRule, ...] = ()) -> Guards:
    return guards(
        [*(Permission(one.traffic, True) for one in given_), *(Permission(one.traffic, False) for one in free)]
    )


def texts(found: Guards) -> dict[str, str]:
    """Ports to the addresses that are refused there."""
    return {write_ports(one.traffic.ports): write_addresses(one.traffic.remote) for one in found.rules}


def test_a_guard_blocks_everyone_but_the_peer_in_both_families() -> None:
    assert texts(made(rule(peers=f"{ONE},2001:db8::7"))) == {
        "80": "0.0.0.1-192.0.2.6,192.0.2.8-255.255.255.255,::2-2001:db8::6,"
        "2001:db8::8-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    }


def test_a_guard_of_peers_in_one_family_blocks_the_whole_other() -> None:
    assert texts(made(rule(peers=ONE)))["80"].endswith("::2-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")


def test_a_port_that_the_plan_leaves_open_has_no_guard() -> None:
    assert made(free=(rule(peers=ONE),)) == Guards((), ())


def test_a_guard_lets_through_whoever_any_of_our_rules_lets_in() -> None:
    found = texts(made(rule("a/in/1", "80", ONE), free=(rule("b/in/1", "79-81", OTHER, component="b"),)))
    assert found == {"80": texts(made(rule(peers=f"{ONE},{OTHER}")))["80"]}


def test_ports_with_the_same_peers_share_a_guard() -> None:
    found = made(rule("a/in/1", "80,443", ONE), rule("b/in/1", "8000-8010", ONE))
    assert list(texts(found)) == ["80,443,8000-8010"]


def test_each_protocol_and_direction_has_guards_of_its_own() -> None:
    found = made(rule(peers=ONE), rule(peers=ONE, protocol="udp"), rule(peers=ONE, direction="out"))
    assert {(one.traffic.direction, one.traffic.protocol) for one in found.rules} == {("in", 6), ("in", 17), ("out", 6)}
    assert len({one.name for one in found.rules}) == 3


def test_a_guard_is_a_block_without_program_and_service() -> None:
    """Whoever listens there instead is refused as well."""
    found = made(rule(peers=ONE, program="C:\\app.exe", service="AppSvc")).rules[0]
    assert found.group == GUARD
    assert (found.traffic.action, found.traffic.program, found.traffic.service) == ("block", "", "")
    assert found.traffic.local_ports.spans.items == ((80, 80),)


def test_a_port_that_everyone_may_reach_has_no_guard() -> None:
    assert made(rule(peers="*")) == Guards((), ())
    assert made(rule("a/in/1", peers=ONE), free=(rule("b/in/1"),)) == Guards((), ())


def test_a_port_without_peers_is_refused_to_all_but_who_has_no_address() -> None:
    found = texts(made(rule(peers="255.255.255.255")))
    assert found["80"].startswith("0.0.0.1-255.255.255.254,")


def test_peers_that_only_windows_knows_are_reported() -> None:
    found = made(rule(peers=f"{ONE},LocalSubnet"))
    assert found.rules == ()
    assert [(one.text, "LocalSubnet" in one.why) for one in found.unguarded] == [("tcp 80", True)]


def test_only_the_ports_that_a_word_touches_are_left_without_a_guard() -> None:
    found = made(rule("a/in/1", "80-90", ONE), free=(rule("b/in/1", "85", "LocalSubnet"),))
    assert list(texts(found)) == ["80-84,86-90"]
    assert [one.text for one in found.unguarded] == ["tcp 85"]


def test_more_ranges_than_a_rule_takes_are_reported() -> None:
    def peers(count: int) -> str:
        return ",".join(f"10.0.{number // 128}.{number % 128 * 2 + 1}" for number in range(count))

    assert made(rule(peers=peers(498))).unguarded == ()
    found = made(rule(peers=peers(500)))
    assert found.rules == ()
    assert "502 ranges" in found.unguarded[0].why


def test_a_guard_next_to_the_ports_of_the_endpoint_mapper_lets_their_peers_through() -> None:
    found = made(rule("a/in/1", "50000", ONE), free=(rule("rpc/in/1", "RPC,RPC-EPMap", OTHER),))
    assert found == made(rule("a/in/1", "50000", f"{ONE},{OTHER}"))


def test_all_ports_of_a_program_reach_into_the_guards_of_others() -> None:
    found = made(
        rule("a/in/1", "80", ONE, protocol="udp"),
        free=(rule("tftp/in/1", "*", OTHER, protocol="udp", program="C:\\tftp.exe"),),
    )
    assert found == made(rule("a/in/1", "80", f"{ONE},{OTHER}", protocol="udp"))


PEERS = st.lists(st.integers(1, 250), min_size=1, max_size=4).map(
    lambda last: ",".join(f"192.0.2.{one}" for one in last)
)
RULES = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 4), PEERS, st.booleans()), min_size=1, max_size=8)


@given(RULES)
def test_guards_are_disjoint_and_cover_each_guarded_port(given_: list[tuple[int, int, str, bool]]) -> None:
    permissions = [
        Permission(rule(f"f{number}/in/1", f"{low}-{low + more}", peers).traffic, guarded)
        for number, (low, more, peers, guarded) in enumerate(given_)
    ]
    found = guards(permissions)
    covered = [port for one in found.rules for low, high in one.traffic.ports.spans for port in range(low, high + 1)]
    assert len(covered) == len(set(covered))
    assert set(covered) == {
        port for low, more, _peers, guarded in given_ if guarded for port in range(low, low + more + 1)
    }
    for one in found.rules:
        for permission in permissions:
            if one.traffic.ports.spans & permission.traffic.ports.spans:
                assert not one.traffic.remote.known & permission.traffic.remote.known


@pytest.mark.parametrize("peers", [ONE, f"{ONE},2001:db8::7", "10.0.0.0/8,fe80::/10", "0.0.0.0-223.255.255.255"])
def test_a_written_guard_reads_back_as_it_was_wanted(peers: str) -> None:
    store = Store()
    what = asked(wanted(rule(peers=peers), guarded=True))
    assert apply(store, what).decision.changed
    assert [one.rule.enabled for one in read_it(store).owned if one.rule.group == GUARD] == [True]
    assert not apply(store, what).decision.changed
