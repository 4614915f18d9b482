# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a catalogue file holds, it is loaded or refused by file, line and key: never an exception, never a hang."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzz import small_book
from fuzz.debris import Mutation, examples, in_time, mutated, mutations
from fuzz.runs import Run, check_words, run
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalogs
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

pytestmark = pytest.mark.longer

_FILE_AND_LINE = re.compile(r"\.yml:\d+$")


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
    """Writes what YAML has no word for as it would look in a file."""


_Dumper.add_representer(object, lambda dumper, _value: dumper.represent_scalar("!!python/object:os.system", "x"))
_Dumper.add_multi_representer(object, lambda dumper, _value: dumper.represent_scalar("!!python/object:os.system", "x"))


def dumped(data: Any) -> str | None:
    """The file's text, or None for what nobody can write."""
    try:
        return yaml.dump(data, Dumper=_Dumper, sort_keys=False)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return None


def loaded(folder: Path, product: str | bytes, platform: str | bytes | None = None) -> Run | None:
    """None if the catalogue is fine, and then small plans are made with it."""
    problems = Problems()
    with in_time():
        catalog = catalogs.load([], problems, built_in=small_book.write(folder, product, platform))
    if not problems.errors:
        check_words(run(small_book.HOSTS, small_book.GROUPS, catalog))
        check_words(run({"server": small_book.HOSTS["server"]}, small_book.GROUPS, catalog))
        return None
    found = Run(tuple(map(str, problems.errors)), tuple(map(str, problems.warnings)), False, problems.errors)
    check_words(found)
    for problem in found.raw:
        assert _FILE_AND_LINE.search(problem.where), problem
    return found


def test_the_catalogue_that_is_broken_here_is_valid_itself(tmp_path):
    assert loaded(tmp_path, json.dumps(small_book.PRODUCT)) is None
    assert loaded(tmp_path, yaml.safe_dump(small_book.PRODUCT, sort_keys=False)) is None


def test_six_hundred_malformed_catalogues_are_loaded_or_refused_by_line_and_key(tmp_path):
    tried: set[str] = set()
    outcomes: set[bool] = set()
    refused = {"with a key": 0, "without": 0}

    @examples(600)
    @given(mutations(small_book.PRODUCT))
    def each(recipe: list[Mutation]) -> None:
        text = dumped(mutated(small_book.PRODUCT, recipe))
        if text is None:
            return
        found = loaded(tmp_path / "catalog", text)
        outcomes.add(found is None)
        tried.add(text)
        for problem in found.raw if found else ():
            refused["with a key" if problem.what else "without"] += 1

    each()
    assert len(tried) >= 350
    assert outcomes == {True, False}
    # Without a key are only files that are no YAML at all.
    assert refused["with a key"] > refused["without"]


def test_a_hundred_malformed_platform_files_are_loaded_or_refused_by_line_and_key(tmp_path):
    product = json.dumps(small_book.PRODUCT)
    tried: set[str] = set()

    @examples(100)
    @given(mutations(small_book.PLATFORM))
    def each(recipe: list[Mutation]) -> None:
        text = dumped(mutated(small_book.PLATFORM, recipe))
        if text is not None:
            loaded(tmp_path / "catalog", product, text)
            tried.add(text)

    each()
    assert len(tried) >= 60


# -- files that are no YAML, or another YAML than they seem ---------------------------------------------

_LINES = yaml.safe_dump(small_book.PRODUCT, sort_keys=False).splitlines()
_DEBRIS = (
    "\t",
    "  \tports: 80",
    "&a",
    "*a",
    "*nobody",
    "<<: *a",
    "<<: {ports: [80]}",
    "? [a, b]",
    "? {a: b}",
    "!!python/object/apply:os.system ['true']",
    "x: !!python/name:os.system",
    "x: !!python/object:collections.OrderedDict {}",
    "x: !vault secret",
    "x: !unsafe '{{ y }}'",
    "x: !!bool perhaps",
    'x: !!int ""',
    'x: !!float ""',
    "x: !!timestamp soon",
    "x: 2027-02-30",
    "x: 0x" + "f" * 5000,
    "x: " + "9" * 5000,
    "0x" + "f" * 5000 + ": x",
    "x: !!binary '###'",
    "x: !!set {a, b}",
    "=: =",
    "- x",
    "---",
    "...",
    "%YAML 9.9",
    "{",
    "[" * 80,
    "]}",
    "x: |",
    "x: >-\n",
    '"',
    "'",
    "#",
    "\x00",
    "\x07",
    "\ufeff",
    "\u2028",
    "\x85x: y",
    "\ud800",
    "flows: {}",
    "catalog: 1",
    "catalog: '1'",
    "x: .nan",
    "x: -.inf",
    "~: x",
    "null: null",
    "yes: no",
    "1: 2",
    ": :",
    "x: y: z",
    "x: @y",
    "x: `y`",
    "{{ x }}: y",
    "x: {{ y }}",
)


