# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count what a Windows host is asked: calls of modules, reads and writes of COM properties, bytes on the wire. Beside
it what a loop of win_firewall_rule makes of the same rules. On a model of the store: it knows no seconds of Windows."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / ".venv" / "collections"), str(CHECKOUT / "tests")]

from golden.helpers.running import Machine, shipped_catalog  # noqa: E402
from windows.fake.bringing import HOST, WINRM, Site, headed, site  # noqa: E402
from windows.fake.execute import on  # noqa: E402
from windows.fake.store import Store  # noqa: E402

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.backend import WindowsHost  # noqa: E402

WIRE_BYTES = 2**20
"""One read of a store of 1,000 rules."""


class Table(Protocol):
    def add(self, what: str, value: float, unit: str, most: float | None = None) -> None: ...

    def title(self, text: str) -> None: ...


@dataclass
class Counted:
    calls: int = 0
    reads: int = 0
    writes: int = 0
    largest_answer: int = 0
    seconds: float = 0.0


def company() -> Site:
    """A client of StifleR with all its rules, outbound ones too, and those whom it talks to."""
    names = {"hub": "stifler_server", "client": "stifler_client", "other": "stifler_client"}
    hosts = [
        Machine(name, component, (f"192.0.2.{number}",), "windows")
        for number, (name, component) in enumerate(names.items(), 10)
    ]
    return site(hosts, {"portbook_outbound": "open", "portbook_management": ["198.51.100.200"]})


def bring(given: Site, store: Store, engine: str) -> Counted:
    counted = Counted()

    def run(module: str, args: dict[str, Any]) -> dict[str, Any]:
        store.reset_counts()
        answer = json.dumps(on(store, module, args, host=HOST))
        counted.calls += 1
        counted.reads += store.store_reads
        counted.writes += store.store_writes
        counted.largest_answer = max(counted.largest_answer, len(answer.encode()))
        answered: dict[str, Any] = json.loads(answer)
        return answered

    part = headed(given.parts["client"], windows_engine=engine)
    host = WindowsHost("client", run, WINRM, True, False, False, shipped_catalog)
    start = time.perf_counter()
    done = host.bring(part, None, given.tokens, given.networks)
    counted.seconds = time.perf_counter() - start
    if done.get("failed"):
        raise SystemExit(done["msg"])
    return counted


def measure(table: Table) -> None:
    given = company()
    for size in (400, 1000):
        ours, theirs = Store.sample(size), Store.sample(size)
        first, second = bring(given, ours, "native"), bring(given, ours, "native")
        loop = bring(given, theirs, "community")
        rules = sum(str(rule.grouping).startswith("portbook") for rule in ours.rules)
        table.title(f"Windows, {rules} rules into a store of {size} (a model: counts, not seconds of Windows)")
        table.add("calls, first run", first.calls, "calls", 2)
        table.add("calls, second run", second.calls, "calls", 1)
        table.add("calls, a loop of win_firewall_rule", loop.calls, "calls")
        table.add("reads of COM properties, first run", first.reads, "reads", loop.reads)
        table.add("reads, second run", second.reads, "reads", loop.reads)
        table.add("reads, a loop of win_firewall_rule", loop.reads, "reads")
        table.add("writes, first run", first.writes, "writes")
        table.add("writes, second run", second.writes, "writes", 0)
        table.add("largest answer", first.largest_answer, "bytes", WIRE_BYTES)
        table.add("deciding and the model, first run", first.seconds, "s")
