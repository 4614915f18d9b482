# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of events has those that are tried on real machines, and what it says of each is what is tried."""

from __future__ import annotations

from pathlib import Path

from docker.events import EVENTS as OF_DOCKER
from machine.helpers.changes import CHANGES
from machine.helpers.events import EVENTS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "host-events.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Of the first table below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = section[section.index("\n|") :].strip().partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_page_says_of_each_event_what_is_tried() -> None:
    assert [row[:2] for row in rows("Events")] == [[event.name, event.leaves] for event in EVENTS]


def test_the_page_has_what_is_done_to_docker() -> None:
    assert [row[0] for row in rows("Docker")] == [event.name for event in OF_DOCKER]


def test_the_page_has_the_changes_during_which_packets_are_counted() -> None:
    assert [row[0] for row in rows("While a change is applied")] == [change.name for change in CHANGES]
