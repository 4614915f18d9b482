# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a comparison says of a host: what would change, in the words of a diff, and what listens without a rule."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.difference import section
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.compare import _in_words, printed, unplanned
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.outcome import Outcome
from ansible_collections.portbook.firewall.plugins.plugin_utils.run import compared
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.records import Record
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.summary import WIDTH, lines


def planned(host: str, state: str = "", **more: Any) -> Record:
    return Record(host, "planned", ("web",), rules_in=3, compared=state, **more)


def said(*records: Record, wanted: str | None = None) -> list[str]:
    return lines(records, wanted, None, lambda _record: None, WIDTH)


def test_a_plan_that_was_compared_with_no_host_says_so_last() -> None:
    assert said(planned("a"), planned("b"))[-1] == compared.NOTHING


def test_what_is_not_known_stands_first_and_equal_hosts_stand_once() -> None:
    records = [planned(f"web-{one}", "same") for one in range(5)]
    records += [planned("db", "differs", text="would create 2"), planned("far", "unreachable", text="timed out")]
    found = said(*records, planned("left"))
    at = next(number for number, line in enumerate(found) if "compared with the plan" in line)
    assert [line.split("  ")[0] for line in found[at + 1 :]] == [
        "far",
        "db",
        "web-0 and 4 more",
        "7 of 8 hosts compared, nothing changed: 5 as planned, 1 would change, 1 unreachable",
    ]
    assert found[at + 1].endswith("unreachable: timed out")


def test_changes_leave_out_hosts_that_are_as_planned_and_count_them() -> None:
    found = said(planned("a", "same"), planned("b", "differs", text="would delete 1"), wanted="changes")
    table = found[found.index("") :]
    assert not [line for line in table if line.startswith("a ")]
    assert found[-1] == "2 hosts compared, nothing changed: 1 as planned, 1 would change"


def test_details_are_shown_where_all_is_shown() -> None:
    one = planned("a", "differs", text="would create 1", details=("allowed:", "+ tcp 514"))
    assert "    + tcp 514" in said(one, wanted="full")
    assert "    + tcp 514" not in said(one, wanted="summary")


def test_a_reason_that_a_row_has_no_room_for_is_shown_whole() -> None:
    reason = " ".join(["long"] * 60)
    assert " ".join(" ".join(said(planned("a", "refused", text=reason), wanted="full")).split()).count(reason) == 1


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(changed=True, create=("a", "b"), delete=("c",), keep=4), "would create 2, would delete 1, 4 kept"),
        (Outcome(changed=True, mended=True, keep=4), "not as it was applied: would be replaced"),
        (Outcome(changed=True, keep=4), "would change, but no rule"),
    ],
)
def test_what_would_be_done_in_a_few_words(outcome: Outcome, words: str) -> None:
    assert _in_words(outcome) == words


def test_differences_are_lines_that_go_and_come() -> None:
    found = list(printed(section("allowed", ["same", "-- old"], ["same", "new"])))
    assert found == ["allowed:", "- -- old", "+ new"]


def test_sockets_that_no_rule_names_are_found_with_their_unit_or_program() -> None:
    def one(protocol: str, port: int, program: str = "", *units: str, loopback: bool = False) -> dict[str, Any]:
        return {"protocol": protocol, "port": port, "program": program, "units": list(units), "loopback": loopback}

    listening = [
        one("tcp", 22, "/usr/sbin/sshd"),
        one("tcp", 80, "/usr/sbin/nginx", "nginx.service"),
        one("tcp", 80, "/usr/sbin/nginx", "nginx.service"),
        one("udp", 69, "C:\\tftp\\tftpd.exe"),
        one("tcp", 5432, loopback=True),
        one("udp", 45000),
        one("tcp", 45000),
    ]
    found = unplanned(listening, HostPart("host"), {}, 22)
    assert found == ["tcp 80 (nginx.service)", "udp 69 (tftpd.exe)", "tcp 45000"]
