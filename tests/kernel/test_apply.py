# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host comes to its slices, stays there without a write, and is mended if someone else changed the table."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from kernel.helpers.commands import listed, nft, run, tables
from kernel.helpers.host import ONE, OTHER, PEER, TWO, Host, rule, slice_of

OTHER_SLICE = {"other": slice_of(rule(700, [PEER]), name="other")}


def test_the_first_apply_creates_and_the_second_keeps(host: Host) -> None:
    first = host.apply(ONE)
    assert (first.changed, first.words["create"]) == (True, ["one/0", "one/1"])
    second = host.apply(ONE)
    assert not second.changed
    assert second.words["keep"] == ["one/0", "one/1"]


def test_a_second_apply_writes_nothing_and_costs_one_read(host: Host, tmp_path: Path) -> None:
    host.apply(ONE)
    before = host.traces()
    log = host.counting(tmp_path)
    # The path of nft is no part of the rules.
    assert not host.apply(ONE).changed
    assert host.traces() == before
    assert log.read_text().splitlines() == ["-j list table inet portbook"]


def test_the_order_of_rules_and_addresses_is_no_change(host: Host) -> None:
    host.apply({"one": slice_of(rule(514, [PEER, "192.0.2.11"]), rule(600, ["198.51.100.0/24"]))})
    turned = slice_of(rule(514, ["192.0.2.11", PEER]), rule(600, ["198.51.100.0/24"]))
    turned["rules"].reverse()
    assert not host.apply({"one": turned}).changed


def test_a_change_is_reported_by_rule(host: Host) -> None:
    host.apply(ONE)
    done = host.apply({"one": slice_of(rule(514, [PEER]), rule(515, [PEER]), rule(516, [PEER]))})
    assert {word: ids for word, ids in done.words.items() if ids} == {
        "create": ["one/2"],
        "change": ["one/1"],
        "keep": ["one/0"],
    }


def test_slices_add_up_and_one_is_removed_alone(host: Host) -> None:
    host.apply(ONE)
    alone = host.table()
    host.apply(OTHER_SLICE)
    assert host.table() != alone
    host.apply({"other": {}})
    assert host.table() == alone


def test_all_slices_are_replaced_at_once(host: Host) -> None:
    host.apply(ONE)
    assert host.apply(OTHER_SLICE, replace_all=True).words["delete"] == ["one/0", "one/1"]


def test_removing_everything_leaves_nothing(host: Host) -> None:
    host.apply(ONE)
    assert host.apply({"one": {}}).changed
    assert tables() == []
    assert not host.folder.exists()
    assert not host.apply({"one": {}}).changed
    assert not host.folder.exists()


@pytest.mark.parametrize(
    ("settings", "chain"), [({"posture": "strict"}, "inbound"), ({"outbound": "strict"}, "outbound")]
)
def test_strict_refuses_on_a_host_without_any_component(host: Host, settings: dict[str, str], chain: str) -> None:
    known = {**settings, "management": ["192.0.2.9"], "management_ports": [22]}
    assert host.apply({}, settings=known, replace_all=True).changed
    assert f"chain {chain} {{" in host.listing()
    assert ("tcp dport 22 accept" in host.listing()) == (chain == "inbound")
    before = host.traces()
    assert not host.apply({}, settings=known, replace_all=True).changed
    assert host.traces() == before
    nft("delete table inet portbook")
    assert host.apply({}, settings=known, replace_all=True).mended


def test_what_was_strict_without_a_component_is_removed(host: Host) -> None:
    for end in ({"removes": True}, {"settings": {"posture": "guard"}}):
        host.strict({})
        assert tables() == ["portbook"]
        assert host.apply({}, replace_all=True, **end).changed
        assert (tables(), host.folder.exists()) == ([], False)
        assert not host.apply({}, replace_all=True, **end).changed


def test_removing_the_last_component_of_a_strict_host_leaves_nothing(host: Host) -> None:
    host.strict(ONE)
    host.strict({"one": {}})
    assert tables() == ["portbook"]
    host.apply({"one": {}}, removes=True)
    assert (tables(), host.folder.exists()) == ([], False)


def test_a_table_without_memory_is_removed_too(host: Host) -> None:
    nft("table inet portbook { chain x { accept; }; }")
    assert host.apply({}).changed
    assert tables() == []


def test_check_mode_changes_nothing(host: Host) -> None:
    assert host.apply(ONE, check=True).changed
    assert (tables(), host.folder.exists()) == ([], False)
    host.apply(ONE)
    before = host.all()
    done = host.apply(TWO, check=True, diff=True)
    assert done.changed
    assert "198.51.100.0/24" in str(done.diff)
    assert host.all() == before


def test_what_is_no_guard_and_not_strict_loads_an_empty_table(host: Host) -> None:
    host.apply({"one": slice_of(rule(514, [PEER], refusal="open"))})
    assert "chain" not in host.listing()
    assert not host.apply({"one": slice_of(rule(514, [PEER], refusal="open"))}).changed


def test_a_setting_alone_is_a_change(host: Host) -> None:
    host.apply(ONE)
    done = host.apply(ONE, settings={"refuse": "reject"})
    assert done.changed
    assert not done.mended
    assert "reject" in host.listing()


