# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that portbook_plan_file names."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator
from playbook_runs import CHECKOUT, Desk, Run


def test_only_its_owner_may_read_it(plain_run: Run):
    assert oct(plain_run.plan_file.stat().st_mode & 0o777) == "0o600"


def test_a_file_that_others_could_read_becomes_private(desk: Desk):
    desk.plan_file.write_text("{}")
    desk.plan_file.chmod(0o644)
    desk.run(options=["--limit", "siem"]).ok()
    assert oct(desk.plan_file.stat().st_mode & 0o777) == "0o600"


def test_it_is_as_its_schema_says(plain_run: Run):
    schema = json.loads((CHECKOUT / "docs" / "plan.schema.json").read_text(encoding="utf-8"))
    assert [one.message for one in Draft202012Validator(schema).iter_errors(plain_run.plan)] == []


def test_it_has_format_1_and_a_digest(plain_run: Run):
    assert plain_run.plan["format"] == 1
    assert len(plain_run.plan["digest"]) == 64
    assert set(plain_run.plan["hosts"]) == {"siem", "probe", "web-1", "web-2", "web-3"}


def test_nothing_else_is_left_next_to_it(plain_run: Run):
    before = {"ansible.cfg", "home", "inventory", "ssh", "tmp"}
    assert {one.name for one in plain_run.plan_file.parent.iterdir()} == {*before, "plan.json"}


def test_without_the_variable_nothing_is_written(desk: Desk):
    run = desk.run(keep=False, options=["--limit", "siem"]).ok()
    assert not desk.plan_file.exists()
    assert "written to" not in run.output


@pytest.mark.parametrize(("name", "place"), [("build/new/plan.json", ""), ("~/plan.json", "home")])
def test_it_may_lie_in_a_new_folder_or_the_home_folder(desk: Desk, name: str, place: str):
    desk.run(keep=False, portbook_plan_file=name, options=["--limit", "siem"]).ok()
    written = desk.folder / place / name.removeprefix("~/")
    assert json.loads(written.read_text())["format"] == 1
    assert not (desk.folder / "~").exists()


@pytest.mark.parametrize("name", ["a-file/plan.json", "a-folder"])
def test_where_it_cannot_be_written_is_an_error_that_names_it(desk: Desk, name: str):
    desk.write("a-file", "")
    (desk.folder / "a-folder").mkdir()
    target = desk.folder / name
    run = desk.run(keep=False, portbook_plan_file=str(target), options=["--limit", "siem"]).failed()
    assert run.message("siem").startswith(f"portbook_plan_file: {target} cannot be written: ")
    assert run.message("siem").endswith("Name a file in a folder that you may write to")
    assert run.shown == {}
    assert list(desk.folder.glob(".a-folder*")) == []
