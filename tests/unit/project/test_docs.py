# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages print is what the product says, and their links lead somewhere."""

from __future__ import annotations

import json
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.manager import VariableManager
from pages import CHECKOUT, PAGES, README, missing_lines, of_kind, printed

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalogs
from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.hostvars import Reader
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.names import Names
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.variables import of_component
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.world import HostInput
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan import file as plan_file
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.compute import Computed, compute
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems
from ansible_collections.portbook.firewall.plugins.plugin_utils.run import show
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.planning import catalog_of

OWN = CHECKOUT / "examples" / "catalog"
GETTING_STARTED = CHECKOUT / "docs" / "getting-started.md"
OWN_PRODUCTS = CHECKOUT / "docs" / "own-products.md"
TODAY = date(2026, 11, 21)
# An 80-column terminal, of which Ansible leaves the last one free.
WIDTH = 79

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


# -- helpers --------------------------------------------------------------------------------------


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def book(own: bool = False) -> Catalog:
    problems = Problems()
    catalog = catalogs.load([OWN] if own else [], problems)
    assert not problems.errors
    return catalog


def inputs(folder: Path, catalog: Catalog) -> tuple[list[HostInput], list[str]]:
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=[str(folder)])
    variables = VariableManager(loader, inventory)
    hostvars = {host.name: variables.get_vars(host=host, include_hostvars=False) for host in inventory.get_hosts()}
    # The only templates in the examples are paths, which are given here by hand.
    for one in hostvars.values():
        one.pop("portbook_catalogs", None)
    groups = inventory.get_groups_dict()
    return Reader(Names(catalog, Problems()).ours, ()).inputs(hostvars, groups), list(groups)


def unresolved(names: Any) -> dict[str, tuple[str, ...] | str]:
    return dict.fromkeys(names, "[Errno -2] Name or service not known")


def planned(folder: Path, own: bool = False, **more: Any) -> Computed:
    """`more`: variables of all hosts, or with a host's name in front (`probe-1.x`) of one; `!` in
    front takes a group away, or gives it another name; `+` adds a host of a group."""
    catalog = book(own)
    hosts, groups = inputs(folder, catalog)
    gone = {name[1:]: name_now for name, name_now in more.items() if name.startswith("!")}
    added = {name[1:]: group for name, group in more.items() if name.startswith("+")}
    changed = [
        HostInput(
            host.name,
            frozenset(gone.get(group, group) for group in host.groups) - {None},
            dict(host.variables)
            | {
                name.rpartition(".")[2]: value
                for name, value in more.items()
                if name.rpartition(".")[0] in ("", host.name)
            },
        )
        for host in hosts
    ]
    kept = [gone.get(group, group) for group in groups if gone.get(group, group)]
    for name, group in added.items():
        changed.append(HostInput(name, frozenset({group}), changed[0].variables | {"ansible_host": "192.0.2.30"}))
        kept.append(group)
    return compute(catalog, Problems(), changed, kept, TODAY, unresolved)


def shown_text(outcome: Computed) -> str:
    assert outcome.plan, [str(one) for one in outcome.errors]
    return "\n".join(
        line
        for name, text in plan_file.parts(outcome.plan, outcome.digest)
        for line in show.host_lines(HostPart.of(json.loads(text)), name, None, WIDTH)
    )


def inventory_on(page: Path, folder: Path) -> Path:
    """The inventory whose files the page has, as a reader would write them."""
    for block in of_kind(page, "file"):
        (folder / block.what).parent.mkdir(parents=True, exist_ok=True)
        (folder / block.what).write_text(block.body, encoding="utf-8")
    return folder / "inventory"


# -- what is printed -------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_output_on_a_page_is_what_the_plan_prints(page: Path, tmp_path: Path) -> None:
    for block in of_kind(page, "output"):
        folder = inventory_on(page, tmp_path) if block.what.endswith(".md") else CHECKOUT / block.what
        assert not missing_lines(block.body, shown_text(planned(folder, own="doorman" in block.what)))


def test_readme_shows_output() -> None:
    assert of_kind(README, "output")


def errors_on(page: Path) -> set[str]:
    return {line for block in of_kind(page, "errors") for line in block.body.splitlines()}


FIRST_ERRORS: list[dict[str, Any]] = [
    {"!utmstack_master": None},
    {"probe-1.portbook_realm": "site-b", "web-1.portbook_realm": "site-b"},
    {"web-2.ansible_host": "web-2.example.invalid"},
    {"portbook_peer": {}},
    {"portbook_peers": {"utmstack_devices": []}},
    {"portbook_flows": {"utmstack.syslog": {}}},
    {"portbook_posture": "strikt"},
    {"siem-1.portbook_evidence": "strict"},
    {"!utmstack_agent": "utmstack_agents"},
    {"+hub-1": "stifler_server"},
]


