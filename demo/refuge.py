# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of our own to work in: gone, with all that is in them, when the last of our processes ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .namespaces import LabError, run
from .playbook import CHECKOUT, PRIVATE

INSIDE = "PORTBOOK_DEMO_INSIDE"
LAB = Path("/run/portbook-demo")
NEEDED = {"unshare": "util-linux", "ip": "iproute2", "nft": "nftables", "mount": "mount"}
_WAYS = {True: (["unshare", "-nm"], ["unshare", "-Urnm"]), False: (["unshare", "-Urnm"],)}
_TRIAL = "mount -t tmpfs none /run && ip link set lo up && ip netns add one && nft list tables"
_ENDING = 5.0

# What a kernel may have set against it: setting, value that refuses, who is asked, how to allow it.
_SETTINGS = (
    ("kernel.unprivileged_userns_clone", "0", False, "1"),
    ("user.max_user_namespaces", "0", False, "15000"),
    ("user.max_net_namespaces", "0", True, "15000"),
    ("user.max_mnt_namespaces", "0", True, "15000"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", False, "0"),
)


def enter(arguments: list[str]) -> None:
    """Go on in namespaces of our own, as the same process, so that signals find it. Raises if that is refused."""
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    missing = [f"{program} (package {package})" for program, package in NEEDED.items() if not shutil.which(program)]
    if missing:
        raise LabError(f"missing: {', '.join(missing)}")
    for path in (CHECKOUT, Path(sys.executable).resolve()):
        if path.is_relative_to("/run"):
            raise LabError(f"{path} lies below /run, which the demo covers with an empty one of its own")
    root = os.geteuid() == 0
    said = ""
    for way in _WAYS[root]:
        tried = subprocess.run([*way, "sh", "-c", _TRIAL], capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            os.environ[INSIDE] = secrets.token_hex(8)
            os.execvp(way[0], [*way, sys.executable, "-B", *arguments])
        said = tried.stderr.strip() or f"exit code {tried.returncode}"
    raise LabError(refusal(said, root, _read_setting))


def _read_setting(name: str) -> str | None:
    try:
        return Path("/proc/sys", name.replace(".", "/")).read_text(encoding="ascii").strip()
    except OSError:
        return None


def refusal(said: str, root: bool, read: Callable[[str], str | None]) -> str:
    """Why the kernel gives no namespaces, as far as its settings tell, and what would change that."""
    lines = [f"this kernel refuses a namespace of our own: {said}"]
    asked = [one for one in _SETTINGS if one[2] or not root]
    guilty = [(name, value, good) for name, value, _root, good in asked if read(name) == value]
    lines += [f"  {name} is {value}: sudo sysctl {name}={good}" for name, value, good in guilty]
    if not guilty:
        lines.append(f"  None of these is in the way: {', '.join(name for name, *_rest in asked)}.")
        lines.append("  Inside a container, its seccomp profile or missing CAP_SYS_ADMIN may be.")
    return "\n".join(lines)


def prepare() -> Path:
    """Cover the folders that the hosts of the lab write to; everything of the lab lies in memory."""
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "portbook-demo", "/run"])
    for name in ("home", "tmp", "hosts"):
        (LAB / name).mkdir(parents=True)
    # /run is ours already.
    Path(PRIVATE["run-portbook"]).mkdir()
    for target in PRIVATE.values():
        if not Path(target).is_dir() and Path(target).parent.is_dir():
            _make_room(Path(target))
    return LAB


def _make_room(target: Path) -> None:
    """A folder that only we see, in one that is not ours: its other entries stay where programs find them."""
    parent = target.parent
    behind = LAB / "behind" / parent.name
    behind.mkdir(parents=True)
    run(["mount", "--rbind", str(parent), str(behind)])
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "portbook-demo", str(parent)])
    for entry in behind.iterdir():
        (parent / entry.name).symlink_to(entry)
    target.mkdir(exist_ok=True)


class Watch:
    """Ends what we started, also if we are killed without a chance to do it: a process that waits for our end."""

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        self._process = os.fork()
        if not self._process:
            os.close(self._writer)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            os.setsid()
            os.read(reader, 1)
            _end_all(but=())
            os._exit(0)
        os.close(reader)

    def end(self) -> None:
        _end_all(but=(self._process,))
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)


def _end_all(but: tuple[int, ...]) -> None:
    """Whoever bears our mark; none is started any more once those that could are gone."""
    deadline = time.monotonic() + _ENDING
    while time.monotonic() < deadline:
        found = [one for one in _marked() if one not in (os.getpid(), *but)]
        if not found:
            return
        for one in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)


def _marked() -> Iterator[int]:
    mark = f"{INSIDE}={os.environ[INSIDE]}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
