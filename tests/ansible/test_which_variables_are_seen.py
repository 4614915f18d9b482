# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that all hosts can see count; those that only the task sees are refused where others follow them."""

from __future__ import annotations

from typing import Any

import pytest
from playbook_runs import APPLY, PLAN, SHOW, Desk, Run, play, site

LATE = {"portbook_allow": [{"name": "late", "ports": [8443], "peers": ["198.51.100.7"], "why": "came late"}]}
SET_LATE = {"ansible.builtin.set_fact": LATE}


def summaries(run: Run) -> list[str]:
    return [line for lines in run.texts for line in lines if line.startswith("Plan ")]


def test_extra_variables_hold_for_all_hosts(desk: Desk):
    run = desk.run(portbook_posture="open").ok()
    assert {one["posture"] for one in run.plan["hosts"].values()} == {"open"}


def test_extra_variables_win_over_the_inventory(desk: Desk):
    desk.inventory(site(siem={"portbook_posture": "watch"}))
    assert desk.run(portbook_posture="open").ok().plan["hosts"]["siem"]["posture"] == "open"


def test_a_fact_that_is_set_before_the_plan_counts(desk: Desk):
    run = desk.run(play(SET_LATE, PLAN)).ok()
    assert {one["ports"][0] for host in run.plan["hosts"] for one in run.rules(host, "allow.late")} == {"8443"}


def test_a_fact_that_is_set_between_two_tasks_makes_the_plan_again(desk: Desk):
    run = desk.run(play(PLAN, SHOW, SET_LATE, PLAN)).ok()
    first, second = run.blocks[: len(run.recap)], run.blocks[len(run.recap) :]
    assert all("came late" not in text for _host, text in first)
    assert all("came late" in text for _host, text in second)


def test_the_plan_made_again_is_reported_and_written(desk: Desk):
    run = desk.run(play(PLAN, SHOW, SET_LATE, PLAN)).ok()
    assert len(summaries(run)) == 2
    assert run.plan["digest"][:12] in summaries(run)[1]
    assert run.rules("siem", "allow.late")


def test_a_fact_of_an_earlier_play_counts_in_the_next(desk: Desk):
    run = desk.run(play(PLAN, SET_LATE), play(PLAN)).ok()
    assert "came late" in run.shown["siem"]


def test_a_fact_that_changes_nothing_makes_no_new_plan(desk: Desk):
    run = desk.run(play(PLAN, {"ansible.builtin.set_fact": {"of_mine": "x"}}, SHOW, PLAN)).ok()
    assert len(summaries(run)) == 1


_MOVE_PORT = {
    "ansible.builtin.set_fact": {"portbook_flows": {"utmstack.agent-beats": {"ports": [5555]}}},
    "when": "inventory_hostname == 'siem'",
}


def test_a_fact_that_is_set_on_one_host_is_seen_by_its_peers_in_the_next_task(desk: Desk):
    order = ["web-1", "probe", "siem"]
    run = desk.run(play(PLAN, _MOVE_PORT, PLAN, hosts=order), options=["--forks", "1"], keep=False).ok()
    assert {host: "5555" in run.shown[host] for host in ("siem", "web-1")} == {"siem": True, "web-1": True}


def test_a_group_that_a_host_joins_between_two_tasks_makes_the_plan_again(desk: Desk):
    join = {"ansible.builtin.group_by": {"key": "utmstack_agent"}, "when": "inventory_hostname == 'desk'"}
    run = desk.run(play(PLAN, join, PLAN)).ok()
    assert run.shown["desk"].startswith("desk: utmstack_agent\n")


def test_a_host_that_is_added_before_the_plan_counts(desk: Desk):
    late = {"name": "late", "groups": ["utmstack_agent"], "ansible_host": "192.0.2.99"}
    run = desk.run(play({"ansible.builtin.add_host": late}, hosts="siem"), play(PLAN)).ok()
    assert "192.0.2.99" in run.peers("siem", "utmstack.agent-beats")
    assert run.shown["late"].startswith("late: utmstack_agent\n")


HIDDEN: dict[str, dict[str, Any]] = {
    "play vars": play(PLAN, hosts="probe", vars={"utmstack_probe_scanner_gmp_port": 9391}),
    "vars_files": play(PLAN, hosts="probe", vars_files=["more.yml"]),
    "task vars": play({PLAN: None, "vars": {"utmstack_probe_scanner_gmp_port": 9391}}, hosts="probe"),
    "block vars": play(
        {"block": [{"name": "Plan", APPLY: None}], "vars": {"utmstack_probe_scanner_gmp_port": 9391}}, hosts="probe"
    ),
    "role parameters": play(
        hosts="probe", roles=[{"role": "portbook.firewall.utmstack_probe", "utmstack_probe_scanner_gmp_port": 9391}]
    ),
    "role vars": play(
        {
            "ansible.builtin.include_role": {"name": "portbook.firewall.utmstack_probe"},
            "vars": {"utmstack_probe_scanner_gmp_port": 9391},
        },
        hosts="probe",
    ),
}


@pytest.mark.more
@pytest.mark.parametrize("where", HIDDEN)
def test_what_other_hosts_cannot_see_is_refused_and_belongs_in_the_inventory(desk: Desk, where: str):
    desk.write("more.yml", {"utmstack_probe_scanner_gmp_port": 9391})
    run = desk.run(HIDDEN[where], keep=False).failed()
    assert run.message("probe") == (
        "probe: utmstack_probe_scanner_gmp_port is 9391 here and 9390 in the inventory or by default, and rules of "
        "siem follow it (utmstack.scanner-gmp), which cannot see it here. Set it in the inventory: "
        "host_vars/probe.yml, group_vars/utmstack_probe.yml"
    )
    assert run.shown == {}


def test_all_that_no_role_takes_is_named_at_once(desk: Desk):
    hidden = {"portbook_realm": "lab", "portbook_peers": {"utmstack_admin": "198.51.100.9"}}
    message = desk.run(play(PLAN, hosts="siem", vars=hidden), keep=False).failed().message("siem")
    assert message.startswith("siem: portbook_peers, portbook_realm have values here that other hosts cannot see")
    assert "Move them to the inventory" in message
    assert "A role takes portbook_posture" in message


def test_a_play_may_repeat_what_the_inventory_says(desk: Desk, plain_run: Run):
    desk.inventory(site({"portbook_posture": "guard"}))
    run = desk.run(play(PLAN, vars={"portbook_posture": "{{ 'guard' }}"})).ok()
    assert run.plan["digest"] == plain_run.plan["digest"]


def test_variables_that_are_none_of_the_collection_may_stand_anywhere(desk: Desk, plain_run: Run):
    run = desk.run(play(PLAN, vars={"of_mine": 1, "utmstack_master_backup_day": "monday"})).ok()
    assert run.plan == plain_run.plan
