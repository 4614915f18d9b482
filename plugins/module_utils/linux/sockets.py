# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets of this host that take new connections or datagrams, with the program and the unit that hold them."""

from __future__ import annotations

import os
import re
import socket
import struct
import time
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, NamedTuple, Tuple

from . import on_disk, programs

SECONDS = 1.0
"""After that, no further process is looked at."""
# In /proc/net a listening TCP socket has the state 0A, a UDP socket without a peer 07.
_FILES = (("tcp", "tcp", "0A"), ("tcp6", "tcp", "0A"), ("udp", "udp", "07"), ("udp6", "udp", "07"))
_NO_PORT = "0000"
_UNIT = re.compile(r"[^/]+\.(?:service|scope|socket)$")
_FIRST = 1


class Raw(NamedTuple):
    """A line of /proc/net."""

    protocol: str
    address: str
    port: int
    inode: str


@dataclass(frozen=True)
class Socket:
    protocol: str
    address: str
    port: int
    pid: int = 0
    """0: the kernel itself, or a process that cannot be seen from here."""
    program: str = ""
    unit: str = ""
    command: Tuple[str, ...] = ()

    @property
    def loopback(self) -> bool:
        return self.address.startswith("127.") or self.address == "::1"


def listening(folder: str = "/proc") -> Tuple[List[Socket], str]:
    """Of the network namespace that this process is in; and why not all is known, if so."""
    net = next(filter(os.path.isdir, (f"{folder}/thread-self/net", f"{folder}/net")), folder)
    found = [one for name, protocol, state in _FILES for one in parsed(_lines(f"{net}/{name}"), protocol, state)]
    holders, why_not = _holders({one.inode for one in found}, folder)
    sockets = {_socket(one, holders.get(one.inode, 0), folder) for one in found}
    return _with_socket_units(sorted(sockets, key=lambda one: (one.protocol, one.port, one.address, one.pid))), why_not


def parsed(lines: Iterable[str], protocol: str, state: str) -> Iterator[Raw]:
    for line in lines:
        words = line.split()
        if len(words) > 9 and words[3] == state and words[2].endswith(f":{_NO_PORT}"):
            address, _colon, port = words[1].partition(":")
            yield Raw(protocol, address_of(address), int(port, 16), words[9])


def address_of(text: str) -> str:
    """The kernel prints words of 32 bits, each in the order of bytes that this machine has."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    raw = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, raw)


def _lines(path: str) -> List[str]:
    return _text(path).splitlines()[1:]


def _holders(inodes: Iterable[str], folder: str) -> Tuple[Dict[str, int], str]:
    """By inode, the process that holds it; of several, the first after systemd itself."""
    wanted = {f"socket:[{one}]": one for one in inodes}
    found: Dict[str, int] = {}
    end = time.monotonic() + SECONDS
    processes = sorted(int(name) for name in os.listdir(folder) if name.isdigit())
    for at, process in enumerate(sorted(processes, key=lambda one: (one == _FIRST, one))):
        if time.monotonic() > end:
            return found, f"{len(processes) - at} of {len(processes)} processes were not read within {SECONDS:g} s"
        for target in _targets(f"{folder}/{process}/fd"):
            if target in wanted:
                found.setdefault(wanted[target], process)
    return found, ""


def _targets(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    yield os.readlink(entry.path)
                except OSError:
                    continue
    except OSError:
        return


def _socket(one: Raw, process: int, folder: str) -> Socket:
    if not process:
        return Socket(one.protocol, one.address, one.port)
    here = f"{folder}/{process}"
    return Socket(
        one.protocol, one.address, one.port, process, _program(here), unit_of(_text(f"{here}/cgroup")), _command(here)
    )


def _program(folder: str) -> str:
    try:
        return os.readlink(f"{folder}/exe").replace(" (deleted)", "")
    except OSError:
        return _text(f"{folder}/comm").strip()


def _command(folder: str) -> Tuple[str, ...]:
    return tuple(word for word in _text(f"{folder}/cmdline").split("\0") if word)


def unit_of(cgroup: str) -> str:
    """The innermost unit that its control group is named after."""
    for line in cgroup.splitlines():
        names = [one for one in line.rpartition(":")[2].split("/") if _UNIT.search(one)]
        if names:
            return names[-1]
    return ""


def _text(path: str) -> str:
    return on_disk.read(path) or ""


def _with_socket_units(found: List[Socket]) -> List[Socket]:
    """What systemd itself holds waits for a service: the unit is a socket's."""
    if not any(one.pid == _FIRST for one in found):
        return found
    try:
        done = programs.run(
            ["systemctl", "list-sockets", "--no-legend", "--no-pager", "--full"], environment={"LC_ALL": "C"}
        )
    except OSError:
        return found
    units = socket_units(done.out)
    return [
        Socket(one.protocol, one.address, one.port, one.pid, one.program, units.get(one.port, one.unit), one.command)
        if one.pid == _FIRST
        else one
        for one in found
    ]


def socket_units(listed: str) -> Dict[int, str]:
    """By port, what systemctl list-sockets prints."""
    found: Dict[int, str] = {}
    for words in map(str.split, listed.splitlines()):
        port = words[0].rpartition(":")[2] if words else ""
        unit = next((word for word in words if word.endswith(".socket")), "")
        if port.isdigit() and unit:
            found.setdefault(int(port), unit)
    return found
