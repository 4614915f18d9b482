# SPDX-License-Identifier: GPL-3.0-or-later
"""One real machine with systemd, and a network that leads to it and nowhere else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from lab import keeper

CONTROLLER, PEER, STRANGER = keeper.OUTSIDE
MACHINE = keeper.INSIDE
_CGROUP = "portbook-test-"
_SYSTEMD = ("", "name=systemd")
"""The hierarchies that systemd looks at; a container engine looks at all."""
_BOOT_SECONDS = 60.0
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}

_BANNER = """
import socket, sys, time
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    try:
        with socket.create_connection((sys.argv[1], 22), 1) as peer:
            peer.settimeout(5)
            if peer.recv(4) == b"SSH-":
                sys.exit(0)
    except OSError:
        pass
    time.sleep(0.03)
sys.exit(1)
"""
_LISTEN = """
import selectors, socket, sys
waiting = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    listener = socket.create_server(("0.0.0.0", port))
    waiting.register(listener, selectors.EVENT_READ)
print("listening", flush=True)
while True:
    for key, _ in waiting.select():
        peer, address = key.fileobj.accept()
        peer.sendall(address[0].encode())
        peer.close()
"""
_REACH = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
target, pairs = json.loads(sys.argv[1])
def reaches(pair):
    try:
        with socket.create_connection((target, pair[1]), 1.5, (pair[0], 0)) as peer:
            return peer.recv(99).decode() == pair[0]
    except OSError:
        return False
with ThreadPoolExecutor(len(pairs)) as pool:
    print(json.dumps(list(pool.map(reaches, pairs))))
"""


class Laboratory:
    """Gone when it is closed, and also when the process that opened it is killed."""

    def __init__(self, root: Path, public_key: str, log: Path, containers: bool = False) -> None:
        self._log = log
        folders = _cgroups() if containers else _cgroups(_SYSTEMD)
        self._groups = [folder / f"{_CGROUP}{os.getpid()}-{id(self)}" for folder in folders]
        for group in self._groups:
            group.mkdir()
            for name in ("cpuset.cpus", "cpuset.mems"):
                # Nothing can enter a group of this kind that has none.
                if (group / name).exists():
                    (group / name).write_text((group.parent / name).read_text())
        # Two systemd in one control group would stop each other's services.
        enter = "".join(f"echo $$ >'{group}/cgroup.procs'; " for group in self._groups)
        place = "unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private"
        keep = [sys.executable, "-I", keeper.__file__, str(root), public_key, *(["containers"] if containers else [])]
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "sh", "-c", f'{enter}exec {place} "$@"', "sh", *keep],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                # Ctrl-C is for the tests, which then close this.
                start_new_session=True,
            )

    def __enter__(self) -> Laboratory:
        try:
            assert self._process.stdout is not None
            # Before that, there is no place of its own to enter: what is asked would be asked of the world outside.
            if self._process.stdout.readline() != keeper.READY:
                raise RuntimeError(f"no laboratory could be made:\n{self._log.read_text(errors='replace')[-4000:]}")
            self.wait_for_ssh()
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
        for group in self._groups:
            _remove(group)

    # -- outside: where the operator and the peers are ----------------------------------------------

    def outside(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run something on the other end of the machine's network."""
        given: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 120, **options}
        check = bool(given.pop("check", False))
        return subprocess.run([*self.entry(), *words], check=check, stdin=subprocess.DEVNULL, **given)

    def entry(self) -> list[str]:
        spaces = f"/proc/{self._process.pid}/ns"
        # Never in the network that the tests themselves are in.
        assert Path(f"{spaces}/net").readlink() != Path("/proc/self/ns/net").readlink()
        return ["nsenter", f"--mount={spaces}/mnt", f"--net={spaces}/net", f"--pid={spaces}/pid_for_children"]

    def reaches(self, source: str, port: int) -> bool:
        return self.reached([(source, port)]) == {(source, port)}

    def reached(self, pairs: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
        """Those of the sources and ports between which a connection comes about."""
        asked = list(pairs)
        done = self.outside(sys.executable, "-c", _REACH, json.dumps([MACHINE, asked]), check=True)
        return {pair for pair, reached in zip(asked, json.loads(done.stdout), strict=True) if reached}

    def wait_for_ssh(self) -> None:
        end = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            if self.answers_ssh(10):
                return
            time.sleep(0.05)
        raise RuntimeError(f"the machine did not answer by ssh:\n{self._log.read_text(errors='replace')[-4000:]}")

    def answers_ssh(self, seconds: float) -> bool:
        """A new connection, tried for that long."""
        return self.outside(sys.executable, "-c", _BANNER, MACHINE, str(seconds)).returncode == 0

    # -- the machine itself, not by its network -----------------------------------------------------

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
        """Programs on the machine that answer each caller with the caller's own address."""
        listener = subprocess.Popen(
            [*self._inside(), "python3", "-c", _LISTEN, *map(str, ports)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=_ENVIRONMENT,
        )
        assert listener.stdout is not None
        assert listener.stdout.readline() == b"listening\n"

    def table(self) -> str:
        """Our table as the kernel has it, without what packets change; nothing, if there is none."""
        return self.run("nft", "--stateless", "list", "table", "inet", "portbook", check=False)

    def reboot(self) -> None:
        before = self._first_process()
        self.run("systemctl", "reboot", check=False)
        self._started_after(before)

    def power_cut(self) -> None:
        """All processes and rules are gone at once; what was written to the disk stays, also what was not synced."""
        before = self._first_process()
        self.outside("touch", str(keeper.POWER_CUT), check=True)
        os.kill(before, signal.SIGKILL)
        self._started_after(before)

    def _started_after(self, before: int) -> None:
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
        process = self._process.pid
        for _step in ("keeper", "nspawn", "init"):
            process = _child(process)
        return process


def _child(process: int) -> int:
    with suppress(OSError):
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        if children:
            return int(children[0])
    raise LookupError(f"process {process} has no child: the machine is down")


def sweep() -> None:
    """Take away the control groups that a killed run left; those in use cannot be."""
    for folder in _cgroups():
        for group in folder.glob(f"{_CGROUP}*"):
            if not Path(f"/proc/{group.name.removeprefix(_CGROUP).partition('-')[0]}").exists():
                _remove(group)


def groups_of(process: int) -> list[Path]:
    """Control groups of the laboratories that a process has opened."""
    return [group for folder in _cgroups() for group in folder.glob(f"{_CGROUP}{process}-*")]


def _cgroups(names: Container[str] | None = None) -> list[Path]:
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


def _remove(group: Path) -> None:
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


def interrupt_on_term() -> None:
    """Being told to stop is like Ctrl-C: what was opened is closed."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
