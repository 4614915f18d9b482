# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many texts in one file, each found by its name: to make ten thousand files takes longer than to plan them.

The texts, then a line for each with name, start and length in bytes, and last where these lines begin.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

_TAIL = 20


def chunks(texts: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The file's text."""
    lines = ["\n"]
    at = 0
    for name, text in texts:
        length = len(text.encode())
        lines.append(f"{json.dumps(name)} {at} {length}\n")
        at += length
        yield text
    yield "".join(lines)
    yield f"{at:{_TAIL}}"


def items(path: Path) -> Iterator[tuple[str, str]]:
    """All texts with their names, in their order; none if the file is not there."""
    try:
        with path.open("rb") as file:
            lines = _lines(file).decode().splitlines()
            file.seek(0)
            for name, _at, length in (line.rsplit(" ", 2) for line in filter(None, lines)):
                yield json.loads(name), file.read(int(length)).decode()
    except FileNotFoundError:
        return


def read(path: Path, name: str) -> str | None:
    """The text of that name; None if the file is not there, or has none."""
    try:
        with path.open("rb") as file:
            # A name is quoted and has no line break: so this is the whole of a name, and no text.
            _before, found, after = _lines(file).partition(f"\n{json.dumps(name)} ".encode())
            if not found:
                return None
            at, length = map(int, after[: after.index(b"\n")].split())
            file.seek(at)
            return file.read(length).decode()
    except FileNotFoundError:
        return None


def _lines(file: BinaryIO) -> bytes:
    file.seek(-_TAIL, os.SEEK_END)
    end = file.tell()
    start = int(file.read())
    file.seek(start)
    return file.read(end - start)
