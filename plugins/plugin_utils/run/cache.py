# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One plan for all workers of a run: whoever holds the lock computes it, the others read their part."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ..plan import file as plan_file
from ..plan.model import Plan
from . import packed
from .head import Head
from .host_part import HostPart

PARTS = "parts.packed"
T = TypeVar("T")


class RunCache:
    """A folder in the run's own temporary folder; `key` is the play."""

    def __init__(self, run_folder: str, key: str) -> None:
        self.key = key
        self._folder = Path(run_folder) / f"portbook-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._locked = False

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Whoever has it may ask again."""
        if self._locked:
            yield
            return
        with (self._folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._locked = True
            try:
                yield
            finally:
                self._locked = False

    def head(self) -> Head | None:
        data = self._read("head.json")
        return None if data is None else Head.of(data)

    def looked(self, task: str) -> bool:
        """Whether a worker of this task has made sure that the plan is of the hosts as they are now."""
        return (self._folder / f"{task}.looked").exists()

    def mark_looked(self, task: str) -> None:
        (self._folder / f"{task}.looked").touch()

    def part(self, host: str) -> HostPart | None:
        return self._part(PARTS, host)

    def guest(self, component: str, host: str) -> HostPart | None:
        return self._part(f"parts-{component}.packed", host)

    def part_with_guests(self, host: str, components: Iterable[str]) -> HostPart | None:
        """With components that the host has in this play only, as far as they were planned."""
        part = self.part(host)
        for name in components:
            guest = None if part and name in part.components else self.guest(name, host)
            if guest:
                part = (part or HostPart(host)).united(guest)
        return part

    def parts(self) -> Iterator[HostPart]:
        """Of all hosts of the inventory."""
        return (_of_text(host, text) for host, text in packed.items(self._folder / PARTS))

    def _part(self, file: str, host: str) -> HostPart | None:
        text = packed.read(self._folder / file, host)
        return None if text is None else _of_text(host, text)

    def keep(self, head: Head, plan: Plan | None) -> None:
        """The head is written last: who finds it finds all. What was reported or derived of an earlier plan is void."""
        (self._folder / "head.json").unlink(missing_ok=True)
        for outdated in (*self._folder.glob("*.done"), *self._folder.glob("parts*.packed")):
            outdated.unlink()
        for outdated in self._folder.glob("*.pickle"):
            outdated.unlink()
        if plan is not None:
            self._keep_sets(plan)
            self._write(PARTS, packed.chunks(plan_file.parts(plan, head.digest)))
            self._write("plan.json", plan_file.chunks(plan, head.digest))
        self._write("head.json", json.dumps(head.data()))

    def networks(self, digest: str) -> list[str]:
        """Of a peer set, by what it holds: guests' sets may bear the same names."""
        texts = (packed.read(path, digest) for path in self._folder.glob("sets-*.packed"))
        return list(json.loads(next(text for text in texts if text is not None)))

    def _keep_sets(self, plan: Plan) -> None:
        # By what they hold, since who read a part of an earlier plan may still ask for its sets.
        sets = {one.digest: one for one in plan.peers.values()}
        name = hashlib.sha256("".join(sorted(sets)).encode()).hexdigest()[:16]
        texts = ((digest, json.dumps(one.networks)) for digest, one in sets.items())
        self._write(f"sets-{name}.packed", packed.chunks(texts))

    def keep_guests(self, component: str, plan: Plan, digest: str) -> None:
        self._keep_sets(plan)
        self._write(f"parts-{component}.packed", packed.chunks(plan_file.parts(plan, digest)))

    def kept(self, what: str, make: Callable[[], T]) -> T:
        """An object that one worker makes of the variables as they are, for all others."""
        target = self._folder / f"{what}.pickle"
        if not target.exists():
            with self.lock():
                if not target.exists():
                    made = make()
                    draft = self._folder / f".{what}.{os.getpid()}"
                    draft.write_bytes(pickle.dumps(made))
                    draft.replace(target)
                    return made
        # The folder is the run's own, and nobody else may write to it.
        found: T = pickle.loads(target.read_bytes())
        return found

    @property
    def run_folder(self) -> Path:
        """What all plays of the run share."""
        return self._folder.parent

    def once(self, what: str, do: Callable[[], None]) -> bool:
        """Do something by one worker only; whether it was this one."""
        with self.lock():
            mark = self._folder / f"{what}.done"
            if mark.exists():
                return False
            do()
            mark.touch()
            return True

    @property
    def plan_path(self) -> Path:
        return self._folder / "plan.json"

    def copy_plan(self, target: Path) -> None:
        with self.plan_path.open(encoding="utf-8") as lines:
            write_private(target, lines)

    def _read(self, name: str) -> Any:
        text = self._text(name)
        return None if text is None else json.loads(text)

    def _text(self, name: str) -> str | None:
        try:
            return (self._folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _write(self, name: str, text: str | Iterable[str]) -> None:
        # Others may be reading: they find the old text or the new one, never a part.
        draft = self._folder / f".{name}.{os.getpid()}"
        with draft.open("w", encoding="utf-8") as file:
            file.writelines([text] if isinstance(text, str) else text)
        draft.replace(self._folder / name)


def _of_text(host: str, text: str) -> HostPart:
    but_for_the_name = text.removeprefix(plan_file.part_begins(host))
    return replace(HostPart.of(json.loads(text)), likeness=hashlib.sha256(but_for_the_name.encode()).hexdigest())


def write_private(target: Path, text: Iterable[str]) -> None:
    """Readable by its owner alone, and never half-written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.writelines(text)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
