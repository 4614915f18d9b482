# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""However a run is cut up, each host gets the same rules, and the whole plan is the same."""

from __future__ import annotations

from typing import Any

import pytest
from playbook_runs import APPLY, HOSTS, NOTHING, PLAN, Desk, Run, play

SLICED: dict[str, tuple[list[str], list[dict[str, Any]]]] = {
    "check and diff mode": (["--check", "--diff"], [play(PLAN)]),
    "linear, one fork": (["--forks", "1"], [play(PLAN, strategy="linear")]),
    "fifty forks": (["--forks", "50"], [play(PLAN)]),
    "one host at a time": ([], [play(PLAN, serial=1)]),
    "waves": ([], [play(PLAN, serial=[1, "50%"])]),
    "two plays": ([], [play(PLAN, hosts="siem:desk"), play(PLAN, hosts="all:!siem:!desk")]),
    "free": ([], [play(PLAN, strategy="free")]),
    "host_pinned": (["--forks", "2"], [play(PLAN, strategy="host_pinned")]),
    "another order": ([], [play(PLAN, order="reverse_inventory")]),
}


@pytest.mark.more
@pytest.mark.parametrize("how", SLICED)
def test_the_plan_does_not_depend_on_how_the_run_is_cut_up(desk: Desk, plain_run: Run, how: str):
    options, plays = SLICED[how]
    run = desk.run(*plays, options=options).ok()
    assert run.plan == plain_run.plan
    assert run.shown == plain_run.shown
    assert sorted(name for name, _text in run.blocks) == sorted(HOSTS), "each host's part is printed once"


@pytest.mark.parametrize("limit", ["siem", "web-1:desk", "utmstack_agent"])
def test_a_limit_changes_no_hosts_rules(desk: Desk, plain_run: Run, limit: str):
    run = desk.run(options=["--limit", limit]).ok()
    assert run.plan == plain_run.plan
    assert run.shown == {host: plain_run.shown[host] for host in run.recap}
    assert set(run.recap) < set(HOSTS)


def test_gathered_facts_change_nothing(desk: Desk, plain_run: Run):
    desk.remember_facts({host: f"198.51.100.{number}" for number, host in enumerate(HOSTS, 200)})
    run = desk.run().ok()
    assert run.plan == plain_run.plan
    assert run.shown == plain_run.shown


def test_apply_shows_what_plan_shows(desk: Desk, plain_run: Run):
    run = desk.run(play(APPLY), keep=False).ok()
    assert run.shown == plain_run.shown


def test_no_host_is_contacted(desk: Desk, plain_run: Run):
    run = desk.run(play(PLAN, APPLY), keep=False).ok()
    assert run.contacts == plain_run.contacts == ()
    assert {one["unreachable"] for one in run.recap.values()} == {0}


def test_nothing_is_reported_as_changed(plain_run: Run):
    assert {one["changed"] for one in plain_run.recap.values()} == {0}


def test_the_operator_reads_what_why_and_for_whom(plain_run: Run):
    (plan_line, *_others), *_more = plain_run.texts
    assert plan_line.startswith(f"Plan {plain_run.plan['digest'][:12]} of 5 hosts: ")
    assert plan_line.endswith(f"in {plain_run.plan_file}")
    siem = plain_run.shown["siem"]
    assert siem.startswith("siem: utmstack_master\n  linux, backend none; realm main; inbound guard, outbound off\n")
    assert "tcp 5044      from utmstack_agent 192.0.2.31, 192.0.2.32/31\n" in siem
    assert "Agents send logs (Beats) [utmstack.agent-beats, U4.1]" in " ".join(siem.split())
    assert "utmstack_master_http_redirect: true turns it on" in " ".join(siem.split())
    assert plain_run.shown["desk"].startswith(f"desk: {NOTHING}")


def test_the_output_fits_a_narrow_terminal(plain_run: Run):
    assert max(len(line) for block in plain_run.shown.values() for line in block.splitlines()) <= 80


def test_a_hosts_rules_are_those_of_the_file(plain_run: Run):
    for host, planned in plain_run.plan["hosts"].items():
        told = " ".join(plain_run.shown[host].split())
        for flow in {one["flow"] for one in planned["rules"]} - {"portbook.way-in"}:
            if not flow.startswith("portbook."):
                assert flow in told, f"{flow} at {host}"


def test_a_play_may_use_the_result(desk: Desk):
    use = {"ansible.builtin.debug": {"msg": "{{ found.rules_in }} in, {{ found.components }}, {{ found.changed }}"}}
    run = desk.run(play({PLAN: {"show": False}, "register": "found"}, use, hosts="siem")).ok()
    assert run.shown == {}
    assert f"{sum(one['direction'] == 'in' for one in run.rules('siem'))} in, ['utmstack_master'], False" in run.stdout
