# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each command and each output on a page belongs to a test, or says why to none."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import run
import yaml
from lab import standing
from pages import CHECKOUT, PAGES, Block, blocks

NOT_RUN = 9
"""How many blocks no test has. It may only fall."""

KINDS = {"run", "prints", "output", "errors", "part of", "file", "tried", "drawing", "not run"}
SHELLS = {"sh", "bash", "powershell"}
TESTS = [path for path in (CHECKOUT / "tests").rglob("*.py") if "output" not in path.parts]


def every() -> Iterator[Block]:
    return (block for page in PAGES for block in blocks(page))


def test_each_command_and_each_output_says_whose_it_is() -> None:
    silent = [one.where for one in every() if one.language in {*SHELLS, "text", ""} and one.kind not in KINDS]
    assert not silent


def test_no_command_hides_in_an_indented_block() -> None:
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.findall(r"\n\n {4}(?:[a-z-]+ .*|[A-Z_]+=.*)\n", text) or page.stem == "architecture", page


def test_what_no_test_has_grows_fewer(capsys: pytest.CaptureFixture[str]) -> None:
    left = [one for one in every() if one.kind == "not run"]
    with capsys.disabled():
        print(f"\n{len(left)} blocks of the pages are not run")
    assert all(len(one.what.split()) >= 2 for one in left)
    assert len(left) == NOT_RUN, f"{len(left)} blocks are not run: {', '.join(one.where for one in left)}"


def test_what_is_not_run_asks_for_what_there_is() -> None:
    """Targets of make, kinds of tests, and machines of the lab."""
    text = "\n".join(one.body for one in every() if one.kind == "not run")
    targets = re.findall(r"(?m)^([a-z-]+):.*## ", (CHECKOUT / "Makefile").read_text(encoding="utf-8"))
    asked = re.findall(r"\bmake ([a-z-]+)", text)
    assert asked
    assert set(asked) <= set(targets)
    (only,) = re.findall(r"--only ([a-z,-]+)", text)
    assert {*only.split(",")} <= {kind.name for kind in run.kinds()}
    (machines,) = re.findall(r"make lab ARGS='(.*)'", text)
    assert [standing.Asked.read(word).name for word in machines.split()]


@pytest.mark.parametrize(
    "block", [one for one in every() if one.kind in ("run", "tried", "prints") and one.what], ids=lambda one: one.where
)
def test_what_has_a_name_is_asked_for_by_a_test(block: Block) -> None:
    named = [
        path for path in TESTS if f'"{block.what}"' in (text := path.read_text()) and block.page.stem in _pages(text)
    ]
    assert named


def _pages(text: str) -> str:
    """A test names the page itself, or by way of the helper that does."""
    helpers = [CHECKOUT / "tests" / "machine" / "helpers" / "beside.py"] if "helpers.beside" in text else []
    return text + "".join(one.read_text() for one in helpers)


@pytest.mark.parametrize("block", [one for one in every() if one.language == "yaml"], ids=lambda one: one.where)
def test_yaml_on_a_page_is_yaml(block: Block) -> None:
    assert all(one is not None for one in yaml.safe_load_all(block.body.replace("\n...\n", "\n")))
