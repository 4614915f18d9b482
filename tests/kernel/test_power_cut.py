# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run said is done is on the disk: a copy of the disk, taken as it returns, holds it whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kernel.helpers.commands import run
from kernel.helpers.host import ONE, TWO, Host
from kernel.helpers.processes import own_mounts, told
from kernel.helpers.service_manager import ServiceManager

from ansible_collections.portbook.firewall.plugins.module_utils.nftables.units import UNIT

RESTORE: dict[str, Any] = {"settings": {"restore_after_flush": True}}
# The least that mkfs.xfs makes.
_SIZE = 300 << 20
MAKE = {"ext4": ["mkfs.ext4", "-q"], "xfs": ["mkfs.xfs", "-q"]}
MOUNT = {"ext4": "loop", "xfs": "loop,nouuid"}


def first(host: Host) -> None:
    host.apply(ONE, **RESTORE)


def change(host: Host) -> None:
    host.apply(TWO, settings={"restore_after_flush": False})


def confirmed(host: Host) -> None:
    host.apply(TWO, hold=20, token="t", **RESTORE)
    assert host.confirm("t")


def removal(host: Host) -> None:
    host.apply({"one": {}})


@pytest.fixture(params=MAKE)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    found = str(request.param)
    lacking = [name for name in (MAKE[found][0], "losetup", "mount") if shutil.which(name) is None]
    if lacking:
        pytest.skip(f"{', '.join(lacking)} missing: apt-get install e2fsprogs xfsprogs mount")
    image(tmp_path / "trial", found)
    refused = told(lambda: mounted(tmp_path / "trial", tmp_path / "disk", found))
    if refused:
        pytest.skip(f"no loop device can be had here, so nothing is known of power cuts: {refused}")
    return found


def image(path: Path, kind: str) -> None:
    with path.open("wb") as file:
        file.truncate(_SIZE)
    run(*MAKE[kind], str(path))


def mounted(image_: Path, at: Path, kind: str) -> None:
    """For this process alone."""
    own_mounts()
    at.mkdir(exist_ok=True)
    run("mount", "-t", kind, "-o", MOUNT[kind], str(image_), str(at))


@pytest.mark.parametrize("what", [first, change, confirmed, removal])
def test_after_a_power_cut_all_that_was_done_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, what: Callable[[Host], None]
) -> None:
    disk, copy, again = tmp_path / "disk", tmp_path / "copy", tmp_path / "again"

    def cut() -> None:
        mounted(tmp_path / "trial", disk, kind)
        host = Host(disk / "portbook")
        manager = ServiceManager(disk, host, monkeypatch)
        if what is not first:
            host.apply(ONE, **RESTORE)
        run("sync", "--file-system", str(disk))
        what(host)
        copied(tmp_path / "trial", copy)
        wanted = host.files(), manager.all()
        mounted(copy, again, kind)
        manager.units = again / manager.units.name
        assert (Host(again / "portbook").files(), manager.all()) == wanted
        assert (f"{UNIT}" in wanted[1]) == (what is not removal)

    assert told(cut) == ""


def copied(image_: Path, copy: Path) -> None:
    """What the device was told to keep, and not what the file system still has in memory."""
    run("cp", "--sparse=always", str(image_), str(copy))