@pytest.mark.parametrize("log", ["refused", "all"])
def test_what_is_logged_is_compared_too(host: Host, log: str) -> None:
    host.apply(ONE, settings={"log": log})
    before = host.table()
    assert not host.apply(ONE, settings={"log": log}).changed
    rules = [one["rule"] for one in listed("table", "inet", "portbook") if "rule" in one]
    logs = [one for one in rules if any("log" in expression for expression in one["expr"])]
    assert {one["chain"] for one in logs} == {"refused", *(("in_tcp_514", "in_udp_514") if log == "all" else ())}
    for one in logs:
        nft(f"delete rule inet portbook {one['chain']} handle {one['handle']}")
    assert host.apply(ONE, settings={"log": log}).mended
    assert host.table() == before


def test_a_single_flow_that_is_to_be_logged_is_a_change(host: Host) -> None:
    host.apply(ONE)
    loud = {"one": slice_of(rule(514, [PEER], log=True), rule(514, [PEER], protocol="udp"))}
    assert host.apply(loud).words["change"] == ["one/0"]
    assert 'log prefix "portbook permitted one.0: "' in host.listing()
    assert not host.apply(loud).changed


@pytest.mark.parametrize(
    "change",
    [
        "flush chain inet portbook in_tcp_514",
        "add rule inet portbook in_tcp_514 accept",
        "insert rule inet portbook inbound accept",
        "flush map inet portbook in_ports",
        "flush table inet portbook",
        "delete table inet portbook",
        "add chain inet portbook extra",
        "flush chain inet portbook inbound",
    ],
)
def test_a_change_by_hand_is_found_and_repaired(host: Host, change: str) -> None:
    host.apply(ONE)
    before = host.all()
    nft(change)
    assert host.table() != before[0]
    found = host.apply(ONE, check=True)
    assert (found.changed, found.mended) == (True, True)
    done = host.apply(ONE)
    assert (done.changed, done.mended) == (True, True)
    assert host.all() == before
    assert not host.apply(ONE).changed


def test_an_element_added_by_hand_is_found_and_repaired(host: Host) -> None:
    host.apply(ONE)
    before = host.table()
    (name,) = [line.split()[1] for line in host.listing().splitlines() if line.strip().startswith("set p4_")]
    run("nft", "add", "element", "inet", "portbook", name, "{ 192.0.2.99 }")
    assert host.table() != before
    assert host.apply(ONE).mended
    assert host.table() == before


def test_packets_that_are_counted_are_no_change(host: Host) -> None:
    host.apply(ONE)
    text = run("nft", "list", "table", "inet", "portbook").replace("packets 0 bytes 0", "packets 7 bytes 420")
    nft(f"delete table inet portbook\n{text}")
    assert not host.apply(ONE).changed


@pytest.mark.parametrize("name", ["state.json", "table.nft"])
@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 0, "slices": {}}', '{"format": "2"}', "\udcff\udcfe"]
)
def test_a_file_that_is_broken_is_repaired(host: Host, name: str, text: str) -> None:
    host.apply(ONE)
    before = host.all()
    (host.folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert host.apply(ONE).changed
    assert host.all() == before


def test_tables_of_others_are_not_touched(host: Host) -> None:
    nft("table ip other { chain input { type filter hook input priority 0; tcp dport 514 accept; }; }")
    before = run("nft", "list", "table", "ip", "other")
    host.apply(ONE)
    host.apply({"one": {}})
    assert run("nft", "list", "table", "ip", "other") == before


def test_what_is_on_disk_is_for_root_alone(host: Host) -> None:
    host.apply(ONE)
    assert stat.S_IMODE(host.folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in host.folder.iterdir()} == {
        "state.json": 0o600,
        "table.nft": 0o600,
    }


def test_the_file_on_disk_gives_the_table_after_a_restart(host: Host) -> None:
    host.apply(ONE)
    before = host.table()
    nft("delete table inet portbook")
    run("nft", "-f", str(host.folder / "table.nft"))
    assert host.table() == before
    assert not host.apply(ONE).changed


def test_a_host_of_an_earlier_format_has_nothing_to_change(host: Host) -> None:
    watched = {"two": slice_of(rule(600, [PEER], refusal="watch"), rule(601, [PEER], refusal="open"), name="two")}
    settings = {"posture": "strict", "outbound": "guard", "management": [OTHER]}
    host.apply({**ONE, **watched}, settings=settings)
    path = host.folder / "state.json"
    state = json.loads(path.read_text())
    state["format"] = 1
    del state["settings"]["verdicts"], state["settings"]["directions"]
    state["settings"] |= {"posture": "strict", "outbound": "guard"}
    for one in state["slices"].values():
        for each in one["rules"]:
            refusal = each.pop("refusal")
            each |= {"guarded": refusal != "open", "watched": refusal == "watch"}
    path.write_text(json.dumps(state))
    again = host.apply({**ONE, **watched}, settings=settings)
    assert not again.changed
    assert len(again.words["keep"]) == 4
    # The settings of before hold on for whoever speaks of a slice alone.
    assert host.apply({"two": {}}).changed
    assert "policy accept" in host.listing()
    assert "jump refused" in host.listing()


def test_many_rules_take_no_time(host: Host) -> None:
    peers = [f"198.51.100.{number}" for number in range(250)]
    many = {"one": slice_of(*(rule(port, peers[port % 7 :]) for port in range(1000, 1300)))}
    assert host.apply(many).seconds < 8
    again = [host.apply(many) for _time in range(3)]
    assert not any(one.changed for one in again)
    # The best of them: a computer that runs other tests beside adds to what it takes, and never takes from it.
    assert min(one.seconds for one in again) < 3
