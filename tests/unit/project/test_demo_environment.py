# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python `make demo` takes: one that is there and complete, before it makes any; it empties none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
COMPLETE, INCOMPLETE = "#!/bin/sh\nexit 0\n", "#!/bin/sh\nexit 1\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """No more of one than the choice looks at."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(CHECKOUT / "scripts" / "demo.sh", tmp_path / "scripts")
    return tmp_path


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def link(checkout: Path) -> None:
    (checkout / ".venv/collections/ansible_collections/portbook/firewall").mkdir(parents=True)


def chosen(checkout: Path, path: str = "/usr/bin:/bin") -> str:
    done = subprocess.run(
        [checkout / "scripts/demo.sh", "--which"], env={"PATH": path}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def on_path(checkout: Path, text: str) -> str:
    """A path with an ansible-playbook whose interpreter is that."""
    interpreter = program(checkout / "elsewhere/python", text)
    program(checkout / "elsewhere/ansible-playbook", f"#!{interpreter}\n")
    return f"{checkout / 'elsewhere'}:/usr/bin:/bin"


def test_a_complete_environment_of_make_setup_is_taken(checkout: Path):
    program(checkout / ".venv/bin/python", COMPLETE)
    link(checkout)
    assert chosen(checkout, on_path(checkout, COMPLETE)) == ".venv/bin/python"


def test_one_that_is_not_complete_is_left_as_it_is(checkout: Path):
    program(checkout / ".venv/bin/python", INCOMPLETE)
    link(checkout)
    before = sorted(checkout.rglob("*"))
    assert chosen(checkout, on_path(checkout, INCOMPLETE)) == ".venv-demo/bin/python"
    assert set(before) <= set(checkout.rglob("*"))


def test_the_ansible_that_is_there_will_do(checkout: Path):
    path = on_path(checkout, COMPLETE)
    assert chosen(checkout, path) == str(checkout / "elsewhere/python")


def test_missing_programs_are_named_with_their_packages_before_anything_is_made(checkout: Path):
    tools = checkout / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "ip", "mount", "unshare"):
        (tools / name).symlink_to(shutil.which(name) or "/bin/true")
    text = (checkout / "scripts/demo.sh").read_text().replace('PATH="$PATH:/usr/sbin:/sbin"', "")
    (checkout / "scripts/demo.sh").write_text(text)
    done = subprocess.run(
        [checkout / "scripts/demo.sh"], env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "demo: missing: nft (package nftables)\n"
    assert not (checkout / ".venv-demo").exists()


def test_no_target_but_setup_empties_an_environment():
    emptied = [line for line in (CHECKOUT / "Makefile").read_text().splitlines() if "--clear" in line]
    assert len(emptied) == 1
    assert "--clear" not in (CHECKOUT / "scripts/demo.sh").read_text()
