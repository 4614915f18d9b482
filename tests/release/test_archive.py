# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive that users install: the same each time, small, with nothing that leads nowhere, and it works alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import archive
import pytest
import sanity
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
MOST = 2 * 2**20
TOP = {
    *("CHANGELOG.md", "CHANGELOG.rst", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "SECURITY.md"),
    *("changelogs", "docs", "examples", "meta", "playbooks", "plugins", "requirements.txt", "roles"),
}
NOT_YET = {"CHANGELOG.md", "CHANGELOG.rst"}
"""Before the first release there is none."""
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_MAKE = re.compile(r"(?m)^\s*(?:\$ )?make [a-z]|`make [a-z]")
_IMPORTER = """
[galaxy-importer]
CHECK_REQUIRED_TAGS = True
RUN_ANSIBLE_DOC = True
# ruff and ansible-lint have these; flake8 knows the formatting of neither.
RUN_FLAKE8 = False
RUN_ANSIBLE_LINT = False
RUN_ANSIBLE_TEST = False
RUN_BUILD_ANSIBLE_EE = False
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a clone would have it, with what is not committed yet."""
    folder = tmp_path_factory.mktemp("tree")
    sanity.copy_checkout(folder)
    return folder


@pytest.fixture(scope="module")
def built(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive.build_tree(tree, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(built) as packed:
        packed.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path that has this collection and no other."""
    folder = tmp_path_factory.mktemp("installed")
    run("ansible-galaxy", "collection", "install", "--no-deps", "-p", folder, built, at=folder)
    return folder


def run(program: str, *words: str | Path, at: Path, environment: Mapping[str, str] | None = None) -> str:
    """In an environment that knows nothing of the checkout."""
    given = {"PATH": f"{BIN}{os.pathsep}{os.defpath}", "HOME": str(at), "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        [BIN / program, *words],
        cwd=at,
        env=given | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_same_files_give_the_same_bytes(tree: Path, built: Path, tmp_path: Path) -> None:
    """Whatever the clock says, and in whichever order a folder lists them."""
    again = tmp_path / "again"
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_file() and ".git" not in path.relative_to(tree).parts:
            target = again / path.relative_to(tree)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
            os.utime(target, (1, 1))
    assert archive.build_tree(again, tmp_path / "out").read_bytes() == built.read_bytes()


def test_it_is_small_and_has_what_users_need_alone(built: Path, unpacked: Path) -> None:
    assert built.stat().st_size <= MOST
    assert {one.name for one in unpacked.iterdir()} - NOT_YET == TOP - NOT_YET


def test_no_link_leads_out_of_it_or_nowhere(unpacked: Path) -> None:
    dead = []
    for page in unpacked.rglob("*.md"):
        for link in _LINK.findall(page.read_text(encoding="utf-8")):
            target = link.partition("#")[0]
            if target and "://" not in target and not (page.parent / target).exists():
                dead.append(f"{page.relative_to(unpacked)}: {link}")
    assert dead == []


@pytest.mark.parametrize("name", ["README.md", "docs/getting-started.md"])
def test_where_there_is_no_makefile_no_first_page_asks_for_make(unpacked: Path, name: str) -> None:
    assert "make" in (CHECKOUT / name).read_text(encoding="utf-8")
    assert _MAKE.findall((unpacked / name).read_text(encoding="utf-8")) == []


def test_links_to_the_repository_name_what_it_has(unpacked: Path) -> None:
    repository = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))["repository"]
    named = re.compile(re.escape(repository) + r"/(?:blob|tree)/main/([^)#\s]+)")
    found = {path for page in unpacked.rglob("*.md") for path in named.findall(page.read_text(encoding="utf-8"))}
    assert found
    assert [path for path in sorted(found) if not (CHECKOUT / path).exists()] == []


def test_it_plans_from_an_empty_path(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(
        "all: {children: {utmstack_master: {hosts: {siem-1: {ansible_host: 192.0.2.10}}},"
        " utmstack_agent: {hosts: {web-1: {ansible_host: 192.0.2.21}}}}}"
    )
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(installed)}
    said = run("ansible-playbook", "portbook.firewall.plan", "-i", "hosts.yml", at=tmp_path, environment=environment)
    assert "tcp 5044      from utmstack_agent 192.0.2.21" in said
    listed = run("ansible-doc", "-l", "portbook.firewall", at=tmp_path, environment=environment)
    assert {"portbook.firewall.apply", "portbook.firewall.plan"} <= set(listed.split())


def test_galaxy_would_take_it(built: Path, tmp_path: Path) -> None:
    (tmp_path / "importer.cfg").write_text(_IMPORTER)
    given = {"GALAXY_IMPORTER_CONFIG": str(tmp_path / "importer.cfg")}
    said = run("python", "-m", "galaxy_importer.main", built, at=tmp_path, environment=given)
    assert "Importer processing completed successfully" in said
    assert [line for line in said.splitlines() if line.startswith(("WARNING", "ERROR"))] == []


def test_an_execution_environment_gets_what_it_needs(installed: Path, tmp_path: Path) -> None:
    said = run("ansible-builder", "introspect", installed, at=tmp_path)
    needed = yaml.safe_load(said)["python"]
    assert {one.partition(">")[0] for one in needed} == {"netaddr", "jsonschema"}
    example = CHECKOUT / "examples" / "execution-environment" / "execution-environment.yml"
    run("ansible-builder", "create", "-f", example, "-c", "context", at=tmp_path)
    wanted = yaml.safe_load((tmp_path / "context" / "_build" / "requirements.yml").read_text(encoding="utf-8"))
    version = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    assert wanted["collections"] == [{"name": "portbook.firewall", "version": version}]
