# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role can be given: settings of its host, and variables of its component that no other host follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from playbook_runs import APPLY, PLAN, Desk, Run, play, site

PROBE, HOST = "portbook.firewall.utmstack_probe", "portbook.firewall.host"


def role(name: str = PROBE, **variables: Any) -> dict[str, Any]:
    return {"ansible.builtin.import_role": {"name": name}, "vars": variables}


def planned(**variables: Any) -> dict[str, Any]:
    return {PLAN: None, "vars": variables, "register": "planned"}


def that(*conditions: str) -> dict[str, Any]:
    return {"ansible.builtin.assert": {"that": list(conditions)}}


@pytest.mark.more
@pytest.mark.parametrize(
    "variables",
    [
        {"portbook_posture": "strict"},
        {"portbook_outbound": "guard"},
        {"portbook_log": "refused"},
        {"portbook_refuse": "reject"},
        {"portbook_cut": False},
        {"utmstack_probe_posture": "open"},
        {"utmstack_probe_syslog_port": 5514},
        {"utmstack_probe_close_internal": True},
    ],
    ids=lambda one: next(iter(one)),
)
def test_a_role_takes_what_no_other_host_follows(desk: Desk, variables: Mapping[str, Any]):
    kept = [that(f"planned.role_variables == {dict(variables)!r}")]
    desk.run(play(role(**variables), planned(**variables), *kept, hosts="probe"), keep=False).ok()


def test_the_result_has_a_digest_of_its_own_and_the_rules_that_follow(desk: Desk):
    tasks = [
        {PLAN: None, "register": "before"},
        planned(utmstack_probe_close_internal=True, portbook_posture="open"),
        that("planned.digest != before.digest", "planned.rules_in == before.rules_in + 1"),
        {PLAN: None, "register": "after"},
        that("after.digest == before.digest", "after.rules_in == before.rules_in", "after.role_variables is undefined"),
    ]
    desk.run(play(*tasks, hosts="probe"), keep=False).ok()


def test_a_play_and_vars_files_can_give_them_too(desk: Desk):
    desk.write("more.yml", {"portbook_log": "all"})
    seen = {PLAN: None, "register": "planned"}
    both = that("planned.role_variables == {'portbook_log': 'all', 'portbook_posture': 'watch'}")
    plays = play(seen, both, hosts="probe", vars={"portbook_posture": "watch"}, vars_files=["more.yml"])
    desk.run(plays, keep=False).ok()


def test_each_host_can_have_its_own_value(desk: Desk):
    port = "{{ {'probe': 5514, 'siem': 514}[inventory_hostname] }}"
    tasks = [
        planned(utmstack_probe_syslog_port=port, portbook_posture="{{ 'open' if inventory_hostname == 'probe' }}"),
        that("planned.role_variables.portbook_posture == 'open'"),
    ]
    desk.run(play(*tasks, hosts="probe"), keep=False).ok()


def test_the_plan_of_the_other_hosts_stays_as_it_was(desk: Desk, plain_run: Run):
    desk.run(play(role(portbook_posture="strict", utmstack_probe_syslog_port=5514), hosts="probe"), keep=False).ok()
    run = desk.run(play(planned(portbook_posture="strict"), hosts="probe"), play(PLAN), keep=False).ok()
    assert {host: run.shown[host] for host in plain_run.shown} == plain_run.shown


def test_a_component_that_only_the_play_gives_takes_its_variables(desk: Desk):
    guest = {PLAN: {"components": ["utmstack_probe"]}, "register": "planned"}
    tasks = [{**guest, "vars": {"utmstack_probe_syslog_port": 5514}}, that("planned.role_variables | length == 1")]
    run = desk.run(play(*tasks, hosts="desk"), keep=False).ok()
    assert "5514" in run.shown["desk"]


def test_a_variable_of_another_hosts_component_names_that_host(desk: Desk):
    run = desk.run(play(planned(utmstack_probe_scanner_gmp_port=9391), hosts="siem"), keep=False).failed()
    assert run.message("siem") == (
        "siem: utmstack_probe_scanner_gmp_port is 9391 here and 9390 in the inventory or by default, and says nothing "
        "here: probe decide about utmstack.scanner-gmp. Set it there: group_vars/utmstack_probe.yml"
    )


