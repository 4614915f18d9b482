# SPDX-License-Identifier: GPL-3.0-or-later
"""All breaks, some machines at a time: `make faults`. Exits with 0 only if none is lost, and none was left out."""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab import groups, keys, roots
from lab.laboratory import interrupt_on_term
from machine.faults import stepped
from machine.faults.bench import Bench
from machine.faults.breaks import SINGLE, base_of
from machine.faults.model import Break, Row, Seen
from machine.faults.play import played
from machine.faults.report import report
from needs import CHECKOUT, needs_of_machine

_COLLECTIONS = "ANSIBLE_COLLECTIONS_PATH"


class Workers:
    """Threads with a machine each; they do what is in the queue."""

    def __init__(self, count: int, folder: Path, key: Path) -> None:
        self._count, self._folder, self._key = count, folder, key
        self._root = roots.ready()
        self._round = 0

    def do(self, tasks: Sequence[Callable[[Bench], None]]) -> None:
        waiting: queue.SimpleQueue[Callable[[Bench], None]] = queue.SimpleQueue()
        for task in tasks:
            waiting.put(task)
        self._round += 1
        threads = [
            threading.Thread(target=self._work, args=(waiting, number), daemon=True)
            for number in range(min(self._count, len(tasks)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, waiting: queue.SimpleQueue[Callable[[Bench], None]], number: int) -> None:
        bench = Bench(self._root, self._key, self._folder / f"{self._round}-{number}")
        try:
            while True:
                try:
                    task = waiting.get_nowait()
                except queue.Empty:
                    return
                task(bench)
        finally:
            bench.close()


def counted(workers: Workers) -> dict[str, list[str]]:
    """The steps of each operation, on a machine of its own."""
    steps: dict[str, list[str]] = {}

    def count(name: str) -> Callable[[Bench], None]:
        return lambda bench: steps.update({name: stepped.counted(bench, name)})

    workers.do([count(name) for name in stepped.OPERATIONS])
    if set(steps) != set(stepped.OPERATIONS):
        raise RuntimeError(f"no steps could be counted of {', '.join(set(stepped.OPERATIONS) - set(steps))}")
    return steps


class Kept:
    """What earlier runs have counted and seen, in a file, so that one that was interrupted can go on."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path is not None and path.exists() else []
        self._entries = [json.loads(line) for line in lines]

    def steps(self, workers: Workers) -> dict[str, list[str]]:
        for entry in self._entries:
            if "steps" in entry:
                return dict(entry["steps"])
        steps = counted(workers)
        self._add({"steps": steps})
        return steps

    def survived(self) -> list[Row]:
        rows = [entry for entry in self._entries if "steps" not in entry]
        found = [Row(**{**row, "seen": row["seen"] and Seen(**row["seen"])}) for row in rows]
        return list({row.id: row for row in found if not row.lost}.values())

    def add(self, row: Row) -> None:
        self._add(asdict(row))

    def _add(self, entry: dict[str, Any]) -> None:
        if self._path is not None:
            with self._path.open("a") as file:
                print(json.dumps(entry), file=file)


def run(breaks: Sequence[Break], steps: dict[str, list[str]], workers: Workers, kept: Kept) -> list[Row]:
    rows = [row for row in kept.survived() if row.id in {one.id for one in breaks}]
    rest = [one for one in breaks if one.id not in {row.id for row in rows}]
    start = time.monotonic()

    def play(one: Break) -> Callable[[Bench], None]:
        def task(bench: Bench) -> None:
            row = played(one, bench, steps)
            rows.append(row)
            kept.add(row)
            verdict = f"LOST: {row.lost}" if row.lost else "survived"
            print(f"{time.monotonic() - start:6.0f} s  {len(rows):3}/{len(breaks)}  {one.id}: {verdict}", flush=True)

        return task

    workers.do([play(one) for one in rest])
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--workers", type=int, default=4, help="machines at a time")
    parser.add_argument("--match", default="", metavar="PATTERN", help="only breaks whose name has it")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="go on where a run with this file was interrupted")
    options = parser.parse_args()
    lacking = needs_of_machine()
    if lacking is not None:
        print(f"faults: not run: {lacking}")
        return 1
    os.environ.setdefault(_COLLECTIONS, str(CHECKOUT / ".venv" / "collections"))
    interrupt_on_term()
    groups.sweep()
    with tempfile.TemporaryDirectory(prefix="portbook-faults-") as folder:
        workers = Workers(options.workers, Path(folder), keys.make(Path(folder) / "id"))
        kept = Kept(options.keep)
        steps = kept.steps(workers)
        # Those of one base one after another, so that a machine serves many.
        breaks = sorted([*SINGLE, *stepped.each(steps)], key=base_of)
        wanted = [one for one in breaks if re.search(options.match, one.id)]
        rows = run(wanted, steps, workers, kept)
    text, code = report(rows, [one.id for one in wanted])
    print(text)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        # The kernel ends the machines with their threads.
        os._exit(130)
