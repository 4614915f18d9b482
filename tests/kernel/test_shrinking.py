# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host refuses what an inventory that lacks hosts would take away, with its own memory as the evidence."""

from __future__ import annotations

from typing import Any

import pytest
from kernel.helpers.commands import run, tables
from kernel.helpers.host import ONE, OTHER, PEER, Host, rule, slice_of

from ansible_collections.portbook.firewall.plugins.module_utils.linux.apply import Shrinks
from ansible_collections.portbook.firewall.plugins.module_utils.shrinking import Inventory

WHOLE = Inventory(hosts=9, members={"one": 1, "two": 3})
MANY = [f"192.0.2.{number}" for number in range(10, 20)]
TWO = {"two": slice_of(rule(700, [PEER]), name="two")}


def refused(host: Host, slices: dict[str, Any], inventory: Inventory = WHOLE, **request: Any) -> str:
    """As it was, to the byte, with check mode and without."""
    before, traces = host.all(), host.traces()
    messages = set()
    for check in (True, False):
        with pytest.raises(Shrinks) as error:
            host.apply(slices, inventory=inventory, check=check, replace_all=True, **request)
        messages.add(str(error.value))
    assert host.all() == before
    assert host.traces() == traces
    (message,) = messages
    return message


def test_all_rules_are_not_lost_to_an_inventory_without_the_host(host: Host) -> None:
    host.apply(ONE)
    message = refused(host, {}, Inventory(hosts=1), removes=True)
    assert "this host would lose all that it holds: 2 rules (one: 2)" in message
    assert "(1 host)" in message


def test_who_asks_for_the_removal_gets_it(host: Host) -> None:
    host.apply(ONE)
    assert host.apply({}, replace_all=True, removes=True).changed
    assert tables() == []


def test_the_hosts_own_word_lets_the_last_component_go(host: Host) -> None:
    host.apply(ONE)
    said = Inventory(hosts=9, emptied=True)
    assert host.apply({}, replace_all=True, removes=True, inventory=said).left == {"one": 2}
    assert tables() == []


def test_a_component_goes_if_its_group_has_others_and_the_result_names_it(host: Host) -> None:
    host.apply({**ONE, **TWO})
    applied = host.apply(ONE, replace_all=True, inventory=WHOLE)
    assert applied.left == {"two": 1}
    assert applied.words["delete"] == ["two/0"]


def test_a_component_stays_if_its_group_is_missing(host: Host) -> None:
    host.apply({**ONE, **TWO})
    message = refused(host, ONE, Inventory(hosts=4, members={"one": 1}))
    assert "its 1 rule of two, of which the inventory has no host" in message


def test_most_peers_of_a_guarded_port_stay(host: Host) -> None:
    many = {"one": slice_of(rule(514, MANY))}
    host.apply(many)
    message = refused(host, {"one": slice_of(rule(514, MANY[:4]))})
    assert "6 of 10 IPv4 addresses (192.0.2.14-192.0.2.19) of the peers of tcp 514 (one.0)" in message
    assert host.apply({"one": slice_of(rule(514, MANY[:6]))}, inventory=WHOLE).changed


def test_peers_written_as_networks_and_back_are_the_same(host: Host) -> None:
    ranges = ["192.0.2.10/31", "192.0.2.12/30", "192.0.2.16/30"]
    host.apply({"one": slice_of(rule(514, MANY))})
    before = host.table()
    host.apply({"one": slice_of(rule(514, ranges))}, inventory=WHOLE)
    host.apply({"one": slice_of(rule(514, MANY))}, inventory=WHOLE)
    assert host.table() == before


def test_a_watched_port_refuses_nobody_so_its_peers_may_change(host: Host) -> None:
    host.apply({"one": slice_of(rule(514, MANY, refusal="watch"))})
    assert host.apply({"one": slice_of(rule(514, [OTHER], refusal="watch"))}, inventory=WHOLE).changed


def test_in_strict_a_port_of_others_is_cut_as_well(host: Host) -> None:
    many = slice_of(rule(443, MANY, refusal="open"))
    host.apply({"one": many}, settings={"posture": "strict"})
    assert "9 of 10" in refused(host, {"one": slice_of(rule(443, MANY[:1], refusal="open"))})


def test_a_table_of_which_nothing_is_remembered_is_not_thrown_away(host: Host) -> None:
    host.apply(ONE)
    (host.folder / "state.json").write_text("{")
    message = refused(host, {}, Inventory(hosts=1), removes=True)
    assert "the table inet portbook, of which state.json knows no rule" in message
    assert host.apply(ONE, inventory=WHOLE, replace_all=True).changed


def test_a_host_that_never_had_anything_has_nothing_to_lose(host: Host) -> None:
    assert not host.apply({}, replace_all=True, removes=True, inventory=Inventory(hosts=1)).changed
    run("nft", "add", "table", "inet", "portbooks")
    assert not host.apply({}, replace_all=True, removes=True, inventory=Inventory(hosts=1)).changed
