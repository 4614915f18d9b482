# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results carry what was found, and one task says it for all hosts, through whatever callback there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import pytest
import yaml
from playbook_runs import APPLY, BIN, HOSTS, PLAN, SUMMARY, Desk, Run, play, site

SITE_PLAYBOOK = "portbook.firewall.site"
_AS_JSON = """
import json
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "as_json"

    def __init__(self, *given, **more):
        super().__init__(*given, **more)
        self.found = []

    def v2_runner_on_ok(self, result):
        self.found.append([result._host.get_name(), result._result])

    v2_runner_on_failed = v2_runner_on_ok

    def v2_playbook_on_stats(self, stats):
        self._display.display(json.dumps(self.found, default=str))
"""
"""Prints one JSON text at the end and nothing else, as ansible.posix.json does."""


def large(hosts: int, **all_vars: Any) -> dict[str, Any]:
    """Agents that are all alike, their master, and two hosts with nothing to plan."""
    agents = {
        f"web-{number}": {"ansible_host": f"198.51.{number // 250}.{number % 250 + 1}"} for number in range(hosts)
    }
    made = site({"portbook_peers": {}, **all_vars})
    made["all"]["children"]["utmstack_agent"]["hosts"] = agents
    return made


def text(run: Run) -> str:
    (lines,) = run.texts
    return "\n".join(lines)


# -- through callbacks and pipes --------------------------------------------------------------------


def test_a_callback_that_prints_json_prints_only_json_with_the_text_in_it(desk: Desk, plain_run: Run):
    desk.write("callbacks/as_json.py", _AS_JSON)
    desk.environment |= {
        "ANSIBLE_CALLBACK_PLUGINS": str(desk.folder / "callbacks"),
        "ANSIBLE_STDOUT_CALLBACK": "as_json",
    }
    found = json.loads(desk.run().ok().stdout)
    assert next(data["msg"] for _host, data in found if "msg" in data)[1:] == plain_run.texts[0][1:]
    assert {host for host, data in found if data.get("rules")} == set(HOSTS) - {"desk"}


def test_the_default_callback_with_results_as_yaml_shows_the_same_text(desk: Desk, plain_run: Run):
    desk.environment |= {"ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml"}
    run = desk.run().ok()
    found = re.search(r"^ok: \[\w+\] => *\n((?:    .*\n|\n)+)", run.stdout, re.MULTILINE)
    assert found, run.stdout
    assert yaml.safe_load(found[1])["msg"][1:] == plain_run.texts[0][1:]


