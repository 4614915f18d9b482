# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/molecule, followed as a user would: copied to an empty folder, with the commands of its own workflows."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from needs import CHECKOUT, needs_of_kernel

EXAMPLE = CHECKOUT / "examples" / "molecule"
SYSTEM = "Packages of the system"
"""The one step of the workflow that this machine is not asked for."""


def of_github() -> list[str]:
    (job,) = yaml.safe_load((EXAMPLE / ".github/workflows/molecule.yml").read_text())["jobs"].values()
    steps = [one for one in job["steps"] if "run" in one and one.get("name") != SYSTEM]
    return [line for one in steps for line in one["run"].splitlines()]


def of_gitlab() -> list[str]:
    lines: list[str] = yaml.safe_load((EXAMPLE / ".gitlab-ci.yml").read_text())["molecule"]["script"]
    return lines


def of_the_page() -> list[str]:
    text = (CHECKOUT / "docs" / "molecule.md").read_text(encoding="utf-8")
    return text.partition("## In your own repository")[2].partition("```sh\n")[2].partition("```")[0].splitlines()


def test_both_workflows_and_the_page_have_the_same_commands() -> None:
    assert of_github() == of_gitlab() == of_the_page()
    assert "molecule test" in of_github()


@pytest.mark.more
def test_the_commands_work_as_they_stand_in_an_empty_folder(tmp_path: Path) -> None:
    lacking = "root, to make network namespaces" if os.geteuid() else needs_of_kernel()
    if lacking:
        pytest.skip(lacking)
    folder = tmp_path / "repository"
    shutil.copytree(EXAMPLE, folder)
    # The one thing to fill in: where the user's copy of the collection is.
    requirements = yaml.safe_load((folder / "requirements.yml").read_text())
    archive = _built(tmp_path)
    requirements["collections"] = [{"name": str(archive), "type": "file"}]
    (folder / "requirements.yml").write_text(yaml.safe_dump(requirements))
    dropped = ("ANSIBLE_", "MOLECULE_", "VIRTUAL_ENV", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    try:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(of_github())],
            cwd=folder,
            env=kept | {"HOME": str(tmp_path), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    finally:
        subprocess.run([str(folder / "molecule/lab.sh"), "down"], check=True)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "verify: Executed: Successful" in done.stdout
    assert "portbook-" not in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout


def _built(folder: Path) -> Path:
    words = ["ansible-galaxy", "collection", "build", "--output-path", str(folder)]
    subprocess.run(words, cwd=CHECKOUT, check=True, capture_output=True)
    (archive,) = folder.glob("portbook-firewall-*.tar.gz")
    return archive
