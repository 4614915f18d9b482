# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every wrong input is an error that names host, variable, value and what is right; all at once."""

# ruff: noqa: E501 - a table of inputs and answers is read line by line

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.helpers.book import PARTY, book, feature, flow, host, port, windows

from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.hostvars import Reader, fingerprint
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.kinds import read_value
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.names import Names
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.values import Untemplated
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.world import HostInput
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

BOOK = book(
    {
        "stifler_client": {"ports": {"main": port(1433)}, "features": {"relay": feature(False)}},
        "stifler_server": {
            "platforms": ["windows", "linux"],
            "versions": {"known": ["2.10", "2.14"], "default": "2.14"},
            "ports": {"main": port(8080), "hub": port(8081)},
            "programs": {"main": {"what": "it", "file": "s.exe"}},
        },
        "stifler_cloud": {"versions": {"known": ["3"], "default": "3"}},
        "siem": {**PARTY, "ports": {"main": port(514)}, "features": {"tls": feature(False)}},
        "winonly": {"platforms": ["windows"], "platforms_why": "It is a Windows service."},
    },
    {
        "stifler.talk": flow("stifler_client", "stifler_server", "main"),
        "stifler.hub": flow("stifler_client", "stifler_server", "hub"),
        "acme.log": flow("stifler_server", "siem", "main"),
        "acme.win": flow("stifler_client", "winonly", 9100),
    },
)
VARIABLES = Names(BOOK.catalog, Problems())


def errors(**said):
    return BOOK.errors(host("h1", "stifler_server", "192.0.2.1", **said))


def only(**said) -> str:
    found = errors(**said)
    assert len(found) == 1, found
    return found[0]


