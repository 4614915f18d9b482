# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results don't depend on the order in which hosts, groups, files and variables are met."""

from __future__ import annotations

import json
import random as random_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.helpers.book import PARTY, Book, Planned, book, feature, flow, host, port, product, write

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalogs
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.world import HostInput
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

BOOK = book(
    {
        "client": {"ports": {"main": port(6000)}},
        "server": {"ports": {"main": port(8080)}, "features": {"extra": feature(True)}},
        "siem": {**PARTY, "ports": {"main": port(514)}},
    },
    {
        "acme.talk": flow("client", "server", "main", exclusive=True),
        "acme.back": flow("server", "client", "main", decided_by="responder"),
        "acme.mesh": flow("server client", "server client", 7000, responder={"owner": "mesh"}),
        "acme.extra": flow("client", "server", 9000, feature="extra", protocol=["tcp", "udp"]),
        "acme.log": flow("server client", "siem", "main", protocol="udp"),
    },
)
SAID = {
    "portbook_peers": {
        "siem": ["203.0.113.1", {"addresses": ["203.0.113.2", "lab.example"], "port": 1514}],
        "client": ["198.51.100.0/25", "198.51.100.128/25", "2001:db8::/64"],
    },
    "portbook_peers_site": {"client": ["10.0.0.0/8"], "siem": ["203.0.113.3"]},
    "portbook_realm": ["a", "b"],
    "portbook_flows": {
        "acme.mesh": {"log": True, "ports": [7000, 7001]},
        "acme.talk": {"peers": ["198.51.100.0/24", "c1", "10.0.0.0/8"]},
    },
    "portbook_flows_site": {"acme.mesh": {"owner": "ops"}},
    "portbook_allow": [
        {"name": "x", "ports": [1, 2], "peers": ["10.0.0.1", "10.0.0.2"]},
        {"name": "y", "protocol": "vrrp", "peers": ["10.0.0.3"]},
    ],
    "server_port": [8081, "8080"],
}
EVERY = {"portbook_groups": {"client": ["client", "kiosks"], "server": ["server"]}}
HOSTS = (
    host("s1", "server", "192.0.2.1", **SAID, **EVERY),
    host("s2", "server", "192.0.2.3", **SAID, **EVERY),
    host("s3", "server client", "192.0.2.5", portbook_realm="b", server_port=8090, **EVERY),
    host("c1", "client", "192.0.2.11", portbook_realm=["a", "b"], **EVERY),
    host("c2", "kiosks client", portbook_addresses=["192.0.2.21", "2001:db8::21"], portbook_realm="b", **EVERY),
    host("x1", "siem", "192.0.2.50", portbook_realm="a", portbook_siem_port=2514, **EVERY),
)  # fmt: skip
NAMES = {"lab.example": ("203.0.113.77", "2001:db8::77")}


def planned(hosts, one: Book = BOOK) -> Planned:
    return one.plan(*hosts, groups="client kiosks server siem", names=NAMES)


USUAL = planned(HOSTS)


def shuffled(value, random: random_module.Random):
    """The same value, its mappings and lists in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(one, random)) for key, one in value.items()]
        random.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        listed = [shuffled(one, random) for one in value]
        random.shuffle(listed)
        return listed
    return value


@settings(max_examples=40)
@given(st.permutations(HOSTS))
def test_the_order_of_hosts_does_not_count(hosts):
    assert planned(hosts).text == USUAL.text
    assert planned(hosts).digest == USUAL.digest


@settings(max_examples=60)
@given(st.randoms(use_true_random=False))
def test_the_order_of_variables_keys_and_lists_does_not_count(random):
    hosts = [
        HostInput(
            one.name,
            one.groups,
            # Variables of scope all are one object for all hosts, so their order is one, too.
            {**shuffled({k: v for k, v in one.variables.items() if k not in EVERY}, random), **EVERY},
        )
        for one in HOSTS
    ]
    random.shuffle(hosts)
    again = planned(hosts)
    assert again.digest == USUAL.digest
    assert again.text == USUAL.text


@settings(max_examples=20)
@given(st.permutations(["client", "kiosks", "server", "siem"]))
def test_the_order_of_groups_does_not_count(groups):
    again = BOOK.plan(*HOSTS, groups=" ".join(groups), names=NAMES)
    assert again.text == USUAL.text


def test_the_order_of_errors_does_not_depend_on_the_order_of_hosts():
    hosts = [host(f"h{n}", "client", server_port="x", portbook_postur="guard") for n in range(4)]
    assert BOOK.errors(*hosts) == BOOK.errors(*reversed(hosts))


def split_files() -> dict[str, dict]:
    """Two products in a file each, whose flows lead from one to the other."""
    return {
        "one": product(
            {"client": {}, "relay": {}},
            {"one.up": flow("client", "relay", 1001), "one.over": flow("relay", "server", 1002)},
            "one",
        ),
        "two": product(
            {"server": {"ports": {"main": port(8080)}}},
            {"two.talk": flow("client relay", "server", "main")},
            "two",
        ),
        "three": product({"logger": PARTY}, {"three.log": flow("server", "logger", 514)}, "three"),
    }


def load(built_in, own) -> Book:
    problems = Problems()
    found = catalogs.load(own, problems, built_in=built_in)
    assert problems.errors == []
    return Book(found)


@pytest.mark.parametrize("order", [("one", "two", "three"), ("three", "two", "one"), ("two", "three", "one")])
def test_the_order_of_files_does_not_count(tmp_path, order):
    files = split_files()
    hosts = (
        host("c", "client", "192.0.2.11"),
        host("r", "relay", "192.0.2.21"),
        host("s", "server", "192.0.2.1"),
        host("l", "logger", "192.0.2.51"),
    )
    together = load(write(tmp_path / "all", **files), []).plan(*hosts)
    own = write(tmp_path / "own", **files)
    apart = load(write(tmp_path / "none"), [own / f"{name}.yml" for name in order]).plan(*hosts)
    assert apart.digest == together.digest
    assert apart.text == together.text


@settings(max_examples=30)
@given(st.randoms(use_true_random=False))
def test_the_order_of_a_files_entries_does_not_count(random):
    flows = {
        "acme.talk": flow("client server", "server", "main", 9000, "9005-9010"),
        "acme.both": flow("client", "server relay", 1003, protocol=["tcp", "udp"]),
    }
    components = {"client": {}, "relay": {}, "server": {"ports": {"main": port([8080, "8090-8091"])}}}
    hosts = (
        host("c", "client", "192.0.2.11"),
        host("r", "relay", "192.0.2.21"),
        host("s", "server", "192.0.2.1"),
        host("t", "server", "192.0.2.3"),
    )
    mixed = shuffled(json.loads(json.dumps([components, flows])), random)
    first, second = sorted(mixed, key=lambda one: "acme.talk" in one)
    assert book(first, second).plan(*hosts).text == book(components, flows).plan(*hosts).text
