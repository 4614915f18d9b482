# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A component that the inventory does not give the host: planned, with a warning, and nobody else knows of it."""

from __future__ import annotations

from playbook_runs import APPLY, NOTHING, PLAN, SHOW, Desk, Run, play

AS_AGENT = {"components": ["utmstack_agent"]}


def test_the_host_gets_its_rules_and_a_warning(desk: Desk):
    run = desk.run(play({APPLY: AS_AGENT}, hosts="desk"), keep=False).ok()
    assert run.shown["desk"].startswith("desk: utmstack_agent\n")
    assert "tcp 5044      to utmstack_master 192.0.2.10" in run.shown["desk"]
    assert "desk has the component utmstack_agent in this play only, so its peers get no rules for it" in run.words
    assert "set portbook_components: [utmstack_agent] in the inventory" in run.words


def test_the_other_hosts_rules_stay_as_they_were(desk: Desk, plain_run: Run):
    run = desk.run(play({PLAN: AS_AGENT}, hosts="desk"), play(PLAN, hosts="all:!desk")).ok()
    assert run.plan == plain_run.plan
    assert {host: run.shown[host] for host in plain_run.shown if host != "desk"} == {
        host: text for host, text in plain_run.shown.items() if host != "desk"
    }


def test_several_such_hosts_are_each_warned_of(desk: Desk):
    run = desk.run(play({PLAN: {"components": ["utmstack_probe"]}}, hosts="desk:web-1")).ok()
    assert set(run.shown) == {"desk", "web-1"}
    for host in ("desk", "web-1"):
        assert f"{host} has the component utmstack_probe in this play only" in run.words


def test_a_host_that_plays_it_by_the_inventory_is_not_warned_of(desk: Desk):
    run = desk.run(play({PLAN: AS_AGENT}, hosts="web-1")).ok()
    assert "in this play only" not in run.output


def test_it_follows_a_fact_that_is_set_between_two_tasks(desk: Desk):
    move = {"ansible.builtin.set_fact": {"portbook_realm": "lab"}}
    run = desk.run(play({PLAN: AS_AGENT}, SHOW, move, {PLAN: AS_AGENT}, hosts="desk"), keep=False).failed()
    assert "realm main" in run.shown["desk"]
    assert "none is in the same realm" in run.message("desk")


def test_a_component_of_another_platform_is_refused_with_the_reason(desk: Desk):
    run = desk.run(play({PLAN: {"components": ["stifler_server"]}}, hosts="desk"), keep=False).failed()
    assert run.message("desk").startswith("desk: stifler_server does not exist on linux, only on windows: ")


def test_an_unknown_component_is_refused_with_the_nearest_one(desk: Desk):
    run = desk.run(play({PLAN: {"components": ["utmstack_agnt"]}}, hosts="desk"), keep=False).failed()
    assert (
        "components names 'utmstack_agnt', which is not a known component. Did you mean utmstack_agent?"
        in run.message("desk")
    )


def test_a_host_outside_the_inventory_has_no_part(desk: Desk, plain_run: Run):
    run = desk.run(play(PLAN, hosts="localhost")).ok()
    assert run.plan == plain_run.plan
    assert run.shown["localhost"].startswith(f"localhost: {NOTHING}")
