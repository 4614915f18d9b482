# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever an inventory says, it is planned or refused by name: never an exception, never a hang."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from fuzz import small_book
from fuzz.debris import JUNK, Mutation, examples, mutated, mutations
from fuzz.runs import Run, check_culprits, check_words, run
from hypothesis import given

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalogs
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.names import Names
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems
from ansible_collections.portbook.firewall.plugins.plugin_utils.run import planning

pytestmark = pytest.mark.longer

GROUPS: dict[str, list[str]] = {
    "all": ["siem", "probe", "web", "pxe", "hub", "desk", "desk2", "dc", "threat", "sql", "files"],
    "masters": ["siem"],
    "utmstack_probe": ["probe"],
    "utmstack_agent": ["web"],
    "twopxe_server": ["pxe"],
    "stifler_server": ["hub"],
    "stifler_client": ["desk", "desk2"],
    "domain_controller": ["dc"],
    "netwrix_enterprise_manager": ["threat"],
    "netwrix_database": ["sql"],
    "ungrouped": ["files"],
}
# Every variable of the collection that is not a component's own, and some of each kind that are.
ALL: dict[str, Any] = {
    "portbook_groups": {"utmstack_master": ["masters"]},
    "portbook_addresses_from": "inventory",
    "portbook_evidence": "documented",
    "portbook_unsupported": "warn",
    "portbook_plan_file": "build/plan.json",
    "portbook_management": ["192.0.2.192/27"],
    "portbook_peers": {
        "utmstack_device": [
            "203.0.113.0/26",
            {"addresses": ["2001:db8:b:de::/64", "syslog.example"], "realms": ["bremen"]},
        ],
        "utmstack_console": "any",
        "stifler_console": [],
        "stifler_beacon": [{"addresses": ["198.51.100.35"], "port": {"iperf": 5202}, "version": "2"}],
        "pxe_client": ["192.0.2.96/27", "192.0.2.128-192.0.2.140"],
    },
}
HOSTS: dict[str, dict[str, Any]] = {
    "siem": {
        "ansible_host": "192.0.2.10",
        "portbook_addresses": ["192.0.2.10", "2001:db8:b::10"],
        "utmstack_master_realm": ["bremen", "graz"],
        "portbook_flows": {
            "utmstack.log-http": {"state": "disabled", "owner": "soc", "ticket": "SOC-7"},
            "utmstack.web-console": {"peers": ["192.0.2.192/27"], "guard": True, "log": False, "expires": "2027-01-31"},
        },
    },
    "probe": {
        "ansible_host": "probe.example",
        "portbook_realm": "bremen",
        "portbook_management_ports": [22, "2222-2230"],
    },
    "web": {
        "ansible_host": "192.0.2.21",
        "portbook_realm": ["bremen"],
        "portbook_allow": [
            {"name": "web", "ports": [80, 443], "peers": "any", "why": "the web site", "owner": "web team"},
            {"name": "vrrp", "protocol": "vrrp", "peers": ["192.0.2.11"], "direction": "out", "expires": "2026-11-22"},
        ],
        "portbook_allow_more": [{"name": "metrics", "ports": "9100", "peers": "local_subnet", "ticket": 5}],
        "portbook_posture": "strict",
        "portbook_outbound": "guard",
        "portbook_trusted_interfaces": ["docker0", "br-lan"],
        "portbook_foreign": "warn",
        "portbook_refuse": "reject",
        "portbook_log": "refused",
        "portbook_cut": "no",
        "portbook_backend": "nftables",
    },
    "pxe": {"ansible_host": "192.0.2.30", "ansible_connection": "psrp", "twopxe_server_posture": "watch"},
    "hub": {
        "ansible_host": "192.0.2.31",
        "ansible_connection": "winrm",
        "stifler_server_api_port": 9001,
        "stifler_server_sql": True,
        "stifler_server_version": "2",
    },
    "desk": {
        "ansible_host": "192.0.2.101",
        "portbook_backend": "windows",
        "stifler_client_branchcache_port": 1400,
        "stifler_client_client_program": "C:\\Program Files\\StifleR\\StifleR.ClientApp.exe",
    },
    "desk2": {"ansible_host": "192.0.2.102", "ansible_shell_type": "powershell"},
    "dc": {"ansible_host": "192.0.2.42", "ansible_connection": "psrp", "portbook_components": ["netwrix_agent"]},
    "threat": {"ansible_host": "192.0.2.40", "ansible_connection": "psrp", "portbook_siem_port": 6514},
    "sql": {"ansible_host": "192.0.2.41", "ansible_connection": "psrp"},
    "files": {},
}
VALID = {"all": ALL, "hosts": HOSTS, "groups": GROUPS}


