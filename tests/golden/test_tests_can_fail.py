# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each of these tests is shown a wrong catalogue, a wrong plan or a wrong book, and has to notice."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from golden.helpers import accounts, mutants
from golden.helpers.book import Book, shipped
from golden.helpers.evaluator import differences, evaluate
from golden.helpers.inventories import INVENTORIES
from golden.helpers.mutants import CHANGES, Change, mutant, written
from golden.helpers.network import Node
from golden.helpers.running import load
from golden.helpers.table import Table
from golden.test_golden import SCENARIOS as GOLDEN_SCENARIOS
from golden.test_golden import wrong
from golden.test_truth_table import Scenario, planned, trial

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog

# What only another scenario can show; the golden files have them all.
SHOWN_BY: dict[Change, Scenario] = {
    mutants.lose_a_doubt: Scenario(strict=True),
    mutants.lose_the_versions: Scenario(version="oldest"),
}


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Change], Catalog]:
    loaded: dict[Change, Catalog] = {}

    def of(change: Change) -> Catalog:
        if change not in loaded:
            loaded[change] = load(written(mutant(change), tmp_path_factory.mktemp(change.__name__)))
        return loaded[change]

    return of


def _name(change: Change) -> str:
    return change.__name__


def test_a_copy_without_a_change_is_noticed_by_nobody(tmp_path: Path) -> None:
    catalog = load(written(mutant(lambda book: None), tmp_path / "same"))
    assert trial(Scenario()).wrong(trial(Scenario()).plan(catalog)) == []
    assert [one.name for one in INVENTORIES if wrong(one, "default", catalog)] == []


@pytest.mark.parametrize("change", CHANGES, ids=_name)
def test_the_truth_table_notices_a_changed_catalogue(change: Change, catalogs: Callable[[Change], Catalog]) -> None:
    """The table of the catalogue as shipped, the plan of the changed one."""
    scenario = SHOWN_BY.get(change, Scenario())
    assert trial(scenario).wrong(trial(scenario).plan(catalogs(change))) != []


@pytest.mark.parametrize("change", CHANGES, ids=_name)
def test_a_golden_file_notices_a_changed_catalogue(change: Change, catalogs: Callable[[Change], Catalog]) -> None:
    changed = {data["product"] for name, data in mutant(change).files.items() if data != shipped().files[name]}
    assert any(
        wrong(inventory, scenario, catalogs(change))
        for inventory in INVENTORIES
        if inventory.product in changed
        for scenario in GOLDEN_SCENARIOS
    )


# -- a planner that is wrong --------------------------------------------------------------------------


def _drop(rule: dict[str, Any], data: dict[str, Any]) -> None:
    rule["ports"] = []


def _flip(rule: dict[str, Any], data: dict[str, Any]) -> None:
    rule["direction"] = "out" if rule["direction"] == "in" else "in"


def _open(rule: dict[str, Any], data: dict[str, Any]) -> None:
    rule["peers"] = "any"


def _shut(rule: dict[str, Any], data: dict[str, Any]) -> None:
    data["peers"]["none of these"] = []
    rule["peers"] = "none of these"


def _shift(rule: dict[str, Any], data: dict[str, Any]) -> None:
    rule["ports"] = ["12345"]


def _other_protocol(rule: dict[str, Any], data: dict[str, Any]) -> None:
    rule["protocol"] = "udp" if rule["protocol"] == "tcp" else "tcp"


def _other_cast(rule: dict[str, Any], data: dict[str, Any]) -> None:
    rule["cast"] = "unicast" if rule["cast"] == "broadcast" else "broadcast"


def _other_source(rule: dict[str, Any], data: dict[str, Any]) -> None:
    rule["source_ports"] = ["3704"] if rule["source_ports"] == ["3705"] else ["3705"]


