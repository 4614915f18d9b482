# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of a diff as Ansible prints them: a title, the lines that go and the lines that come."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


def printed(sections: Iterable[Mapping[str, str]] | None) -> list[str]:
    found = []
    for one in sections or ():
        assert set(one) == {"before_header", "after_header", "before", "after"}
        assert one["before_header"] == one["after_header"]
        before, after = one["before"].splitlines(), one["after"].splitlines()
        changed = [line for line in difflib.unified_diff(before, after, n=0, lineterm="") if line[:2] != "@@"][2:]
        assert changed
        found += [f"{one['before_header']}:", *changed]
    return found
