# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of a run planned and did, so that one task can say it for all hosts."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["planned", "unchanged", "changed", "not applied", "refused", "failed", "unreachable"]


@dataclass(frozen=True)
class Record:
    """Of one task on one host."""

    host: str
    kind: Kind
    components: tuple[str, ...] = ()
    named: bool = False
    """The task spoke of these components only."""
    backend: str = ""
    rules_in: int = 0
    rules_out: int = 0
    guarded: int = 0
    not_planned: int = 0
    text: str = ""
    """What was done, or why it was not."""
    details: tuple[str, ...] = ()
    check: bool = False
    show: str | None = None
    """How the task wants to be shown; None is as the run does."""
    play: str = ""
    digest: str = ""
    """The plan is the one with this digest in the cache of this play; empty for a task without a plan."""
    lines: tuple[str, ...] = ()
    """Of a part that is not the one in the cache, since the task has variables of its own; without the host's name."""
    compared: str = ""
    """How the host stands to what was planned; text and details say more. Empty: it was not looked at."""
    likeness: str = ""
    """The same for hosts whose part is the same but for the host's name."""

    @staticmethod
    def of(data: dict[str, Any]) -> Record:
        lists = {name: tuple(data[name]) for name in ("components", "details", "lines")}
        return Record(**{**data, **lists})


def in_words(kind: Kind, text: str, check: bool) -> str:
    """How a task ended on a host."""
    if kind == "changed" and check:
        return text or "would change"
    return f"{kind}: {text}" if text else kind


class Records:
    """In the run's own temporary folder, for all of its plays."""

    def __init__(self, run_folder: str) -> None:
        self._folder = Path(run_folder) / "portbook-records"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = self._folder / "records.jsonl"
        self._taken = self._folder / "taken"

    def add(self, record: Record) -> None:
        line = json.dumps(asdict(record))
        with self._lock(), self._file.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def take(self) -> list[Record]:
        """Those that were added since they were last taken."""
        with self._lock():
            lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
            taken = int(self._taken.read_text(encoding="utf-8")) if self._taken.exists() else 0
            self._taken.write_text(str(len(lines)), encoding="utf-8")
        return [Record.of(json.loads(line)) for line in lines[taken:]]

    def first(self, what: str) -> bool:
        """Whether this was not asked before in this run."""
        with self._lock():
            mark = self._folder / f"{what}.said"
            new = not mark.exists()
            mark.touch()
        return new

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self._folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
