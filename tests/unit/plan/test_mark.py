# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""portbook_mark in the plan: a setting of Linux hosts alone."""

from __future__ import annotations

from unit.helpers.book import SIMPLE, host, windows

CLIENT = host("c1", "client", "192.0.2.11")
WARNING = "s1, s2: portbook_mark does nothing on Windows, which has no packet marks"


def test_a_linux_host_has_it_as_value_and_mask() -> None:
    plan = SIMPLE.plan(host("s1", "server", "192.0.2.1", portbook_mark="0x10/0x30"), CLIENT)
    assert plan.data["hosts"]["s1"]["mark"] == [16, 48]
    assert "mark" not in plan.data["hosts"]["c1"]
    assert plan.warnings == []


def test_on_windows_hosts_it_is_one_warning_and_no_part_of_the_plan() -> None:
    plans = [
        SIMPLE.plan(
            windows("s1", "server", "192.0.2.1", **variables), windows("s2", "server", "192.0.2.2", **variables), CLIENT
        )
        for variables in ({"portbook_mark": "0x10"}, {})
    ]
    assert [one.startswith(WARNING) for one in plans[0].warnings] == [True]
    assert plans[0].data == plans[1].data


def test_a_windows_host_that_has_no_component_is_not_warned_of() -> None:
    plan = SIMPLE.plan(host("s1", "server", "192.0.2.1"), CLIENT, windows("w1", "", "192.0.2.9", portbook_mark=16))
    assert plan.warnings == []