def planned(inventory: Any) -> Run:
    """Debris of the inventory's own shape is Ansible's to refuse, so hosts and groups stay mappings, and a host has a
    name."""
    shared = inventory.get("all")
    shared = shared if isinstance(shared, dict) else {}
    hosts = named(inventory.get("hosts"))
    groups = inventory.get("groups")
    groups = groups if isinstance(groups, dict) else GROUPS
    return run(
        {str(name): {**shared, **(own if isinstance(own, dict) else {})} for name, own in hosts.items()},
        {
            str(name): [one for one in own if isinstance(one, str)]
            for name, own in groups.items()
            if isinstance(own, list)
        },
    )


def named(hosts: Any) -> dict[Any, Any]:
    found = {name: own for name, own in hosts.items() if str(name).strip()} if isinstance(hosts, dict) else {}
    return found or HOSTS


def check(inventory: Any) -> Run:
    found = planned(inventory)
    check_words(found)
    check_culprits(found, [*map(str, named(inventory.get("hosts")))])
    return found


def test_the_inventory_that_is_broken_here_is_valid_itself():
    found = check(VALID)
    assert found.errors == ()


def test_six_hundred_malformed_inventories_are_planned_or_refused_by_name():
    tried: set[str] = set()
    outcomes: set[bool] = set()

    @examples(600)
    @given(mutations(VALID))
    def each(recipe: list[Mutation]) -> None:
        outcomes.add(check(mutated(VALID, recipe)).planned)
        tried.add(repr(recipe))

    each()
    assert len(tried) >= 450
    assert outcomes == {True, False}


def test_each_kind_of_debris_in_each_variable_is_planned_or_refused_by_name(tmp_path):
    """On a small port book, so that all pairs can be tried."""
    catalog = small_book.small(tmp_path / "catalog")
    variables = [*Names(catalog, Problems()).known, "portbook_peers_more", "ansible_host", "ansible_connection"]
    tried = 0
    for name in variables:
        if name == "portbook_catalogs":
            continue  # It is read before there is a catalogue: see below.
        for junk in JUNK.values():
            hosts = {**small_book.HOSTS, "server": {**small_book.HOSTS["server"], name: junk()}}
            found = run(hosts, small_book.GROUPS, catalog)
            check_words(found)
            check_culprits(found, hosts)
            tried += 1
    assert tried >= 2000


@pytest.mark.parametrize("junk", sorted(JUNK))
def test_debris_in_place_of_catalogues_is_refused_by_name(junk, tmp_path, monkeypatch):
    small = small_book.write(tmp_path / "catalog", json.dumps(small_book.PRODUCT))
    monkeypatch.setattr(planning, "load", partial(catalogs.load, built_in=small))
    found = run({"one": {"portbook_catalogs": JUNK[junk]()}}, {"all": ["one"]})
    check_words(found)
    for problem in found.raw:
        assert "portbook_catalogs" in f"{problem.where} {problem.what}", problem


@pytest.mark.parametrize("junk", sorted(JUNK))
def test_debris_in_place_of_facts_is_refused_by_host(junk, tmp_path):
    catalog = small_book.small(tmp_path / "catalog")
    value = JUNK[junk]()
    for facts in (
        value,
        {"interfaces": value, "ip_addresses": value},
        {"interfaces": ["eth0"], "eth0": {"ipv4": value, "ipv4_secondaries": value, "ipv6": value}},
        {"interfaces": ["eth0"], "eth0": {"ipv4": {"address": value}, "ipv6": [{"address": value, "scope": "global"}]}},
        {"interfaces": [value], "all_ipv4_addresses": [value]},
    ):
        from_facts = {"portbook_addresses_from": "facts", "ansible_facts": facts}
        found = run({"client": from_facts, "server": from_facts}, small_book.GROUPS, catalog)
        check_words(found)
        check_culprits(found, ["client", "server"])


# -- what is surely wrong is refused, where it stands ------------------------------------------------