@pytest.mark.parametrize("cause", FIRST_ERRORS, ids=str)
def test_first_errors_are_reported_in_the_words_of_the_page(cause: dict[str, Any], tmp_path: Path) -> None:
    outcome = planned(inventory_on(GETTING_STARTED, tmp_path), **cause)
    assert outcome.errors
    assert {str(error) for error in outcome.errors} <= errors_on(GETTING_STARTED)


def test_every_first_error_on_the_page_is_caused(tmp_path: Path) -> None:
    folder = inventory_on(GETTING_STARTED, tmp_path)
    assert errors_on(GETTING_STARTED) == {str(one) for cause in FIRST_ERRORS for one in planned(folder, **cause).errors}


BROKEN_CATALOGUES = [
    [
        ("from: [doorman_controller]\n    to: [doorman_server]", "from: [doorman_controller]\n    to: [doorman_servr]"),
        ("    feature: push\n", "    feature: pusch\n"),
        ("ports: [7401]", "ports: [22]"),
        ("[web]", "[wbe]"),
    ],
    [
        ("    confidence: high\n\n  doorman.push", "    confidence: sure\n\n  doorman.push"),
        ("ports: [7401]", "ports: [74010]"),
        ("    title: Reception desk\n", ""),
    ],
]


@pytest.mark.parametrize("changes", BROKEN_CATALOGUES, ids=["names", "schema"])
def test_errors_of_own_catalogues_are_reported_in_the_words_of_the_page(
    changes: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text_of(OWN / "doorman.yml")
    for right, wrong in changes:
        assert right in text
        text = text.replace(right, wrong)
    (tmp_path / "doorman.yml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    problems = Problems()
    catalogs.load([Path("doorman.yml")], problems)
    assert len(problems.errors) >= len(changes)
    on_page = [set(block.body.splitlines()) for block in of_kind(OWN_PRODUCTS, "errors")]
    assert {str(error) for error in problems.errors} in on_page


def test_wrong_paths_of_catalogues_are_reported_in_the_words_of_the_page() -> None:
    told = []
    for paths in ("nosuch", {"path": "doorman.yml"}):
        problems = Problems()
        catalog_of(paths, problems)
        told += [str(error) for error in problems.errors]
    assert told == printed(OWN_PRODUCTS, "wrong paths").body.splitlines()


# -- the example of an own product -----------------------------------------------------------------


def test_own_product_loads_next_to_the_vendors_products() -> None:
    assert {"doorman_server", "doorman_controller", "doorman_reception"} <= set(book(own=True).components)


def test_own_product_that_no_host_has_changes_no_plan() -> None:
    example = CHECKOUT / "examples" / "inventory"
    assert planned(example).digest == planned(example, own=True).digest != ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_excerpts_of_files_are_in_them(page: Path) -> None:
    for block in of_kind(page, "part of"):
        assert not missing_lines(block.body, text_of(CHECKOUT / block.what))


def test_variables_that_the_page_promises_exist() -> None:
    given = {variable.name for component in book(own=True).components.values() for variable in of_component(component)}
    promised = {
        "doorman_server_push",
        "doorman_server_port",
        "doorman_server_web_port",
        "doorman_server_posture",
        "doorman_server_realm",
    }
    assert promised <= given
    assert all(f"`{name}`" in text_of(OWN_PRODUCTS) for name in promised)


# -- the rest ----------------------------------------------------------------------------------------


def test_readme_names_every_component_with_a_role() -> None:
    with_role = [name for name, one in book().components.items() if not one.party]
    assert [name for name in with_role if f"`{name}`" not in text_of(README)] == []


def written_pages() -> list[Path]:
    """Where pages of the product lie; not the whole checkout, below which other tests may be building machines."""
    folders = ("docs", "roles", "examples", "changelogs", "plugins", "playbooks", "tests/lab")
    deeper = (page for folder in folders for page in (CHECKOUT / folder).rglob("*.md"))
    return sorted([*CHECKOUT.glob("*.md"), *deeper])


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text_of(page), flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", written_pages(), ids=lambda page: page.relative_to(CHECKOUT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", text_of(page), flags=re.S)
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _hash, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(CHECKOUT), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", written_pages(), ids=lambda page: page.relative_to(CHECKOUT).as_posix())
def test_every_table_has_as_many_cells_in_each_line(page: Path) -> None:
    width = 0
    for line in re.sub(r"```.*?```", "", text_of(page), flags=re.S).splitlines():
        cells = len(re.sub(r"\\\|", "", line).split("|")) - 2 if line.startswith("|") else 0
        assert not (width and cells) or cells == width, line
        width = cells
