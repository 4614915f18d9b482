# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd takes a change back: a timer and a service that need nothing of this collection any more once they are there.

The service tries until it succeeds, whatever ends one of its attempts, and whatever became of files and of Python."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from shlex import quote
from typing import List, Sequence

from . import programs

NAME = "portbook-way-back"
TIMER, SERVICE = f"{NAME}.timer", f"{NAME}.service"
TRANSIENT = "/run/systemd/transient"
"""Where systemd keeps units that were made at run time, for as long as it knows them."""
_ATTEMPT = 60
"""Seconds; each program of an attempt has `programs.SECONDS`."""
_AT_REST = {"inactive", "failed"}

# The notes say who has decided. What is in /run may be missing, so this is no file: systemd has it.
_SCRIPT = """
limited() {{ timeout -s KILL {seconds} "$@" </dev/null; }}
patient() {{ timeout -s KILL {patience} "$@" </dev/null; }}
load_back() {{ [ -s {back} ] && {load_back}; }}
load_kept() {{ [ -s {kept} ] && {load_kept}; }}
take_back() {{
    for attempt in 1 2 3 4 5 6; do
        load_back && return
        [ -s {back} ] && sleep 0.5
    done
    load_back || load_kept || {remove}
}}
for note in {decided}; do mv -f "$note" {taking_back}; done 2>/dev/null
take_back || exit 1
rm -f {drafts}
{units}
limited systemctl --quiet stop {timer} 2>/dev/null
rm -rf {notes}
rmdir {folder} 2>/dev/null
echo 'A change was not confirmed in time. It was taken back.'
"""


@dataclass(frozen=True)
class Files:
    """Paths that the script checks."""

    back: str
    kept: str
    decided: Sequence[str]
    """Notes, of which there is one until somebody has decided."""
    taking_back: str
    drafts: Sequence[str]


@dataclass(frozen=True)
class Commands:
    """Of an engine, as words."""

    loads: Sequence[Sequence[str]]
    """That load what was there, and what a start of the host would."""
    remove: Sequence[str]
    """Removes what this collection has, for the case that both are refused."""
    seconds: float
    """That each of them may take."""


def script(notes: str, folder: str, files: Files, commands: Commands, units: List[str]) -> str:
    load_back, load_kept = (f"patient {_line(one)}" for one in commands.loads)
    return _SCRIPT.format(
        seconds=int(programs.SECONDS),
        back=quote(files.back),
        kept=quote(files.kept),
        load_back=load_back,
        load_kept=load_kept,
        remove=f"patient {_line(commands.remove)}",
        patience=int(commands.seconds),
        decided=_line(files.decided),
        taking_back=quote(files.taking_back),
        drafts=_line(files.drafts),
        units="\n".join(units),
        timer=TIMER,
        notes=quote(notes),
        folder=quote(folder),
    )


def _line(words: Sequence[str]) -> str:
    return " ".join(map(quote, words))


def command(text: str, seconds: float) -> List[str]:
    """Monotonic time alone decides: nobody sets that clock. The kinds of service that know more of the start of their
    program need a systemd of 240, and gain nothing here."""
    return [
        *("systemd-run", "--quiet", "--collect", f"--unit={NAME}", "--description=Take back a change of portbook"),
        # A service that somebody stops is started again, too: only its script stops the timer.
        *(f"--on-active={max(seconds, 0.1):.3f}", "--on-unit-inactive=1", "--timer-property=AccuracySec=100ms"),
        *("--property=Type=simple", "--property=DefaultDependencies=no"),
        *("--property=Restart=on-failure", "--property=RestartSec=1", "--property=StartLimitIntervalSec=0"),
        *(f"--property=RuntimeMaxSec={_ATTEMPT}", "/bin/sh", "-c", f"echo {_plain(text)} | base64 -d | /bin/sh"),
    ]


def _plain(text: str) -> str:
    """A systemd that reads its units again (252 does, for one) finds other words than it was given, if there are
    semicolons, dollars or quotes in them."""
    return base64.b64encode(text.encode()).decode()


def start(text: str, seconds: float) -> str:
    """What is wrong; empty if the timer runs."""
    try:
        done = programs.run(command(text, seconds))
    except programs.Silent:
        raise
    except OSError as error:
        return f"systemd-run cannot be started: {error.strerror}"
    return f"systemd-run failed: {done.err.strip()}" if done.code else ""


def stop() -> bool:
    """Whether nothing takes a change back from here on. A service that is at work is left alone."""
    programs.run(["systemctl", "--quiet", "stop", TIMER])
    return not at_work()


def at_work() -> bool:
    if not any(os.path.lexists(f"{TRANSIENT}/{name}") for name in (TIMER, SERVICE)):
        return False
    done = programs.run(["systemctl", "show", "--property=ActiveState", "--value", TIMER, SERVICE])
    states = set(done.out.split())
    return bool(done.code or not states <= _AT_REST)
