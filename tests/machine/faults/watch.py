# SPDX-License-Identifier: GPL-3.0-or-later
"""New ssh connections to a machine, tried all the time: when one gets in, and when none does."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from lab.laboratory import entry
from lab.machine import Machine

_TRIES = """
import socket, sys, time
while True:
    start = time.monotonic()
    try:
        with socket.create_connection((sys.argv[1], 22), 0.5) as peer:
            peer.settimeout(5)
            in_ = peer.recv(4) == b"SSH-"
    except OSError:
        in_ = False
    print(start, time.monotonic(), int(in_), flush=True)
    # One that gets in costs the machine a process of sshd's.
    time.sleep(max(0, start + (1 if in_ else 0.25) - time.monotonic()))
"""


@dataclass(frozen=True)
class Try:
    start: float
    end: float
    got_in: bool


class Watch:
    def __init__(self, machine: Machine) -> None:
        self._tries: list[Try] = []
        self._process = subprocess.Popen(
            [*entry(machine.laboratory.process), sys.executable, "-c", _TRIES, machine.address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            start, end, got_in = line.split()
            self._tries.append(Try(float(start), float(end), got_in == "1"))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def cut_since(self, since: float) -> float | None:
        """When the first new connection failed."""
        return next((one.start for one in list(self._tries) if one.start >= since and not one.got_in), None)

    def in_since(self, since: float) -> float | None:
        """When the first new connection from then on got in."""
        return next((one.end for one in list(self._tries) if one.start >= since and one.got_in), None)

    def is_cut(self, within: float) -> bool:
        """Whether new connections fail before that time."""
        start = time.monotonic()
        while time.monotonic() < within:
            if self.cut_since(start) is not None:
                return True
            time.sleep(0.05)
        return False

    def back(self, since: float, end: float) -> float | None:
        """When new connections get in again that failed since then; waits for it until the end."""
        cut = self.cut_since(since)
        while cut is not None:
            found = self.in_since(cut + 0.001)
            if found is not None or time.monotonic() > end:
                return found
            time.sleep(0.05)
        return None

    def longest_cut(self, since: float) -> float | None:
        """Seconds from the last success before a failure to the next one, the longest; None if there was no failure."""
        longest, last, failed = None, since, False
        for one in (one for one in list(self._tries) if one.start >= since):
            if not one.got_in:
                failed = True
                continue
            if failed:
                longest = max(longest or 0.0, one.end - last)
            last, failed = one.end, False
        return float("inf") if failed else longest
