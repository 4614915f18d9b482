# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles, loops, conditions: each host gets its part whatever came before it in the play."""

from __future__ import annotations

from typing import Any

from playbook_runs import APPLY, PLAN, SHOW, Desk, Run, play

AGENT, PROBE, MASTER, HOST = (
    f"portbook.firewall.{name}" for name in ("utmstack_agent", "utmstack_probe", "utmstack_master", "host")
)


def rules(text: str) -> str:
    """A printed part without its heading."""
    return text.partition("\n")[2]


def test_the_role_of_a_component_shows_the_hosts_part_of_it(desk: Desk, plain_run: Run):
    run = desk.run(play(hosts="utmstack_agent", roles=[AGENT]), keep=False).ok()
    assert set(run.shown) == {"web-1", "web-2", "web-3"}
    for host, text in run.shown.items():
        assert text.startswith(f"{host}: utmstack_agent\n")
        assert [line for line in text.splitlines() if line not in plain_run.shown[host].splitlines()] == []


def test_the_role_host_covers_all_components(desk: Desk, plain_run: Run):
    run = desk.run(play(roles=[HOST]), keep=False).ok()
    assert run.shown == plain_run.shown


def test_several_roles_of_one_play_add_up(desk: Desk):
    desk.inventory("[utmstack_master]\nbox ansible_host=192.0.2.1\n[utmstack_probe]\nbox\n", "inventory/more")
    run = desk.run(play(hosts="box", roles=[MASTER, PROBE]), keep=False).ok()
    first, second = (text for _host, text in run.blocks)
    assert first.startswith("box: utmstack_master\n")
    assert second.startswith("box: utmstack_probe\n")
    whole = desk.run(play(PLAN, hosts="box")).ok()
    for component, text in (("utmstack_master", first), ("utmstack_probe", second)):
        flows = {one["flow"] for one in whole.rules("box") if one["component"] == component}
        assert flows
        assert {flow for flow in flows if flow in " ".join(text.split())} == flows


def test_a_role_that_the_first_host_does_not_meet_gives_all_others_their_part(desk: Desk, plain_run: Run):
    role = {"role": AGENT, "when": "inventory_hostname != 'web-1'"}
    run = desk.run(play(hosts="utmstack_agent", roles=[role]), keep=False).ok()
    assert set(run.shown) == {"web-2", "web-3"}
    assert run.recap["web-1"]["skipped"] >= 1
    assert "utmstack.agent-beats" in run.shown["web-2"]


def test_a_task_that_the_first_host_does_not_meet_gives_all_others_their_part(desk: Desk, plain_run: Run):
    run = desk.run(play({PLAN: None, "when": "inventory_hostname != 'siem'"}, order="sorted")).ok()
    assert run.plan == plain_run.plan
    assert run.shown == {host: text for host, text in plain_run.shown.items() if host != "siem"}


def test_run_once_gives_the_whole_file(desk: Desk, plain_run: Run):
    run = desk.run(play({PLAN: None, "run_once": True})).ok()
    assert run.plan == plain_run.plan
    assert len(run.shown) == 1


def test_a_delegated_task_speaks_of_the_host_that_it_is_for(desk: Desk, plain_run: Run):
    run = desk.run(play({PLAN: None, "delegate_to": "probe"}, hosts="siem")).ok()
    assert run.plan == plain_run.plan
    assert run.shown == {"siem": plain_run.shown["siem"]}


def test_an_included_role_in_a_block_with_a_loop_gives_each_part(desk: Desk):
    block: dict[str, Any] = {
        "block": [
            {"ansible.builtin.include_role": {"name": "portbook.firewall.{{ item }}"}, "loop": ["utmstack_agent"]},
            {APPLY: {"components": ["{{ item }}"]}, "loop": ["utmstack_agent", "utmstack_probe"]},
        ],
        "when": "inventory_hostname in groups.utmstack_agent",
    }
    run = desk.run(play(block, hosts="web-1:siem"), keep=False).ok()
    assert [text.partition("\n")[0] for _host, text in run.blocks] == [
        "web-1: utmstack_agent",
        "web-1: utmstack_agent",
        "web-1: utmstack_probe",
    ]


def test_an_imported_playbook_can_be_followed_by_plays_of_ones_own(desk: Desk, plain_run: Run):
    plays = [{"ansible.builtin.import_playbook": PLAN}, play(APPLY, SHOW, hosts="siem")]
    desk.write("own.yml", plays)
    run = desk.run("own.yml", keep=False).ok()
    assert run.blocks.count(("siem", plain_run.shown["siem"])) == 2


def test_a_rescued_error_leaves_the_host_in_the_play(desk: Desk):
    block = {"block": [{PLAN: None}], "rescue": [{"ansible.builtin.debug": {"msg": "rescued"}}]}
    run = desk.run(play(block), keep=False, portbook_posture="gaurd").ok()
    assert {one["rescued"] for one in run.recap.values()} == {1}
    assert run.shown == {}
