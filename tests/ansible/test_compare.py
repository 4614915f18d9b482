# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan, compared with hosts where that is asked for; without that it says that nothing was compared."""

from __future__ import annotations

import pytest
from playbook_runs import HOSTS, PLAN, Desk, site

NOTHING = "No host was compared with the plan"


def test_a_plan_says_that_it_compared_nothing_and_how_to(desk: Desk):
    run = desk.run("portbook.firewall.plan").ok()
    assert NOTHING in run.words
    assert "-e portbook_compare=true" in run.words
    assert run.contacts == ()


def test_hosts_that_cannot_be_reached_are_named_and_do_not_fail(desk: Desk):
    """The run ends well for all of them, with the plan that it would have had."""
    desk.inventory(site({"portbook_backend": "auto"}, web_1={"portbook_backend": "none"}))
    plain = desk.run("portbook.firewall.plan").ok().plan
    run = desk.run("portbook.firewall.plan", portbook_compare=True).ok()
    assert run.plan == plain
    assert {one["failed"] + one["unreachable"] + one["changed"] for one in run.recap.values()} == {0}
    assert set(run.recap) == set(HOSTS)
    assert NOTHING not in run.words
    rows = [line.split("  ") for lines in run.texts for line in lines if "unreachable: " in line]
    named = {name for row in rows for name in row[0].split(", ")}
    assert named == set(HOSTS) - {"web-1", "desk"}
    assert "web-1 not compared: portbook_backend is none" in run.words
    assert "unreachable" in run.texts[-1][-1]
    assert run.contacts


@pytest.mark.more
def test_a_host_whose_connection_speaks_to_another_platform_is_named(desk: Desk):
    desk.inventory(site(web_1={"portbook_backend": "windows"}))
    run = desk.run("portbook.firewall.plan", portbook_compare="true").ok()
    assert "web-1 refused: the inventory has windows, and this connection leads to linux" in run.words


@pytest.mark.more
def test_the_result_of_the_task_has_the_comparison(desk: Desk):
    desk.inventory(site(web_1={"portbook_backend": "nftables"}))
    plays = [{"hosts": "web-1", "gather_facts": False, "tasks": [{PLAN: None, "register": "found"}, _SHOWN]}]
    run = desk.run(*plays, keep=False, portbook_compare=True).ok()
    (compared,) = [data["found"]["compared"] for _word, _host, data in run.results if "found" in data]
    assert (compared["state"], bool(compared["text"])) == ("unreachable", True)


_SHOWN = {"ansible.builtin.debug": {"var": "found"}}
