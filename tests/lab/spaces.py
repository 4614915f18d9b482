# SPDX-License-Identifier: GPL-3.0-or-later
"""A laboratory of network namespaces alone: the networks of the other one, without root, systemd and ssh.

It stays until it is taken down. A machine is a namespace with folders of its own, entered by its interpreter.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from needs import SYSTEM, needs_of_kernel

from demo import refuge
from demo.namespaces import LabError
from demo.playbook import PRIVATE
from lab import network

NOTE = "spaces.json"
TESTS = Path(__file__).resolve().parents[1]
_MARK = "PORTBOOK_SPACES"
_READY = "ready"
_WAYS = {True: (["unshare", "-nm"], ["unshare", "-Urnm"]), False: (["unshare", "-Urnm"],)}
_SECONDS = 30.0


def up(names: Sequence[str], folder: Path) -> dict[str, str]:
    """Of each machine, and of the places outside and router, the interpreter."""
    lacking = needs_of_kernel()
    if lacking:
        raise LabError(f"a lab of namespaces needs {lacking}")
    down(folder)
    folder.mkdir(parents=True, exist_ok=True)
    said = ""
    for way in _WAYS[os.geteuid() == 0]:
        process, said = _keep(way, names, folder)
        if process is not None:
            note = {"process": process, "started": _started(process)}
            (folder / NOTE).write_text(json.dumps(note) + "\n")
            return _interpreters(process, "-Urnm" in way, names, folder)
    raise LabError(f"no laboratory could be made: {said}")


def down(folder: Path) -> None:
    """Ends its first process; the kernel takes the rest away with the last one."""
    note: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        note = json.loads((folder / NOTE).read_text())
    process = note.get("process")
    if process is not None and _started(process) == note["started"]:
        for one in _within(process):
            with suppress(OSError):
                os.kill(one, signal.SIGKILL)
    (folder / NOTE).unlink(missing_ok=True)


def _within(process: int) -> list[int]:
    """It, and all that was started in its machines and still runs: their interpreters leave a mark."""
    mark = f"{_MARK}={process}".encode()
    found = [process]
    for one in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (one / "environ").read_bytes().split(b"\0"):
                found.append(int(one.name))
    return found


def _started(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def _keep(way: list[str], names: Sequence[str], folder: Path) -> tuple[int | None, str]:
    log = folder / "spaces.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*way, sys.executable, "-m", "lab.spaces", json.dumps(list(names))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            start_new_session=True,
            env=os.environ | {"PATH": SYSTEM, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
        )
    assert process.stdout is not None
    if process.stdout.readline().strip() == _READY:
        return process.pid, ""
    process.wait(_SECONDS)
    return None, log.read_text()[-2000:]


def _interpreters(process: int, users: bool, names: Sequence[str], folder: Path) -> dict[str, str]:
    entry = ["nsenter", f"--target={process}", *(["--user", "--preserve-credentials"] if users else [])]
    entry += ["--mount", "--net", "--wdns=/"]
    found = {}
    for name in (*names, network.ROUTER, "outside"):
        mounts = []
        for inner, target in PRIVATE.items():
            mounts.append(f"mount --bind {refuge.LAB}/hosts/{name}/{inner} {target}")
        run = f'exec {shlex.quote(sys.executable)} "$@"'
        inside = ["sh", "-c", " && ".join([*mounts, run]) if name in names else run, "python"]
        place = [] if name == "outside" else ["ip", "netns", "exec", name]
        words = " ".join(shlex.quote(word) for word in [*entry, "--", *place, *inside])
        script = folder / f"python-{name}"
        script.write_text(
            f'#!/bin/sh\nexport PATH="$PATH:/usr/sbin:/sbin"\nexport {_MARK}={process}\nexec {words} "$@"\n'
        )
        script.chmod(0o755)
        found[name] = str(script)
    return found


def main() -> int:
    """In the namespaces: build, say so, and stay."""
    names = json.loads(sys.argv[1])
    lab = refuge.prepare()
    for name in names:
        for inner in PRIVATE:
            (lab / "hosts" / name / inner).mkdir(parents=True)
    for command in network.commands(names):
        subprocess.run(command, check=True)
    os.write(1, f"{_READY}\n".encode())
    os.close(1)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
