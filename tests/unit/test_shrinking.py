# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host refuses to lose, unless somebody decided it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.portbook.firewall.plugins.module_utils.intervals import Spans
from ansible_collections.portbook.firewall.plugins.module_utils.shrinking import (
    ALLOW_COMPONENT,
    Addresses,
    Held,
    Inventory,
    Opening,
    left,
    losses,
    refusal,
)

TEN = [f"192.0.2.{number}" for number in range(10, 20)]
WHOLE = Inventory(hosts=20, members={"master": 1, "agent": 10})


def opening(peers: Iterable[str] | None, port: int | tuple[int, int] = 514, **more: object) -> Opening:
    low, high = port if isinstance(port, tuple) else (port, port)
    values: dict[str, object] = {
        "component": "master",
        "flow": "acme.logs",
        "direction": "in",
        "protocol": "tcp",
        "spans": Spans.of([(low, high)]),
        "peers": None if peers is None else Addresses.of(peers),
        "guarded": True,
        **more,
    }
    return Opening(**values)  # type: ignore[arg-type]


def held(*openings: Opening, strict: Iterable[str] = (), **rules: int) -> Held:
    counted = {one.component: 0 for one in openings}
    for one in openings:
        counted[one.component] += 1
    return Held({**counted, **rules}, openings, frozenset(strict))


def lost(before: Iterable[str] | None, after: Iterable[str] | None, **more: object) -> list[str]:
    return losses(held(opening(before, **more)), held(opening(after, **more)), WHOLE)


# -- peers of guarded ports ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (TEN, TEN[:5], ""),
        (TEN, TEN[:4], "6 of 10 IPv4 addresses (192.0.2.14-192.0.2.19)"),
        (TEN[:3], TEN[:1], ""),
        (TEN[:4], TEN[:2], ""),
        (TEN[:4], TEN[:1], "3 of 4 IPv4 addresses (192.0.2.11-192.0.2.13)"),
        (TEN[:1], ["198.51.100.1"], "all 1 addresses (192.0.2.10)"),
        (TEN[:3], [*TEN[:1], "198.51.100.1", "198.51.100.2"], ""),
        (TEN, [*TEN, "198.51.100.0/24"], ""),
        (TEN[:1], TEN, ""),
        (["192.0.2.0/30"], ["192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3"], ""),
        (["192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3"], ["192.0.2.0/30"], ""),
        (["192.0.2.0/30"], ["192.0.2.0/31", "192.0.2.2"], ""),
        (["192.0.2.0/24"], ["192.0.2.0/26"], "192 of 256 IPv4 addresses (192.0.2.64-192.0.2.255)"),
        ([*TEN, "2001:db8::1"], TEN, ""),
        ([*TEN, "2001:db8::/126"], TEN, "4 of 4 IPv6 addresses (2001:db8::-2001:db8::3)"),
        ([*TEN, "2001:db8::/126"], ["2001:db8::/126"], "10 of 10 IPv4 addresses"),
        (["2001:db8::/32"], ["2001:db8::/64"], "99 % of the IPv6 addresses"),
    ],
)
def test_how_many_peers_may_go(before: list[str], after: list[str], text: str) -> None:
    found = lost(before, after)
    assert len(found) == bool(text)
    assert not text or (text in found[0] and "tcp 514 (acme.logs)" in found[0])


def test_everyone_is_not_an_address_to_lose() -> None:
    assert lost(None, TEN) == []
    assert lost(TEN, None) == []


def test_a_port_that_has_no_guard_cuts_nobody() -> None:
    assert lost(TEN, TEN[:1], guarded=False) == []


def test_in_strict_every_port_is_refused_to_others() -> None:
    before, after = opening(TEN, guarded=False), opening(TEN[:1], guarded=False)
    assert losses(held(before, strict=["in"]), held(after, strict=["in"]), WHOLE)
    assert not losses(held(before, strict=["out"]), held(after, strict=["out"]), WHOLE)


def test_who_switches_the_guard_off_cuts_nobody() -> None:
    before, after = held(opening(TEN)), held(opening(TEN[:1], guarded=False))
    assert losses(before, after, WHOLE) == []


def test_peers_of_all_flows_on_a_port_count_together() -> None:
    both = held(opening(TEN[:5]), opening(TEN[5:], flow="acme.other"))
    assert losses(both, held(opening(TEN), opening((), flow="acme.other")), WHOLE) == []


def test_a_flow_that_moved_is_compared_with_itself_at_its_new_port() -> None:
    moved = held(opening(TEN, 2514))
    assert losses(held(opening(TEN)), moved, WHOLE) == []
    short = held(opening(TEN[:2], 2514))
    assert "8 of 10" in losses(held(opening(TEN)), short, WHOLE)[0]


def test_ports_of_a_range_are_compared_one_by_one() -> None:
    before = held(opening(TEN, (500, 600)))
    after = held(opening(TEN, (500, 550)), opening(TEN[:1], (551, 600)))
    (text,) = losses(before, after, WHOLE)
    assert "tcp 551-600 (acme.logs)" in text


