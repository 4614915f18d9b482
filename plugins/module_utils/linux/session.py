# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ssh connection that this run came over: from where, and since when.

A connection that was open before a rule is loaded goes on after it, so it does not show that a new one would get in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Iterator, List, Optional

_SERVERS = ("sshd", "dropbear")
_MOST_ANCESTORS = 64


@dataclass(frozen=True)
class Connection:
    client: str
    """Address and port; empty where the host does not know them."""
    began: Optional[float]
    """Seconds since the host's start, rounded down to the kernel's tick."""

    def is_new(self, client: str, loaded: float) -> bool:
        """Other than the one that applied, and begun after the rules were there. What is not known is believed."""
        other = not self.client or self.client != client
        return other and (self.began is None or self.began > loaded)


@dataclass(frozen=True)
class _Process:
    number: int
    name: str
    parent: int
    ticks: int

    @property
    def serves_ssh(self) -> bool:
        return self.name.startswith(_SERVERS)


def own() -> Connection:
    ancestors = list(_ancestors(os.getpid()))
    client = next((found for one in ancestors for found in _client(one.number)), "")
    servers = _servers(ancestors)
    if len(servers) > 1 and servers[-1].parent <= 1:
        # The one that listens is as old as the service.
        del servers[-1]
    return Connection(client, servers[-1].ticks / os.sysconf("SC_CLK_TCK") if servers else None)


def _servers(ancestors: List[_Process]) -> List[_Process]:
    """The nearest ones in a row: of a connection's, and the one that listens."""
    found: List[_Process] = []
    for one in ancestors:
        if one.serves_ssh:
            found.append(one)
        elif found:
            break
    return found


def _ancestors(process: int) -> Iterator[_Process]:
    for _step in range(_MOST_ANCESTORS):
        found = _process(process) if process >= 1 else None
        if found is None:
            return
        yield found
        process = found.parent


def _process(number: int) -> Optional[_Process]:
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            first, _bracket, rest = file.read().rpartition(")")
        words = rest.split()
        return _Process(number, first.partition("(")[2], int(words[1]), int(words[19]))
    except (OSError, ValueError, IndexError):
        return None


def _client(process: int) -> Iterator[str]:
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return
    for entry in entries:
        if entry.startswith(b"SSH_CONNECTION="):
            words = entry.partition(b"=")[2].decode("utf-8", "replace").split()
            if len(words) == 4:
                yield f"{words[0].partition('%')[0]} port {words[1]}"
