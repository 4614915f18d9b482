# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of `make faults`: one break that is lost, or was not run, is no success."""

from __future__ import annotations

from machine.faults.breaks import CHOSEN, SINGLE
from machine.faults.model import AFTER, BEFORE, GROUPS, HELD, OLD, Row, Seen
from machine.faults.play import played
from machine.faults.report import report

SURVIVED = Row("nft fails", HELD, Seen(8.25, OLD, "ok, changed 0"))
NEVER_CUT = Row("nft is missing", BEFORE, Seen(None, OLD, "ok, changed 0"))
LOST = Row("the power is cut", AFTER, None, "the table is not bit for bit the confirmed one")


def ids(*rows: Row) -> list[str]:
    return [row.id for row in rows]


def test_all_survived() -> None:
    text, code = report([SURVIVED, NEVER_CUT], ids(SURVIVED, NEVER_CUT))
    assert code == 0
    assert text.splitlines()[-1] == "faults: 2 survived, 0 lost"
    assert "nft fails  8.2 s        old    ok, changed 0  survived" in text
    assert "never cut" in text


def test_one_that_is_lost_gives_exit_1_and_its_reason() -> None:
    text, code = report([SURVIVED, LOST], ids(SURVIVED, LOST))
    assert code == 1
    assert text.splitlines()[-1] == "faults: 1 survived, 1 lost"
    assert "LOST: after: the power is cut: the table is not bit for bit the confirmed one" in text


def test_one_that_was_not_run_is_no_success() -> None:
    text, code = report([SURVIVED], ids(SURVIVED, NEVER_CUT))
    assert code == 1
    assert "NOT RUN: before: nft is missing" in text
    assert report([], [])[1] == 1


def test_a_break_whose_driver_fails_is_lost_and_closes_its_machine() -> None:
    class Broken:
        closed = False

        def ready(self, _base: object) -> None:
            raise OSError("no machine could be started")

        def close(self) -> None:
            self.closed = True

    bench = Broken()
    row = played(SINGLE[0], bench, {})  # type: ignore[arg-type]
    assert row.lost == "OSError: no machine could be started"
    assert bench.closed


def test_every_break_has_a_name_of_its_own_and_every_group_is_among_those_of_the_tests() -> None:
    names = [one.id for one in SINGLE]
    assert len(names) == len(set(names))
    assert {one.group for one in CHOSEN} == set(GROUPS)
    assert len({one.id for one in CHOSEN}) == len(CHOSEN) >= 20