WRONG = [
    # components, groups, flows
    ({"portbook_components": ["stifler_clent"]}, "portbook_components names 'stifler_clent', which is not a known component. Did you mean stifler_client?"),
    ({"portbook_components": {"a": 1}}, "portbook_components is {'a': 1}, which is not a list"),
    ({"portbook_components": {}}, "portbook_components is {}, which is not a list"),
    ({"portbook_components": [5]}, "portbook_components names '5', which is not a known component"),
    ({"portbook_groups": {"stifler_servr": ["x"]}}, "portbook_groups names 'stifler_servr', which is not a known component. Did you mean stifler_server?"),
    ({"portbook_groups": ["x"]}, "portbook_groups is ['x'], which is not a mapping"),
    ({"portbook_groups": {"siem": 5}}, "portbook_groups.siem is 5, which is not a list"),
    ({"portbook_flows": {"stifler.tlak": {}}}, "portbook_flows names 'stifler.tlak', which is not a known flow. Did you mean stifler.talk?"),
    ({"portbook_flows": ["stifler.talk"]}, "portbook_flows is ['stifler.talk'], which is not a mapping"),
    ({"portbook_flows": {"stifler.talk": "disabled"}}, "portbook_flows.stifler.talk is 'disabled', which is not a mapping"),
    ({"portbook_flows": {"stifler.talk": {"state": "off"}}}, "portbook_flows.stifler.talk has state 'off'"),
    ({"portbook_flows": {"stifler.talk": {"stat": "enabled"}}}, "portbook_flows.stifler.talk has the unknown key 'stat'. Did you mean state?"),
    ({"portbook_flows": {"stifler.talk": {"guard": "maybe"}}}, "portbook_flows.stifler.talk is 'maybe', which is neither true nor false"),
    ({"portbook_flows": {"stifler.talk": {"expires": "tomorrow"}}}, "portbook_flows.stifler.talk has expires 'tomorrow'. Write a day like 2027-01-31"),
    ({"portbook_flows": {"stifler.talk": {"expires": "2027-02-30"}}}, "has expires '2027-02-30'"),
    ({"portbook_flows": {"stifler.talk": {"ports": 70000}}}, "portbook_flows.stifler.talk is 70000, which is out of range; ports go from 1 to 65535"),
    ({"portbook_flows": {"stifler.talk": {"peers": ["192.0.2.1/24"]}}}, "has host bits; write the network as 192.0.2.0/24 or the one host as 192.0.2.1"),
    ({"portbook_flows": {"stifler.talk": {"owner": ["x"]}}}, "has owner ['x'], which is not a string"),
    # choices, versions, features, ports
    ({"portbook_posture": "guarded"}, "portbook_posture is 'guarded'. Did you mean guard?"),
    ({"portbook_posture": 7}, "portbook_posture is 7. Valid values: guard, open, strict, watch"),
    ({"stifler_server_posture": "gaurd"}, "stifler_server_posture is 'gaurd'. Did you mean guard?"),
    ({"portbook_outbound": True}, "portbook_outbound is True"),
    ({"portbook_backend": "iptables"}, "portbook_backend is 'iptables'. Did you mean nftables?"),
    ({"portbook_evidence": "none"}, "portbook_evidence is 'none'. Valid values: documented, strict"),
    ({"portbook_addresses_from": "dns"}, "portbook_addresses_from is 'dns'. Valid values: facts, inventory"),
    ({"portbook_unsupported": "ignore"}, "portbook_unsupported is 'ignore'. Valid values: fail, warn"),
    ({"portbook_refuse": "deny"}, "portbook_refuse is 'deny'. Valid values: drop, reject"),
    ({"portbook_log": "some"}, "portbook_log is 'some'. Valid values: all, off, refused"),
    ({"portbook_cut": "perhaps"}, "portbook_cut is 'perhaps', which is neither true nor false"),
    ({"stifler_server_version": "2.20"}, "stifler_server_version is '2.20', which is not a known version. Valid versions: 2.10, 2.14"),
    ({"stifler_server_version": "3"}, "Valid versions: 2.10, 2.14. Version 3 is that of stifler_cloud"),
    ({"portbook_peers": {"stifler": []}}, "'stifler', which is not a known component. These begin with it: stifler_client,"),
    ({"portbook_posture": Untemplated("no vault secrets found.")}, "no vault secrets found. Give the password of the vault: --ask-"),
    ({"stifler_server_version": [2]}, "stifler_server_version is [2], which is not a known version"),
    ({"stifler_client_relay": "x"}, "stifler_client_relay is 'x', which is neither true nor false"),
    ({"stifler_server_port": 0}, "stifler_server_port is 0, which is out of range; ports go from 1 to 65535"),
    ({"stifler_server_port": 65536}, "stifler_server_port is 65536, which is out of range"),
    ({"stifler_server_port": "200-100"}, "stifler_server_port is '200-100', which is a reversed range; write 100-200"),
    ({"stifler_server_port": "http"}, "stifler_server_port is 'http', which is not a valid port"),
    ({"stifler_server_port": True}, "stifler_server_port is True, which is not a valid port"),
    ({"stifler_server_port": []}, "stifler_server_port is []: is an empty list"),
    ({"stifler_server_port": [80, "x"]}, "stifler_server_port is [80, 'x']"),
    ({"portbook_management_ports": "ssh"}, "portbook_management_ports is 'ssh', which is not a valid port"),
    ({"stifler_server_main_program": "s.exe"}, "stifler_server_main_program is 's.exe', which is not a full Windows path"),
    # realms, addresses, interfaces
    ({"portbook_realm": []}, "portbook_realm is empty"),
    ({"portbook_realm": ["a b"]}, "portbook_realm has 'a b', which is not a valid realm name"),
    ({"portbook_realm": True}, "portbook_realm is True, which is not a list"),
    ({"stifler_server_realm": ""}, "stifler_server_realm has '', which is not a valid realm name"),
    ({"portbook_addresses": []}, "portbook_addresses is empty"),
    ({"portbook_addresses": ["192.0.2.300"]}, "portbook_addresses has '192.0.2.300', which is not a valid address"),
    ({"portbook_addresses": {}}, "portbook_addresses is {}, which is not a list"),
    ({"portbook_management": ["10.0.0.1/8"]}, "portbook_management has '10.0.0.1/8', which has host bits; write the network as 10.0.0.0/8"),
    ({"portbook_management": {"a": 1}}, "portbook_management is {'a': 1}, which is not a list"),
    ({"portbook_trusted_interfaces": ["docker 0"]}, "portbook_trusted_interfaces has 'docker 0', which is not a valid interface name"),
    ({"portbook_confirm_timeout": 4}, "portbook_confirm_timeout is 4. Write a whole number of seconds from 5 to 3600"),
    ({"portbook_confirm_timeout": 3601}, "portbook_confirm_timeout is 3601. Write a whole number of seconds from 5 to 3600"),
    ({"portbook_confirm_timeout": "1m"}, "portbook_confirm_timeout is '1m', which is not a whole number of seconds"),
    ({"portbook_confirm_timeout": True}, "portbook_confirm_timeout is True, which is not a whole number of seconds"),
    ({"portbook_confirm_timeout": 7.5}, "portbook_confirm_timeout is 7.5, which is not a whole number of seconds"),
    ({"portbook_mark": "0x10/0x20"}, "portbook_mark is '0x10/0x20', whose value has bits that its mask lacks. Write 0x10/0x30"),
    ({"portbook_mark": True}, "portbook_mark is True, which is not a valid packet mark. Write value/mask, like 0x10/0x10"),
    ({"portbook_mark": "16/"}, "portbook_mark is '16/', which is not a valid packet mark"),
    ({"portbook_mark": [16, 16]}, "portbook_mark is [16, 16], which is not a valid packet mark"),
    ({"portbook_mark": 0}, "portbook_mark is 0. A mark has 32 bits, and 0 is that of every packet"),
    ({"portbook_mark": "0x100000000"}, "portbook_mark is '0x100000000'. A mark has 32 bits"),
    ({"portbook_trusted_interfaces": {}}, "portbook_trusted_interfaces is {}, which is not a list"),
    ({"portbook_catalogs": 5}, "portbook_catalogs is 5, which is not a list"),
    ({"portbook_plan_file": ["x"]}, "portbook_plan_file has ['x'], which is not a string"),
    # peers
    ({"portbook_peers": {"seim": ["192.0.2.1"]}}, "portbook_peers names 'seim', which is not a known component. Did you mean siem?"),
    ({"portbook_peers": ["192.0.2.1"]}, "portbook_peers is ['192.0.2.1'], which is not a mapping"),
    ({"portbook_peers": {"siem": 5}}, "portbook_peers.siem is 5, which is not a list"),
    ({"portbook_allow": "x"}, "portbook_allow is 'x', which is not a list"),
    ({"portbook_peers": {"siem": ["any"]}}, "portbook_peers.siem has any inside a list. Write the word alone"),
    ({"portbook_peers": {"siem": ["10.0.0.1/8"]}}, "portbook_peers.siem has '10.0.0.1/8', which has host bits"),
    ({"portbook_peers": {"siem": ["192.0.2.0/33"]}}, "portbook_peers.siem has '192.0.2.0/33', which has a prefix"),
    ({"portbook_peers": {"siem": ["192.0.2.9-192.0.2.1"]}}, "reversed; write 192.0.2.1-192.0.2.9"),
    ({"portbook_peers": {"siem": ["not a name"]}}, "portbook_peers.siem has 'not a name', which is neither an address nor a host name"),
    ({"portbook_peers": {"siem": [7]}}, "portbook_peers.siem has 7, which is not a valid address"),
    ({"portbook_peers": {"siem": [{"port": 1}]}}, "portbook_peers.siem has an entry without addresses"),
    ({"portbook_peers": {"siem": [{"addresses": [], "prot": 1}]}}, "portbook_peers.siem has the unknown key 'prot'. Did you mean port?"),
    ({"portbook_peers": {"siem": [{"addresses": ["192.0.2.1"], "version": "1"}]}}, "has version '1', which siem does not know"),
    ({"portbook_peers": {"siem": [{"addresses": ["192.0.2.1"], "features": ["tsl"]}]}}, "names the feature 'tsl', which siem does not have. Valid values: tls"),
    ({"portbook_peers": {"siem": [{"addresses": ["192.0.2.1"], "port": {"x": 1}}]}}, "names the port 'x', which siem does not have"),
    ({"portbook_peers": {"siem": [{"addresses": ["192.0.2.1"], "port": 0}]}}, "is 0, which is out of range"),
    ({"portbook_peers": {"siem": [{"addresses": ["192.0.2.1"], "realms": []}]}}, "portbook_peers.siem is empty"),
    ({"portbook_peers": {"stifler_server": [{"addresses": ["192.0.2.9"], "port": 1}]}}, "has port 1, but stifler_server has 2 ports that can be set"),
    # allow
    ({"portbook_allow": {"name": "x"}}, "portbook_allow is {'name': 'x'}, which is not a list"),
    ({"portbook_allow": ["x"]}, "portbook_allow.0 is 'x', which is not a mapping"),
    ({"portbook_allow": [{"ports": 1, "peers": "any"}]}, "portbook_allow.0 has no name"),
    ({"portbook_allow": [{"name": "x", "ports": 1}]}, "portbook_allow.x has no peers"),
    ({"portbook_allow": [{"name": "x", "ports": 1, "peers": "any", "direction": "inbound"}]}, "portbook_allow.x has direction 'inbound'"),
    ({"portbook_allow": [{"name": "x", "ports": 1, "peers": "any", "protocol": "tpc"}]}, "portbook_allow.x has protocol 'tpc'. Valid values: ah, esp"),
    ({"portbook_allow": [{"name": "x", "ports": 1, "peers": "any", "port": 1}]}, "portbook_allow.x has the unknown key 'port'. Did you mean ports?"),
    ({"portbook_allow": [{"name": "x", "ports": "2-1", "peers": "any"}]}, "portbook_allow.x is '2-1', which is a reversed range; write 1-2"),
    ({"portbook_allow": [{"name": "x", "ports": 1, "peers": ["10.0.0.1/8"]}]}, "portbook_allow.x has '10.0.0.1/8', which has host bits"),
    ({"portbook_allow": [{"name": "x", "ports": n, "peers": "any"} for n in (1, 2)]}, "portbook_allow.x is in the list twice"),
    ({"portbook_allow": [{"name": "x", "ports": 1, "peers": "any", "why": "a\nb"}]}, "portbook_allow.x has why 'a\\nb' with characters that cannot be printed"),
    # names
    ({"portbook_postur": "guard"}, "portbook_postur is not a variable of this collection. Did you mean portbook_posture?"),
    ({"portbook_postur": None}, "portbook_postur is not a variable of this collection. Did you mean portbook_posture?"),
    ({"portbook_xyzzy": 1}, "portbook_xyzzy is not a variable of this collection. docs/variables.md"),
    ({"stifler_server_hub_prot": 1}, "stifler_server_hub_prot is not a variable of this collection. Did you mean stifler_server_hub_port?"),
    ({"stifler_sever_hub_port": 1}, "stifler_sever_hub_port is not a variable of this collection. Did you mean stifler_server_hub_port?"),
    ({"portbook_siem_prot": 1}, "portbook_siem_prot is not a variable of this collection. Did you mean portbook_siem_port?"),
    # templates
    ({"portbook_posture": Untemplated("'x' is undefined")}, "portbook_posture cannot be rendered: 'x' is undefined"),
    ({"stifler_server_port": Untemplated("'x' is undefined")}, "stifler_server_port cannot be rendered"),
    ({"portbook_peers_site": Untemplated("'x' is undefined")}, "portbook_peers_site cannot be rendered"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "says"), WRONG, ids=lambda one: "" if isinstance(one, dict) else one[:60])
