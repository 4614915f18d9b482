# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of the plan file fits what is written, and asks for what readers rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from unit.helpers.book import MESH, book, flow, host, port

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/plan.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

BOOK = book(
    {"client": {}, "server": {"ports": {"main": port(8080)}}, "siem": {"party": True}},
    {
        "acme.talk": flow("client", "server", "main", 135, "rpc_dynamic", peer="required"),
        "acme.find": flow(
            "client",
            "server",
            5353,
            protocol="udp",
            cast=["multicast", "unicast"],
            group=["224.0.0.251"],
            source_ports=[5353],
        ),
        "acme.boot": flow("client", "server", 4000, protocol="udp", cast="broadcast", reach="local_subnet"),
        "acme.logs": flow("server", "siem", 6514),
    },
)


def plan() -> Any:
    return BOOK.plan(
        host("one", "client", "192.0.2.1", client_posture="strict"),
        host(
            "two",
            "server",
            "2001:db8::2",
            portbook_allow=[{"name": "vrrp", "protocol": "vrrp", "peers": "local_subnet", "expires": "2099-01-31"}],
            portbook_management="198.51.100.0/24",
            portbook_trusted_interfaces=["docker0"],
            portbook_mark="0x10/0x30",
        ),
    ).data


def test_what_is_written_fits_the_schema() -> None:
    data = plan()
    assert [error.message for error in VALIDATOR.iter_errors(data)] == []
    assert len(data["hosts"]["two"]["rules"]) > 4
    assert data["hosts"]["two"]["not_planned"]


def test_an_empty_plan_fits_the_schema() -> None:
    assert VALIDATOR.is_valid(MESH.plan().data)


def test_keys_that_a_reader_does_not_know_are_allowed() -> None:
    data = plan()
    data["new"] = data["hosts"]["one"]["new"] = data["hosts"]["one"]["rules"][0]["new"] = 1
    assert VALIDATOR.is_valid(data)


@pytest.mark.parametrize("key", SCHEMA["$defs"]["rule"]["required"])
def test_a_rule_without_a_key_that_readers_rely_on_is_refused(key: str) -> None:
    data = plan()
    del data["hosts"]["one"]["rules"][0][key]
    assert not VALIDATOR.is_valid(data)


def test_another_format_is_refused() -> None:
    assert not VALIDATOR.is_valid({**plan(), "format": 2})
