# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own playbooks and roles are steered like those of others: by hosts, serial, tags and defaults."""

from __future__ import annotations

import re

import pytest
from playbook_runs import HOSTS, PLAN, Desk, Run, play, site

SITE, REMOVE = "portbook.firewall.site", "portbook.firewall.remove"
AGENT = "portbook.firewall.utmstack_agent"


def test_the_hosts_of_a_run_can_be_named(desk: Desk, plain_run: Run):
    run = desk.run(PLAN, portbook_hosts="utmstack_agent:!web-2").ok()
    assert set(run.recap) == {"web-1", "web-3"}
    assert run.plan == plain_run.plan, "the plan is of all hosts"


@pytest.mark.parametrize(("serial", "batches"), [(2, 3), ("50%", 2), ([1, 5], 2), (None, 1)])
def test_hosts_come_in_batches(desk: Desk, serial: object, batches: int):
    more = {} if serial is None else {"portbook_serial": serial}
    run = desk.run(SITE, keep=False, **more).ok()
    assert len(re.findall(r"^PLAY \[", run.stdout, re.MULTILINE)) == batches
    assert set(run.recap) == set(HOSTS)


@pytest.mark.parametrize("fatal", [True, False])
def test_one_failed_host_can_stop_all_others(desk: Desk, fatal: bool):
    # Its connection speaks to a Linux host, so it is refused.
    desk.inventory(site(web_1={"portbook_backend": "windows"}))
    # As a variable of the playbook it would be true before ansible-core 2.21, whatever it says.
    desk.environment["ANSIBLE_ANY_ERRORS_FATAL"] = str(fatal)
    run = desk.run(SITE, keep=False, portbook_serial=2).failed()
    assert run.recap["web-1"]["failed"] == 1
    assert len(run.recap) == (4 if fatal else len(HOSTS))


@pytest.mark.parametrize(
    ("playbook", "tag", "runs"),
    [
        (PLAN, "portbook", True),
        (PLAN, "portbook_plan", True),
        (PLAN, "portbook_apply", False),
        (SITE, "portbook", True),
        (SITE, "portbook_apply", True),
        (SITE, "portbook_remove", False),
    ],
)
def test_playbooks_have_tags(desk: Desk, playbook: str, tag: str, runs: bool):
    run = desk.run(playbook, keep=False, options=["--tags", tag]).ok()
    assert bool(run.recap) == runs


@pytest.mark.parametrize(("tag", "runs"), [("portbook", True), ("portbook_apply", True), ("other", False)])
def test_roles_have_tags(desk: Desk, tag: str, runs: bool):
    run = desk.run(play(hosts="utmstack_agent", roles=[AGENT]), keep=False, options=["--tags", tag]).ok()
    assert (f"TASK [{AGENT} : Apply the firewall rules for UTMStack agent" in run.stdout) == runs


@pytest.mark.parametrize("group", ["portbook", "all"])
def test_defaults_of_the_group_reach_both_actions(desk: Desk, group: str):
    defaults = {f"group/portbook.firewall.{group}": {"show": False}}
    run = desk.run(play(PLAN, "portbook.firewall.apply", module_defaults=defaults), keep=False).ok()
    assert run.blocks == []