def test_a_wrong_value_names_host_variable_value_and_what_is_right(said, says):
    error = only(**said)
    place, _colon, rest = error.partition(": ")
    assert place in ("h1", "all hosts")
    assert rest.startswith(next(iter(said)))
    assert says in error


LISTS = {
    "portbook_components": "stifler_client",
    "portbook_realm": "main",
    "portbook_addresses": "192.0.2.7",
    "portbook_management": "192.0.2.9",
    "portbook_trusted_interfaces": "docker0",
    "portbook_groups": {"siem": "logs"},
    "portbook_peers": {"siem": "192.0.2.5"},
}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0x10", (16, 16)), ("0x10/0x10", (16, 16)), (16, (16, 16)), ("16", (16, 16)), (" 0x10/0x30 ", (16, 48)),
        ("0x1/0xffffffff", (1, 0xFFFFFFFF)), ("0XF0/0xff", (0xF0, 0xFF)), (None, None), ("", None),
    ],
)  # fmt: skip
def test_a_mark_is_a_value_and_a_mask(written: object, meant: object) -> None:
    assert read_value(BOOK.catalog, VARIABLES.known["portbook_mark"], written) == (meant, [])


def test_an_empty_value_is_the_default_with_a_warning():
    outcome = BOOK.compute(
        host(
            "h1", "stifler_client", "192.0.2.1", portbook_posture=None, portbook_peers={"stifler_server": ["192.0.2.9"]}
        )
    )
    assert outcome.errors == []
    assert (
        "h1: portbook_posture is empty, so its default is used even though groups set it. Set a value, or remove the variable"
        in [str(one) for one in outcome.warnings]
    )


