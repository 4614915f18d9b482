# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reads other hosts' variables looks whether the plan still holds, or computes it.

Each read leaves a line with the worker's process.
"""

from __future__ import annotations

from typing import Any

import pytest
from playbook_runs import APPLY, HOSTS, PLAN, Desk, play, site

_LEAVE_A_LINE = "{{ lookup('pipe', 'echo ' ~ inventory_hostname ~ ' $PPID >> ' ~ reads_file ~ '; echo counted') }}"
COUNTED = [{"name": "counted", "ports": [8443], "peers": ["198.51.100.7"], "why": _LEAVE_A_LINE}]


def readers(desk: Desk) -> list[list[str]]:
    """By worker, the hosts whose variables it read."""
    by_worker: dict[str, list[str]] = {}
    for line in (desk.folder / "reads").read_text().splitlines():
        host, worker = line.split()
        by_worker.setdefault(worker, []).append(host)
    return list(by_worker.values())


def planners(desk: Desk) -> list[list[str]]:
    return [hosts for hosts in readers(desk) if len(set(hosts)) > 1]


@pytest.fixture
def counted(desk: Desk) -> Desk:
    desk.inventory(site({"portbook_allow_counted": COUNTED, "reads_file": str(desk.folder / "reads")}))
    return desk


PLAYS: dict[str, tuple[list[str], list[dict[str, Any]], int]] = {
    "one task": ([], [play(PLAN)], 1),
    "all hosts at once": (["--forks", "50"], [play(PLAN)], 1),
    "three tasks, one fork": (["--forks", "1"], [play(PLAN, APPLY, {PLAN: {"show": False}})], 3),
    "one host at a time": ([], [play(PLAN, serial=1)], 1),
    "each host at its own pace": ([], [play(PLAN, APPLY, strategy="free")], 2),
    "two plays": ([], [play(PLAN), play(PLAN)], 2),
}


@pytest.mark.parametrize("how", PLAYS)
def test_one_worker_a_task_reads_all_hosts_and_the_others_read_their_own(counted: Desk, how: str):
    options, plays, expected = PLAYS[how]
    counted.run(*plays, options=options, keep=False).ok()
    found = planners(counted)
    assert len(found) == expected
    assert all(set(hosts) == set(HOSTS) for hosts in found)


def test_the_cost_of_a_host_does_not_grow_with_the_hosts(counted: Desk):
    counted.run(play(PLAN), keep=False).ok()
    assert max(len(hosts) for hosts in readers(counted) if len(set(hosts)) == 1) <= 5
    assert len(planners(counted)[0]) <= len(HOSTS) + 5


def test_a_plan_with_errors_is_computed_once_too(counted: Desk):
    counted.run(play(PLAN), keep=False, portbook_posture="gaurd").failed()
    assert len(planners(counted)) == 1


def test_values_that_differ_each_time_do_not_make_each_host_plan_again(desk: Desk):
    leave_another = _LEAVE_A_LINE.replace("echo counted", "date +%N")
    allow = [{"name": "restless", "ports": [8443], "peers": ["198.51.100.7"], "why": leave_another}]
    # What other hosts cannot see is refused, so the task itself must not look at it twice either.
    desk.inventory(site({"reads_file": str(desk.folder / "reads")}, siem={"portbook_allow_x": allow}))
    desk.run(play(PLAN, PLAN, hosts="all:!siem"), keep=False).ok()
    assert len(readers(desk)) == 2


def test_nothing_is_left_behind(counted: Desk):
    counted.run(play(PLAN), keep=False).ok()
    assert list((counted.folder / "tmp").glob("*/portbook-*")) == []
