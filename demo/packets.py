# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends packets and sees which arrive. One process holds the sockets of all namespaces: a socket stays in its own."""

from __future__ import annotations

import errno
import resource
import select
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from . import company, namespaces
from .namespaces import LabError
from .probes import Probe

_TOKEN = struct.Struct("!4sI?")
_MAGIC = b"pbdm"
_BATCH, _LEAST_BATCH = 4000, 200
_QUIET = 0.3
"""How long nothing has to arrive until what is missing counts as refused."""
_PATIENCE = 3.0
"""The same for packets that should have arrived, when they are tried once more: the machine may be busy."""
_TRIED_AGAIN = 2000
_DRAIN_EVERY = 24
_BACKLOG = 512


@dataclass
class Seen:
    """Where a packet was answered, or, of UDP, where it arrived though no answer came back."""

    answered: set[str] = field(default_factory=set)
    arrived: set[str] = field(default_factory=set)


@dataclass
class _Listener:
    place: str
    socket: socket.socket
    stream: bool


@dataclass
class _Try:
    number: int
    socket: socket.socket


class Exchange:
    """All listeners of the company, and the senders of one batch after the other."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._watched: dict[int, _Listener | _Try | socket.socket] = {}
        self._members: list[socket.socket] = []
        self._senders: dict[tuple[str, str], socket.socket] = {}
        self._seen: dict[int, Seen] = {}
        self._next = 1
        self._batch_size = _BATCH

    def close(self) -> None:
        for watched in self._watched.values():
            (watched if isinstance(watched, socket.socket) else watched.socket).close()
        for member in self._members:
            member.close()
        self._poll.close()

    # -- who listens --------------------------------------------------------------------------------

    def listen(self, places: Iterable[str], ports: Sequence[int], groups: Sequence[str]) -> None:
        places = list(places)
        self._batch_size = _raise_limit(3 * len(places) * len(ports))
        for place in places:
            with namespaces.inside(place):
                for port in ports:
                    self._listen(place, port, socket.AF_INET6, socket.SOCK_STREAM, both=True)
                    # A socket of both families gets no multicast of IPv4.
                    self._listen(place, port, socket.AF_INET6, socket.SOCK_DGRAM, both=False)
                    self._listen(place, port, socket.AF_INET, socket.SOCK_DGRAM, both=False)
                for group in groups:
                    self._join(group)

    def _listen(self, place: str, port: int, family: socket.AddressFamily, kind: socket.SocketKind, both: bool) -> None:
        one = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both)
        try:
            one.bind(("", port))
        except OSError as error:
            raise LabError(f"{place} cannot listen on port {port}: {error.strerror}") from None
        if kind == socket.SOCK_STREAM:
            one.listen(_BACKLOG)
        self._watch(_Listener(place, one, kind == socket.SOCK_STREAM))

    def _join(self, group: str) -> None:
        index = socket.if_nametoindex("eth0")
        if ":" in group:
            one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            option = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index)
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, option)
        else:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            option = struct.pack("=4s4si", socket.inet_aton(group), b"\0" * 4, index)
            one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, option)
        self._members.append(one)

    def _watch(self, watched: _Listener | _Try | socket.socket) -> None:
        one = watched if isinstance(watched, socket.socket) else watched.socket
        self._watched[one.fileno()] = watched
        self._poll.register(one.fileno(), select.EPOLLIN)

    # -- who sends ----------------------------------------------------------------------------------

    def send(self, wanted: Sequence[Probe], twice: bool = True) -> list[Seen]:
        """Everything, by initiator; what came out otherwise than expected is tried once more, with more patience."""
        order = sorted(range(len(wanted)), key=lambda place: wanted[place].initiator)
        seen: list[Seen] = [Seen() for _one in wanted]
        self._all(wanted, order, seen, _QUIET)
        again = [place for place in order if not agrees(wanted[place], seen[place])]
        if again and twice:
            time.sleep(_QUIET)
            self._all(wanted, again[:_TRIED_AGAIN], seen, _PATIENCE)
        return seen

    def _all(self, wanted: Sequence[Probe], order: Sequence[int], seen: list[Seen], patience: float) -> None:
        for start in range(0, len(order), self._batch_size):
            part = order[start : start + self._batch_size]
            for place, result in self._batch(wanted, part, patience).items():
                seen[place] = result

    def _batch(self, wanted: Sequence[Probe], places: Sequence[int], patience: float) -> dict[int, Seen]:
        first = self._next
        self._next += len(places)
        tries: list[_Try] = []
        self._seen = {first + offset: Seen() for offset in range(len(places))}
        start = 0
        while start < len(places):
            end = start
            while end < len(places) and wanted[places[end]].initiator == wanted[places[start]].initiator:
                end += 1
            self._from_one(wanted, places, range(start, end), first, tries)
            start = end
        self._listen_until_quiet(_QUIET)
        if patience > _QUIET and any(
            wanted[place].allowed and not agrees(wanted[place], self._seen[first + offset])
            for offset, place in enumerate(places)
        ):
            self._listen_until_quiet(patience)
        for one in tries:
            self._drop(one.socket)
        return {place: self._seen[first + offset] for offset, place in enumerate(places)}

    def _listen_until_quiet(self, seconds: float) -> None:
        while self._turn(seconds):
            pass

    def _from_one(
        self, wanted: Sequence[Probe], places: Sequence[int], part: range, first: int, tries: list[_Try]
    ) -> None:
        with namespaces.inside(wanted[places[part.start]].initiator):
            for offset in part:
                probe = wanted[places[offset]]
                if probe.protocol == "tcp":
                    one = self._connect(first + offset, probe)
                    if one:
                        tries.append(one)
                else:
                    self._datagram(first + offset, probe)
                if not offset % _DRAIN_EVERY:
                    self._turn(0)

    def _connect(self, number: int, probe: Probe) -> _Try | None:
        one = socket.socket(_family(probe.target), socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        one.bind((probe.source, 0))
        code = one.connect_ex((probe.target, probe.port))
        if code not in (0, errno.EINPROGRESS):
            # Refused on the way out: the kernel says so at once.
            one.close()
            return None
        result = _Try(number, one)
        self._watch(result)
        return result

    def _datagram(self, number: int, probe: Probe) -> None:
        key = (probe.initiator, probe.source)
        if key not in self._senders:
            one = socket.socket(_family(probe.source), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            one.bind((probe.source, 0))
            if ":" in probe.source:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
                if probe.source != "::1":
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("eth0"))
            else:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
            self._senders[key] = one
            self._watch(one)
        try:
            self._senders[key].sendto(_TOKEN.pack(_MAGIC, number, probe.cast == "unicast"), (probe.target, probe.port))
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EACCES, errno.ECONNREFUSED, errno.EHOSTUNREACH):
                raise

    # -- what arrives -------------------------------------------------------------------------------

    def _turn(self, seconds: float) -> bool:
        """Whether anything arrived."""
        events = self._poll.poll(seconds, 1024)
        for number, _event in events:
            watched = self._watched.get(number)
            if isinstance(watched, _Listener):
                if watched.stream:
                    _greet(watched)
                else:
                    self._echo(watched)
            elif isinstance(watched, _Try):
                self._greeted(watched)
            elif watched is not None:
                self._echoed(watched)
        return bool(events)

    def _echo(self, listener: _Listener) -> None:
        while True:
            try:
                data, sender = listener.socket.recvfrom(512)
            except OSError:
                return
            if len(data) != _TOKEN.size:
                continue
            _magic, number, wants_answer = _TOKEN.unpack(data)
            if number in self._seen:
                self._seen[number].arrived.add(listener.place)
            if wants_answer:
                try:
                    listener.socket.sendto(data + listener.place.encode(), sender)
                except OSError:
                    continue

    def _echoed(self, sender: socket.socket) -> None:
        while True:
            try:
                data = sender.recv(512)
            except BlockingIOError:
                return
            except OSError:
                continue
            number = _TOKEN.unpack_from(data)[1]
            if number in self._seen:
                self._seen[number].answered.add(data[_TOKEN.size :].decode())

    def _greeted(self, one: _Try) -> None:
        try:
            name = one.socket.recv(128).decode()
        except OSError:
            name = ""
        if name:
            self._seen[one.number].answered.add(name)
        self._drop(one.socket)

    def _drop(self, one: socket.socket) -> None:
        if one.fileno() >= 0:
            del self._watched[one.fileno()]
            one.close()


def _greet(listener: _Listener) -> None:
    while True:
        try:
            one, _sender = listener.socket.accept()
        except OSError:
            return
        with one:
            try:
                one.send(listener.place.encode())
            except OSError:
                continue


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _raise_limit(listening: int) -> int:
    """How many packets can be on their way at once, given the files that may be open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    base = listening + 256
    if hard != resource.RLIM_INFINITY and hard < base + _LEAST_BATCH:
        raise LabError(f"this user may open {hard} files at once, the demo needs {base + _LEAST_BATCH}: ulimit -Hn")
    most = base + _BATCH if hard == resource.RLIM_INFINITY else min(hard, base + _BATCH)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most - base


def agrees(probe: Probe, seen: Seen) -> bool:
    """A cast asks who got it; all else asks for an answer from the right place, or that it never arrived."""
    if probe.cast != "unicast":
        return seen.arrived & probe.hears == probe.answers
    if probe.protocol == "udp" and seen.arrived != probe.answers:
        return False
    return seen.answered == probe.answers


def places() -> list[str]:
    return [*(one.name for one in company.MACHINES), *(one.container for one in company.docker_hosts())]
