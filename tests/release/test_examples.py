# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users copy works as it stands."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from needs import BIN
from playbook_runs import PLAN, Desk

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = CHECKOUT / "examples"
REPOSITORY = EXAMPLES / "repository"


@pytest.mark.parametrize("path", sorted((EXAMPLES / "one-product").glob("*.yml")), ids=lambda path: path.stem)
def test_one_product_in_ten_lines(tmp_path: Path, path: Path) -> None:
    desk = Desk(tmp_path)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 12
    desk.inventory(path.read_text(encoding="utf-8"))
    run = desk.run(PLAN).ok()
    assert "[WARNING]" not in run.stderr
    assert all(host["rules"] for host in run.plan["hosts"].values())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    shutil.copytree(REPOSITORY, folder)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "config", "user.name", "Somebody")
    git(folder, "config", "user.email", "somebody@example.com")
    commit(folder)
    git(folder, "switch", "--quiet", "--create", "branch")
    return folder


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A change")


def compared(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{BIN}{os.pathsep}{os.defpath}",
        "HOME": str(folder.parent),
        "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
    }
    return subprocess.run(
        ["ci/compare.sh", "main"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_branch_that_changes_no_rule_says_so(repository: Path) -> None:
    (repository / "README.md").write_text("A page.\n")
    commit(repository)
    done = compared(repository)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "### Firewall rules\n\nThis branch changes no rule of any host.\n"
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_a_branch_with_another_agent_shows_where_it_gets_in(repository: Path) -> None:
    hosts = repository / "inventory" / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("192.0.2.22}", "192.0.2.22}, web-3: {ansible_host: 192.0.2.23}"))
    commit(repository)
    done = compared(repository)
    assert done.returncode == 0, done.stderr
    added = [line for line in done.stdout.splitlines() if line.startswith("+")]
    assert any("192.0.2.22/31" in line for line in added)
    assert any("web-3" in line for line in added)


def test_a_branch_whose_plan_fails_fails_with_the_reason(repository: Path) -> None:
    (repository / "inventory" / "group_vars" / "utmstack_probe.yml").write_text("utmstack_probe_posture: gard\n")
    commit(repository)
    done = compared(repository)
    assert done.returncode != 0
    assert "Did you mean guard?" in done.stderr
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_both_forges_run_what_is_tested_here() -> None:
    github = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "firewall.yml").read_text())
    steps = "\n".join(step.get("run", "") for step in github["jobs"]["plan"]["steps"])
    gitlab = "\n".join(yaml.safe_load((REPOSITORY / ".gitlab-ci.yml").read_text())["plan"]["script"])
    for commands in (steps, gitlab):
        assert "ci/compare.sh " in commands
        assert "ansible-galaxy collection install --no-deps -r requirements.yml -p collections" in commands
