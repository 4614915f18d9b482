# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apply does with hosts whose backend cannot be applied, and what it does with a kept plan."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playbook_runs import Desk, Run, site

SITE_PLAYBOOK = "portbook.firewall.site"


def test_a_host_without_a_backend_is_planned_without_a_word(desk: Desk):
    run = desk.run(SITE_PLAYBOOK, keep=False, portbook_unsupported="fail").ok()
    assert {one["changed"] for one in run.recap.values()} == {0}
    assert "WARNING" not in run.output
    assert "not applied: portbook_backend is none" in run.stdout
    assert "backend none" in run.shown["siem"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """With a plan that was made and reviewed."""
    desk = Desk(tmp_path_factory.mktemp("kept"))
    desk.inventory(site())
    desk.run().ok()
    return desk


def test_the_plan_that_was_reviewed_is_accepted(kept: Desk):
    before = kept.plan_file.read_text()
    kept.run(SITE_PLAYBOOK).ok()
    assert kept.plan_file.read_text() == before


def refused(run: Run, host: str = "siem") -> str:
    run.failed()
    assert sum(one["ok"] for one in run.recap.values()) == 1, "the summary"
    assert run.shown == {}
    return run.message(host)


def test_another_plan_than_the_reviewed_one_is_refused(kept: Desk):
    message = refused(kept.run(SITE_PLAYBOOK, portbook_outbound="guard"))
    assert "is another plan" in message
    assert kept.run(SITE_PLAYBOOK).ok().plan["digest"][:12] in message


def test_a_host_more_than_in_the_reviewed_plan_is_refused(kept: Desk):
    more = {"utmstack_agent": {"hosts": {"web-4": {"ansible_host": "192.0.2.34"}}}}
    kept.write("more.yml", more)
    assert "is another plan" in refused(kept.run(SITE_PLAYBOOK, options=["-i", "more.yml"]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "has format 2, this version reads 1"),
        ({"digest": "0" * 64}, "is another plan (000000000000)"),
        ({"digest": None}, "is another plan"),
    ],
)
def test_a_kept_plan_of_another_making_is_refused(kept: Desk, change: dict[str, Any], reason: str):
    reviewed = kept.plan_file.read_text()
    kept.plan_file.write_text(json.dumps({**json.loads(reviewed), **change}))
    try:
        assert reason in refused(kept.run(SITE_PLAYBOOK, options=["--limit", "siem"]))
    finally:
        kept.plan_file.write_text(reviewed)


@pytest.mark.parametrize("text", ["{}", "null", "no plan at all", ""])
def test_a_file_that_is_no_plan_is_refused(desk: Desk, text: str):
    desk.plan_file.write_text(text)
    message = refused(desk.run(SITE_PLAYBOOK, options=["--limit", "siem"]))
    assert "is not a plan" in message
    assert "Create it with portbook.firewall.plan" in message


def test_a_kept_plan_that_does_not_exist_is_refused(desk: Desk):
    message = refused(desk.run(SITE_PLAYBOOK))
    assert f"{desk.plan_file} does not exist. Create it with portbook.firewall.plan" in message


def test_keys_that_a_reader_does_not_know_are_ignored(kept: Desk):
    reviewed = kept.plan_file.read_text()
    kept.plan_file.write_text(json.dumps({"of a later version": 1, **json.loads(reviewed)}))
    try:
        kept.run(SITE_PLAYBOOK, options=["--limit", "siem"]).ok()
    finally:
        kept.plan_file.write_text(reviewed)
