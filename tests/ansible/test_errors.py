# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All errors at once, in one host's result; each host's message has its own first one; and nothing is planned."""

from __future__ import annotations

import pytest
from pages import CHECKOUT, printed
from playbook_runs import APPLY, PLAN, Desk, Run, play, site


@pytest.fixture(scope="module")
def wrong_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Five different slips at once."""
    desk = Desk(tmp_path_factory.mktemp("wrong"))
    desk.inventory(
        site(
            {"portbook_posture": "gaurd"},
            siem={"utmstack_master_syslog_port": 70000},
            probe={"portbook_allow": "{{ nowhere.at_all }}", "utmstack_probe_sylog_port": 514},
            web_1={"portbook_addresses": ["192.0.2.300"]},
        )
    )
    return desk.run(options=["--forks", "1"]).failed()


def error(run: Run, start: str) -> str:
    found = [one for one in run.errors if one.startswith(start)]
    assert len(found) == 1, f"{start}\n{run.output}"
    return found[0]


def test_all_errors_are_listed_at_once(wrong_run: Run):
    assert len(wrong_run.errors) == 5
    messages = [data["msg"] for word, _host, data in wrong_run.results if word == "fatal"]
    assert sum("utmstack_master_syslog_port is 70000" in one for one in messages) == 1


def test_an_error_names_host_variable_value_and_what_is_right(wrong_run: Run):
    assert error(wrong_run, "siem: ").startswith("siem: utmstack_master_syslog_port is 70000")
    assert "ports go from 1 to 65535" in error(wrong_run, "siem: ")
    assert "'192.0.2.300'" in error(wrong_run, "web-1: portbook_addresses")


def test_an_error_of_many_hosts_is_reported_once(wrong_run: Run):
    told = error(wrong_run, "desk, probe, siem and 3 more: ")
    assert told.endswith("portbook_posture is 'gaurd'. Did you mean guard? Valid values: guard, open, strict, watch")


def test_a_misspelt_variable_is_reported_with_the_nearest_one(wrong_run: Run):
    told = error(wrong_run, "probe: utmstack_probe_sylog_port ")
    assert told.endswith("is not a variable of this collection. Did you mean utmstack_probe_syslog_port?")


def test_a_template_that_cannot_be_rendered_is_reported_with_host_and_variable(wrong_run: Run):
    told = error(wrong_run, "probe: portbook_allow cannot be rendered: ")
    assert "undefined" in told
    assert "nowhere" in told
    assert told.endswith("Fix the template or the variables that it uses")


def test_a_hosts_message_has_its_own_first_error_the_count_and_where_all_are(wrong_run: Run):
    assert wrong_run.failure("siem")["errors"] == wrong_run.errors
    for host, own in (
        ("siem", "siem: utmstack_master_syslog_port is 70000"),
        ("probe", "probe: portbook_allow cannot be rendered"),
        ("web-1", "web-1: portbook_addresses"),
    ):
        assert wrong_run.message(host).startswith(own)
        assert "This is one of 5 errors" in wrong_run.message(host)
    assert "listed in errors here" in wrong_run.message("siem")
    assert "listed in the result of siem" in wrong_run.message("probe")


def test_a_host_without_an_error_of_its_own_says_where_they_are(wrong_run: Run):
    for host in ("web-2", "web-3", "desk"):
        assert wrong_run.message(host) == (
            f"{host}: 5 errors elsewhere, listed in the result of siem. Nothing is applied on any host"
        )


def test_an_only_error_is_the_whole_message(desk: Desk):
    desk.inventory(site(web_3={"portbook_posture": "gaurd"}))
    message = desk.run(play(PLAN, hosts="web-3"), keep=False).failed().message("web-3")
    assert message.startswith("web-3: portbook_posture is 'gaurd'. Did you mean guard?")
    assert message.endswith("Nothing is applied on any host")


@pytest.mark.more
def test_three_hundred_hosts_do_not_repeat_an_error(desk: Desk):
    hosts = {f"web-{number}": {"ansible_host": f"192.0.2.{number % 250}"} for number in range(300)}
    desk.inventory({"utmstack_agent": {"hosts": hosts}})
    run = desk.run(options=["--forks", "10"], keep=False, portbook_posture="gaurd").failed()
    assert run.output.count("is 'gaurd'") == 1
    assert max(len(data["msg"]) for _word, _host, data in run.results) < 100


def test_a_message_is_kept_with_no_log_too(desk: Desk):
    desk.inventory(site(web_3={"portbook_posture": "gaurd"}))
    plan = {PLAN: None, "no_log": True, "register": "found", "ignore_errors": True}
    use = {"ansible.builtin.debug": {"msg": "it says {{ found.msg }}"}}
    run = desk.run(play(plan, use, hosts="web-3"), keep=False).ok()
    assert "it says web-3: portbook_posture is 'gaurd'" in run.output


def test_with_errors_nothing_is_planned_or_shown(wrong_run: Run):
    assert not wrong_run.plan_file.exists()
    assert wrong_run.shown == {}
    assert {one["failed"] for one in wrong_run.recap.values()} == {1}


def test_a_kept_plan_is_not_touched_by_a_run_with_errors(desk: Desk):
    desk.plan_file.write_text("what was reviewed")
    desk.run(portbook_posture="gaurd").failed()
    assert desk.plan_file.read_text() == "what was reviewed"


def test_an_error_anywhere_stops_the_apply_of_a_part_of_the_hosts(desk: Desk):
    desk.inventory(site(web_3={"portbook_posture": "gaurd"}))
    run = desk.run(play(APPLY, hosts="siem"), keep=False).failed()
    assert run.errors == [
        "web-3: portbook_posture is 'gaurd'. Did you mean guard? Valid values: guard, open, strict, watch"
    ]
    assert run.recap["siem"]["failed"] == 1


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ nowhere }}", "nowhere"),
        ("{{ ['a', nowhere] }}", "nowhere"),
        ("{{ 1 // 0 }}", "by zero"),
        ("{{ portbook_realm }}", "maximum recursion depth"),
        ("{{ 'a' | no_such_filter }}", "no_such_filter"),
        ("{{ lookup('file', 'no-such-file') }}", "no-such-file"),
    ],
)
def test_whatever_is_wrong_with_a_template_is_an_error_of_its_variable(desk: Desk, template: str, reason: str):
    desk.inventory(site(web_2={"portbook_realm": template}))
    told = error(desk.run(options=["--limit", "siem"]).failed(), "web-2: portbook_realm cannot be rendered: ")
    assert reason in told
    assert len(told) < 400


def test_a_template_deep_inside_a_value_is_reported_too(desk: Desk):
    allow = [{"name": "web", "ports": [443], "peers": ["198.51.100.7"], "why": "for {{ nowhere }}"}]
    desk.inventory(site(web_2={"portbook_allow": allow}))
    run = desk.run().failed()
    assert "nowhere" in error(run, "web-2: portbook_allow cannot be rendered: ")
    assert "Move it to the inventory" not in run.output


def test_a_required_peer_that_nobody_defined_is_reported_with_group_and_variable(desk: Desk):
    desk.inventory({"utmstack_agent": {"hosts": {"web": {"ansible_host": "192.0.2.1"}}}})
    told = error(desk.run().failed(), "web: ")
    assert "utmstack_agent needs utmstack_master or utmstack_probe" in told
    assert "portbook_peers: {utmstack_master: [addresses]}" in told


def test_a_variable_of_the_whole_run_that_differs_is_reported_with_both_values(desk: Desk):
    desk.inventory(site({"portbook_unsupported": "warn"}, siem={"portbook_unsupported": "fail"}))
    told = error(desk.run(keep=False).failed(), "all hosts: portbook_unsupported differs: ")
    assert "'fail' on siem" in told
    assert "group_vars/all or with -e" in told


def test_an_unknown_option_of_the_task_is_refused(desk: Desk):
    run = desk.run(play({PLAN: {"component": ["utmstack_agent"]}}, hosts="siem"), keep=False).failed()
    assert "component" in run.message("siem")


@pytest.mark.parametrize("names", [("netaddr",), ("jsonschema",), ("netaddr", "jsonschema")], ids=" and ".join)
def test_a_missing_library_is_reported_with_how_to_install_it(desk: Desk, names: tuple[str, ...]):
    desk.block_libraries(*names)
    message = desk.run(options=["--limit", "siem"]).failed().message("siem")
    assert message.startswith(f"portbook.firewall needs {' and '.join(names)} on the controller")
    assert f"python -m pip install {' '.join(names)}" in message
    if len(names) == 2:
        assert message == printed(CHECKOUT / "docs" / "getting-started.md", "missing library").words
