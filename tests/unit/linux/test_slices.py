# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host holds is the union of the slices applied to it, whatever their order."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.linux import slices
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import Local, Settings
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.ruleset import ruleset


def rule(id_: str, peers: str = "s", **more: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "flow": id_,
        "direction": "in",
        "protocol": "tcp",
        "peers": peers,
        "cast": "unicast",
        "refusal": "guard",
        "log": False,
        "spans": [[514, 514]],
        "source_spans": [],
        "container_spans": [],
        **more,
    }


def one(*rules: dict[str, Any], **sets: list[str]) -> dict[str, Any]:
    return {"rules": list(rules), "sets": sets or {"s": ["192.0.2.1", "192.0.2.2"]}}


A, B, C = one(rule("a")), one(rule("b")), one(rule("c"))
NONE: dict[str, Any] = {}


def text(held: dict[str, Any]) -> str:
    return ruleset(slices.permissions(held), Settings(), Local())


def test_slices_add_up() -> None:
    assert slices.united({"a": A}, {"b": B}, False) == {"a": A, "b": B}


def test_a_slice_is_removed_alone() -> None:
    assert slices.united({"a": A, "b": B}, {"b": NONE}, False) == {"a": A}
    assert slices.united({"a": A, "b": B}, {"b": one()}, False) == {"a": A}


def test_a_slice_that_is_given_again_takes_the_place_of_the_old() -> None:
    assert slices.united({"a": A}, {"a": B}, False) == {"a": B}


def test_all_are_replaced_on_request() -> None:
    assert slices.united({"a": A, "b": B}, {"c": C}, True) == {"c": C}
    assert slices.united({"a": A, "b": B}, {}, True) == {}


def test_one_that_is_not_there_is_removed_in_silence() -> None:
    assert slices.united({"a": A}, {"z": NONE}, False) == {"a": A}


def test_what_is_kept_is_not_changed() -> None:
    kept = {"a": A}
    slices.united(kept, {"b": B}, False)
    assert kept == {"a": A}


def test_the_order_of_applying_means_nothing() -> None:
    given = {"a": A, "b": B, "c": C}
    results = []
    for order in permutations(given):
        held: dict[str, Any] = {}
        for name in order:
            held = slices.united(held, {name: given[name]}, False)
        results.append((list(held), text(held)))
    assert results == [results[0]] * 6


def test_the_order_of_rules_and_addresses_means_nothing() -> None:
    two = one(rule("a"), rule("b", spans=[[600, 600]]))
    turned = one(rule("b", spans=[[600, 600]]), rule("a"), s=["192.0.2.2", "192.0.2.1"])
    assert text({"a": two}) == text({"a": turned})


def test_names_of_sets_belong_to_their_slice() -> None:
    held = {"a": one(rule("a"), s=["192.0.2.1"]), "b": one(rule("b", spans=[[600, 600]]), s=["192.0.2.9"])}
    assert {(found.spans, found.networks) for found in slices.permissions(held)} == {
        (((514, 514),), ("192.0.2.1",)),
        (((600, 600),), ("192.0.2.9",)),
    }


@pytest.mark.parametrize(("peers", "local"), [("any", False), ("local_subnet", True)])
def test_symbolic_peers_need_no_set(peers: str, local: bool) -> None:
    (found,) = slices.permissions({"a": one(rule("a", peers))})
    assert (found.networks, found.local_subnet) == (None, local)


def test_a_permission_has_all_that_the_rule_has() -> None:
    given = rule(
        "a",
        protocol="udp",
        cast="multicast",
        source_spans=[[1, 2]],
        container_spans=[[3, 4]],
        refusal="watch",
    )
    (found,) = slices.permissions({"a": one(given)})
    assert (found.protocol, found.cast, found.source_spans, found.container_spans) == (
        "udp",
        "multicast",
        ((1, 2),),
        ((3, 4),),
    )
    assert (found.guarded, found.watched) == (True, True)


# -- the five words -----------------------------------------------------------------------------------


def test_the_difference_is_reported_by_rule() -> None:
    before = {"a": one(rule("kept"), rule("changed"), rule("gone"))}
    after = {"a": one(rule("kept"), rule("changed", spans=[[600, 600]]), rule("new"))}
    assert slices.difference(before, after) == {
        "create": ["new"],
        "change": ["changed"],
        "delete": ["gone"],
        "keep": ["kept"],
    }


@pytest.mark.parametrize(
    "more",
    [
        {"refusal": "open"},
        {"refusal": "watch"},
        {"protocol": "udp"},
        {"peers": "any"},
        {"cast": "broadcast"},
        {"log": True},
    ],
)
def test_whatever_changes_is_a_change(more: dict[str, Any]) -> None:
    assert slices.difference({"a": A}, {"a": one(rule("a", **more))})["change"] == ["a"]


def test_another_name_of_the_same_set_is_none() -> None:
    renamed = one(rule("a", "t"), t=["192.0.2.2", "192.0.2.1"])
    assert slices.difference({"a": A}, {"a": renamed})["keep"] == ["a"]


def test_other_addresses_under_the_same_name_are_one() -> None:
    assert slices.difference({"a": A}, {"a": one(rule("a"), s=["192.0.2.3"])})["change"] == ["a"]


def test_a_rule_that_moves_to_another_slice_is_kept() -> None:
    assert slices.difference({"a": A}, {"b": A})["keep"] == ["a"]
