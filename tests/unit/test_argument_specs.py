# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles' argument specs let pass is what the plan accepts, but for words that only the plan can judge."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from yaml_files import parsed

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalogs
from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.entries import PROTOCOLS
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.read_settings import SettingsReader
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.variables import Variable
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

ROLES = Path(__file__).resolve().parents[2] / "roles"

WORDS: dict[str, tuple[Any, ...]] = {
    "ports": (7000, "7000", "7000-7010", "7000, 7005-7010", [7000], ["7000", "7005-7010"]),
    "realm": ("lab", "lab,main", ["lab", "main"], 5, [5]),
    "components": ("utmstack_probe", ["utmstack_probe", "utmstack_agent"], "utmstack_probe,utmstack_agent", []),
    "addresses": ("192.0.2.1", ["192.0.2.1", "host.example.com"], "192.0.2.1, 2001:db8::1"),
    "networks": ("192.0.2.0/24", ["192.0.2.0/24", "2001:db8::/32"], "192.0.2.0/24,198.51.100.0/24", []),
    "names": ("docker0", ["docker0", "br-lan"], "docker0,br-lan", []),
    "program": ("C:\\Vendor\\program.exe", "", None),
    "mark": ("0x10", "0x10/0x30", 16, "", None),
    "seconds": (5, 60, "3600", None),
}
"""Words of those kinds that only the plan can judge: as right as they can be."""
SHAPES: tuple[Any, ...] = (
    *(None, True, False, 1, 0, 1.0, 0.0, 2, 7.5, "yes", "No", " on ", "t", "F", "1", "0", "maybe"),
    *(
        "guard",
        "off",
        "open",
        "drop",
        "reject",
        "all",
        "refused",
        "9",
        9,
        "11",
        10,
        "7.5",
        "2",
        "3",
        "8.0",
        "auto",
        "windows",
        "in_use",
    ),
    *([], {}, {"x": 1}, [{}], [[]], [None], {"utmstack_device": "192.0.2.9"}),
)
"""Values of every form, most of them wrong for most variables."""
ONLY_WORDS = ("ports", "realm", "components", "addresses", "networks", "names", "program", "mark", "seconds")
DICTS_OF_NAMES = ("peers", "flows")
"""By component or flow: argument specs know no such dict."""
ALLOW_RIGHT = {"name": "web", "ports": [443], "peers": ["192.0.2.0/24"]}


@cache
def catalog() -> Catalog:
    return catalogs.load([], Problems())


@cache
def specs() -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        found[path.parent.parent.name] = parsed(path.read_text())["argument_specs"]["main"]["options"]
    return found


def options() -> list[tuple[str, str]]:
    return [(role, name) for role, listed in specs().items() for name in listed]


def variable(name: str) -> Variable:
    found = SettingsReader(catalog(), Problems()).names.read(name)
    assert isinstance(found, Variable), name
    return found


def validates(role: str, name: str, value: Any) -> bool:
    return not ArgumentSpecValidator({name: specs()[role][name]}).validate({name: value}).error_messages


def planned(name: str, value: Any) -> list[str]:
    """What the plan says against the value."""
    problems = Problems()
    reader = SettingsReader(catalog(), problems)
    reader.read("host", {name: value})
    reader.addresses("host", {name: value})
    reader.report(problems)
    return [str(one) for one in problems.errors]


def test_every_role_has_a_spec():
    assert len(specs()) == len(list(ROLES.iterdir()))
    assert len(options()) > 200


@pytest.mark.parametrize("role", specs())
def test_what_validates_is_planned(role: str):
    for name in specs()[role]:
        kind = variable(name).kind
        candidates = WORDS.get(kind, (*SHAPES, *variable(name).choices))
        if kind in DICTS_OF_NAMES:
            candidates = (None, {}, [], "text", 5, True, [{}])
        let_pass = [value for value in candidates if validates(role, name, value)]
        assert let_pass, name
        for value in let_pass:
            assert planned(name, value) == [], (name, value)


@pytest.mark.parametrize("role", specs())
def test_what_has_another_form_does_not_validate(role: str):
    wrong: dict[str, tuple[Any, ...]] = {
        "bool": ([], {}, "maybe", 2),
        "choice": ("gaurd", [], {}, True, 5),
        "version": ("1", [], {}, True),
        "peers": ([], "text", 5, True),
        "flows": ([], "text", 5, True),
        **dict.fromkeys(("ports", "realm", "components", "addresses", "networks", "names"), ({}, {"x": 1})),
    }
    for name in specs()[role]:
        for value in wrong.get(variable(name).kind, ()):
            assert not validates(role, name, value), (name, value)
            assert planned(name, value), (name, value)


ALLOW = {
    "with all keys": {
        **ALLOW_RIGHT,
        **{"direction": "out", "protocol": "udp", "why": "dns", "owner": 7, "ticket": "T-1", "expires": "2027-01-31"},
    },
    "a day of YAML": {**ALLOW_RIGHT, "expires": parsed("2027-01-31")},
    "ports as a text": {**ALLOW_RIGHT, "ports": "80,443"},
    "one port": {**ALLOW_RIGHT, "ports": 443},
    "peers as a text": {**ALLOW_RIGHT, "peers": "192.0.2.1,host.example.com"},
    "any": {**ALLOW_RIGHT, "peers": "any"},
    "the local subnet": {**ALLOW_RIGHT, "peers": "local_subnet"},
    "no peers": {**ALLOW_RIGHT, "peers": []},
    "nothing said of why": {**ALLOW_RIGHT, "why": None, "owner": None, "expires": None},
    "no name": {"ports": [443], "peers": "any"},
    "no peers key": {"name": "web", "ports": [443]},
    "no ports": {"name": "web", "peers": "any"},
    "a key too many": {**ALLOW_RIGHT, "prots": 1},
    "a wrong direction": {**ALLOW_RIGHT, "direction": "both"},
    "a wrong protocol": {**ALLOW_RIGHT, "protocol": "tpc"},
    "ports as a mapping": {**ALLOW_RIGHT, "ports": {"from": 1}},
    "peers as a mapping": {**ALLOW_RIGHT, "peers": {"from": 1}},
    "a text": "web",
    **{
        f"{protocol} {'with' if ports is not None else 'without'} ports": {
            "name": "x",
            "protocol": protocol,
            "peers": "any",
            **({"ports": ports} if ports is not None else {}),
        }
        for protocol in PROTOCOLS
        for ports in (None, [] if protocol not in ("tcp", "udp", "sctp") else [443])
    },
}


@pytest.mark.parametrize("case", ALLOW)
def test_an_entry_of_portbook_allow_validates_exactly_if_it_is_planned(case: str):
    value = [ALLOW[case]]
    wrong = planned("portbook_allow", value)
    assert validates("host", "portbook_allow", value) == (wrong == []), wrong


def test_an_empty_value_sets_nothing():
    for role, name in options():
        if variable(name).kind != "program":
            assert planned(name, None) == [], (role, name)