def test_nothing_is_printed_past_the_callback(desk: Desk):
    desk.environment |= {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.oneline"}
    for line in filter(None, desk.run().ok().stdout.splitlines()):
        assert re.match(r"\S+ \| (SUCCESS|CHANGED)", line), line


@pytest.mark.parametrize("lines", [1, 3])
def test_a_reader_that_leaves_early_does_not_keep_the_run_waiting(desk: Desk, lines: int):
    desk.inventory(large(60, portbook_show="full"))
    whole = [str(BIN / "ansible-playbook"), PLAN, "-i", "inventory"]
    with subprocess.Popen(
        whole, cwd=desk.folder, env=desk.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.stdout
        for _number in range(lines):
            os.read(run.stdout.fileno(), 20)
        run.stdout.close()
        run.stdout = None
        run.communicate(timeout=60)


def test_two_runs_show_the_same(desk: Desk):
    desk.inventory(large(30, portbook_show="full"))
    options = ["--forks", "10"]
    assert text(desk.run(options=options).ok()) == text(desk.run(options=[*options, "-M", ""]).ok())


# -- how much ---------------------------------------------------------------------------------------


@pytest.mark.more
def test_three_hundred_hosts_are_a_table_of_equal_hosts(desk: Desk):
    desk.inventory(large(296))
    run = desk.run(options=["--forks", "10"], keep=False).ok()
    (lines,) = run.texts
    assert len(lines) <= 60
    assert max(map(len, run.stdout.splitlines())) <= 120
    assert any(re.match(r"web-0 and 295 more +\d+ +0 +\d+ +\d+ +none +utmstack_agent$", line) for line in lines), lines


@pytest.mark.parametrize(("hosts", "shown"), [(17, "full"), (18, "summary")])
def test_up_to_twenty_hosts_are_shown_in_full(desk: Desk, hosts: int, shown: str):
    desk.inventory(large(hosts))
    assert ("Agents send logs (Beats)" in " ".join(text(desk.run().ok()).split())) == (shown == "full")


def test_equal_hosts_stand_once_in_full_too(desk: Desk):
    desk.inventory(large(30, portbook_show="full"))
    shown = text(desk.run().ok())
    assert shown.count("web-29") == 0
    assert "\nweb-0 and 29 more: utmstack_agent\n" in shown


@pytest.mark.parametrize("word", ["none", False, "false"])
def test_none_shows_nothing(desk: Desk, word: Any):
    assert desk.run(portbook_show=word).ok().texts == []


def test_a_wrong_word_is_refused_with_those_known(desk: Desk):
    run = desk.run(portbook_show="all", options=["--limit", "siem"]).failed()
    assert run.message("siem") == "portbook_show is 'all'. Valid values: full, summary, changes, none"
    task = desk.run(play({PLAN: {"show": "sumary"}}, hosts="siem"), keep=False).failed()
    assert task.message("siem") == "siem: show is 'sumary'. Valid values: full, summary, changes, none"


def test_a_task_may_keep_its_hosts_out_of_the_text(desk: Desk):
    tasks = (
        {PLAN: {"show": False}, "when": "inventory_hostname == 'siem'"},
        {PLAN: None, "when": "inventory_hostname == 'probe'"},
    )
    assert set(desk.run(play(*tasks)).ok().shown) == {"probe"}


def test_only_what_changed_or_was_not_applied_is_shown(desk: Desk):
    shown = text(desk.run(SITE_PLAYBOOK, keep=False, portbook_show="changes").ok())
    assert "siem " in shown
    assert "desk " not in shown
    assert "6 hosts: 1 unchanged, 5 not applied" in shown


def test_the_line_of_the_plan_is_shown_once_a_run(desk: Desk):
    run = desk.run(play(PLAN), play(PLAN), play(APPLY)).ok()
    assert sum(line.startswith("Plan ") for lines in run.texts for line in lines) == 1


def test_a_batch_shows_its_own_hosts(desk: Desk):
    run = desk.run(SITE_PLAYBOOK, keep=False, portbook_serial=2, portbook_show="summary").ok()
    assert len(run.texts) == 3
    assert [lines[-1].split(":")[0] for lines in run.texts] == ["2 hosts"] * 3


def test_hosts_that_were_refused_are_shown_first_and_the_others_too(desk: Desk):
    desk.inventory(site(web_2={"portbook_backend": "windows"}))
    run = desk.run(SITE_PLAYBOOK, keep=False, portbook_show="summary", options=["--limit", "web-1,web-2"]).failed()
    head, first, second, totals = run.texts[0][-4:]
    assert head.split() == ["hosts", "components", "planned", "result"]
    assert re.match(r"web-2 +utmstack_agent +\d+ +refused: ", first), first
    assert re.match(r"web-1 +utmstack_agent +\d+ +not applied: ", second), second
    assert totals == "2 hosts: 1 not applied, 1 refused"


def test_a_play_without_anything_to_say_says_nothing(desk: Desk):
    assert desk.run({**play(), "tasks": [{SUMMARY: None}], "hosts": "siem"}, keep=False).ok().texts == []


# -- results ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [PLAN, APPLY])
def test_the_result_has_the_hosts_part_as_in_the_plan_file(desk: Desk, plain_run: Run, action: str):
    found = desk.folder / "found.json"
    keep = {
        "ansible.builtin.copy": {"content": "{{ found | to_json }}", "dest": str(found)},
        "delegate_to": "localhost",
    }
    tasks = ({action: None, "register": "found"}, {**keep, "vars": {"ansible_connection": "local"}})
    desk.run(play(*tasks, hosts="siem"), keep=False).ok()
    result = json.loads(found.read_text())
    kept = plain_run.plan["hosts"]["siem"]
    assert result["rules"] == kept["rules"]
    assert result["not_planned"] == kept["not_planned"]
    assert result["peers"] == {name: plain_run.plan["peers"][name] for name in result["peers"]}
    assert {one["peers"] for one in kept["rules"]} - {"any", "local_subnet", "management"} == set(result["peers"])
    assert result["truncated"] is False


def test_a_result_of_a_component_has_its_rules_only(desk: Desk, plain_run: Run):
    use = {
        "ansible.builtin.assert": {"that": ["found.rules | map(attribute='component') | unique == ['utmstack_agent']"]}
    }
    task = {PLAN: {"components": ["utmstack_agent"]}, "register": "found"}
    desk.run(play(task, use, hosts="web-1"), keep=False).ok()


def test_a_result_that_is_too_large_has_counts_and_the_plans_file(desk: Desk):
    desk.inventory(
        site({"portbook_peers": {"utmstack_device": [f"10.{one // 250}.{one % 250}.0/25" for one in range(4000)]}})
    )
    use = {
        "ansible.builtin.assert": {
            "that": [
                "found.truncated",
                "'rules' not in found and 'peers' not in found",
                "found.counts.rules > 5",
                f"found.plan_file == '{desk.plan_file}'",
            ]
        }
    }
    desk.run(play({PLAN: None, "register": "found"}, use, hosts="siem")).ok()


# -- the plan for a reviewer ------------------------------------------------------------------------


def test_a_plan_file_that_ends_in_md_is_a_text_for_a_reviewer(desk: Desk, plain_run: Run):
    target = desk.folder / "plans" / "plan.md"
    desk.run(keep=False, portbook_plan_file=str(target)).ok()
    written = target.read_text()
    assert written.startswith(f"# Firewall plan {plain_run.plan['digest'][:12]}\n")
    assert "\n## web-1, web-2, web-3: utmstack\\_agent\n" in written
    for flow in {one["flow"] for host in HOSTS for one in plain_run.plan["hosts"].get(host, {}).get("rules", [])}:
        assert flow.replace("_", "\\_") in written
    for networks in plain_run.plan["peers"].values():
        assert ", ".join(networks) in written
    assert oct(target.stat().st_mode)[-3:] == "600"


def test_a_site_refuses_a_text_in_place_of_a_plan(desk: Desk):
    run = desk.run(SITE_PLAYBOOK, keep=False, portbook_plan_file="plan.md", options=["--limit", "siem"]).failed()
    assert run.message("siem").startswith("portbook_plan_file is plan.md, a text for reviewers")
    assert "portbook_plan_file: plan.json" in run.message("siem")
