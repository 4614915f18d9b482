# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples run clean, and a large site is planned to its end."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from playbook_runs import CHECKOUT, PLAN, Desk, Run

EXAMPLES = CHECKOUT / "examples"


@pytest.fixture
def example(desk: Desk) -> Desk:
    (desk.folder / "inventory" / "hosts.yml").unlink()
    (desk.folder / "inventory").rmdir()
    (desk.folder / "inventory").symlink_to(EXAMPLES / "inventory")
    return desk


def complaints(run: Run) -> list[str]:
    """Warnings but those that say that nothing can be applied yet."""
    lines = [line for line in run.output.splitlines() if "WARNING" in line or "DEPRECAT" in line.upper()]
    return [line for line in lines if not line.startswith("[WARNING]: not applied: ")]


def test_the_example_is_planned_without_a_warning(example: Desk):
    run = example.run(PLAN).ok()
    assert complaints(run) == []
    assert set(run.plan["hosts"]) <= set(run.shown)
    assert len(run.blocks) == len(run.shown) == len(run.recap)


def test_the_example_site_runs_without_a_warning_of_its_own(example: Desk):
    run = example.run(str(EXAMPLES / "site.yml"), keep=False, portbook_backend="none").ok()
    assert complaints(run) == []
    assert {(one["failed"], one["changed"]) for one in run.recap.values()} == {(0, 0)}


def large_site(hosts: int) -> dict[str, Any]:
    """Every component that the port book knows, in turn."""
    components: dict[str, dict[str, Any]] = {}
    for file in sorted((CHECKOUT / "plugins/plugin_utils/catalog/books").glob("*.yml")):
        components.update(yaml.safe_load(file.read_text(encoding="utf-8")).get("components", {}))
    playing = [name for name, one in components.items() if not one.get("party")]
    groups: dict[str, Any] = {name: {"hosts": {}} for name in playing}
    for number in range(hosts):
        name = playing[number % len(playing)]
        platforms = components[name].get("platforms", ["linux"])
        connection = "ssh" if "linux" in platforms else "psrp"
        groups[name]["hosts"][f"host-{number:04}"] = {
            "ansible_host": f"198.51.100.{number + 1}" if number < 200 else f"2001:db8::{number:x}",
            "ansible_connection": connection,
        }
    parties = {name: ["203.0.113.0/24"] for name, one in components.items() if one.get("party")}
    return {"all": {"vars": {"portbook_peers": parties}, "children": groups}}


@pytest.mark.more
def test_three_hundred_hosts_with_all_components_each_get_one_part(desk: Desk):
    desk.inventory(large_site(300))
    run = desk.run(options=["--forks", "10"]).ok()
    names = sorted(f"host-{number:04}" for number in range(300))
    assert names == sorted(run.recap) == sorted(run.plan["hosts"])
    assert sum(one["ok"] for one in run.recap.values()) == 300 + 1, "and the summary"
    assert run.contacts == ()
