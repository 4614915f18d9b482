# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of other people work by their rules, and by nothing else."""

from __future__ import annotations

from clients.helpers.bench import Bench, Tried
from clients.helpers.table import BEFORE, BY_STRANGER, TABLE, WITH, WITHOUT
from firewalld.helpers.daemon import Daemon

TOGETHER = [row for row in TABLE if not row.alone]
ALONE = [row for row in TABLE if row.alone]


def test_clients_work_with_their_rules_and_neither_without_them_nor_for_strangers(bench: Bench) -> None:
    tried: dict[str, list[Tried]] = {}
    # Else what fails later may do so for another reason.
    tried[BEFORE] = bench.ask(TABLE, wanted=True)
    tried[f"{BEFORE}, {BY_STRANGER}"] = bench.ask(TABLE, wanted=True, stranger=True)
    public_again(bench)
    bench.apply(without=TABLE)
    tried[WITHOUT] = bench.ask(TOGETHER, wanted=False)
    bench.apply(without=ALONE)
    tried[WITHOUT] += bench.ask(ALONE, wanted=False)
    bench.apply()
    tried[WITH] = bench.ask(TABLE, wanted=True)
    tried[BY_STRANGER] = bench.ask(TABLE, wanted=False, stranger=True)

    wrong = []
    for column, every in tried.items():
        assert len(every) == len(TABLE), column
        for one in every:
            print(f"{column}: {one.row.name}: {'works' if one.said.found else 'fails'} ({one.seconds:.1f} s)")
            if one.said.found != one.row.wanted.get(column, True):
                print(f"{one.said.output[-2000:]}\n")
                wrong.append((column, one.row.name, one.said.found))
    assert wrong == []


def public_again(bench: Bench) -> None:
    """The zone that firewalld comes with, which lets in nothing of the table."""
    for machine in (bench.siem, bench.booter):
        if machine.succeeds("systemctl", "--quiet", "is-active", "firewalld"):
            Daemon(machine).cmd("--set-default-zone=public")