@pytest.mark.parametrize("name", LISTS)
def test_a_text_is_a_list_of_one(name: str) -> None:
    given = LISTS[name]
    listed = {key: [one] for key, one in given.items()} if isinstance(given, dict) else [given]
    catalog, variable = BOOK.catalog, VARIABLES.known[name]
    assert read_value(catalog, variable, given) == read_value(catalog, variable, listed)
    assert read_value(catalog, variable, given)[1] == []


def test_all_of_these_are_reported_at_once():
    said: dict[str, object] = {}
    expected = []
    for one, says in WRONG:
        if not set(one) & set(said):
            said |= one
            expected.append(says)
    found = errors(**said)
    assert len(expected) > 30
    for says in expected:
        assert any(says in error for error in found), says


def test_errors_of_all_hosts_are_reported_at_once_with_every_kind_of_problem():
    found = BOOK.errors(
        host("a", "stifler_client", "192.0.2.1", stifler_client_port=0),
        host("b", "stifler_client", "nowhere.example"),
        host("c", "winonly", "192.0.2.3"),
        host("d", "stifler_client", "127.0.0.1"),
        host("e", "", "192.0.2.5", portbook_components=["bogus"]),
    )
    for says in (
        "a: stifler_client_port is 0",
        "b: its address names nowhere.example",
        "c: winonly does not exist on linux",
        "d: ansible_host is 127.0.0.1",
        "e: portbook_components names 'bogus'",
    ):
        assert any(says in error for error in found), (says, found)