SURELY_WRONG: dict[str, list[Any]] = {
    "choice": ["gaurd", 5, [], {}, "", ["guard"], 1.5, "guard\n"],
    "bool": ["maybe", 2, [], {}, 1.5, ""],
    "ports": [0, -1, 65536, "9-1", [], "http", True, {}, 80.5, "80,", [80, [443]], "1-70000", 10**30],
    "version": ["0.0", [], True, {}, ""],
    "realm": ["", [], True, {}, ["a b"], ["main\n"], ["\u00e4"], "a/b"],
    "program": ["client.exe", 5, [], "\\\\server\\x", "C:\\a\nb", "C:\\\ud800", "/usr/bin/x"],
    "components": ["nobody", [None], {"acme_client": True}, 5, [["acme_client"]]],
    "groups": [[], "acme", {"nobody": ["x"]}, {"acme_client": 5}, {"acme_client": [""]}, {1: ["x"]}],
    "addresses": ["", [], {}, ["192.0.2.0/33"], "192.0.2.1/24", "192.0.2.256", "a b", ["192.0.2.9-192.0.2.1"]],
    "peers": [
        [],
        "any",
        {"nobody": []},
        {"console": None},
        {"console": "192.0.2.1/24"},
        {"console": ["any"]},
        {"console": ["192.0.2.1/24"]},
        {"console": ["host\n"]},
        {"console": [{"adresses": []}]},
        {"console": [{"realms": ["x"]}]},
        {"console": [{"addresses": ["192.0.2.1"], "port": 0}]},
        {"console": [{"addresses": ["192.0.2.1"], "version": "1"}]},
        {"console": [{"addresses": ["192.0.2.1"], "features": ["x"]}]},
        {None: []},
    ],
    "allow": [
        {},
        "web",
        [5],
        [{"name": "web"}],
        [{"name": "web", "ports": [80]}],
        [{"name": "web\n", "ports": [80], "peers": "any"}],
        [{"name": "web", "ports": [80], "peers": "any", "protocol": "tpc"}],
        [{"name": "web", "ports": [80], "peers": "any", "expires": "soon"}],
        [{"name": "web", "ports": [80], "peers": "any", "owner": "a\x1bb"}],
        [{"name": "web", "ports": [80], "peers": "any"}] * 2,
    ],
    "flows": [
        [],
        {"acme.tlak": {}},
        {"acme.talk": None},
        {"acme.talk": {"state": "off"}},
        {"acme.talk": {"stat": "disabled"}},
        {"acme.talk": {"peers": ["192.0.2.1/24"]}},
        {"acme.talk": {"guard": "perhaps"}},
    ],
    "networks": [5, {}, ["siem"], ["192.0.2.1/24"], "192.0.2.0/33", [None]],
    "names": ["eth 0", {}, [""], ["a b"], ["x" * 40], [True]],
    "path": [5, {"a": 1}, ["x"], "  "],
    "mark": [0, -1, True, 1.5, [], {}, "x", "0x", "0x10/", "/0x10", "0x10/0x20", "0x10/0x10/0x10", 1 << 32, "9" * 5000],
}


def test_what_is_surely_wrong_is_refused_with_the_host_and_the_variable(tmp_path):
    catalog = small_book.small(tmp_path / "catalog")
    tried = 0
    for name, variable in Names(catalog, Problems()).known.items():
        for value in SURELY_WRONG.get(variable.kind, ()):
            shared = {name: value} if variable.scope == "all" else {}
            hosts = {host: {**own, **shared} for host, own in small_book.HOSTS.items()}
            hosts["server"] = {**hosts["server"], name: value}
            found = run(hosts, small_book.GROUPS, catalog)
            where = "all hosts" if variable.scope == "all" else "server"
            assert any(text.startswith((f"{where}: {name}", f"client, server: {name}")) for text in found.errors), (
                name,
                value,
                found.errors,
            )
            tried += 1
    assert tried >= 200


def test_a_misspelt_variable_is_refused_with_the_right_name(tmp_path):
    catalog = small_book.small(tmp_path / "catalog")
    for name in Names(catalog, Problems()).known:
        misspelt = name[:-2] + name[-1]
        hosts = {**small_book.HOSTS, "server": {**small_book.HOSTS["server"], misspelt: "x"}}
        found = run(hosts, small_book.GROUPS, catalog)
        assert [text for text in found.errors if text.startswith(f"server: {misspelt} ") and "Did you mean" in text], (
            misspelt,
            found.errors,
        )


# -- hosts and groups with strange names --------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "a b", "a\nb", "\x1b[31mred", "\ud800", "x" * 5000, "192.0.2.1/24", "\u202ehost", "1"]
)
def test_a_host_of_any_name_is_planned_or_refused_in_words_that_can_be_printed(name, tmp_path):
    catalog = small_book.small(tmp_path / "catalog")
    for own in ({}, {"ansible_host": "192.0.2.2"}, {"portbook_realm": "elsewhere"}, {"portbook_posture": 5}):
        check_words(
            run({**small_book.HOSTS, name: own}, {**small_book.GROUPS, "acme_client": ["client", name]}, catalog)
        )


def test_a_variable_whose_name_is_no_text_is_none_of_the_collection(tmp_path):
    hosts = {**small_book.HOSTS, "server": {**small_book.HOSTS["server"], None: 1, 5: 2, ("a",): 3, True: {}}}
    assert run(hosts, small_book.GROUPS, small_book.small(tmp_path / "catalog")).planned


def test_an_inventory_of_many_groups_and_components_does_not_make_long_messages():
    groups = {f"group_{number}_of_many": ["one"] for number in range(2000)}
    wrong = {"portbook_groups": {"utmstack_probe": ["a"], "utmstack_agent": list(groups)}, "portbook_components": ["b"]}
    found = run({"one": {**wrong, "ansible_host": "192.0.2.1"}}, {**groups, "all": ["one"]})
    assert found.errors
    check_words(found)
