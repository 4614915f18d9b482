# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reader follows a page: each command works as it stands there, one after the other.

The hosts are namespaces with real nftables. A page without an inventory of its own is followed with the README's.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from _pytest.mark import ParameterSet
from kernel.helpers.fleet import NamespaceHost
from pages import CHECKOUT, PAGES, README, commands, of_kind
from playbook_runs import Desk

GETTING_STARTED = CHECKOUT / "docs" / "getting-started.md"


class Reader:
    """In an empty folder, with what the page says to write there."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.desk = Desk(folder)
        (folder / "examples").symlink_to(CHECKOUT / "examples")
        for block in of_kind(page, "file") or of_kind(README, "file"):
            self.desk.write(block.what, block.body)
        hosts = yaml.safe_load((folder / "inventory" / "hosts.yml").read_text())["all"]["children"]
        self.hosts = {name: NamespaceHost(folder / name) for group in hosts.values() for name in group.get("hosts", {})}
        reached = {name: one.variables | {"ansible_become": False} for name, one in self.hosts.items()}
        self.desk.write("inventory/reached.yml", {"all": {"hosts": reached}})

    def types(self, text: str) -> str:
        done = subprocess.run(
            ["sh", "-euc", text],
            cwd=self.desk.folder,
            env=self.desk.environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def leaves(self) -> None:
        for host in self.hosts.values():
            host.close()


@pytest.fixture
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reader]:
    made = Reader(request.param, tmp_path)
    try:
        yield made
    finally:
        made.leaves()


def follows(page: Path) -> ParameterSet:
    marks = () if page in (README, GETTING_STARTED) else pytest.mark.more
    return pytest.param(page, page, id=page.stem, marks=marks)


@pytest.mark.parametrize(
    ("reader", "page"), [follows(page) for page in PAGES if of_kind(page, "run", "")], indirect=["reader"]
)
def test_the_commands_of_a_page_work_one_after_the_other(reader: Reader, page: Path) -> None:
    lacking = [name for name in ("jq", "iptables") if f"{name} -" in page.read_text() and shutil.which(name) is None]
    if lacking:
        pytest.skip(f"{', '.join(lacking)} missing")
    for block in of_kind(page, "run", ""):
        reader.types(block.body)
    if "portbook.firewall.site -i inventory\n" in page.read_text():
        assert all(host.table() for host in reader.hosts.values())


@pytest.mark.parametrize("reader", [GETTING_STARTED], ids=["getting-started"], indirect=True)
def test_what_is_open_to_all_is_found_as_the_page_says(reader: Reader) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq missing")
    found = [commands(GETTING_STARTED, name) for name in ("any", "wide")]
    plan = "ansible-playbook portbook.firewall.plan -e portbook_plan_file=build/plan.json"
    reader.types(f"{plan} -i inventory")
    assert [reader.types(one) for one in found] == ["", ""]
    reader.types(f"{plan} -i examples/inventory")
    (printed,) = of_kind(GETTING_STARTED, "prints", "any")
    assert reader.types(found[0]) == printed.body