def test_the_same_wrong_value_on_many_hosts_is_reported_once_with_the_hosts():
    found = BOOK.errors(*(host(f"h{n}", "stifler_client", f"192.0.2.{n}", portbook_posture="x") for n in range(1, 10)))
    assert found == ["h1, h2, h3 and 6 more: portbook_posture is 'x'. Valid values: guard, open, strict, watch"]


def test_several_wrong_entries_of_one_variable_are_all_reported():
    found = errors(
        portbook_peers={"siem": ["10.0.0.1/8"], "bogus": [], "stifler_client": ["1.2.3"]},
        portbook_flows={"a.b": {}, "stifler.talk": {"state": 1}},
    )
    for says in ("'10.0.0.1/8'", "'bogus'", "'1.2.3'", "'a.b'", "state 1"):
        assert any(says in error for error in found), says


@pytest.mark.parametrize(
    "said",
    [
        {"portbook_components": ["bogus_one", "bogus_two"]},
        {"portbook_peers": {"siem": ["10.0.0.1/8", "bogus_one bogus_two"]}},
        {"portbook_allow": [{"name": "x", "direction": "bogus_one", "protocol": "bogus_two"}]},
    ],
)  # fmt: skip
def test_several_wrong_items_of_one_list_are_all_reported(said):
    found = "\n".join(errors(**said))
    assert "bogus_two" in found
    assert "bogus_one" in found or "10.0.0.1/8" in found


# -- names of variables -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["stifler_client_installer_url", "stifler_server_license_key", "stifler_servers", "siem_port", "portbooks", "ansible_user", "x"],
)  # fmt: skip
def test_a_variable_of_the_users_own_is_no_error(name):
    assert errors(**{name: "whatever"}) == []


@pytest.mark.parametrize("name", ["portbook_peers", "portbook_flows", "portbook_allow", "portbook_management"])
def test_these_variables_may_carry_any_suffix(name):
    empty = {} if name in ("portbook_peers", "portbook_flows") else []
    assert errors(**{f"{name}_site_a": empty}) == []


def test_other_variables_carry_no_suffix():
    assert "portbook_realm_site_a is not a variable of this collection" in only(portbook_realm_site_a="x")


