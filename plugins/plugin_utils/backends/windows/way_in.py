# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way by which Ansible comes in: seen on the host, and still open after what is to be written. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ...problems import few
from .admitted import SSHD, SYSTEM, Answer, Attempt, Firewall
from .store import Connection, Store

_KINDS = {"winrm": ("winrm",), "psrp": ("winrm",), "ssh": ("ssh",), "paramiko": ("ssh",), "paramiko_ssh": ("ssh",)}
_EVERY_KIND = ("winrm", "ssh")
_PROGRAMS = {"winrm": SYSTEM, "ssh": SSHD}
_DYNAMIC = 49152
"""The first port that Windows gives to who opens a connection."""


def ports(store: Store, transport: str, named: Iterable[int], believed: int) -> tuple[int, ...]:
    """The host's own listeners say it: the controller may speak to a port that is translated, or to a default."""
    own = tuple(named)
    if own:
        return own
    if store.way_in:
        return (store.way_in.local_port,)
    kinds = _KINDS.get(transport, _EVERY_KIND)
    found = sorted({one.port for one in store.listeners if one.kind in kinds})
    return tuple(found) or (believed,)


def arrivals(store: Store, at: Iterable[int]) -> tuple[Connection, ...]:
    """sshd says which connection is Ansible's; of WinRM's, each may be, whatever the ports are said to be."""
    if store.way_in:
        return (store.way_in,)
    wanted = {*doors(store, at)}
    return tuple(one for one in store.connections if one.local_port in wanted)


def doors(store: Store, at: Iterable[int]) -> list[int]:
    return sorted({*at, *(one.port for one in store.listeners if one.kind == "winrm")})


class Watch:
    """The host before and after, for connections that are up."""

    def __init__(self, before: Store, then: Store, at: Iterable[int]) -> None:
        self._store, self._ports = before, tuple(at)
        self._before, self._after = Firewall(before), Firewall(then)
        self._arrivals = arrivals(before, self._ports)

    def cut(self, refuses: bool) -> str:
        """Why the connection that Ansible uses would not be allowed again; without `refuses`, if that is new."""
        for one in self._arrivals:
            attempt = self._inbound(one)
            lost = self._lost(attempt)
            if not lost and refuses:
                lost = self._closed(attempt)
            if lost:
                return (
                    f"the connection that Ansible uses ({one.remote} to tcp {one.local_port}) would not be allowed "
                    f"again: {lost}"
                )
        return ""

    def others(self) -> list[str]:
        """Of what else is in use."""
        found = {}
        for one in self._store.connections:
            if one in self._arrivals or one.local == one.remote:
                continue
            attempts = self._either_way(one)
            if all(self._lost(attempt, surely=True) for attempt in attempts):
                found[one] = _text(attempts[0])
        if not found:
            return []
        some = few(sorted({*found.values()}), 3)
        one_or_more = "connection" if len(found) == 1 else "connections"
        return [f"{len(found)} established {one_or_more} would not be allowed again: {some}"]

    def _lost(self, attempt: Attempt, surely: bool = False) -> str:
        """In a profile in which it may have been let in; that a block may refuse it counts if it did not act before."""
        for bit in self._store.current:
            if self._before.verdict(attempt, bit).answer is Answer.NO:
                continue
            harmless = self._before.doubtful(attempt, bit)
            found = self._after.verdict(attempt, bit, harmless)
            if found.answer is Answer.NO or (found.answer is Answer.MAYBE and found.blocked and not surely):
                return found.why
        return ""

    def _closed(self, attempt: Attempt) -> str:
        """In every profile in use: it is not known by which it came."""
        found = [self._after.verdict(attempt, bit) for bit in self._store.current]
        return found[0].why if all(one.answer is Answer.NO for one in found) else ""

    def _inbound(self, one: Connection) -> Attempt:
        programs = {listener.port: _PROGRAMS.get(listener.kind, "") for listener in self._store.listeners}
        program = programs.get(one.local_port, "")
        return Attempt("in", one.local, one.local_port, one.remote, one.remote_port, program)

    def _either_way(self, one: Connection) -> list[Attempt]:
        """Who opened a connection it does not say; mostly it was the end with a port that Windows gives out."""
        found = []
        if one.local_port < _DYNAMIC or one.remote_port >= _DYNAMIC:
            found.append(self._inbound(one))
        if one.local_port >= _DYNAMIC:
            found.append(Attempt("out", one.local, one.local_port, one.remote, one.remote_port))
        return found


def _text(one: Attempt) -> str:
    if one.direction == "in":
        return f"from {one.remote} to tcp {one.local_port}"
    return f"to {one.remote} tcp {one.remote_port}"
