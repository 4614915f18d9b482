# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run with --diff shows of a host with nftables: all that changes, in check mode as in the run that follows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from kernel.helpers.commands import nft, run
from kernel.helpers.host import ONE, OTHER, PEER, Host, rule, slice_of
from printed_diff import printed

from ansible_collections.portbook.firewall.plugins.module_utils.linux import local

HALVES = ["192.0.2.0/26", "192.0.2.64/26"]
ADMIN = {"management": ["192.0.2.9"], "management_ports": [22]}
STRICT = {"posture": "strict", **ADMIN}


def both(host: Host, slices: dict[str, Any], settings: dict[str, Any] | None = None, **more: Any) -> list[str]:
    """What is shown; check mode shows the same before."""
    predicted = host.diff(slices, settings, check=True, **more)
    done = host.diff(slices, settings, **more)
    assert done == predicted
    assert host.diff(slices, settings, **more) == []
    return done


def test_nothing_is_shown_unless_it_is_asked_for(host: Host) -> None:
    assert host.apply(ONE).diff == []


def test_a_first_run_shows_who_is_refused_before_who_is_not(host: Host) -> None:
    assert both(host, {"one": slice_of(rule(514, [PEER]), rule(443, refusal="open"))}) == [
        "newly refused:",
        "+in tcp 514 from s0, guarded (one.0)",
        "newly allowed:",
        "+in tcp 443 from anyone (one.1)",
        "+peers s0: 192.0.2.10",
    ]


def test_from_guard_to_strict_is_shown(host: Host) -> None:
    host.apply(ONE, {"posture": "guard", **ADMIN})
    assert both(host, ONE, STRICT) == [
        "newly refused:",
        "-inbound traffic without a rule: accepted",
        "+inbound traffic without a rule: refused",
        "+in tcp 22 from management access",
        "newly allowed:",
        "+management access: 192.0.2.9",
    ]


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (
            {"outbound": "off"},
            {"outbound": "strict"},
            [
                "newly refused:",
                "-outbound traffic without a rule: accepted",
                "-outbound rules: off",
                "+outbound traffic without a rule: refused",
                "+outbound rules: on",
            ],
        ),
        (
            {"cut": False},
            {"cut": True},
            ["newly refused:", "-open connections of removed peers: kept", "+open connections of removed peers: cut"],
        ),
        (
            {"refuse": "drop"},
            {"refuse": "reject"},
            ["other changes:", "-refused packets: dropped", "+refused packets: rejected"],
        ),
        ({"log": "off"}, {"log": "all"}, ["other changes:", "-log: off", "+log: all"]),
        (
            {"management": ["192.0.2.9"]},
            {"management": ["192.0.2.8"]},
            ["newly refused:", "-management access: 192.0.2.9", "newly allowed:", "+management access: 192.0.2.8"],
        ),
        (
            {"management_ports": [22]},
            {"management_ports": [2222]},
            ["newly refused:", "-in tcp 22 from management access", "+in tcp 2222 from management access"],
        ),
        (
            {"trusted_interfaces": ["lan0"]},
            {"trusted_interfaces": ["lan1"]},
            ["newly refused:", "-trusted interfaces: lan0", "newly allowed:", "+trusted interfaces: lan1"],
        ),
        (
            {"trusted_interfaces": ["lan0"]},
            {"trusted_interfaces": None},
            [
                *("newly refused:", "-trusted interfaces: lan0"),
                *("newly allowed:", "+trusted interfaces: container bridges"),
            ],
        ),
    ],
)
def test_a_change_of_each_setting_is_shown(
    host: Host, old: dict[str, Any], new: dict[str, Any], lines: list[str]
) -> None:
    host.apply(ONE, {**STRICT, **old})
    assert both(host, ONE, {**STRICT, **new}) == lines


def test_a_setting_that_changes_nothing_by_itself_is_shown_with_what_does(host: Host) -> None:
    host.apply(ONE, {"foreign": "warn", "mark": None})
    assert host.diff(ONE, {"foreign": "fail"}) == []
    changed = both(host, ONE, {"foreign": "fail", "mark": [16, 255]})
    assert {
        "-unmanaged rules that refuse planned flows: warn",
        "+unmanaged rules that refuse planned flows: fail",
        "-mark of permitted packets: none",
        "+mark of permitted packets: 0x10/0xff",
    } <= set(changed)


def test_one_peer_of_many_is_shown_once_for_all_rules(host: Host) -> None:
    agents = [f"198.51.100.{number}" for number in range(1, 200, 2)]

    def of(*more: str) -> dict[str, Any]:
        rules = slice_of(*(rule(port, "any") for port in range(10)))
        plain = [{**one, "peers": "agent"} for one in rules["rules"]]
        return {"one": {"rules": plain, "sets": {"agent": [*agents, *more]}}}

    host.apply(of("203.0.113.151"))
    assert both(host, of("10.9.9.9")) == [
        *("newly refused:", "-peers agent: 203.0.113.151"),
        *("newly allowed:", "+peers agent: 10.9.9.9"),
    ]


