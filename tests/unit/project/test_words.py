# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No text that users and readers of the code see has a word that the table in CONTRIBUTING.md, section "Words",
replaces by another one."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from yaml_files import parsed

CHECKOUT = Path(__file__).resolve().parents[3]
PLUGINS = CHECKOUT / "plugins"
BOOKS = PLUGINS / "plugin_utils" / "catalog" / "books"

ALLOWED = {
    "Made by the Ansible collection portbook.firewall": "files on hosts say so; another text would change each host",
    "portbook: way in": "the group of a rule on Windows hosts, by which later versions find it",
}
"""Fixed names and texts that have an old word, and why they keep it."""

Text = tuple[str, str]
"""Where it stands, and the text."""

# Keys of the catalogue whose values are sentences of its own. What a vendor printed is under `printed`.
_SENTENCES = ("what", "purpose", "why", "note", "title", "platforms_why", "made_by", "generated")
_CODE = re.compile(r"`[^`\n]+`")
_MARKUP = re.compile(r"\b(?:RV|[CVOEMIBLUP])\([^)]*\)")
_LINK = re.compile(r"\]\([^)\s]+\)|<!--.*?-->", re.DOTALL)
_ANY = "\0"
"""Stands for what a program puts in."""


# -- the list ---------------------------------------------------------------------------------------


def phrases() -> list[str]:
    """The first column of the table, without its remarks."""
    page = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.partition("\n## Words\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    cells = [re.sub(r"\([^)]*\)", "", row) for row in rows[2:]]
    return [phrase.strip() for cell in cells for phrase in cell.split(",")]


def pattern(words: list[str]) -> re.Pattern[str]:
    """Whole words, in any case, also over the end of a line; X is any word, or what a program puts in."""
    parts = [
        r"\s+".join(rf"['\"]?(?:[\w.:-]+|{_ANY})['\"]?" if word == "X" else re.escape(word) for word in one.split())
        for one in words
    ]
    return re.compile(rf"(?<![\w-])(?:{'|'.join(parts)})(?![\w-])", re.IGNORECASE)


def found_in(texts: Iterable[Text]) -> list[str]:
    old = pattern(phrases())
    found = []
    for where, text in texts:
        for name in ALLOWED:
            text = text.replace(name, "")
        found += [f"{where}: {' '.join(hit[0].split())!r} in {_around(text, hit)}" for hit in old.finditer(text)]
    return sorted(set(found))


def _around(text: str, hit: re.Match[str]) -> str:
    return " ".join(text[max(0, hit.start() - 50) : hit.end() + 50].replace(_ANY, "...").split())


# -- the texts --------------------------------------------------------------------------------------