def test_a_flow_without_peers_is_a_loss_only_if_nobody_decided_it() -> None:
    before, after = held(opening(TEN), opening(TEN, 600, flow="acme.other")), held(opening(TEN))
    assert losses(before, after, WHOLE) == []
    short = Inventory(20, WHOLE.members, missing={"acme.other": ("agent",)})
    assert losses(before, after, short) == [
        "all peers of tcp 600 (acme.other), because the inventory has no host of agent"
    ]


def test_a_guard_that_goes_since_a_group_is_empty_is_a_loss() -> None:
    before, after = held(opening(TEN)), held(opening(TEN, guarded=False))
    short = Inventory(20, WHOLE.members, unguarded={"acme.logs": ("probe",)})
    assert losses(before, after, short) == ["the guard of tcp 514 (acme.logs), because the group of probe is empty"]


def test_outbound_is_named() -> None:
    (text,) = lost(TEN, TEN[:1], direction="out")
    assert "outbound tcp 514" in text


def test_ports_with_the_same_fate_stand_together_and_few_are_named() -> None:
    flows = [(f"acme.{number}", 600 + number) for number in range(9)]
    before = held(*(opening(TEN, port, flow=flow) for flow, port in flows))
    after = held(*(opening(TEN[:1], port, flow=flow) for flow, port in flows))
    (text,) = losses(before, after, WHOLE)
    assert text.endswith("tcp 604 (acme.4) and 4 more flows")


# -- components and all ------------------------------------------------------------------------------
def test_a_component_whose_group_is_missing_is_a_loss() -> None:
    before, after = held(master=3, agent=2), held(master=3)
    gone = Inventory(5, {"master": 1})
    assert losses(before, after, gone) == ["its 2 rules of agent, of which the inventory has no host"]
    assert losses(before, after, WHOLE) == []
    assert left(before, after) == ["agent"]


def test_the_last_component_goes_by_a_word_of_the_hosts_own() -> None:
    before = held(agent=2)
    (text,) = losses(before, held(), WHOLE)
    assert text == "all that it holds: 2 rules (agent: 2). The inventory gives it none"
    assert losses(before, held(), Inventory(20, WHOLE.members, emptied=True)) == []


def test_the_word_for_no_component_speaks_of_no_other_host() -> None:
    """Who still has a component has it by a group, and then the word is no decision about the other ones."""
    said = Inventory(20, {"master": 1}, emptied=True)
    assert losses(held(master=1, agent=2), held(master=1), said)
    assert losses(held(agent=2, **{ALLOW_COMPONENT: 1}), held(**{ALLOW_COMPONENT: 1}), said) == []


def test_rules_of_the_users_own_have_no_group() -> None:
    assert losses(held(master=1, **{ALLOW_COMPONENT: 4}), held(master=1), Inventory(1, {"master": 1})) == []
    assert losses(held(**{ALLOW_COMPONENT: 4}), held(), WHOLE)


def test_a_table_without_rules_is_also_something_to_lose() -> None:
    (text,) = losses(Held(other="the table inet portbook"), Held(), Inventory(1))
    assert text == "all that it holds: the table inet portbook. The inventory gives it no component"
    assert losses(Held(), Held(), Inventory(1)) == []


def test_the_refusal_says_what_the_inventory_has_and_every_way_on() -> None:
    text = refusal(["its 2 rules of agent"], Inventory(hosts=1))
    assert "With the inventory of this run (1 host) this host would lose its 2 rules of agent." in text
    for way in ("--limit", "portbook_shrink=true", "portbook_plan_file", "portbook.firewall.remove"):
        assert way in text
    assert "portbook_components: []" in text


def test_what_the_controller_says_arrives_as_it_was() -> None:
    said = Inventory(3, {"agent": 2}, {"acme.logs": ("agent",)}, {"acme.other": ("probe",)}, True)
    assert Inventory.of(said.data()) == said
    assert Inventory.of({}) == Inventory()


# -- against counting one by one ---------------------------------------------------------------------
ADDRESSES = st.sets(st.integers(0, 15), max_size=16)


def networks(numbers: Iterable[int]) -> list[str]:
    return [
        str(one) for one in ipaddress.collapse_addresses(ipaddress.ip_network((0xC0000200 + n, 32)) for n in numbers)
    ]


@given(ADDRESSES, ADDRESSES)
def test_counts_agree_with_counting_one_by_one(before: set[int], after: set[int]) -> None:
    gone = before - after
    wrong = bool(gone) and (gone == before or (len(before) > 3 and len(gone) * 2 > len(before)))
    assert bool(lost(networks(before), networks(after))) == wrong


@given(st.lists(st.tuples(ADDRESSES, st.integers(1, 6)), max_size=5))
def test_what_stays_as_it_is_loses_nothing(rules: list[tuple[set[int], int]]) -> None:
    same = held(*(opening(networks(peers), port, flow=f"acme.{n}") for n, (peers, port) in enumerate(rules)))
    assert losses(same, same, Inventory()) == []
