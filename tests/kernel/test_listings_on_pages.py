# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rulesets that docs/nftables.md explains are what nft lists on such hosts, line by line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from golden.helpers.book import shipped
from golden.helpers.inventories import INVENTORIES
from golden.helpers.rendering import given, request, same_host
from kernel.helpers.commands import nft, run
from pages import CHECKOUT, printed

PAGE = CHECKOUT / "docs" / "nftables.md"
# What the page leaves out everywhere.
LEFT_OUT = re.compile(r"\bip6\b|ipv6|auto-merge")
# What the page says about a line, further to the right.
REMARK = re.compile(r"^ {10,}\S.*|(?<=\S) {4,}\S.*")

EXPLAINED: list[Any] = [
    ("guard", "stifler-2", "beacon2", {}),
    ("containers", "utmstack-9", "master1", {}),
    ("logged", "stifler-2", "beacon2", {"portbook_log": "all"}),
    *(
        ("marked", "stifler-2", "beacon2", {"portbook_mark": "0x10", "portbook_posture": posture})
        for posture in ("open", "guard", "strict", "watch")
    ),
]


def on_page(name: str) -> dict[str, list[str]]:
    lines = (REMARK.sub("", line) for line in printed(PAGE, name).body.splitlines())
    return parts("\n".join(line for line in lines if line.strip()))


def parts(listing: str) -> dict[str, list[str]]:
    """Lines of each set, map and chain, by its first one."""
    found: dict[str, list[str]] = {}
    joined = re.sub(r",\n\s+", ", ", listing)
    for part in re.finditer(r"^\s*((?:set|map|chain) \S+) \{\n(.*?)^\s*\}$", joined, re.MULTILINE | re.DOTALL):
        found[part[1]] = [line.strip() for line in part[2].splitlines() if not LEFT_OUT.search(line)]
    return found


def pattern(lines: list[str]) -> str:
    """`...` is any number of lines, or the rest of one."""
    whole = ("(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n" for line in lines)
    return "".join(whole)


def listed(inventory: str, host: str, variables: dict[str, Any], folder: Path) -> dict[str, list[str]]:
    (chosen,) = (one for one in INVENTORIES if one.name == inventory)
    nft(given(request(chosen.machines, {**chosen.variables(shipped()), **variables}, host), folder / "portbook"))
    return parts(run("nft", "--stateless", "list", "table", "inet", "portbook"))


@pytest.mark.parametrize(("name", "inventory", "host", "variables"), EXPLAINED)
def test_each_line_that_is_explained_is_listed_and_none_is_left_out(
    name: str, inventory: str, host: str, variables: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same_host(monkeypatch)
    explained, there = on_page(name), listed(inventory, host, variables, tmp_path)
    assert explained
    assert explained.keys() <= there.keys()
    for part, lines in explained.items():
        text = "".join(f"{line}\n" for line in there[part])
        assert re.fullmatch(pattern(lines), text), f"{part}\n{text}"
