# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of a page, and what a comment in front of each says of it.

`run`: a reader types it, and tests/kernel/test_pages.py does so, page by page; with a name, another test does.
`prints: NAME`: what is printed, and a test has it by that name. `output: SOURCE`, `errors`, `part of: FILE`: that too,
and tests/unit/project/test_docs.py has it. `file: PATH`: what a reader writes. `tried: NAME`: what a test writes or
runs on a machine. `drawing`: neither. `not run: REASON`: no test has it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
README = CHECKOUT / "README.md"
PAGES = (README, *sorted((CHECKOUT / "docs").glob("*.md")))

_BLOCK = re.compile(
    r"^(?:<!-- (?P<marker>[^\n]*?) -->\n)?(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    body: str
    kind: str
    what: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(CHECKOUT)}:{self.line}"

    @property
    def words(self) -> str:
        """With single spaces: a page breaks lines where it likes."""
        return " ".join(self.body.split())


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    text = page.read_text(encoding="utf-8")
    found = []
    for one in _BLOCK.finditer(text):
        kind, _colon, what = (one["marker"] or "").partition(": ")
        line = text.count("\n", 0, one.start("body"))
        found.append(Block(page, line, one["language"], re.sub(rf"(?m)^{one['indent']}", "", one["body"]), kind, what))
    return tuple(found)


def of_kind(page: Path, kind: str, what: str | None = None) -> list[Block]:
    return [one for one in blocks(page) if one.kind == kind and what in (None, one.what)]


def commands(page: Path, name: str) -> str:
    """What the page tells its reader to type, by the name that it has there."""
    (found,) = of_kind(page, "run", name)
    return found.body


def printed(page: Path, name: str) -> Block:
    """What the page shows as printed, by the name that it has there."""
    (found,) = of_kind(page, "prints", name)
    return found


def missing_lines(excerpt: str, text: str) -> list[str]:
    """Those that the text does not have, in this order; `...` stands for any number."""
    rest = text.splitlines()
    missing = []
    for line in excerpt.splitlines():
        if line == "...":
            continue
        if line in rest:
            rest = rest[rest.index(line) + 1 :]
        else:
            missing.append(line)
    return missing
