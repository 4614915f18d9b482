# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups that are there and empty, groups whose names are nearly those of components, and portbook_shrink."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from playbook_runs import CHECKOUT, Desk, Run, site

CLIENTS, CONSOLES = "stifler.client.signalr-tcp", "stifler.dashboard.signalr"
NOT_RESTRICTED = "is not restricted to its peers, because the group of stifler_client is empty"
IN_INVENTORY = "portbook_shrink: true is set in the inventory"


def company(peers: dict[str, Any] | None = None, **all_vars: Any) -> dict[str, Any]:
    """Clients and consoles share a port of the server; the group of the clients is there and empty."""
    variables = {
        "ansible_connection": "winrm",
        "portbook_peers": {"stifler_console": ["192.0.2.5"], **(peers or {})},
        **all_vars,
    }
    children = {"stifler_server": {"hosts": {"hub": {"ansible_host": "192.0.2.10"}}}, "stifler_client": {}}
    return {"all": {"vars": variables, "children": children}}


def guards(run: Run, flow: str) -> set[bool]:
    return {rule["guarded"] for rule in run.rules("hub", flow) if rule["direction"] == "in"}


@pytest.fixture(scope="module")
def unsure(tmp_path_factory: pytest.TempPathFactory) -> Run:
    desk = Desk(tmp_path_factory.mktemp("unsure"))
    desk.inventory(company())
    return desk.run().ok()


def test_an_empty_group_leaves_the_guard_out_that_its_hosts_would_need(unsure: Run):
    assert guards(unsure, CONSOLES) == {False}
    empty = [rule.get("empty_groups") for rule in unsure.rules("hub", CONSOLES)]
    assert empty == [["stifler_client"]] * len(empty)


def test_a_warning_says_so_once_with_what_would_be_right(unsure: Run):
    assert f"hub: {CONSOLES} {NOT_RESTRICTED}" in unsure.words
    assert "portbook_peers: {stifler_client: []}" in unsure.words
    assert unsure.words.count(f"{CONSOLES} {NOT_RESTRICTED}") == 1
    assert "not restricted: the group of stifler_client is empty" in " ".join(unsure.shown["hub"].split())


def test_guards_that_do_not_rest_on_it_stay(unsure: Run):
    other = [rule for rule in unsure.rules("hub") if rule["guarded"]]
    assert other
    assert all("empty_groups" not in rule for rule in other)


def test_the_schema_knows_of_it(unsure: Run):
    schema = json.loads((CHECKOUT / "docs" / "plan.schema.json").read_text(encoding="utf-8"))
    assert [one.message for one in Draft202012Validator(schema).iter_errors(unsure.plan)] == []
    missing = {tuple(one.get("missing", ())) for one in unsure.plan["hosts"]["hub"]["not_planned"]}
    assert ("stifler_client",) in missing


@pytest.mark.parametrize(
    "inventory",
    [company({"stifler_client": []}), company(portbook_groups={"stifler_client": []})],
    ids=["portbook_peers", "portbook_groups"],
)
def test_an_empty_list_that_somebody_wrote_brings_the_guard_back(desk: Desk, inventory: dict[str, Any]):
    desk.inventory(inventory)
    run = desk.run().ok()
    assert guards(run, CONSOLES) == {True}
    assert NOT_RESTRICTED not in run.words
    assert all("empty_groups" not in rule for rule in run.rules("hub"))


def test_a_guard_that_somebody_asked_for_stays(desk: Desk):
    desk.inventory(company(portbook_flows={CONSOLES: {"guard": True}}))
    run = desk.run().ok()
    assert guards(run, CONSOLES) == {True}
    assert f"{CONSOLES} {NOT_RESTRICTED}" not in run.words


def test_addresses_that_are_listed_make_the_empty_group_no_question(desk: Desk):
    desk.inventory(company({"stifler_client": ["198.51.100.0/24"]}))
    run = desk.run().ok()
    assert guards(run, CONSOLES) == guards(run, CLIENTS) == {True}


# -- near names -------------------------------------------------------------------------------------------


def misspelt(**all_vars: Any) -> dict[str, Any]:
    made = site(all_vars)
    made["all"]["children"]["utmstack_agents"] = made["all"]["children"].pop("utmstack_agent")
    return made


def test_hosts_in_a_group_of_a_near_name_are_an_error_that_names_both(desk: Desk):
    desk.inventory(misspelt())
    errors = desk.run(options=["--limit", "siem"]).failed().errors
    assert [one for one in errors if "utmstack_agents" in one] == [
        "inventory: group utmstack_agents has 3 hosts and is the group of no component, while utmstack_agent has none. "
        "Rename the group to utmstack_agent, or set portbook_groups: {utmstack_agent: [utmstack_agents]}, or "
        "{utmstack_agent: []} if there are none"
    ]
    assert not desk.plan_file.exists()


@pytest.mark.parametrize(("groups", "there"), [(["utmstack_agents"], True), ([], False)])
def test_portbook_groups_says_which_is_meant(desk: Desk, groups: list[str], there: bool):
    desk.inventory(misspelt(portbook_groups={"utmstack_agent": groups}))
    run = desk.run().ok()
    assert ("web-1" in run.plan["hosts"]) == there


def test_a_near_name_next_to_a_filled_group_or_without_hosts_is_a_warning(desk: Desk):
    made = site()
    made["all"]["children"]["utmstack_agents"] = {"hosts": {"web-1": {}}}
    made["all"]["children"]["utmstack_probes"] = {}
    desk.inventory(made)
    words = desk.run(options=["--limit", "siem"]).ok().words
    for near in ("utmstack_agent", "utmstack_probe"):
        assert f"group {near}s is the group of no component, although {near} is one" in words


# -- portbook_shrink --------------------------------------------------------------------------------------


@pytest.mark.parametrize("playbook", ["portbook.firewall.plan", "portbook.firewall.site"])
def test_shrink_in_the_inventory_is_warned_of(desk: Desk, playbook: str):
    desk.inventory(site({"portbook_shrink": True}))
    assert desk.run(playbook, keep=False, options=["--limit", "desk,siem"]).ok().words.count(IN_INVENTORY) == 1


def test_shrink_for_one_run_is_not(desk: Desk, tmp_path: Path):
    given = desk.write("given.yml", {"portbook_shrink": True})
    for run in (
        desk.run(keep=False, options=["--limit", "siem"], portbook_shrink=True),
        desk.run(keep=False, options=["--limit", "siem", "-e", f"@{given}"]),
    ):
        assert IN_INVENTORY not in run.ok().words


def test_shrink_is_no_part_of_the_plan(desk: Desk):
    digests = [
        desk.run(options=["--limit", "siem"], **more).ok().plan["digest"] for more in ({}, {"portbook_shrink": True})
    ]
    assert digests[0] == digests[1]