def test_another_name_of_the_same_set_is_no_difference(host: Host) -> None:
    slices = {"one": slice_of(rule(514, [PEER]), rule(515, [OTHER]))}
    host.apply(slices)
    (one,) = slices.values()
    renamed = {"rules": [{**each, "peers": f"agent~{each['peers']}"} for each in one["rules"]]}
    renamed["sets"] = {f"agent~{name}": networks for name, networks in one["sets"].items()}
    assert both(host, {"one": renamed}, {"log": "all"}) == ["other changes:", "-log: off", "+log: all"]


def test_what_shows_in_no_other_way_is_named(host: Host) -> None:
    whole, halves = (slice_of(rule(514, one, refusal="open")) for one in (["192.0.2.0/25"], HALVES))
    host.apply({"one": whole})
    assert both(host, {"one": halves}) == [*("other changes:", "-rule one/0: as it was", "+rule one/0: written again")]


def test_a_removal_shows_all_that_goes(host: Host) -> None:
    host.apply(ONE, STRICT)
    assert both(host, {}, replace_all=True, removes=True) == [
        "newly allowed:",
        "-inbound traffic without a rule: refused",
        "-in tcp 22 from management access",
        "-in tcp 514 from s0, guarded (one.0)",
        "-in udp 514 from s1, guarded (one.1)",
        "+inbound traffic without a rule: accepted",
        "other changes:",
        "-management access: 192.0.2.9",
        "-peers s0: 192.0.2.10",
        "-peers s1: 192.0.2.10",
    ]


def test_a_rule_that_a_hand_put_there_is_shown_as_nft_lists_it(host: Host) -> None:
    host.apply(ONE)
    nft("insert rule inet portbook inbound tcp dport 7777 accept")
    nft(f"delete rule inet portbook in_tcp_514 handle {handle('in_tcp_514', 'jump refused')}")
    assert both(host, ONE) == [
        "other changes:",
        "-the table inet portbook: changed by hand",
        "+the table inet portbook: as planned",
        "the table inet portbook, changed by hand:",
        "+chain in_tcp_514: jump refused",
        "-chain inbound: tcp dport 7777 accept",
    ]


def handle(chain: str, text: str) -> str:
    listing = run("nft", "-a", "list", "chain", "inet", "portbook", chain)
    return next(line.rpartition(" ")[2] for line in listing.splitlines() if text in line)


def test_a_table_that_is_missing_refuses_again(host: Host) -> None:
    host.apply(ONE)
    nft("delete table inet portbook")
    assert both(host, ONE) == [
        *("newly refused:", "-the table inet portbook: missing", "+the table inet portbook: as planned")
    ]


def test_where_no_network_namespace_can_be_had_a_hands_change_is_still_reported(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.apply(ONE)
    nft("insert rule inet portbook inbound tcp dport 7777 accept")
    unshare = tmp_path / "unshare"
    unshare.write_text("#!/bin/sh\nexit 1\n")
    unshare.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert both(host, ONE) == [
        *("other changes:", "-the table inet portbook: changed by hand", "+the table inet portbook: as planned")
    ]


def test_a_file_that_a_hand_changed_is_shown(host: Host) -> None:
    host.apply(ONE)
    path = host.folder / "table.nft"
    path.write_text(path.read_text() + "# mine\n")
    assert both(host, ONE) == ["other changes:", f"-{path}: changed or missing", f"+{path}: as planned"]


def test_what_only_the_host_knows_is_shown_as_its_rules(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.apply(ONE)
    monkeypatch.setattr(local, "own_bridges", lambda: ["br0"])
    lines = both(host, ONE)
    assert "+chain from_containers: iifname @own_bridges return" in lines
    assert '+set own_bridges: "br0"' in lines


def test_the_rules_of_nft_are_shown_to_who_asks_for_details(host: Host) -> None:
    host.apply(ONE)
    changed = {"one": slice_of(rule(515, [PEER]), rule(514, [PEER], protocol="udp"))}
    assert "ruleset:" not in host.diff(changed, check=True, verbosity=1)
    lines = host.diff(changed, verbosity=2)
    assert lines[:3] == [
        "newly refused:",
        "-in tcp 514 from s0, guarded (one.0)",
        "+in tcp 515 from s0, guarded (one.0)",
    ]
    assert {"ruleset:", "-map in_ports: tcp . 514 : jump in_tcp_514", "+map in_ports: tcp . 515 : jump in_tcp_515"} <= {
        *lines
    }


def test_the_diff_of_twenty_thousand_addresses_is_small(host: Host) -> None:
    many = [f"10.{number // 128}.{number % 128 * 2}.1" for number in range(20000)]
    first = host.apply({"one": slice_of(rule(514, many))}, diff=True)
    assert printed(first.diff)[-1].endswith(" and 19800 more")
    assert len(str(first.diff)) < 5000
