# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a group says is one object for all of its hosts: it is looked at once, and nobody can tell but by the clock."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from unit.helpers.book import PARTY, TODAY, book, flow, port

from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.hostvars import Reader, fingerprint
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.names import Names
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.compute import compute
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

CATALOG = book(
    {"server": {"platforms": ["linux"]}, "siem": {**PARTY, "ports": {"main": port(514)}}},
    {"acme.log": flow("server", "siem", "main")},
).catalog
NAMES = Names(CATALOG, Problems())
HOSTS = [f"192.0.2.{place}" for place in range(1, 21)]
NETWORKS = [f"10.0.{place * 2}.0/24" for place in range(20)]


class Counted(list[Any]):
    """A list that counts how often it is walked and printed."""

    walks = prints = 0

    def __iter__(self) -> Iterator[Any]:
        self.walks += 1
        return super().__iter__()

    def __repr__(self) -> str:
        self.prints += 1
        return super().__repr__()


class Rendered(dict[str, Any]):
    """A host's variables; every template says the host's name."""

    def __getitem__(self, name: str) -> Any:
        return self._rendered(super().__getitem__(name))

    def _rendered(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._rendered(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._rendered(one) for one in value]
        return value.replace("{{ me }}", dict.__getitem__(self, "me")) if isinstance(value, str) else value


class AllHostvars(Mapping[str, Rendered]):
    """As Ansible has it: what is rendered was read before."""

    def __init__(self, of_hosts: dict[str, dict[str, Any]]) -> None:
        self.of_hosts = of_hosts
        self.reads = 0

    def raw_get(self, host: str) -> dict[str, Any]:
        self.reads += 1
        return dict(self.of_hosts[host])

    def __getitem__(self, host: str) -> Rendered:
        return Rendered(self.raw_get(host))

    def __iter__(self) -> Iterator[str]:
        return iter(self.of_hosts)

    def __len__(self) -> int:
        return len(self.of_hosts)


def hostvars(hosts: list[str], **shared: Any) -> AllHostvars:
    return AllHostvars({name: {"me": name, **shared} for name in hosts})


def read(all_hostvars: AllHostvars, reader: Reader | None = None) -> list[Any]:
    reader = reader or Reader(NAMES.ours, (Exception,))
    return reader.inputs(all_hostvars, {"all": list(all_hostvars), "server": list(all_hostvars)})


def digest(inputs: list[Any]) -> str:
    found = compute(CATALOG, Problems(), inputs, ["server"], TODAY, lambda names: dict.fromkeys(names, "no name"))
    assert not found.errors
    return found.digest


def mark(inputs: list[Any]) -> str:
    return fingerprint(inputs, frozenset(NAMES.known))


def test_what_all_hosts_share_is_walked_as_often_as_what_one_host_has():
    walks = []
    for hosts in (HOSTS[:1], HOSTS):
        networks = Counted(NETWORKS)
        read(hostvars(hosts, portbook_peers={"siem": networks}))
        walks.append(networks.walks)
    assert walks[0] == walks[1] > 0


def test_all_hosts_hold_the_same_plain_value():
    inputs = read(hostvars(HOSTS, portbook_peers={"siem": Counted(NETWORKS)}))
    assert len({id(one.variables["portbook_peers"]) for one in inputs}) == 1
    plain = inputs[0].variables["portbook_peers"]["siem"]
    assert isinstance(plain, list)
    assert not isinstance(plain, Counted)


def test_what_all_hosts_share_is_printed_once_for_the_fingerprint():
    networks = Counted(NETWORKS)
    inputs = read(hostvars(HOSTS))
    for one in inputs:
        one.variables["portbook_peers_more"] = networks
    fingerprint(inputs, frozenset())
    assert networks.prints == 1


def test_what_all_hosts_share_is_printed_once_to_compare_hosts():
    networks = Counted(NETWORKS)
    inputs = read(hostvars(HOSTS))
    for one in inputs:
        one.variables["portbook_management"] = networks
    digest(inputs)
    assert networks.prints == 1


def test_equal_values_that_are_not_the_same_object_give_the_same_plan():
    shared = hostvars(HOSTS, portbook_peers={"siem": NETWORKS})
    apart = AllHostvars({name: copy.deepcopy(shared.raw_get(name)) for name in shared})
    assert digest(read(shared)) == digest(read(apart))
    assert mark(read(shared)) == mark(read(apart))


def test_a_template_that_all_hosts_share_is_rendered_for_each():
    inputs = read(hostvars(HOSTS, portbook_addresses=["{{ me }}"]))
    assert [one.variables["portbook_addresses"] for one in inputs] == [[name] for name in HOSTS]


def test_the_variables_of_a_host_are_united_once_also_where_one_is_a_template():
    all_hostvars = hostvars(HOSTS, portbook_addresses=["{{ me }}"], portbook_log="{{ me }}")
    read(all_hostvars)
    assert all_hostvars.reads == len(HOSTS)


def test_a_value_that_is_set_between_two_reads_is_seen():
    all_hostvars = hostvars(HOSTS, portbook_peers={"siem": NETWORKS})
    reader = Reader(NAMES.ours, (Exception,))
    before = read(all_hostvars, reader)
    all_hostvars.of_hosts[HOSTS[3]]["portbook_peers"] = {"siem": [*NETWORKS, "10.9.9.0/24"]}
    after = read(all_hostvars, reader)
    assert mark(before) != mark(after)
    assert digest(before) != digest(after)


def test_a_value_that_is_changed_in_place_between_two_reads_is_seen():
    networks = list(NETWORKS)
    all_hostvars = hostvars(HOSTS, portbook_peers={"siem": networks})
    reader = Reader(NAMES.ours, (Exception,))
    before = read(all_hostvars, reader)
    networks.append("10.9.9.0/24")
    assert mark(before) != mark(read(all_hostvars, reader))


def test_planning_changes_nothing_that_was_read():
    given = {
        "portbook_peers": {"siem": [*NETWORKS, {"addresses": ["10.8.0.0/24"], "realms": ["main"]}]},
        "portbook_allow": [{"name": "web", "ports": [80, "443"], "peers": ["10.1.1.1", "10.1.1.0"]}],
        "portbook_flows": {"acme.log": {"ports": [601, 514], "peers": ["10.0.9.9", "10.0.9.8"]}},
        "portbook_realm": ["b", "a", "main"],
    }
    inputs = read(hostvars(HOSTS, **given))
    before = copy.deepcopy([one.variables for one in inputs])
    digest(inputs)
    assert [one.variables for one in inputs] == before


def test_the_fingerprint_distinguishes_values_that_python_calls_equal():
    def of(value: Any) -> str:
        return mark(read(hostvars(HOSTS[:2], portbook_management=value)))

    values = [[1], [True], ["1"], [1.0], [[1]], {"1": 1}, "[1]", 1, True, None, []]
    assert len({of(value) for value in values}) == len(values)
