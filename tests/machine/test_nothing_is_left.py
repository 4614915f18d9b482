# SPDX-License-Identifier: GPL-3.0-or-later
"""A laboratory leaves nothing on the machine that the tests run on, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab import groups, laboratory
from lab.keeper import PLACE
from lab.laboratory import Laboratory, Spec

pytestmark = pytest.mark.once

_OPENS = """
import sys, time
from pathlib import Path
from lab import laboratory
laboratory.interrupt_on_term()
with laboratory.Laboratory([laboratory.Spec("siem", Path(sys.argv[1]))], "", Path(sys.argv[2])):
    print("open", flush=True)
    time.sleep(60)
"""


def traces() -> list[str]:
    """What a laboratory mounts and calls its networks, as everybody on this machine would see it."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    networks = [Path("/sys/class/net/outside"), Path("/sys/class/net/host0"), Path("/run/netns/router")]
    return [line for line in mounts if str(PLACE) in line] + [str(one) for one in networks if one.exists()]


def processes_of(log: Path) -> list[str]:
    """Whoever still has the log open: all that a laboratory starts."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(one.readlink() == log for one in (process / "fd").iterdir()):
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    "end", [signal.SIGKILL, *(pytest.param(one, marks=pytest.mark.more) for one in (signal.SIGINT, signal.SIGTERM))]
)
def test_nothing_is_left_when_the_tests_are_ended(root: Path, tmp_path: Path, end: signal.Signals) -> None:
    log = tmp_path / "machine.log"
    tests = Path(laboratory.__file__).parents[1]
    opener = subprocess.Popen(
        [sys.executable, "-c", _OPENS, str(root), str(log)],
        env={**os.environ, "PYTHONPATH": str(tests)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert opener.stdout is not None
    assert opener.stdout.readline() == b"open\n"
    assert traces() == []
    assert processes_of(log)
    opener.send_signal(end)
    opener.communicate()
    deadline = time.monotonic() + 10
    while processes_of(log) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(log) == []
    assert traces() == []
    if end == signal.SIGKILL:
        # Empty folders, which nobody could take away; the next run does.
        groups.sweep()
    assert groups.groups_of(opener.pid) == []


def test_nothing_is_left_when_a_test_fails(root: Path, tmp_path: Path) -> None:
    log = tmp_path / "machine.log"
    with pytest.raises(ZeroDivisionError), Laboratory([Spec("siem", root)], "", log):
        raise ZeroDivisionError
    assert processes_of(log) == []
    assert traces() == []
