# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can log in to this host, where the connection that Ansible uses does not tell: over a local connection."""

from __future__ import annotations

import ipaddress
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Iterable, Iterator, List, Optional, Set, Tuple

from ..shrinking import Addresses
from . import programs
from .model import Permission

LISTENS, CONNECTED = "0A", "01"
_SSH_SERVERS = ("sshd", "dropbear")
_ASK = ("systemctl", "show", "--property=Listen", "--value", "ssh.socket", "sshd.socket")
_LISTEN = re.compile(r":(\d+) \(Stream\)")
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


@dataclass(frozen=True)
class Access:
    """What a ruleset of this collection makes of logins: its permissions, and the addresses that always get in."""

    permissions: Tuple[Permission, ...]
    strict: bool
    always: Tuple[str, ...]

    def peers(self, port: int) -> Optional[Addresses]:
        """Who may reach the port; None is everyone."""
        here = [
            one
            for one in self.permissions
            if one.direction == "in" and one.protocol == "tcp" and any(low <= port <= high for low, high in one.spans)
        ]
        if not (self.strict or any(one.guarded and not one.watched for one in here)):
            return None
        found = Addresses.of(self.always)
        for one in here:
            if one.networks is None:
                return None
            found |= Addresses.of(one.networks)
        return found


def locked_out(
    ports: Iterable[int], before: Access, after: Access, management: Iterable[str], connected: Iterable[str]
) -> List[str]:
    """Who could log in before and could not after: a sentence a port. Where everyone could, the addresses that the
    user names in `management` are enough, as long as there is no connection from another one."""
    found = []
    for port in ports:
        had, has = before.peers(port), after.peers(port)
        if has is None:
            continue
        lost = had - has if had is not None else Addresses.of(connected) - has
        if had is None and not tuple(management):
            others = f" but {_few(has)}" if has else ""
            found.append(f"tcp {port}, which everyone can reach now, would be refused to everyone{others}")
        elif lost:
            found.append(f"tcp {port} would be refused to {_few(lost)}, who can reach it now")
    return found


def _few(addresses: Addresses) -> str:
    return ", ".join(list(addresses.texts())[:5])


def ssh_ports() -> List[int]:
    """On which sshd listens, itself or by a socket of systemd's."""
    listening = {inode: port for port, _remote, inode in _sockets(LISTENS)}
    held = {listening[inode] for inode in _inodes_of(_SSH_SERVERS) if inode in listening}
    return sorted(held | (set(_socket_units()) & set(listening.values())))


def connected_to(ports: Iterable[int]) -> List[str]:
    """Addresses with an established connection to one of the ports."""
    wanted = set(ports)
    return sorted({remote for port, remote, _inode in _sockets(CONNECTED) if port in wanted and _is_distant(remote)})


def _is_distant(address: str) -> bool:
    return not ipaddress.ip_address(address).is_loopback


def _sockets(state: str) -> Iterator[Tuple[int, str, str]]:
    """Own port, remote address and inode, as the kernel lists them for this network namespace."""
    for path in _TABLES:
        with suppress(OSError), open(path, encoding="ascii", errors="replace") as file:
            for line in list(file)[1:]:
                words = line.split()
                if len(words) > 9 and words[3] == state:
                    yield int(words[1].rpartition(":")[2], 16), _address(words[2].partition(":")[0]), words[9]


def _address(text: str) -> str:
    """The kernel writes each 32 bits in the order of the machine."""
    raw = b"".join(bytes.fromhex(text[place : place + 8])[::-1] for place in range(0, len(text), 8))
    if len(raw) == 4:
        return str(ipaddress.IPv4Address(raw))
    address = ipaddress.IPv6Address(raw)
    return str(address.ipv4_mapped or address)


def _inodes_of(names: Iterable[str]) -> Set[str]:
    wanted = set(names)
    found: Set[str] = set()
    for process in filter(str.isdigit, os.listdir("/proc")):
        # Processes come and go, and some cannot be read.
        with suppress(OSError), open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as file:
            if file.read().strip() in wanted:
                found.update(_inodes(process))
    return found


def _inodes(process: str) -> Iterator[str]:
    folder = f"/proc/{process}/fd"
    for name in os.listdir(folder):
        with suppress(OSError):
            target = os.readlink(os.path.join(folder, name))
            if target.startswith("socket:["):
                yield target[len("socket:[") : -1]


def _socket_units() -> List[int]:
    if not os.path.isdir("/run/systemd/system"):
        return []
    # Without systemctl there is no socket of systemd's; one that does not answer says nothing of them.
    with suppress(OSError):
        return [int(port) for port in _LISTEN.findall(programs.run(_ASK).out)]
    return []
