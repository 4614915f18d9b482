# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of other people work by the rules, and by nothing else."""

from __future__ import annotations

from clients.helpers.bench import Bench, Tried
from clients.helpers.table import TABLE, Row

TOGETHER = [row for row in TABLE if not row.alone]
ALONE = [row for row in TABLE if row.alone]


def cells(tried: list[Tried]) -> dict[str, bool]:
    for one in tried:
        print(f"{name(one.row)}: {one.said.found}\n{one.said.output[-1000:]}")
    return {name(one.row): one.said.found for one in tried}


def name(row: Row) -> str:
    return f"{row.client} to {row.server}: {row.flow} ({row.row})"


def test_clients_work_with_their_rules_and_fail_without_them(bench: Bench) -> None:
    if bench.backend == "nftables":
        # Or they fail for another reason; firewalld lets none in.
        assert cells(bench.ask(TABLE)) == {name(row): True for row in TABLE}
        assert cells(bench.ask(TABLE, stranger=True)) == {name(row): True for row in TABLE}
    bench.apply(without=TABLE)
    assert cells(bench.ask(TOGETHER)) == {name(row): False for row in TOGETHER}
    bench.apply(without=ALONE)
    assert cells(bench.ask(ALONE)) == {name(row): False for row in ALONE}
    bench.apply()
    assert cells(bench.ask(TABLE)) == {name(row): True for row in TABLE}
    assert cells(bench.ask(TABLE, stranger=True)) == {name(row): row.from_stranger for row in TABLE}