# -- variables that contradict each other -----------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "left", "right", "says"),
    [
        ("portbook_peers", {"siem": "any"}, {"siem": ["192.0.2.1"]}, "lists addresses, and portbook_peers_a is any"),
        ("portbook_peers", {"siem": ["192.0.2.1"]}, {"siem": "any"}, "lists addresses, and portbook_peers_b is any"),
        ("portbook_flows", {"stifler.talk": {"state": "enabled"}}, {"stifler.talk": {"state": "disabled"}},
         "contradicts portbook_flows_a in state: 'disabled' here, 'enabled' there"),
        ("portbook_flows", {"stifler.talk": {"ports": 1}}, {"stifler.talk": {"ports": 2}}, "contradicts portbook_flows_a in ports"),
        ("portbook_allow", [{"name": "x", "ports": 1, "peers": "any"}], [{"name": "x", "ports": 2, "peers": "any"}], "contradicts portbook_allow_a"),
    ],
)  # fmt: skip
def test_suffixed_variables_that_contradict_each_other_are_an_error_that_names_both(base, left, right, says):
    error = only(**{f"{base}_a": left, f"{base}_b": right})
    assert error.startswith("h1: ")
    assert f"{base}_a" in error
    assert f"{base}_b" in error
    assert says in error


def test_a_variable_for_all_that_differs_is_an_error():
    (error,) = BOOK.errors(
        host("h1", "stifler_server", "192.0.2.1", portbook_evidence="strict"),
        host("h2", "stifler_server", "192.0.2.2", portbook_evidence="documented"),
    )
    assert error.startswith("all hosts: portbook_evidence differs: ")
    assert "'strict' on h1" in error
    assert "'documented' on h2" in error
    assert "group_vars/all" in error


def test_a_variable_for_all_that_only_some_hosts_have_is_an_error():
    (error,) = BOOK.errors(
        host("h1", "stifler_server", "192.0.2.1", portbook_evidence="strict"),
        host("h2", "stifler_server", "192.0.2.2"),
    )
    assert "portbook_evidence is 'strict' on h1 and not set on the others" in error


def test_a_group_that_the_inventory_does_not_have_is_an_error():
    error = only(portbook_groups={"siem": ["stifler_servr"]})
    assert error.startswith("all hosts: portbook_groups.siem names 'stifler_servr'")
    assert "which is not a group of the inventory. Did you mean stifler_server?" in error


# -- platforms ----------------------------------------------------------------------------------------


def test_a_windows_component_on_a_linux_host_is_an_error_that_says_why():
    (error,) = BOOK.errors(host("h1", "winonly", "192.0.2.1"))
    assert error.startswith("h1: winonly does not exist on linux, only on windows: It is a Windows service. ")
    assert "ansible_connection" in error
    assert "portbook_backend" in error


@pytest.mark.parametrize(
    "said",
    [
        {"ansible_connection": "winrm"},
        {"ansible_connection": "psrp"},
        {"ansible_connection": "ansible.builtin.winrm"},
        {"ansible_connection": "ssh", "ansible_shell_type": "powershell"},
        {"ansible_connection": "ssh", "portbook_backend": "windows"},
        {"ansible_connection": "ansible.netcommon.network_cli"},
    ],
)
def test_a_windows_component_is_fine_where_the_host_may_be_windows(said):
    assert BOOK.errors(host("h1", "winonly", "192.0.2.1", **said)) == []


def test_a_windows_backend_word_makes_no_windows_of_a_linux_backend():
    said = {"ansible_connection": "winrm", "portbook_backend": "nftables"}
    assert BOOK.errors(host("h1", "winonly", "192.0.2.1", **said))


def test_a_flow_of_one_platform_joins_only_responders_of_it():
    one = book(
        {"client": {}, "server": {}},
        {"acme.smb": flow("client", "server", 445, platforms=["windows"])},
    )
    plan = one.plan(
        host("c", "client", "192.0.2.11"),
        host("lin", "server", "192.0.2.1"),
        windows("win", "server", "192.0.2.3"),
    )
    assert plan.why_not("lin", "acme.smb") == ["not on linux"]
    assert plan.brief("win") == {("in", "tcp", "445", "192.0.2.11")}
    assert plan.brief("c") == {("out", "tcp", "445", "192.0.2.3")}


