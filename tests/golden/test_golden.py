# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans of all products in all versions are the ones on file."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from golden.helpers import text
from golden.helpers.book import shipped
from golden.helpers.inventories import (
    INVENTORIES,
    Inventory,
    features,
    played_by,
    talks_to_itself,
    unknown_ports,
)
from golden.helpers.running import Planned, plan

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog

EXPECTED = Path(__file__).parent / "expected"
SCENARIOS = ("default", "all-on", "strict")
# Versions whose plans are those of another but for the flows that they have not: they need no files of their own.
LIKE = {"netwrix-7.4": "netwrix-8.0", "netwrix-7.5": "netwrix-8.0"}
LACKS = {"netwrix-7.4": ("ntp.agent-threat-manager",)}


def variables(inventory: Inventory, scenario: str) -> dict[str, Any]:
    book = shipped()
    found = inventory.variables(book)
    if scenario == "all-on":
        # What a host says itself comes later: the CEE on Linux keeps its own word.
        found |= {**dict.fromkeys(features(book), True), **unknown_ports(book)}
    elif scenario == "strict":
        found["portbook_evidence"] = "strict"
    return found


def planned(inventory: Inventory, scenario: str, catalog: Catalog | None = None) -> Planned:
    result = plan(inventory.machines, variables(inventory, scenario), catalog)
    assert result.errors == (), "\n".join(result.errors)
    return result


@cache
def _default(inventory: Inventory) -> Planned:
    return planned(inventory, "default")


def rendered(inventory: Inventory, scenario: str, catalog: Catalog | None = None) -> str:
    result = planned(inventory, scenario, catalog)
    if scenario != "strict":
        return text.of_plan(result.data, result.warnings)
    before = _default(inventory) if catalog is None else planned(inventory, "default", catalog)
    changed = difference(text.lines(before.data, before.warnings), text.lines(result.data, result.warnings))
    return f"{text.HEAD}# What portbook_evidence: strict changes, - documented, + strict\n" + "".join(
        f"{line}\n" for line in changed or ["# nothing"]
    )


def difference(before: list[str], after: list[str]) -> list[str]:
    """The lines that one has and the other has not, a doubt that is no longer told included."""
    found = difflib.unified_diff(before, after, n=0, lineterm="")
    return [line for line in found if not line.startswith(("---", "+++", "@@"))]


def file_of(inventory: Inventory, scenario: str) -> Path:
    return EXPECTED / f"{LIKE.get(inventory.name, inventory.name)}-{scenario}.txt"


def taken_over(path: Path, now: str, update: bool) -> None:
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(now, encoding="utf-8")


def left_over(files: Iterable[Path], wanted: Collection[str], update: bool) -> list[Path]:
    """Files that no case has any more; an update takes them away."""
    found = [path for path in files if path.name not in wanted]
    if not update:
        return found
    for path in found:
        path.unlink()
    return []


def unlike(path: Path, now: str, lacks: Collection[str] = ()) -> str:
    """A diff of the file, without the rules of flows that lack, and what the code gives; empty if they are the same."""
    on_file = path.read_text(encoding="utf-8") if path.exists() else ""
    return "".join(
        difflib.unified_diff(
            [line for line in on_file.splitlines(keepends=True) if not any(f" | {flow} | " in line for flow in lacks)],
            now.splitlines(keepends=True),
            f"expected/{path.name}",
            "what the code gives",
        )
    )


def wrong(inventory: Inventory, scenario: str, catalog: Catalog | None = None) -> str:
    now = rendered(inventory, scenario, catalog)
    return unlike(file_of(inventory, scenario), now, LACKS.get(inventory.name, ()))


CASES = [
    pytest.param(inventory, scenario, id=f"{inventory.name}-{scenario}")
    for inventory in INVENTORIES
    for scenario in SCENARIOS
]


@pytest.mark.parametrize(("inventory", "scenario"), CASES)
def test_the_plan_is_the_one_on_file(inventory: Inventory, scenario: str, update: bool) -> None:
    taken_over(file_of(inventory, scenario), rendered(inventory, scenario), update and inventory.name not in LIKE)
    difference_ = wrong(inventory, scenario)
    assert not difference_, f"\n{difference_}\npytest tests/golden --update takes it over"


def test_no_file_is_left_over(update: bool) -> None:
    wanted = {file_of(inventory, scenario).name for inventory in INVENTORIES for scenario in SCENARIOS}
    assert left_over(EXPECTED.glob("*.txt"), wanted, update) == []


@pytest.mark.parametrize("product", sorted({one.product for one in INVENTORIES}))
def test_every_component_of_the_product_is_played(product: str) -> None:
    inventories = [one for one in INVENTORIES if one.product == product]
    played = {machine.component for one in inventories for machine in one.machines}
    played |= {component for one in inventories for component in one.peers}
    data = shipped().of_product(product)
    of_flows = {component for flow in data["flows"].values() for component in played_by(flow)}
    assert {*data["components"], *of_flows} - played == set()


def _versions(data: dict[str, Any]) -> set[str | None]:
    """None, if no component of the product tells versions apart."""
    components = data["components"].values()
    return {version for one in components for version in one.get("versions", {}).get("known", [])} or {None}


def test_every_version_is_planned() -> None:
    played = {(one.product, one.version) for one in INVENTORIES}
    known = {(data["product"], version) for data in shipped().files.values() for version in _versions(data)}
    assert played == known


@pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda one: one.name)
def test_components_that_talk_to_themselves_have_two_hosts(inventory: Inventory) -> None:
    names = [machine.component for machine in inventory.machines]
    own = set(shipped().of_product(inventory.product)["components"]) & set(names)
    assert [name for name in own if talks_to_itself(shipped(), name) and names.count(name) < 2] == []


@pytest.mark.parametrize("product", sorted({one.product for one in INVENTORIES}))
def test_every_flow_of_the_product_is_seen_from_both_ends_with_all_features_on(product: str) -> None:
    """Ends that a document leaves to others are no hosts here, and so have no end of their own."""
    seen: set[tuple[str, str]] = set()
    hosts: set[str] = set()
    for inventory in INVENTORIES:
        if inventory.product == product:
            hosts |= {machine.component for machine in inventory.machines if machine.rules}
            for host in planned(inventory, "all-on").data["hosts"].values():
                seen |= {(rule["flow"], rule["direction"]) for rule in host["rules"]}
    missing = [
        (name, direction)
        for name, flow in shipped().of_product(product)["flows"].items()
        for direction, ends in (("in", flow["to"]), ("out", flow["from"]))
        if hosts & set(ends) and (name, direction) not in seen
    ]
    assert missing == []
