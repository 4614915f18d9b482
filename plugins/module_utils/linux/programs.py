# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program with a limit for itself, and one for all programs of a run together."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Dict, Iterator, Optional, Sequence

SECONDS = 10.0
# All programs of a run together, and what is left for putting things back when one of them does not answer: less than
# 30 s in all.
RUN, CLEAN_UP, CLEAN_UP_EACH = 20.0, 8.0, 4.0
# What cannot be killed (it waits for a disk, say) is waited for no longer than this.
_TO_DIE = 0.5


class Silent(OSError):
    """A program gave no answer in time, and was ended."""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@dataclass
class _Limits:
    end: float = math.inf
    each: float = math.inf
    silent: str = "the programs before it"


_limits = _Limits()


@contextmanager
def within(seconds: float, each: float = math.inf) -> Iterator[None]:
    """In here, these are the limits, whatever is left of those around."""
    before = _limits.end, _limits.each
    _limits.end, _limits.each = time.monotonic() + seconds, each
    try:
        yield
    finally:
        _limits.end, _limits.each = before


def run(
    command: Sequence[str],
    text: str = "",
    environment: Optional[Dict[str, str]] = None,
    seconds: Optional[float] = None,
) -> Done:
    """`text` is its input. It gets a session of its own, so that it can be ended with its children."""
    name = os.path.basename(command[0])
    seconds = min(seconds or SECONDS, _limits.each, _limits.end - time.monotonic())
    if seconds <= 0:
        raise Silent(f"{name} was not asked any more: {_limits.silent} took all the time that a run has. Run again")
    process = subprocess.Popen(  # pylint: disable=ansible-bad-function,consider-using-with
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    try:
        out, err = process.communicate(text, timeout=seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        _limits.silent = f"{name}, which did not answer,"
        raise Silent(
            f"{name} did not answer within {seconds:.3g} s and was ended. Try it by hand on this host: another {name} "
            "at work or a busy disk may keep it. Then run again"
        ) from None
    except BaseException:
        _end(process)
        raise
    return Done(process.returncode, out, err)


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired, OSError, ValueError):
        process.communicate(timeout=_TO_DIE)
