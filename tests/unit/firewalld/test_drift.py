# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have at runtime only is found, and said in the words of firewall-cmd that do it again."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.drift import Configuration, Drift, drift

PLAIN: dict[str, Any] = {"target": "default", "services": ["ssh"], "ports": [["80", "tcp"]], "forward": True}


def zone(**settings: Any) -> Configuration:
    return Configuration(zones={"public": {**PLAIN, **settings}})


def test_what_is_the_same_is_no_drift() -> None:
    assert drift(zone(), zone()) == Drift()
    assert drift(zone(rich_rules=[]), zone(short="Public", description="text")) == Drift()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ports": [["80", "tcp"], ["8888", "tcp"]]}, "--add-port=8888/tcp"),
        ({"services": []}, "--remove-service=ssh"),
        ({"masquerade": True}, "--add-masquerade"),
        ({"forward": False}, "--remove-forward"),
        ({"interfaces": ["eth9"]}, "--change-interface=eth9"),
        ({"forward_ports": [["80", "tcp", "8080", ""]]}, "--add-forward-port=port=80:proto=tcp:toport=8080"),
        ({"rich_rules": ['rule service name="http" accept']}, '--add-rich-rule=rule service name="http" accept'),
    ],
)
def test_each_runtime_setting_of_a_zone_can_be_put_back(settings: dict[str, Any], words: str) -> None:
    found = drift(zone(**settings), zone())
    assert found == Drift((("--zone=public", words),))


def test_what_is_permanent_only_would_begin_with_a_reload_and_is_held_off_or_refused() -> None:
    assert drift(zone(), zone(services=["ssh", "http"])).commands == (("--zone=public", "--remove-service=http"),)
    found = drift(zone(), zone(target="DROP"))
    assert found.stuck == ("target of the zone public is another one permanently",)
    more = drift(Configuration(), Configuration(policies={"theirs": {}}))
    assert more.stuck == ("the policy theirs is there permanently only",)


def test_what_the_collection_has_is_no_drift() -> None:
    ours = Configuration(policies={"portbook_in": {"rich_rules": ["x"]}}, ipsets={"pb-0123456789ab-4": ["192.0.2.1"]})
    assert drift(ours, Configuration()) == Drift()


def test_entries_and_direct_rules_can_be_put_back() -> None:
    runtime = Configuration(ipsets={"theirs": ["192.0.2.1"]}, direct={"passthroughs": [["ipv4", "-A", "INPUT"]]})
    found = drift(runtime, Configuration(ipsets={"theirs": []}))
    assert found.commands == (
        ("--ipset=theirs", "--add-entry=192.0.2.1"),
        ("--direct", "--add-passthrough", "ipv4", "-A", "INPUT"),
    )
