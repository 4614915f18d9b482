# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation's site is built without a warning and without a network, and no link in it is dead."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import sanity

CHECKOUT = Path(__file__).resolve().parents[2]


class Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.names: set[str] = set()
        self.headings = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names |= {given[one] for one in ("id", "name") if one in given}
        self.headings += tag == "h1"
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("script", "img") and "src" in given:
            self.loaded.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this user may, in a network that has nobody else."""
    clone = tmp_path_factory.mktemp("clone")
    sanity.copy_checkout(clone)
    (clone / ".venv" / "collections" / "ansible_collections" / "portbook").mkdir(parents=True)
    (clone / ".venv" / "collections" / "ansible_collections" / "portbook" / "firewall").symlink_to(clone)
    alone = ["unshare", "--net"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*alone, sys.executable, clone / "scripts" / "site.py"],
        cwd=clone,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return clone / "build" / "site"


@cache
def read(path: Path) -> Page:
    return Page(path)


def pages(site: Path) -> list[Path]:
    return [path for path in sorted(site.rglob("*.html")) if path.name not in ("genindex.html", "search.html")]


def test_every_page_role_and_plugin_is_in_it(site: Path) -> None:
    wanted = [CHECKOUT / "README.md", *(CHECKOUT / "docs").rglob("*.md"), *(CHECKOUT / "roles").glob("*/README.md")]
    assert not [path for path in wanted if not (site / path.relative_to(CHECKOUT).with_suffix(".html")).exists()]
    for kind, folder in (("module", "modules"), ("lookup", "lookup")):
        for path in (CHECKOUT / "plugins" / folder).glob("*.py"):
            assert (site / "plugins" / f"{path.stem}_{kind}.html").exists() or path.stem == "__init__", path


def test_every_page_has_one_title(site: Path) -> None:
    assert not [path for path in pages(site) if read(path).headings != 1]


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loaded = {one for path in pages(site) for one in read(path).loaded}
    assert loaded
    assert not [one for one in loaded if urlsplit(one).netloc]


def test_no_link_is_dead(site: Path) -> None:
    dead, tried = [], 0
    for path in pages(site):
        for link in read(path).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            tried += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists() or (
                parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read(target).names
            ):
                dead.append(f"{path.relative_to(site)}: {link}")
    assert tried > 1000
    assert not dead
