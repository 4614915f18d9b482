# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces of the test's own: sockets and rules made inside of one stay in it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kernel.helpers.commands import run

_NEWNET = 0x40000000
_HERE = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


class Namespace:
    def __init__(self) -> None:
        home = os.open(_HERE, os.O_RDONLY)
        try:
            _call("unshare", _NEWNET)
            try:
                self.fd = os.open(_HERE, os.O_RDONLY)
                # Addresses are to be there at once.
                for where in ("all", "default"):
                    sysctl(f"net/ipv6/conf/{where}/accept_dad", "0")
                run("ip", "link", "set", "lo", "up")
            finally:
                _call("setns", home, _NEWNET)
        finally:
            os.close(home)

    @property
    def path(self) -> str:
        """As `ip link add … netns` takes it."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    @contextmanager
    def inside(self) -> Iterator[Namespace]:
        home = os.open(_HERE, os.O_RDONLY)
        try:
            _call("setns", self.fd, _NEWNET)
            try:
                yield self
            finally:
                _call("setns", home, _NEWNET)
        finally:
            os.close(home)

    def close(self) -> None:
        os.close(self.fd)


def sysctl(name: str, value: str) -> None:
    """Of the namespace that the process is in."""
    with suppress(FileNotFoundError):
        (Path("/proc/sys") / name).write_text(value)


def why_not() -> str | None:
    """Why no namespace can be made here."""
    try:
        Namespace().close()
    except OSError as error:
        return f"network namespaces are not permitted here ({error}): be root, or run it with unshare -Urn"
    return None
