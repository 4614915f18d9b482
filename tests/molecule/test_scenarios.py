# SPDX-License-Identifier: GPL-3.0-or-later
"""Molecule's own runs of extensions/molecule, as a user would start them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from needs import needs_of_kernel, needs_of_machine
from pages import CHECKOUT, commands, of_kind

PAGE = CHECKOUT / "docs" / "molecule.md"
SCENARIOS = CHECKOUT / "extensions" / "molecule"
BIN = Path(sys.executable).parent
NAMES = sorted(path.parent.name for path in SCENARIOS.glob("*/molecule.yml"))
PACKETS = re.compile(r"(\d+) packets as the catalogue says, (\d+) of them pass")


@pytest.fixture
def home() -> Iterator[Path]:
    """With a short path: ssh's sockets are below it, and no socket's path may have more than 107 characters."""
    with tempfile.TemporaryDirectory(prefix="molecule-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def molecule(lab: str, home: Path, *words: str) -> str:
    """What it prints. Its own notes about the machines are in the home folder."""
    return typed(lab, home, shlex.join(["molecule", *words]))


def typed(lab: str, home: Path, command: str) -> str:
    """In a shell."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_"))}
    done = subprocess.run(
        ["sh", "-euc", command],
        cwd=CHECKOUT,
        env=kept
        | {
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".venv" / "collections"),
            "HOME": str(home),
            "PORTBOOK_LAB": lab,
            "NO_COLOR": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    return done.stdout


def passed(output: str) -> int:
    """How many packets did, by all hosts of all verifications."""
    found = [(int(sent), int(reached)) for sent, reached in PACKETS.findall(output)]
    assert sum(sent for sent, _reached in found) > sum(reached for _sent, reached in found)
    return sum(reached for _sent, reached in found)


def test_utmstack_on_namespaces(home: Path) -> None:
    lacking = needs_of_kernel()
    if lacking:
        pytest.skip(lacking)
    output = molecule("netns", home, "test", "-s", "utmstack")
    assert passed(output) > 200
    assert "NOT RUN" not in output


@pytest.mark.more
def test_all_scenarios_on_real_machines(home: Path) -> None:
    lacking = needs_of_machine()
    if lacking:
        pytest.skip(lacking)
    output = molecule("nspawn", home, "test", "--all")
    assert passed(output) > 2000
    recap = output.rpartition("SCENARIO RECAP")[2]
    for name in NAMES:
        line = re.search(rf"^{name} .*$", recap, re.MULTILINE)
        assert line, f"{name} is not in the recap:\n{recap}"
        assert " failed=0" in line[0]
    print("\n".join(line.strip() for line in output.splitlines() if "NOT RUN" in line))


@pytest.mark.more
@pytest.mark.parametrize("name", ["firewalld", "way_back"])
def test_namespaces_lack_what_a_scenario_needs_and_it_says_so(home: Path, name: str) -> None:
    lacking = needs_of_kernel()
    if lacking:
        pytest.skip(lacking)
    assert "NOT RUN: this scenario needs systemd" in molecule("netns", home, "test", "-s", name)


@pytest.mark.more
def test_the_command_for_machines_of_your_own_works_with_an_inventory_like_that_of_the_page(home: Path) -> None:
    """The machines are namespaces, and have the names and groups of the page."""
    lacking = needs_of_kernel()
    if lacking:
        pytest.skip(lacking)
    own = home / "my-machines.yml"
    try:
        molecule("netns", home, "create", "-s", "utmstack")
        made = yaml.safe_load((CHECKOUT / "build" / "molecule" / "hosts.yml").read_text())["all"]["children"]
        (block,) = of_kind(PAGE, "tried", "my-machines.yml")
        content = yaml.safe_load(block.body)
        for name, group in content["all"]["children"].items():
            group["hosts"] = {host: made[name]["hosts"][host] for host in group["hosts"]}
        own.write_text(yaml.safe_dump(content))
        command = commands(PAGE, "own machines")
        assert "$PWD/my-machines.yml" in command
        assert passed(typed("", home, command.replace("$PWD/my-machines.yml", str(own)))) > 200
    finally:
        molecule("netns", home, "destroy", "-s", "utmstack")


@pytest.mark.more
def test_machines_without_rules_do_not_pass(home: Path) -> None:
    lacking = needs_of_kernel()
    if lacking:
        pytest.skip(lacking)
    try:
        molecule("netns", home, "create", "-s", "utmstack")
        with pytest.raises(AssertionError, match="packets did not"):
            molecule("netns", home, "verify", "-s", "utmstack")
    finally:
        molecule("netns", home, "destroy", "-s", "utmstack")
