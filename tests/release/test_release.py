# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release is one command: it refuses what is not ready, and leaves a commit, a tag and the archive."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sanity
import yaml

VERSION = "7.0.0"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Of what is here, committed."""
    folder = tmp_path / "clone"
    folder.mkdir()
    sanity.copy_checkout(folder)
    git(folder, "config", "user.name", "Somebody")
    git(folder, "config", "user.email", "somebody@example.com")
    fragments = folder / "changelogs" / "fragments"
    fragments.mkdir(exist_ok=True)
    for path in fragments.glob("*.yml"):
        # A release has one summary.
        path.unlink()
    (fragments / "a-change.yml").write_text("---\nrelease_summary: A summary.\nminor_changes: [plan - prints more.]\n")
    commit(folder)
    return folder


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "All")


def release(folder: Path, version: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, folder / "scripts" / "release.py", version, "--date", "2026-11-27"]
    return subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("version", "wrong"),
    [("7.0", "the version is 7.0: write three figures, as 1.2.3"), ("0.0.1", "give a higher one")],
)
def test_a_version_that_cannot_be_the_next_is_refused(clone: Path, version: str, wrong: str) -> None:
    done = release(clone, version)
    assert done.returncode == 1
    assert wrong in done.stderr
    assert git(clone, "status", "--porcelain") == ""


def test_what_is_not_committed_is_refused(clone: Path) -> None:
    (clone / "README.md").write_text("half of a change")
    assert "there are changes that are not committed" in release(clone, VERSION).stderr


def test_a_release_without_changes_is_refused(clone: Path) -> None:
    for path in (clone / "changelogs" / "fragments").glob("*.yml"):
        path.unlink()
    commit(clone)
    assert "changelogs/fragments is empty" in release(clone, VERSION).stderr


def test_a_release_is_a_commit_a_tag_and_an_archive_that_can_be_built_again(clone: Path, tmp_path: Path) -> None:
    # What git ignores is not read: roots of machines have links that lead nowhere here.
    machines = clone / "build" / "machines"
    machines.mkdir(parents=True)
    (machines / "ssh").symlink_to("/nowhere/ssh")
    done = release(clone, VERSION)
    assert done.returncode == 0, done.stderr
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "log", "-1", "--format=%s") == f"Release {VERSION}"
    assert git(clone, "describe", "--exact-match") == f"v{VERSION}"
    assert yaml.safe_load((clone / "galaxy.yml").read_text())["version"] == VERSION
    assert "plan \\- prints more\\." in (clone / "CHANGELOG.md").read_text()
    assert "A summary." in (clone / "CHANGELOG.rst").read_text()
    assert not list((clone / "changelogs" / "fragments").glob("*.yml"))
    (built,) = (clone / "build").glob("*.tar.gz")
    assert built.name == f"portbook-firewall-{VERSION}.tar.gz"
    again = [sys.executable, clone / "scripts" / "archive.py", "--commit", f"v{VERSION}", "--output", tmp_path / "out"]
    subprocess.run(again, cwd=clone, stdout=subprocess.DEVNULL, check=True)
    assert (tmp_path / "out" / built.name).read_bytes() == built.read_bytes()
