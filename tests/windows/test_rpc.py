# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of RPC in Windows' own words."""

from __future__ import annotations

from typing import Any

import pytest
from windows.fake.plans import plain_rule

from ansible_collections.portbook.firewall.plugins.module_utils.intervals import Spans
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.rule import FirewallRule
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.wanted import Renderer
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart

TOKENS = {"rpc_dynamic": Spans(((49152, 65535),)), "tftp_data": Spans(((1024, 65535),))}


def rendered(ports: list[str], **more: Any) -> dict[str, FirewallRule]:
    given = plain_rule(id="a/b/in/c", component="a", flow="a.b", ports=ports, **more)
    found = Renderer(TOKENS, lambda digest: [], {}).wanted(HostPart("host", outbound="open", rules=(given,)), None)
    return {rule.name.removeprefix("portbook/a.b/"): rule for rule in found["a"].rules}


def texts(rule: FirewallRule) -> tuple[str, str]:
    record = rule.record()
    return record.get("LocalPorts", "*"), record.get("RemotePorts", "*")


def test_dynamic_ports_are_those_that_windows_gave_out() -> None:
    assert texts(rendered(["rpc_dynamic"])["in/1"]) == ("RPC", "*")


def test_the_mapper_stands_next_to_what_it_gives_out() -> None:
    assert texts(rendered(["135", "139", "rpc_dynamic"])["in/1"]) == ("RPC,RPC-EPMap,139", "*")


def test_the_mapper_in_a_range_is_a_number_like_the_others() -> None:
    assert texts(rendered(["135-139", "rpc_dynamic"])["in/1"]) == ("RPC,135-139", "*")


@pytest.mark.parametrize("bound", [{"program": "C:\\a.exe"}, {"service": "Winmgmt"}])
def test_a_rule_that_is_bound_leaves_the_mapper_to_one_that_is_not(bound: dict[str, str]) -> None:
    found = rendered(["135", "rpc_dynamic"], **bound)
    assert texts(found["in/1"]) == ("RPC", "*")
    assert texts(found["in/1/mapper"]) == ("135", "*")
    assert (found["in/1"].program, found["in/1"].service) != ("", "")
    assert (found["in/1/mapper"].program, found["in/1/mapper"].service) == ("", "")


def test_outbound_nobody_knows_them_so_they_are_numbers() -> None:
    assert texts(rendered(["135", "rpc_dynamic"], direction="out")["out/1"]) == ("*", "135,49152-65535")


def test_transfers_by_tftp_are_those_of_the_program_if_it_is_known() -> None:
    given = {"protocol": "udp"}
    assert texts(rendered(["tftp_data"], program="C:\\a.exe", **given)["in/1"]) == ("*", "*")
    assert texts(rendered(["tftp_data"], **given)["in/1"]) == ("1024-65535", "*")
