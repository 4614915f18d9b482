# SPDX-License-Identifier: GPL-3.0-or-later
"""Where clients are: a network of one that the plan names, one of a stranger, and the machine's own network.

They run from the same Debian as the machines, so that the computer of the tests needs none of their programs.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.laboratory import Place
from lab.machine import Machine
from lab.network import ROUTER

PLANNED, STRANGER = "planned", "stranger"
_NETWORKS = {PLANNED: "198.51.100", STRANGER: "203.0.113"}
ADDRESS = {name: f"{network}.2" for name, network in _NETWORKS.items()}
NEAR_STRANGER = "198.18.200.9"
"""In the cable of each machine, and of no subnet of theirs."""
_ROOT = "/run/laboratory/clients"
# Runs what it is given until a pattern shows in its output, or for so long; then prints all, and whether it did.
UNTIL = """
import json, os, re, select, signal, subprocess, sys, time
words, pattern, seconds = json.loads(sys.argv[1])
one = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       start_new_session=True)
end, said, found = time.monotonic() + seconds, b"", False
while not found and time.monotonic() < end:
    if select.select([one.stdout], [], [], 0.1)[0]:
        more = os.read(one.stdout.fileno(), 65536)
        if not more:
            break
        said += more
        found = re.search(pattern.encode(), said) is not None
try:
    os.killpg(one.pid, signal.SIGKILL)
except ProcessLookupError:
    pass
one.wait()
print(json.dumps([found, said.decode(errors="replace")]))
"""
_MAKE = """
mkdir -p "$2"/upper "$2"/work "$2"/root
mount -t overlay overlay -o lowerdir="$1",upperdir="$2"/upper,workdir="$2"/work "$2"/root
for one in dev proc sys; do mount --rbind "/$one" "$2/root/$one"; done
"""


@dataclass(frozen=True)
class Said:
    found: bool
    output: str


@dataclass(frozen=True)
class Places:
    """Of a laboratory; gone with it."""

    laboratory: Place

    def make(self, root: Path) -> None:
        self.laboratory.outside("sh", "-euc", _MAKE, "sh", str(root), _ROOT, check=True)
        for name, network in _NETWORKS.items():
            link = f"to-{name}"
            for line in (
                f"ip netns add {name}",
                f"ip -n {name} link set lo up",
                f"ip link add {link} netns {ROUTER} type veth peer name eth0 netns {name}",
                f"ip -n {ROUTER} address add {network}.254/24 dev {link}",
                f"ip -n {ROUTER} link set {link} up",
                f"ip -n {name} address add {network}.2/24 dev eth0",
                f"ip -n {name} link set eth0 up",
                f"ip -n {name} route add default via {network}.254",
            ):
                self.laboratory.outside(*line.split(), check=True)
        for number, _machine in enumerate(self.laboratory.machines, 1):
            line = f"ip -n {ROUTER} address add {NEAR_STRANGER}/32 dev machine{number}"
            self.laboratory.outside(*line.split(), check=True)

    def write(self, path: str, text: str) -> None:
        self.laboratory.outside("sh", "-euc", 'printf %s "$2" >"$1"', "sh", f"{_ROOT}/root{path}", text, check=True)

    def run(self, *words: str) -> str:
        return self._outside("", *_inside(words))

    def start(self, place: str, words: str) -> None:
        """A server there; it ends with the laboratory."""
        background = 'exec setsid --fork "$@" </dev/null >/dev/null 2>&1'
        self._outside(place, "sh", "-c", background, "sh", *_inside(("sh", "-c", f"exec {words}")))

    def until(self, place: str, words: str, pattern: str, seconds: float) -> Said:
        given = json.dumps([_inside(("sh", "-c", words)), pattern, seconds])
        return Said(*json.loads(self._outside(place, sys.executable, "-c", UNTIL, given)))

    def _outside(self, place: str, *words: str) -> str:
        return str(self.laboratory.outside(*words, place=place, check=True).stdout)


def _inside(words: tuple[str, ...]) -> list[str]:
    return ["chroot", f"{_ROOT}/root", *words]


def until_on(machine: Machine, words: str, pattern: str, seconds: float) -> Said:
    """The same on a machine."""
    given = json.dumps([["sh", "-c", words], pattern, seconds])
    return Said(*json.loads(machine.run("python3", "-c", UNTIL, given)))
