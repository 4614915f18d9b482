# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which other hosts a variable of one host concerns: those whose own plan would be another one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.helpers.book import PARTY, TODAY, Planned, book, feature, flow, host, port

from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.kinds import read_value
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.names import Names
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.read_settings import with_values
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.variables import Variable
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.world import HostInput
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.followers import Followers, Tied
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

BOOK = book(
    {
        "client": {"ports": {"back": port(9100)}},
        "server": {
            "ports": {"main": port(8080), "web": port(8443), "log": port(514)},
            "features": {"extra": feature(False), "web": feature(True)},
            "versions": {"known": ["1", "2"], "default": "1"},
        },
        "device": PARTY,
        "console": PARTY,
    },
    {
        "acme.main": flow("client", "server", "main"),
        "acme.extra": flow("client", "server", 8090, feature="extra"),
        "acme.web": flow("console", "server", "web", feature="web"),
        "acme.log": flow("device", "server", "log"),
        "acme.old": flow("client", "server", 8070, versions=["1"]),
        "acme.back": flow("server", "client", "back"),
        "acme.peers": flow("server", "server", "web"),
        "acme.ask": flow("client", "device", 161, decided_by="initiator"),
    },
)
SERVER, SECOND = ("s1", "server", "192.0.2.1"), ("s2", "server", "192.0.2.2")
CLIENTS = [host(f"c{number}", "client", f"192.0.2.1{number}") for number in (1, 2)]
DEVICE = host("d1", "device", "192.0.2.21")
SITE = [*CLIENTS, DEVICE]
VALUES = {
    "server_port": 8081,
    "server_web_port": 8444,
    "server_log_port": 5514,
    "server_extra": True,
    "server_web": False,
    "server_version": "2",
}


def tied(name: str, value: Any, *others: HostInput, at: str = "s1", **own: Any) -> Tied:
    """By a variable that a role sets at one host."""
    planned = BOOK.plan(host(*SERVER, **own), *others)
    world = planned.outcome.world
    assert world is not None
    variable = Names(BOOK.catalog, Problems()).read(name)
    assert isinstance(variable, Variable)
    read, wrongs = read_value(BOOK.catalog, variable, value)
    assert wrongs == []
    one = next(one for one in world.hosts if one.name == at)
    return Followers(world, TODAY).of(one, with_values(one.settings, [(variable, read)]), [str(variable.component)])


def changed(name: str, value: Any, *others: HostInput, **own: Any) -> set[str]:
    """Hosts whose rules are others if the inventory has the variable."""

    def brief(planned: Planned) -> dict[str, set[Any]]:
        return {one: planned.brief(one) for one in planned.hosts if one != "s1"}

    before, after = (BOOK.plan(host(*SERVER, **given), *others) for given in (own, {**own, name: value}))
    return {one for one, rules in brief(before).items() if brief(after)[one] != rules}


@pytest.mark.parametrize("variable", VALUES)
@pytest.mark.parametrize("second", [[], [host(*SECOND)]], ids=["one server", "two servers"])
@pytest.mark.parametrize(
    "own",
    [
        {},
        {"server_extra": True},
        {"portbook_flows": {"acme.main": {"state": "disabled"}, "acme.extra": {"state": "enabled"}}},
        {"portbook_flows": {"acme.main": {"ports": [7000]}}},
        {"server_realm": "lab"},
    ],
    ids=["plain", "extra on", "a flow disabled", "ports by portbook_flows", "a realm of its own"],
)
def test_those_who_follow_are_those_whose_rules_would_be_others(
    variable: str, second: list[HostInput], own: dict[str, Any]
):
    if variable in own:
        return
    site = [*SITE, *second]
    if own.get("server_realm"):
        site = [replace(one, variables={**one.variables, "portbook_realm": ["lab", "main"]}) for one in CLIENTS[:1]]
    found = tied(variable, VALUES[variable], *site, **own).followers
    assert {name for names in found.values() for name in names} == changed(variable, VALUES[variable], *site, **own)


def test_a_port_that_only_devices_reach_concerns_no_other_host():
    assert not tied("server_log_port", 5514, *SITE)


def test_a_host_of_a_party_with_rules_of_its_own_follows():
    managed = replace(DEVICE, variables={**DEVICE.variables, "portbook_components": ["device"]})
    assert tied("server_log_port", 5514, managed).followers == {"acme.log": ("d1",)}


def test_the_flows_that_tie_are_named():
    assert tied("server_port", 8081, *SITE).followers == {"acme.main": ("c1", "c2")}


def test_a_variable_of_a_component_that_another_host_is_says_nothing_here():
    found = tied("server_port", 8081, *SITE, at="c1")
    assert found.deciders == {"acme.main": ("s1",)}
    assert not found.followers


def test_a_variable_of_a_component_that_no_host_is_concerns_the_host_alone():
    planned = BOOK.plan(host("c1", "client", "192.0.2.11", portbook_peers={"server": ["198.51.100.1"]}))
    world = planned.outcome.world
    assert world is not None
    (one,) = world.hosts
    variable = Names(BOOK.catalog, Problems()).read("server_port")
    assert isinstance(variable, Variable)
    after = with_values(one.settings, [(variable, read_value(BOOK.catalog, variable, 8081)[0])])
    assert not Followers(world, TODAY).of(one, after, ["server"])
