# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is, and under which address others see it."""

from __future__ import annotations

from typing import Any

from playbook_runs import HOSTS, Desk, site

WINDOWS: list[dict[str, Any]] = [
    {"ansible_connection": "winrm"},
    {"ansible_connection": "psrp"},
    {"ansible_connection": "ssh", "ansible_shell_type": "powershell"},
    {"ansible_shell_type": "cmd"},
    {"portbook_backend": "windows"},
]
LINUX: list[dict[str, Any]] = [{}, {"ansible_connection": "ssh"}, {"ansible_connection": "local"}]


def test_the_platform_follows_the_connection(desk: Desk):
    """One inventory with one host for each."""
    agents = {
        f"{platform}-{number}": {
            "ansible_host": f"192.0.2.{100 + 10 * len(platform) + number}",
            "portbook_backend": "auto",
            **variables,
        }
        for platform, cases in (("windows", WINDOWS), ("linux", LINUX))
        for number, variables in enumerate(cases)
    }
    desk.inventory({"utmstack_agent": {"hosts": agents}}, "inventory/more.yml")
    plan = desk.run(options=["--limit", "siem"]).ok().plan
    assert {name: plan["hosts"][name]["platform"] for name in agents} == {
        name: name.partition("-")[0] for name in agents
    }


def test_a_windows_component_on_a_linux_host_is_an_error_with_the_reason(desk: Desk):
    desk.inventory(site(desk={"portbook_components": ["stifler_server"]}))
    (error,) = desk.run().failed().errors
    assert error.startswith("desk: stifler_server does not exist on linux, only on windows: ")
    assert "ansible_connection" in error


def test_a_name_that_does_not_resolve_is_an_error_that_names_it(desk: Desk):
    desk.inventory(site(web_1={"ansible_host": "nowhere.invalid"}))
    (error,) = desk.run().failed().errors
    assert error.startswith("web-1: its address names nowhere.invalid, which does not resolve: ")
    assert "Set portbook_addresses on the host" in error


def test_a_name_that_only_this_machine_reaches_is_an_error_with_advice(desk: Desk):
    desk.inventory(site(web_1={"ansible_host": "localhost"}))
    (error,) = desk.run().failed().errors
    assert error.startswith("web-1: its address names localhost, which resolves to ")
    assert "Set portbook_addresses on the host" in error


def test_a_peer_that_is_a_host_of_the_inventory_has_its_addresses(desk: Desk):
    desk.inventory(site({"portbook_peers": {"utmstack_console": ["desk"]}}))
    run = desk.run().ok()
    assert run.peers("siem", "utmstack.web-console") == {"192.0.2.90"}


def test_written_addresses_win_over_the_connections(desk: Desk):
    desk.inventory(site(siem={"portbook_addresses": ["198.51.100.10", "2001:db8::10"]}))
    assert desk.run().ok().peers("web-1", "utmstack.agent-beats") >= {"198.51.100.10", "2001:db8::10"}


def test_facts_give_addresses_where_the_run_asks_for_them(desk: Desk):
    desk.remember_facts({host: f"198.51.100.{number}" for number, host in enumerate(HOSTS, 200)})
    run = desk.run(portbook_addresses_from="facts").ok()
    assert run.peers("web-1", "utmstack.agent-beats") == {"198.51.100.200", "198.51.100.201"}
    assert "172.17.0.1" not in run.plan_file.read_text()


def test_a_host_without_facts_is_an_error_where_the_run_asks_for_them(desk: Desk):
    desk.remember_facts({host: f"198.51.100.{number}" for number, host in enumerate(HOSTS, 200) if host != "web-1"})
    (error,) = desk.run(portbook_addresses_from="facts").failed().errors
    assert error.startswith("web-1: portbook_addresses_from is facts, but the host's facts have no address")
    assert "Gather facts" in error
