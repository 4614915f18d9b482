# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a Linux host is given of a rule or a setting can be read in the lines that are shown of it."""

from __future__ import annotations

from typing import Any

import pytest
from printed_diff import printed

from ansible_collections.portbook.firewall.plugins.module_utils.difference import sections
from ansible_collections.portbook.firewall.plugins.module_utils.linux import shown
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import Settings

PLAIN: dict[str, Any] = {
    **{"id": "one/a", "flow": "one.a", "direction": "in", "protocol": "tcp", "peers": "agent", "cast": "unicast"},
    **{"refusal": "open", "log": False, "spans": [[514, 514]], "source_spans": [], "container_spans": []},
}


def held(raw: dict[str, Any] | None = None, **more: Any) -> Any:
    slices = {"one": {"rules": [{**PLAIN, **more}], "sets": {"agent": ["192.0.2.7"]}}}
    return shown.view(slices, Settings.of(raw or {}), raw or {}, ["192.0.2.9"], [22])


def changed(**more: Any) -> list[str]:
    return printed(sections(held(), held(**more)))


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"direction": "out"}, "out tcp 514 to agent (one.a)"),
        ({"protocol": "udp"}, "in udp 514 from agent (one.a)"),
        ({"protocol": "gre", "spans": []}, "in gre from agent (one.a)"),
        ({"spans": [[1, 2], [5, 5]]}, "in tcp 1-2,5 from agent (one.a)"),
        ({"peers": "any"}, "in tcp 514 from anyone (one.a)"),
        ({"peers": "local_subnet"}, "in tcp 514 from the local subnet (one.a)"),
        ({"source_spans": [[67, 67]]}, "in tcp 514 from agent, source port 67 (one.a)"),
        ({"cast": "broadcast"}, "in tcp 514 from agent, broadcast (one.a)"),
        ({"refusal": "guard"}, "in tcp 514 from agent, guarded (one.a)"),
        ({"refusal": "watch"}, "in tcp 514 from agent, watched (one.a)"),
        ({"container_spans": [[514, 514]]}, "in tcp 514 from agent, in a container (one.a)"),
        ({"container_spans": [[1514, 1515]]}, "in tcp 514 from agent, container port 1514-1515 (one.a)"),
        ({"log": True}, "in tcp 514 from agent, logged (one.a)"),
        ({"flow": "one.b"}, "in tcp 514 from agent (one.b)"),
    ],
)
def test_a_change_of_each_part_of_a_rule_is_shown(more: dict[str, Any], line: str) -> None:
    lines = changed(**more)
    assert "-in tcp 514 from agent (one.a)" in lines
    assert f"+{line}" in lines


def test_management_access_is_shown_where_it_could_be_cut() -> None:
    access = "+in tcp 22 from management access"
    assert access in changed(raw={"verdicts": {"in": "refuse"}})
    assert access in changed(spans=[[20, 30]], refusal="guard")
    assert access not in changed(spans=[[20, 30]], refusal="guard", protocol="udp")
    assert access not in changed(spans=[[80, 80]], refusal="guard")


def test_a_setting_of_a_later_version_is_shown_by_its_name() -> None:
    assert changed(raw={"later": [1, "a"]}) == ["other changes:", '+later: [1, "a"]']


def test_a_mark_is_shown_as_people_write_it() -> None:
    assert changed(raw={"mark": [0x10, 0xFF]}) == [
        *("other changes:", "-mark of permitted packets: none", "+mark of permitted packets: 0x10/0xff")
    ]