SPOILED = (_drop, _flip, _open, _shut, _shift, _other_protocol, _other_cast, _other_source)


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda one: one.__name__.strip("_"))
def test_the_truth_table_notices_a_rule_that_is_wrong(spoil: Callable[..., None]) -> None:
    """Every rule of the plan with all features on is spoilt in turn."""
    tried, data = trial(Scenario("on")), planned(Scenario("on"))
    noticed, unnoticed = 0, []
    for node in tried.network:
        rules = data["hosts"][node.name]["rules"]
        for number, rule in enumerate(rules):
            spoilt_rule, sets = copy.deepcopy(rule), dict(data["peers"])
            spoil(spoilt_rule, {"peers": sets})
            if rule["peers"] == "management" or data["peers"].get(rule["peers"]) == [] or spoilt_rule == rule:
                continue
            if _notices(node, [*rules[:number], spoilt_rule, *rules[number + 1 :]], sets):
                noticed += 1
            else:
                unnoticed.append((node, number))
    assert noticed > 250
    # A rule all of whose packets other rules of its host let through as well may be spoilt unseen.
    assert [
        (node.name, data["hosts"][node.name]["rules"][number]["id"])
        for node, number in unnoticed
        if _notices(node, _without(data["hosts"][node.name]["rules"], number), data["peers"])
    ] == []


def _notices(node: Node, rules: list[dict[str, Any]], sets: dict[str, list[str]]) -> bool:
    tried = trial(Scenario("on"))
    actual = evaluate({"peers": sets, "hosts": {node.name: {"rules": rules}}}, tried.book, (node,), tried.tried)
    return differences(_expected()[node.name], actual) != []


@cache
def _expected() -> dict[str, Table]:
    """The table, by host."""
    found: dict[str, Table] = {node.name: {} for node in trial(Scenario("on")).network}
    for key, some in trial(Scenario("on")).table.items():
        found[key[0]][key] = some
    return found


def _without(rules: list[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    return [*rules[:number], *rules[number + 1 :]]


# -- a book that does not add up ----------------------------------------------------------------------


def _row(book: Book, name: str) -> dict[str, Any]:
    found: dict[str, Any] = book.rows[name]
    return found


def _lose_a_row(book: Book) -> None:
    del book.of_product("stifler")["rows"]["R30"]


def _lead_a_row_elsewhere(book: Book) -> None:
    _row(book, "R26")["flows"] = ["bc.retrieval"]


def _lose_the_locator(book: Book) -> None:
    _row(book, "U2.1")["table"] = " "


def _lose_the_figures(book: Book) -> None:
    _row(book, "U2.1")["printed"] = {}


def _orphan_a_flow(book: Book) -> None:
    _row(book, "U5.1").update(became="not_a_flow", why="we forgot")
    del _row(book, "U5.1")["flows"]


def _drop_without_a_reason(book: Book) -> None:
    _row(book, "S1.3")["why"] = ""


def _call_it_evidence(book: Book) -> None:
    book.flows["utmstack.web-console"]["origin"] = "evidence"


def _turn_an_addition_on(book: Book) -> None:
    book.components["netwrix_activity_agent"]["features"]["api"]["default"] = True


def _print_what_is_generated(book: Book) -> None:
    _row(book, "R26")["errata"][0]["printed"] = _row(book, "R26")["errata"][0]["generated"]


@pytest.mark.parametrize(
    ("change", "account"),
    [
        (_lose_a_row, accounts.counts),
        (_lead_a_row_elsewhere, lambda book: accounts.compared(book, _as_shipped())),
        (_lose_a_row, lambda book: accounts.compared(book, _as_shipped())),
        (_lose_the_locator, accounts.locators),
        (_lose_the_figures, accounts.locators),
        (_orphan_a_flow, accounts.origins),
        (_orphan_a_flow, accounts.fates),
        (_orphan_a_flow, accounts.counts),
        (_drop_without_a_reason, accounts.fates),
        (_call_it_evidence, accounts.origins),
        (_turn_an_addition_on, accounts.additions),
        (_print_what_is_generated, accounts.errata),
    ],
)
def test_the_accounts_notice_a_changed_book(change: Change, account: Callable[[Book], list[str]]) -> None:
    assert set(account(mutant(change))) - set(account(shipped())) != set()


def _as_shipped() -> dict[str, set[str]]:
    return {name: set(row.get("flows", [])) for name, row in shipped().rows.items()}