@st.composite
def broken_texts(draw: st.DrawFn) -> bytes:
    lines = list(_LINES)
    for _time in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(("insert", "insert", "replace", "append", "delete", "indent", "repeat", "cut")))
        debris = draw(st.sampled_from(_DEBRIS) | st.text(max_size=8))
        before = lines[place]
        indent = " " * (len(before) - len(before.lstrip()))
        if how == "insert":
            lines.insert(place, indent + debris)
        elif how == "replace":
            lines[place] = before.split(":")[0] + ": " + debris
        elif how == "append":
            lines[place] = before + debris
        elif how == "delete" and len(lines) > 1:
            del lines[place]
        elif how == "indent":
            lines[place] = draw(st.sampled_from((" ", "  ", "\t", "    "))) + before
        elif how == "repeat":
            lines[place : place + 3] = lines[place : place + 3] * 2
        elif how == "cut":
            lines = [*lines[:place], before[: len(before) // 2]]
    text = "\n".join(lines)
    encoding = draw(st.sampled_from(("utf-8",) * 6 + ("utf-16", "latin-1", "utf-8-sig", "utf-32", "cp037")))
    raw = text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")
    cut = draw(st.integers(0, 4))
    return raw[: -cut or None]


def test_six_hundred_broken_files_are_loaded_or_refused_by_line(tmp_path):
    tried: set[bytes] = set()
    outcomes: set[bool] = set()

    @examples(600)
    @given(broken_texts())
    def each(raw: bytes) -> None:
        outcomes.add(loaded(tmp_path / "catalog", raw) is None)
        tried.add(raw)

    each()
    assert len(tried) >= 400
    assert outcomes == {True, False}


# -- what was found once ---------------------------------------------------------------------------------


def with_change(path: str, value: Any) -> str:
    data = json.loads(json.dumps(small_book.PRODUCT))
    *way, last = path.split("/")
    inner = data
    for key in way:
        inner = inner[key]
    inner[last] = value
    return json.dumps(data, indent=1)


FOUND = {
    "a port that is a fraction": with_change("flows/acme.vpn/ports", [1194.0]),
    "a default that is a fraction": with_change("components/acme_server/ports/main", {"default": 8080.0, "what": "x"}),
    "ports next to each other in a ring": with_change(
        "components/acme_server/ports/main", {"next_to": "third", "what": "x"}
    ),
    "a reversed range": with_change("flows/acme.vpn/ports", ["9-1"]),
    "a group that is no address": with_change("flows/acme.discover/group", ["here"]),
    "host bits in a tunnel": with_change("components/acme_server/tunnel/networks", ["10.21.199.1/24"]),
    "an unknown key that cannot be printed": with_change("flows/acme.vpn/\x1b[31m\n", 1),
    "an unknown key without end": with_change("flows/acme.vpn/" + "x" * 5000, 1),
    "an unknown component without end": with_change("flows/acme.vpn/to", ["x" * 5000]),
    "a name with a newline": with_change("components/other\n", small_book.PRODUCT["components"]["console"]),
    "a word that is no boolean": "a: !!bool perhaps",
    "a number without digits": 'a: !!int ""',
    "a fraction without digits": 'a: !!float ""',
    "a time that is none": "a: !!timestamp soon",
    "a day that is none": "a: 2027-02-30",
    "a number too great to print": "a: 0x" + "f" * 5000,
    "a key too great to print": "0x" + "f" * 5000 + ": a",
    "a list as a key": "? [a, b]\n: c",
    "an alias of itself": "a: &a\n  b: *a",
    "a hundred thousand levels": "[" * 100_000 + "]" * 100_000,
    "a hundred thousand levels of blocks": "- " * 100_000 + "a",
    "a hundred thousand levels without end": "{a: " * 100_000,
    "a control character": "a: \x00b",
    "half a character": b"a: \xed\xa0\x80",
    "no character": b"\xff\xfe\xff",
    "a tag without end": "a: !" + "x" * 5000 + " b",
    "nothing": "",
    "only a comment": "# x\n",
    "a list": "- a\n- b\n",
    "a word": "catalogue",
    "two documents": "a: 1\n---\nb: 2\n",
}


@pytest.mark.parametrize("name", FOUND)
def test_this_file_is_refused_by_line(name, tmp_path):
    assert loaded(tmp_path / "catalog", FOUND[name]) is not None


def test_a_wrong_value_of_a_flow_is_shown_with_what_is_wrong(tmp_path):
    found = loaded(tmp_path / "catalog", FOUND["a reversed range"])
    assert found
    assert any("acme.vpn" in text and "9-1" in text and "reversed" in text for text in found.errors), found.errors


def test_a_path_that_cannot_be_read_is_refused_by_name(tmp_path):
    (tmp_path / "pipe.yml").symlink_to(tmp_path / "pipe.yml")
    for path in (tmp_path / "nowhere", tmp_path / ("d" * 400), Path(os.devnull), tmp_path / "pipe.yml", Path("a\x00b")):
        problems = Problems()
        with in_time():
            catalogs.load([path], problems, built_in=small_book.write(tmp_path / "c", json.dumps(small_book.PRODUCT)))
        assert [one for one in problems.errors if one.where == "portbook_catalogs" and one.what == str(path)]
        for one in problems.errors:
            assert str(one).isprintable()
