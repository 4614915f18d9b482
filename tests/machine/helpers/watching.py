# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that are tried all the while that something changes, and others that are held open; all are counted."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from lab.laboratory import entry
from lab.machine import Machine

EACH = 0.015
"""Seconds from one connection to the next of the same source and port."""
NEW, HELD = "new", "held"
_PROGRAM = """
import asyncio, json, socket, struct, sys, time

async def attempt(probe, results):
    begun = time.monotonic()
    family = socket.AF_INET6 if ":" in probe["source"] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.setblocking(False)
        try:
            one.bind((probe["source"], 0))
            await asyncio.wait_for(greeted(one, probe), probe["patience"])
            came = True
        except asyncio.TimeoutError:
            # A busy computer may only have been slow to look.
            came = at_once(one)
        except OSError:
            came = False
    results.append((begun, came, time.monotonic() - begun))

def at_once(one):
    # Whether the kernel has the connection (tcpi_state), by its first packet (tcpi_total_retrans).
    info = one.getsockopt(6, 11, 104)
    return info[0] == 1 and struct.unpack_from("I", info, 100) == (0,)

async def greeted(one, probe):
    loop = asyncio.get_running_loop()
    await loop.sock_connect(one, (probe["target"], probe["port"]))
    if await loop.sock_recv(one, 99) != probe["source"].encode():
        raise OSError("another one answers")

async def every(probe, results, stop, each):
    pending, due = set(), time.monotonic()
    while not stop.is_set():
        task = asyncio.ensure_future(attempt(probe, results))
        pending.add(task)
        task.add_done_callback(pending.discard)
        due = max(due + each, time.monotonic())
        await asyncio.sleep(due - time.monotonic())
    await asyncio.gather(*pending)

async def hold(probe, result, stop, each):
    reader, writer = await asyncio.open_connection(
        probe["target"], probe["port"], local_addr=(probe["source"], 0)
    )
    assert await reader.readexactly(len(probe["source"])) == probe["source"].encode()
    result.update(sent=0, echoed=0, gap=0.0, last=time.monotonic())
    async def hear():
        while True:
            assert struct.unpack("!Q", await reader.readexactly(8)) == (result["echoed"],)
            now = time.monotonic()
            result.update(echoed=result["echoed"] + 1, gap=max(result["gap"], now - result["last"]), last=now)
    hearing = asyncio.ensure_future(hear())
    while not stop.is_set() and not hearing.done():
        writer.write(struct.pack("!Q", result["sent"]))
        result["sent"] += 1
        await asyncio.sleep(each)
    end = time.monotonic() + 2
    while result["echoed"] < result["sent"] and time.monotonic() < end and not hearing.done():
        await asyncio.sleep(0.01)
    # tcpi_total_retrans.
    (result["again"],) = struct.unpack_from("I", writer.get_extra_info("socket").getsockopt(6, 11, 104), 100)
    hearing.cancel()
    writer.transport.abort()

async def main():
    asked, each = json.loads(sys.argv[1]), float(sys.argv[2])
    found, stop, tasks = {}, asyncio.Event(), []
    # The first packet by IPv6 gets lost until the neighbours know each other. That is not what is watched.
    await asyncio.gather(*(attempt({**probe, "patience": 1.5}, []) for probe in asked))
    for probe in asked:
        found[probe["name"]] = [] if probe["kind"] == "new" else {}
        do = every if probe["kind"] == "new" else hold
        tasks.append(asyncio.ensure_future(do(probe, found[probe["name"]], stop, each)))
    await asyncio.sleep(0.5)
    print("watching", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    stop.set()
    await asyncio.gather(*tasks)
    print(json.dumps(found))

asyncio.run(main())
"""


@dataclass(frozen=True)
class Probe:
    name: str
    source: str
    target: str
    port: int
    kind: str = NEW
    patience: float = 0.95
    """Seconds until it is looked at whether the connection is there; its first packet is sent again after one."""


@dataclass(frozen=True)
class Tries:
    """New connections, in the order in which they began."""

    answers: list[tuple[float, bool, float]]

    @property
    def came(self) -> int:
        return sum(came for _begun, came, _seconds in self.answers)

    @property
    def refused(self) -> int:
        return len(self.answers) - self.came

    @property
    def turns(self) -> int:
        """How many times what was open was shut, or the reverse."""
        states = [came for _begun, came, _seconds in sorted(self.answers)]
        return sum(one != other for one, other in itertools.pairwise(states))

    def said(self) -> str:
        slowest = max((seconds for _begun, came, seconds in self.answers if came), default=0)
        return f"{len(self.answers)} tried, {self.came} reached, {self.refused} refused, slowest {slowest:.2f} s"


@dataclass(frozen=True)
class Kept:
    """One connection on which each message is to come back."""

    sent: int
    echoed: int
    gap: float
    """The longest time between two answers, in seconds."""
    last: float
    again: int
    """Packets that were sent again; a loaded machine does that, too."""

    def said(self) -> str:
        return f"{self.sent} sent, {self.echoed} echoed, longest gap {self.gap:.2f} s, {self.again} sent again"


@dataclass
class Watched:
    new: dict[str, Tries] = field(default_factory=dict)
    held: dict[str, Kept] = field(default_factory=dict)
    seconds: float = 0

    def said(self) -> str:
        every: dict[str, Tries | Kept] = {**self.new, **self.held}
        lines = [f"  {name}: {one.said()}" for name, one in every.items()]
        return "\n".join([f"watched for {self.seconds:.1f} s", *lines])


@contextmanager
def watching(machine: Machine, probes: list[Probe], after: float = 1.5) -> Iterator[Watched]:
    """While the block runs, and for some time after it."""
    asked = json.dumps([asdict(one) for one in probes])
    watched, start = Watched(), time.monotonic()
    with subprocess.Popen(
        [*entry(machine.laboratory.process), sys.executable, "-c", _PROGRAM, asked, str(EACH)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "watching\n"
        try:
            yield watched
            time.sleep(after)
            found = json.loads(process.communicate(timeout=60)[0])
        finally:
            process.kill()
    watched.seconds = time.monotonic() - start
    for probe in probes:
        if probe.kind == NEW:
            watched.new[probe.name] = Tries([tuple(one) for one in found[probe.name]])
        else:
            watched.held[probe.name] = Kept(**found[probe.name])
