# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine of a laboratory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import keeper, network, programs

if TYPE_CHECKING:
    from lab.laboratory import Place

_BOOT_SECONDS = 150.0
"""More than the 90 s that systemd gives a job, which a busy computer may use up."""
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


_IN_THE_BACKGROUND = """
program=$1; shift; log=$(mktemp)
python3 -c "$program" "$@" </dev/null >"$log" 2>&1 & process=$!
while kill -0 $process 2>/dev/null; do
  if grep -q listening "$log"; then exit 0; fi
  sleep 0.02
done
cat "$log" >&2; exit 1
"""
"""A child of the machine's own first process: one that is held from outside, and stopped there, would keep the machine
from going down."""


class Machine:
    def __init__(self, laboratory: Place, name: str, number: int) -> None:
        self.laboratory = laboratory
        self.name = name
        self.address, self.address6 = network.of_machine(number)
        self.neighbour, self.neighbour6 = network.neighbour_of(number)

    # -- by its network ------------------------------------------------------------------------------

    def outside(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run something on the other end of the machine's network."""
        return self.laboratory.outside(*words, **options)

    def reaches(self, source: str, port: int) -> bool:
        return self.reached([(source, port)]) == {(source, port)}

    def reached(self, pairs: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
        """Those of the sources and ports between which a connection comes about, to the address of their family."""
        asked = [network.Way(source, self._target(source), port) for source, port in pairs]
        return {(way.source, way.port) for way in self.laboratory.reached(asked)}

    def answered(self, asked: Iterable[tuple[str, int, int]]) -> set[tuple[str, int]]:
        """Those of the sources and ports whose datagrams come back; sent from the third, or from any for 0."""
        every = list(asked)
        given = [(source, self._target(source), port, own) for source, port, own in every]
        done = self.outside(sys.executable, "-c", programs.ASK, json.dumps(given), check=True)
        found = zip(every, json.loads(done.stdout), strict=True)
        return {(source, port) for (source, port, _own), came in found if came}

    def _target(self, source: str) -> str:
        return self.address6 if network.is_v6(source) else self.address

    def wait_for_ssh(self) -> None:
        end = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < end and self.laboratory.lives():
            if self.answers_ssh(10):
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not answer by ssh:\n{self.laboratory.logged()}\n{self._looks()}")

    def _looks(self) -> str:
        """For whoever has to find out why it does not answer."""
        try:
            return self.run("sh", "-c", "systemctl list-jobs; systemctl --failed; ss -ltn; ip -br address", check=False)
        except (LookupError, OSError, subprocess.TimeoutExpired) as error:
            return f"{type(error).__name__}: {error}"

    def answers_ssh(self, seconds: float) -> bool:
        """A new connection, tried for that long."""
        return self.outside(sys.executable, "-c", programs.BANNER, self.address, str(seconds)).returncode == 0

    # -- the machine itself, not by its network ------------------------------------------------------

    def run(self, *words: str, check: bool = True, text: str = "") -> str:
        """Run something on the machine as root, whatever its firewall says."""
        done = subprocess.run(
            [*self._inside(), *words],
            input=text,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env=_ENVIRONMENT,
        )
        assert done.returncode == 0 or not check, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def succeeds(self, *words: str) -> bool:
        return self.run("sh", "-c", '"$@" >&2 && echo yes || true', "sh", *words).strip() == "yes"

    def write(self, path: str, text: str, mode: str = "644") -> None:
        self.run("sh", "-c", 'cat >"$1" && chmod "$2" "$1"', "sh", path, mode, text=text)

    def listen(self, *ports: int) -> None:
        """A program on the machine that says to each caller the caller's own address, then what the caller says."""
        self._in_the_background(programs.LISTEN, *ports)

    def echo(self, *ports: int) -> None:
        """A program on the machine that sends each datagram back."""
        self._in_the_background(programs.ECHO, *ports)

    def _in_the_background(self, program: str, *ports: int) -> None:
        self.run("sh", "-c", _IN_THE_BACKGROUND, "sh", program, *map(str, ports))

    def table(self) -> str:
        """Our table as the kernel has it, without what packets change; nothing, if there is none."""
        return self.run("nft", "--stateless", "list", "table", "inet", "portbook", check=False)

    def reboot(self) -> None:
        before = self._first_process()
        self.run("systemctl", "reboot", check=False)
        self._back_after(before)

    def power_cut(self) -> None:
        """Everything on it ends at once, and it starts again with what the disk has."""
        before = self._first_process()
        self.outside("touch", str(keeper.PLACE / self.name / "power-cut"), check=True)
        subprocess.run(["kill", "-KILL", str(before)], check=True)
        self._back_after(before)

    def _back_after(self, before: int) -> None:
        end = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < end:
            with suppress(LookupError):
                if self._first_process() != before:
                    break
            time.sleep(0.05)
        self.wait_for_ssh()

    def _inside(self) -> list[str]:
        return ["nsenter", f"--target={self._first_process()}", "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--"]

    def _first_process(self) -> int:
        """By way of the place's first process and nspawn."""
        (held,) = _children(self.laboratory.process)[:1] or [0]
        for process in _children(held):
            if f"--machine={self.name}" in _words(process):
                for child in _children(process):
                    return child
        raise LookupError(f"{self.name} is down")


def _children(process: int) -> list[int]:
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return []


def _words(process: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text().split("\0")
    return []
