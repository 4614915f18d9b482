# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan grows with hosts and flows, never with hosts times peers."""

from __future__ import annotations

import re
import time

import pytest
from unit.helpers.book import MESH, SIMPLE, Planned, host

from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.file import chunks, parts

MANY = 10_000
ADDRESS = re.compile(r"\b10\.\d+\.\d+\.\d+\b")


def scattered(number: int) -> str:
    """Addresses that cannot be collapsed."""
    return f"10.{number * 2 >> 16 & 255}.{number * 2 >> 8 & 255}.{number * 2 & 255}"


def nodes(count: int) -> Planned:
    return MESH.plan(*(host(f"n{number:05}", "node", scattered(number)) for number in range(count)))


@pytest.fixture(scope="module")
def mesh() -> Planned:
    return nodes(MANY)


def test_peers_of_one_kind_share_one_set(mesh):
    assert list(mesh.sets) == ["node"]
    assert len(mesh.sets["node"].networks) == MANY


def test_peers_of_one_kind_share_their_rules(mesh):
    assert len({id(one.rules) for one in mesh.hosts.values()}) == 1
    assert len(mesh.hosts) == MANY


def test_the_file_of_ten_thousand_peers_has_each_address_once(mesh):
    text = "".join(chunks(mesh.outcome.plan, mesh.digest))
    assert len(ADDRESS.findall(text)) == MANY
    assert len(text) < MANY * 2500


def test_the_slice_of_a_host_does_not_grow_with_its_peers(mesh):
    of_many = [len(text) for _name, text in parts(mesh.outcome.plan, mesh.digest)]
    small = nodes(20)
    of_few = [len(text) for _name, text in parts(small.outcome.plan, small.digest)]
    assert len(of_many) == MANY
    assert max(of_many) < max(of_few) + 100


def test_the_file_grows_in_step_with_the_hosts():
    lengths = [len(nodes(count).text) for count in (500, 1000, 2000)]
    assert lengths[2] - lengths[1] < 2.2 * (lengths[1] - lengths[0])


def test_clients_of_one_server_share_one_set_and_the_server_has_one_rule():
    clients = (host(f"c{number:05}", "client", scattered(number)) for number in range(MANY))
    started = time.perf_counter()
    plan = SIMPLE.plan(*clients, host("s1", "server", "192.0.2.1"))
    assert time.perf_counter() - started < 15
    assert len(plan.rules("s1")) == 1
    assert {name: len(one.networks) for name, one in plan.sets.items()} == {
        "client": MANY,
        "server": 1,
    }


def test_clients_of_one_server_share_their_rules():
    clients = (host(f"c{number:05}", "client", scattered(number)) for number in range(50))
    plan = SIMPLE.plan(*clients, host("s1", "server", "192.0.2.1"))
    assert len({id(one.rules) for name, one in plan.hosts.items() if name != "s1"}) == 1


def test_sets_of_the_same_kind_never_share_a_name():
    """Each site has its own client networks: as many sets of one component as there are sites."""
    count = 12_000
    plan = SIMPLE.plan(
        *(
            host(f"s{number:05}", "server", "192.0.2.1", portbook_peers={"client": [scattered(number)]})
            for number in range(count)
        )
    )
    for number in range(count):
        (rule,) = plan.rules(f"s{number:05}")
        assert plan.sets[rule.peers].networks == (scattered(number),)