def messages() -> Iterator[Text]:
    """String literals with a blank, without docstrings and documentation blocks."""
    for path in sorted(PLUGINS.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        passed = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        passed |= {id(block) for block in _blocks(nodes)}
        for node in nodes:
            if isinstance(node, ast.JoinedStr):
                passed |= {id(part) for part in node.values}
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else _ANY for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
                text = node.value
            else:
                continue
            if " " in text:
                yield f"{path.relative_to(CHECKOUT)}:{node.lineno}", text


def _blocks(nodes: Iterable[ast.AST]) -> Iterator[ast.Constant]:
    """Those that `documentation` reads."""
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named = node.targets[0].id in ("DOCUMENTATION", "EXAMPLES", "RETURN")
            if named and isinstance(node.value, ast.Constant):
                yield node.value


def powershell() -> Iterator[Text]:
    literal = re.compile(r"\"(?:[^\"`]|`.)*\"|'[^'\n]*'")
    for path in sorted((*PLUGINS.rglob("*.ps1"), *PLUGINS.rglob("*.psm1"))):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.lstrip().startswith("#"):
                texts = (hit[0] for hit in literal.finditer(line) if " " in hit[0])
                yield from ((f"{path.relative_to(CHECKOUT)}:{number}", text) for text in texts)


def documentation() -> Iterator[Text]:
    """Values of the documentation blocks, without names of keys, samples and marked names."""
    for path in sorted((PLUGINS / "modules").glob("*.yml")):
        yield from _documented(path, path.read_text(encoding="utf-8"))
    for folder in ("modules", "lookup", "doc_fragments"):
        for path in sorted((PLUGINS / folder).glob("*.py")):
            for block in _blocks(ast.parse(path.read_text(encoding="utf-8")).body):
                yield from _documented(path, str(block.value))


def _documented(path: Path, text: str) -> Iterator[Text]:
    where = str(path.relative_to(CHECKOUT))
    yield from ((where, _MARKUP.sub("", one)) for one in _values(parsed(text), lambda key: key != "sample"))


def catalogue() -> Iterator[Text]:
    for path in sorted(BOOKS.glob("*.yml")):
        book = parsed(path.read_text(encoding="utf-8"))
        yield from ((path.name, _CODE.sub("", one)) for one in _sentences(book))


def _sentences(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in _SENTENCES and isinstance(value, str):
                yield value
            elif key != "printed":
                yield from _sentences(value)
    elif isinstance(node, list):
        for one in node:
            yield from _sentences(one)


def _values(node: Any, wanted: Callable[[str], bool]) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if wanted(str(key)):
                yield from _values(value, wanted)
    elif isinstance(node, list):
        for one in node:
            yield from _values(one, wanted)
    elif isinstance(node, str):
        yield node


def tasks() -> Iterator[Text]:
    """Plays and roles: names, and what their argument specs and defaults say."""
    for path in sorted((CHECKOUT / "playbooks").glob("*.yml")):
        plays = parsed(path.read_text(encoding="utf-8"))
        yield from ((path.name, one) for one in _values(plays, lambda _key: True))
    for path in sorted((CHECKOUT / "roles").rglob("*.yml")):
        yield str(path.relative_to(CHECKOUT)), path.read_text(encoding="utf-8")


def pages() -> Iterator[Text]:
    """Without what is marked as code, targets of links, and the vendors' words."""
    below = [path for folder in ("docs", "roles") for path in sorted((CHECKOUT / folder).rglob("*.md"))]
    for path in (CHECKOUT / "README.md", *below):
        text = _LINK.sub("]", path.read_text(encoding="utf-8"))
        for number, paragraph in enumerate(text.split("\n\n"), 1):
            yield f"{path.relative_to(CHECKOUT)}, paragraph {number}", _CODE.sub(_ANY, paragraph)


def remarks() -> Iterator[Text]:
    """Comments and docstrings of the collection's own code."""
    for path in sorted(PLUGINS.rglob("*.py")):
        where, text = str(path.relative_to(CHECKOUT)), path.read_text(encoding="utf-8")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield f"{where}:{token.start[0]}", _CODE.sub("", token.string)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield f"{where}: {getattr(node, 'name', 'module')}", _CODE.sub("", ast.get_docstring(node) or "")


def names_of_tests() -> Iterator[Text]:
    for path in sorted((CHECKOUT / "tests").rglob("test_*.py")):
        for name in re.findall(r"def test_(\w+)", path.read_text(encoding="utf-8")):
            yield str(path.relative_to(CHECKOUT)), name.replace("_", " ")


SOURCES = (messages, powershell, documentation, catalogue, tasks, pages, remarks, names_of_tests)


@cache
def read(texts: Callable[[], Iterator[Text]]) -> list[Text]:
    return list(texts())


# -- the tests --------------------------------------------------------------------------------------


def test_the_table_is_read() -> None:
    assert len(phrases()) > 20
    assert "" not in phrases()


@pytest.mark.parametrize(
    ("text", "is_old"),
    [
        ("Nobody is utmstack_master", True),
        ("whatever\n`--limit` says", False),
        (f"whatever {_ANY} says", True),
        ("the key `mended`", True),
        ("rules that this collection mended", True),
        ("recommended", False),
        ("the file way-in.sh", False),
        ("is no longer a component", False),
        ("it is no list", True),
    ],
)
def test_old_words_are_whole_words_in_any_case(text: str, is_old: bool) -> None:
    assert bool(pattern(phrases()).search(text)) == is_old


@pytest.mark.parametrize("texts", SOURCES)
def test_no_text_that_users_see_has_an_old_word(texts: Callable[[], Iterator[Text]]) -> None:
    assert len(read(texts)) > 5
    assert not found_in(read(texts))


def test_every_exception_is_needed() -> None:
    every = "\n".join(text for texts in SOURCES for _where, text in read(texts))
    assert not [name for name in ALLOWED if name not in every or not pattern(phrases()).search(name)]