def test_a_wrong_value_is_said_as_one_in_the_inventory_is(desk: Desk):
    wrong = {"portbook_posture": "gaurd", "utmstack_probe_syslog_port": "syslog"}
    message = desk.run(play(planned(**wrong), hosts="probe"), keep=False).failed().message("probe")
    assert "probe: portbook_posture is 'gaurd'. Did you mean guard? Valid values: guard, open, strict, watch" in message
    assert "probe: utmstack_probe_syslog_port is 'syslog'" in message


def test_what_the_new_version_needs_is_missing_at_this_host_alone(desk: Desk):
    desk.inventory(site({"portbook_peers": {}}))
    variables = {"utmstack_agent_version": "11"}
    run = desk.run(play(planned(**variables), hosts="web-1"), keep=False).failed()
    assert run.message("web-1").startswith("web-1: ")
    assert "utmstack_server" in run.message("web-1")


# -- a plan file, and two tasks -----------------------------------------------------------------------------


def test_next_to_a_plan_file_a_role_variable_that_differs_is_an_error(desk: Desk):
    desk.run().ok()
    run = desk.run(play(role(portbook_posture="open"), hosts="probe")).failed()
    message = run.message("probe")
    assert "probe: portbook_posture is open here and guard in the inventory or by default" in message
    assert f"portbook_plan_file ({desk.plan_file})" in message
    desk.run(play(role(portbook_posture="guard"), hosts="probe")).ok()


def refused(desk: Desk, *tasks: Mapping[str, Any]) -> str:
    return desk.run(play(*tasks, hosts="probe"), keep=False).failed().message("probe")


def test_two_tasks_that_give_a_host_two_values_are_an_error_that_names_both(desk: Desk):
    message = refused(desk, role(portbook_posture="open"), {**role(HOST, portbook_posture="watch")})
    assert message == (
        'probe: the task "portbook.firewall.host : Apply the firewall rules for all components of this host" gives the '
        'host other settings than the task "portbook.firewall.utmstack_probe : Apply the firewall rules for UTMStack '
        'probe or proxy (version 9)" of this run: portbook_posture is watch here and was open there. The later one '
        "would take back what the first one set: give both the same value, or set it in the inventory "
        "(host_vars/probe.yml or group_vars)"
    )


def test_a_task_without_the_variable_would_take_it_back(desk: Desk):
    assert "portbook_log is off here and was all there" in refused(desk, role(portbook_log="all"), role(HOST))
    assert "portbook_log is all here and was off there" in refused(desk, role(HOST), role(portbook_log="all"))


def test_it_holds_for_the_plays_of_a_run(desk: Desk):
    plays = [play(role(**given), hosts="probe") for given in ({"portbook_cut": False}, {})]
    message = desk.run(*plays, keep=False).failed().message("probe")
    assert "portbook_cut is true here and was false there" in message


def test_the_same_value_twice_or_in_the_inventory_is_no_difference(desk: Desk):
    desk.run(play(role(portbook_posture="open"), role(HOST, portbook_posture="open"), hosts="probe"), keep=False).ok()
    desk.inventory(site(probe={"portbook_posture": "open"}))
    desk.run(play(role(portbook_posture="open"), role(HOST), hosts="probe"), keep=False).ok()


def test_what_a_role_of_another_component_says_of_its_own_component_is_no_difference(desk: Desk):
    desk.inventory("[utmstack_master]\nprobe\n", "inventory/more")
    other = role("portbook.firewall.utmstack_master")
    desk.run(play(role(utmstack_probe_posture="open"), other, hosts="probe"), keep=False).ok()
    message = refused(desk, role(utmstack_probe_posture="open"), role(HOST))
    assert "utmstack_probe_posture is not set here and was open there" in message


def test_to_plan_with_other_values_is_no_difference(desk: Desk):
    desk.run(play(planned(portbook_posture="strict"), role(), planned(), hosts="probe"), keep=False).ok()


def test_check_mode_says_the_same(desk: Desk):
    tasks = [role(portbook_log="all"), {APPLY: None}]
    run = desk.run(play(*tasks, hosts="probe"), keep=False, options=["--check"]).failed()
    assert "portbook_log is off here and was all there" in run.message("probe")
