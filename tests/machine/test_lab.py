# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab that stays: as docs/lab.md says, and gone without a trace."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from lab import network, standing
from lab.laboratory import Laboratory, Spec
from pages import commands

pytestmark = pytest.mark.once

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "lab.md"


def shell(text: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {**os.environ, "PATH": path, "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        ["sh", "-euc", text],
        cwd=CHECKOUT,
        # Not the options of a make that runs the tests, of which ARGS is one that it gives on.
        env={name: value for name, value in given.items() if not (name.startswith("MAKE") or name == "ARGS")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.more
def test_the_page_about_the_lab_is_true(root: Path) -> None:
    if standing.holder() is not None:
        pytest.skip("a lab is up in this checkout; take it down: make lab-down")
    printed = shell(commands(PAGE, "up"))
    try:
        for address in (network.STRANGER6, *network.of_machine(2), *network.neighbour_of(1)):
            assert address in printed
        note = (standing.FOLDER / standing.NOTE).read_text()
        assert "2 changed" in shell(commands(PAGE, "apply"))
        shell(commands(PAGE, "listen"))
        assert "192.0.2.3 -> siem 9000: no" in shell(commands(PAGE, "reach"))
        assert "table inet portbook" in shell(commands(PAGE, "look"))
        with pytest.raises(AssertionError, match="a lab is up already"):
            shell("make --silent lab")
        assert (standing.FOLDER / standing.NOTE).read_text() == note
        place = standing.attached()
        groups = [one for name in ("process", "groups") for one in re.findall(rf'"{name}": (.*)', note)]
    finally:
        shell(commands(PAGE, "down"))
    assert not standing.FOLDER.exists()
    assert not place.lives()
    assert groups
    assert not [one for one in re.findall(r'"(/[^"]+)"', note) if Path(one).exists()]
    assert "No lab was up" in shell("make --silent lab-down")


def test_a_machine_that_does_not_start_leaves_no_lab(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    folder = tmp_path / "lab"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standing.Asked, "spec", lambda one: Spec(one.name, empty))
        with pytest.raises(RuntimeError, match="no laboratory could be made"):
            standing.up([standing.Asked("siem", "bookworm")], folder)
    assert not folder.exists()
    assert standing.holder(folder) is None


def test_machines_lie_in_networks_of_their_own_behind_a_router(root: Path, tmp_path: Path) -> None:
    with Laboratory([Spec("siem", root), Spec("probe", root)], "", tmp_path / "log") as lab:
        siem, probe = lab.machines["siem"], lab.machines["probe"]
        siem.listen(9000)
        everybody = (*network.HOSTS_OUTSIDE, siem.neighbour, siem.neighbour6)
        assert siem.reached((source, 9000) for source in everybody) == {(source, 9000) for source in everybody}
        assert [siem.run("hostname").strip(), probe.run("hostname").strip()] == ["siem", "probe"]
        for target, by in ((probe.address, "198.18.1.254"), (probe.address6, "2001:db8:18:1::254")):
            assert f"via {by}" in siem.run("ip", "route", "get", target)
            assert siem.succeeds("python3", "-c", f"import socket; socket.create_connection(('{target}', 22), 2)")
        before = probe.run("cat", "/proc/sys/kernel/random/boot_id")
        siem.write("/root/kept", "on disk")
        siem.run("sync")
        siem.power_cut()
        assert siem.run("cat", "/root/kept") == "on disk"
        assert not siem.reaches(network.PEER, 9000), "what ran before the power cut runs on"
        assert probe.run("cat", "/proc/sys/kernel/random/boot_id") == before
