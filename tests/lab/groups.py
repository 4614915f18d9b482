# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups for the machines of a laboratory, whether this kernel has one hierarchy of them or many."""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path

_NAME = "portbook-test-"
_SYSTEMD = ("", "name=systemd")
"""The hierarchies that systemd looks at; a container engine looks at all."""


class Groups:
    """One for each machine, in each hierarchy."""

    def __init__(self, machines: dict[str, bool], name: str) -> None:
        """Which machines, and whether they run containers."""
        self.folders = [folder / f"{_NAME}{name}" for folder in _ours()]
        for folder in self.folders:
            _make(folder)
        few = [folder / f"{_NAME}{name}" for folder in _ours(_SYSTEMD)]
        self._of = {
            machine: [folder / machine for folder in (self.folders if containers else few)]
            for machine, containers in machines.items()
        }
        for folder in (one for every in self._of.values() for one in every):
            _make(folder)

    def of(self, machine: str) -> list[str]:
        return [str(folder) for folder in self._of[machine]]

    def remove(self) -> None:
        for folder in self.folders:
            remove(folder)


def _make(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in ("cpuset.cpus", "cpuset.mems"):
        # Nothing can enter a group of this kind that has none.
        if (folder / name).exists():
            (folder / name).write_text((folder.parent / name).read_text())


def sweep() -> None:
    """Take away the control groups that a killed run left; those in use cannot be."""
    for folder in _ours():
        for group in folder.glob(f"{_NAME}[0-9]*"):
            if not Path(f"/proc/{group.name.removeprefix(_NAME).partition('-')[0]}").exists():
                remove(group)


def groups_of(process: int) -> list[Path]:
    """Control groups of the laboratories that a process has opened."""
    return [group for folder in _ours() for group in folder.glob(f"{_NAME}{process}-*")]


def _ours(names: Container[str] | None = None) -> list[Path]:
    """Where our own process is, in the hierarchies with these names. That of memory may limit the tests themselves."""
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _number, name, path = line.split(":", 2)
        for fields in mounts:
            kind, options = fields[fields.index("-") + 1], fields[-1].split(",")
            if name == "memory" or (names is not None and name not in names):
                continue
            if kind == "cgroup2" if name == "" else kind == "cgroup" and set(name.split(",")) <= set(options):
                found.append(Path(fields[4]) / path.lstrip("/"))
                break
    return found


def remove(group: Path) -> None:
    """Its processes are killed already, but may need a moment to be gone."""
    for _attempt in range(100):
        for folder in sorted(_folders(group), key=lambda one: len(one.parts), reverse=True):
            with suppress(OSError):
                folder.rmdir()
        if not group.exists():
            return
        time.sleep(0.02)


def _folders(group: Path) -> Iterator[Path]:
    yield from (Path(folder) for folder, _folders, _files in os.walk(group))