# -- whatever is written ----------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8),
        st.sampled_from(["any", "192.0.2.1", "10.0.0.0/8", "siem", "stifler.talk", "enabled", "x"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.text(max_size=4), st.integers(),
                st.sampled_from(
                    ["siem", "stifler.talk", "addresses", "port", "version", "features", "realms", "name", "peers", "ports", "expires", "protocol", "why"]
                ),
            ),
            inner, max_size=3,
        ),
    ),
    max_leaves=8,
)  # fmt: skip
NAMES = sorted(
    {
        "portbook_peers_site", "portbook_flows_site", "portbook_allow_site", "portbook_management_site",
        "portbook_components", "portbook_groups", "portbook_realm", "portbook_addresses", "portbook_peers",
        "portbook_allow", "portbook_backend", "portbook_posture", "portbook_outbound", "portbook_flows",
        "portbook_catalogs", "portbook_evidence", "portbook_management", "portbook_management_ports",
        "portbook_trusted_interfaces", "portbook_foreign", "portbook_refuse", "portbook_log", "portbook_cut",
        "portbook_mark",
        "portbook_plan_file", "portbook_unsupported", "portbook_addresses_from", "stifler_server_port",
        "stifler_server_version", "stifler_server_realm", "stifler_server_posture",
        "stifler_server_main_program", "stifler_client_relay", "portbook_siem_port", "portbook_siem_tls",
        "ansible_host", "ansible_connection",
    }
)  # fmt: skip


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=3))
def test_whatever_is_written_gives_a_plan_or_errors_that_name_their_place(said):
    variables = {"ansible_host": "192.0.2.1", **said}
    outcome = BOOK.compute(host("h1", "stifler_server", **variables))
    assert (outcome.plan is None) == bool(outcome.errors)
    for problem in outcome.errors:
        assert "h1" in problem.where or problem.where == "all hosts"
        assert problem.wrong


def _levels(depth: int, innermost: list[object]) -> list[object]:
    found = innermost
    for _level in range(depth):
        found = [found]
    return found


def _of_itself(kind: str):
    found: list = ["192.0.2.9"]
    found.append({"siem": found} if kind == "mapping" else found)
    return found


@pytest.mark.parametrize("name", ["portbook_peers", "portbook_groups", "portbook_allow", "portbook_addresses"])
@pytest.mark.parametrize(
    "value", [_of_itself("list"), _of_itself("mapping"), _levels(5000, [])], ids=["list", "mapping", "deep"]
)
def test_a_value_without_end_is_an_error_that_says_so(name, value):
    reader = Reader(VARIABLES.ours, (Exception,))
    (read,) = reader.inputs({"h1": {name: value}}, {"all": ["h1"]})
    found = BOOK.errors(
        HostInput("h1", frozenset({"stifler_server"}), {"portbook_addresses": "192.0.2.1", **read.variables})
    )
    assert any(f"{name} cannot be rendered: it is nested too deeply, or contains itself" in one for one in found), found


@pytest.mark.parametrize("name", ["portbook_peers", "portbook_groups"])
def test_a_value_of_any_depth_is_an_error_and_no_exception(name):
    reader = Reader(VARIABLES.ours, (Exception,))
    for depth in range(20, 1200, 20):
        (read,) = reader.inputs({"h1": {name: _levels(depth, [])}}, {"all": ["h1"]})
        one = HostInput("h1", frozenset({"stifler_server"}), {"portbook_addresses": "192.0.2.1", **read.variables})
        assert fingerprint([one], VARIABLES.known)
        assert BOOK.errors(one)


def test_a_version_of_another_component_names_the_one_that_stands_in_its_place():
    two = book(
        {
            "agent": {"versions": {"known": ["1", "2"], "default": "1"}},
            "master": {"versions": {"known": ["1"], "default": "1"}},
            "server": {"versions": {"known": ["2"], "default": "2"}},
        },
        {"a.old": flow("agent", "master", 9100)},
    )
    (error,) = two.errors(host("m1", "master", "192.0.2.1", master_version="2"), groups="agent")
    assert error.endswith("Valid versions: 1. Version 2 is that of server: use that component")
