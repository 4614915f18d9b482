# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do something in a process of its own, that may be killed or lose its rights."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kernel.helpers.commands import run
from kernel.helpers.host import Host

from ansible_collections.portbook.firewall.plugins.module_utils.linux import way_back

_libc = ctypes.CDLL(None, use_errno=True)
_CAP_NET_ADMIN, _CAPBSET_DROP, _NEWNS, _NOBODY = 12, 24, 0x00020000, 65534


def told(do: Callable[[], Any]) -> str:
    """What it failed with, as text; empty if it did not."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            try:
                do()
                text = ""
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
            os.write(writing, text.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        text = file.read()
    os.waitpid(child, 0)
    return text


def until(happened: Callable[[], bool], seconds: float = 1.8) -> bool:
    end = time.monotonic() + seconds
    while not _now(happened):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _now(happened: Callable[[], bool]) -> bool:
    """What goes while it is looked at has not happened yet."""
    try:
        return happened()
    except FileNotFoundError:
        return False


def settled(host: Host) -> bool:
    """No change waits any more."""
    return way_back.pending(host.state) is None


def killed_at(step: int, folder: Path, do: Callable[[], Any]) -> bool:
    """SIGKILL in front of a program's start or a change of a file in the folder; False if there are fewer steps.

    Only the process itself is killed, as by an impatient administrator: what it left running runs on.
    """
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            _kill_at(step, str(folder))
            do()
        finally:
            os._exit(0)
    _process, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _kill_at(step: int, folder: str) -> None:
    this, done = os.getpid(), 0

    def see(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal done
        if os.getpid() != this or not _changes(event, arguments, folder):
            return
        if done == step:
            os.kill(this, signal.SIGKILL)
        done += 1

    sys.addaudithook(see)


def _changes(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    if event in ("subprocess.Popen", "os.fork"):
        return True
    if event == "open":
        path, _mode, flags = arguments
        return str(path).startswith(folder) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir") and str(arguments[0]).startswith(folder)


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)


def drop_net_admin() -> None:
    """For the programs that are started from here on, too."""
    assert _libc.prctl(_CAPBSET_DROP, _CAP_NET_ADMIN, 0, 0, 0) == 0


def own_mounts() -> None:
    """What this process mounts from here on, it alone sees."""
    assert _libc.unshare(_NEWNS) == 0
    run("mount", "--make-rprivate", "/")


def mount(folder: Path, *options: str) -> None:
    """A file system of its own over the folder, which only this process sees."""
    own_mounts()
    run("mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder))


def remount_read_only(folder: Path) -> None:
    own_mounts()
    run("mount", "--bind", str(folder), str(folder))
    run("mount", "-o", "remount,bind,ro", str(folder))


def cover(path: Path, over: Path = Path(os.devnull)) -> None:
    """This process alone sees something else there."""
    own_mounts()
    run("mount", "--bind", str(over), str(path))
