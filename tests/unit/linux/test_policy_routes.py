# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read off the rules of routing that ip prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.linux import policy_routes
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import Mark

MARK = Mark(0x10, 0x30)
USUAL = {"priority": 0, "src": "all", "table": "local"}


def using(*rules: dict[str, Any]) -> list[str]:
    return policy_routes.using(json.dumps([USUAL, *rules]), MARK, "ip rule")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"fwmark": "0x10", "fwmask": "0xff"}, "ip rule 7 (fwmark 0x10/0xff)"),
        ({"fwmark": "0x1"}, "ip rule 7 (fwmark 0x1)"),
        ({"not": None, "fwmark": "0xca6c"}, "ip rule 7 (fwmark 0xca6c)"),
        ({"fwmark": "0x0", "fwmask": "0x20"}, "ip rule 7 (fwmark 0x0/0x20)"),
        ({"fwmark": 16, "fwmask": 16}, "ip rule 7 (fwmark 16/16)"),
        ({"fwmark": "0x100", "fwmask": "what"}, "ip rule 7 (fwmark 0x100/what)"),
    ],
)
def test_a_rule_that_checks_the_bits_is_named(more: dict[str, Any], named: str) -> None:
    assert using({"priority": 7, "src": "all", "table": "100", **more}) == [named]


@pytest.mark.parametrize("more", [{}, {"fwmark": "0x100", "fwmask": "0xff00"}, {"iif": "eth0"}])
def test_one_that_does_not_is_not(more: dict[str, Any]) -> None:
    assert using({"priority": 7, "src": "all", "table": "100", **more}) == []


def test_an_ip_that_knows_no_json_is_read_as_text() -> None:
    told = (
        "0:\tfrom all lookup local\n7:\tnot from all fwmark 0xca6c lookup 9\n8:\tfrom all fwmark 0x100/0xff00 lookup 1"
    )
    assert policy_routes.using(told, MARK, "ip rule") == ["ip rule 7 (fwmark 0xca6c)"]


@pytest.mark.parametrize("told", ["", "[]", "{}", "null", "[1]", "nonsense"])
def test_nothing_is_read_off_nothing(told: str) -> None:
    assert policy_routes.using(told, MARK, "ip rule") == []


def test_without_ip_it_cannot_be_determined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(policy_routes, "_PATH", str(tmp_path))
    assert policy_routes.users(MARK) == ([], "the program ip (package iproute2) is missing")
    (tmp_path / "ip").write_text("#!/bin/sh\necho no right >&2\nexit 2\n")
    (tmp_path / "ip").chmod(0o755)
    assert policy_routes.users(MARK) == ([], "ip -4 rule show failed: no right")
