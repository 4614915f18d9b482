# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listed peers that no flow uses are a warning that names what they wait for."""

from __future__ import annotations

from typing import Any

import pytest
from unit.helpers.book import PARTY, book, feature, flow, host

BOOK = book(
    {"server": {"features": {"traps": feature(False)}}, "agent": {}, "collector": {}, "device": PARTY, "nas": PARTY},
    {
        "acme.up": flow("agent", "server", 5000),
        "acme.log": flow("device", "server", 514, feature="traps"),
        "acme.files": flow("collector", "nas", 445),
        "acme.dump": flow("agent", "device", 600),
    },
)
SERVER, AGENT = ("s1", "server", "192.0.2.1"), ("a1", "agent", "192.0.2.2")


def warnings(peers: dict[str, Any], *more: Any, **said: Any) -> list[str]:
    return BOOK.plan(host(*SERVER, portbook_peers=peers, **said), *more).warnings


def test_peers_of_a_component_that_no_host_needs_name_the_one_that_would():
    assert warnings({"nas": ["198.51.100.1"]}) == [
        "inventory: portbook_peers.nas lists peers, but no host has a flow with nas: flows with it need collector. "
        "Put a host into the group collector, or remove the peers"
    ]


def test_peers_whose_flows_are_off_name_what_turns_them_on():
    assert warnings({"device": ["198.51.100.1"]}) == [
        "inventory: portbook_peers.device lists peers, but no host has a flow with device that is on. "
        "server_traps: true turns it on"
    ]


def test_peers_that_are_listed_at_the_wrong_hosts_name_the_right_ones():
    (warning,) = warnings({"nas": ["198.51.100.1"]}, host("c1", "collector", "192.0.2.3"))
    assert "at hosts that have no flow with them: flows with nas need collector" in warning
    assert "List them where the hosts of collector see them" in warning


@pytest.mark.parametrize("peers", [{}, {"nas": []}, {"agent": ["198.51.100.1"]}, {"agent": "any"}])
def test_an_empty_list_and_peers_that_are_used_are_no_warning(peers: dict[str, Any]):
    assert warnings(peers) == []


def test_peers_that_one_host_uses_are_used():
    both = {"nas": ["198.51.100.1"]}
    assert warnings(both, host("c1", "collector", "192.0.2.3", portbook_peers=both)) == []
    assert warnings({"device": "any"}, server_traps=True) == []
