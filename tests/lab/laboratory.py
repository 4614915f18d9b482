# SPDX-License-Identifier: GPL-3.0-or-later
"""Real machines with systemd, and networks that lead to them and nowhere else."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from lab import keeper, network, programs
from lab.groups import Groups
from lab.machine import Machine

_NAME = re.compile(r"[a-z][a-z0-9-]{0,11}")


@dataclass(frozen=True)
class Spec:
    """A machine to raise."""

    name: str
    root: Path
    containers: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name == network.ROUTER:
            raise ValueError(f"no name for a machine: {self.name}; up to 12 of a-z, 0-9 and -, not {network.ROUTER}")


class Place:
    """A laboratory, whoever opened it."""

    def __init__(self, process: int, names: Sequence[str], log: Path) -> None:
        self.process = process
        self._log = log
        self.machines = {name: Machine(self, name, number) for number, name in enumerate(names, 1)}

    def lives(self) -> bool:
        return Path(f"/proc/{self.process}/root").exists()

    def logged(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]

    def outside(self, *words: str, place: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
        """Run something where the operator and the peers are, or in another network of the laboratory."""
        given: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 120, **options}
        check = bool(given.pop("check", False))
        where = ["ip", "netns", "exec", place] if place else []
        return subprocess.run([*entry(self.process), *where, *words], check=check, stdin=subprocess.DEVNULL, **given)

    def reached(self, asked: Iterable[network.Way], seconds: float = 2.5, greeted: bool = True) -> set[network.Way]:
        """Those by which a connection comes about in that time. Unless something else listens there, whoever answers
        greets the source by its address."""
        every, found = list(asked), set()
        neighbours = {one for machine in self.machines.values() for one in (machine.neighbour, machine.neighbour6)}
        for place in ("", network.ROUTER):
            here = [one for one in every if (one.source in neighbours) == bool(place)]
            if here:
                given = json.dumps([here, seconds, greeted])
                done = self.outside(sys.executable, "-c", programs.REACH, given, place=place, check=True)
                found |= {one for one, reached in zip(here, json.loads(done.stdout), strict=True) if reached}
        return found


class Laboratory(Place):
    """Gone when it is closed, and also when the process that opened it is killed, unless it has a name to stay by."""

    def __init__(self, specs: Sequence[Spec], public_key: str, log: Path, stays_as: str = "") -> None:
        name = stays_as or f"{os.getpid()}-{id(self)}"
        self.groups = Groups({one.name: one.containers for one in specs}, name)
        asked = {
            "network": network.commands([one.name for one in specs]),
            "key": public_key,
            "machines": [
                {
                    "name": one.name,
                    "root": str(one.root),
                    "containers": one.containers,
                    "groups": self.groups.of(one.name),
                }
                for one in specs
            ],
        }
        spaces = ["--fork", "--kill-child", "--mount", "--net", "--pid", "--mount-proc", "--propagation", "private"]
        tied = [] if stays_as else ["setpriv", "--pdeathsig", "KILL"]
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [*tied, "unshare", *spaces, sys.executable, "-I", keeper.__file__, json.dumps(asked)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                # Ctrl-C is for the tests, which then close this.
                start_new_session=True,
            )
        super().__init__(self._process.pid, [one.name for one in specs], log)

    def wait(self) -> None:
        """Until all machines answer."""
        assert self._process.stdout is not None
        # Before that, there is no place of its own to enter: what is asked would be asked of the world outside.
        if self._process.stdout.readline() != keeper.READY:
            raise RuntimeError(f"no laboratory could be made:\n{self.logged()}")
        for machine in self.machines.values():
            machine.wait_for_ssh()

    def __enter__(self) -> Laboratory:
        try:
            self.wait()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self.groups.remove()


def entry(process: int) -> list[str]:
    """What begins a command, so that it runs outside the machines of the laboratory that this process holds."""
    spaces = f"/proc/{process}/ns"
    # Never in the network that the tests themselves are in.
    assert Path(f"{spaces}/net").readlink() != Path("/proc/self/ns/net").readlink()
    return ["nsenter", f"--mount={spaces}/mnt", f"--net={spaces}/net", f"--pid={spaces}/pid_for_children"]


def interrupt_on_term() -> None:
    """Being told to stop is like Ctrl-C: what was opened is closed."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
