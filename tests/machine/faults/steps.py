# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on a machine, ended or stopped by itself at one of its steps.

Every Python of the machine reads this at its start, and looks whether there is an order for it. A step is what writes,
or starts a program that may: each is a place at which another state of the host is left behind."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass

from lab.machine import Machine
from machine.faults.shell import ETC, LIB, RUN
from machine.helpers.playbooks import finished

_FOLDER = "/run/steps"
_PACKAGES = "/usr/lib/python3/dist-packages"
_HOOK = r"""
import os, signal, sys

FOLDER = "/run/steps"
# These look only.
READS = (("nft", "-j"), ("nft", "-s"), ("nft", "-c"), ("ip", "-j"), ("unshare", "--net"))
ASKS = ("is-active", "is-enabled", "show")

def text_of(event, given):
    if event == "open":
        path, mode, flags = given
        # What has a number already was opened by a step before.
        writes = isinstance(path, str) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        return "write %s" % path if writes and not path.startswith(("/dev/", "/proc/")) else ""
    if event == "subprocess.Popen":
        words = [str(word) for word in given[1]]
        words[0] = os.path.basename(words[0])
        reads = tuple(words[:2]) in READS or (words[0] == "systemctl" and set(ASKS) & set(words))
        return "" if reads else "start " + " ".join(words)[:60]
    if event == "os.remove" and not os.path.lexists(given[0]):
        return ""
    if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir"):
        return "%s %s" % (event[3:], given[0])
    return "fork" if event == "os.fork" else ""

def within(operation):
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_name == operation and code.co_filename.endswith("module_utils/linux/apply.py"):
            return True
        frame = frame.f_back
    return False

def arm():
    try:
        with open(FOLDER + "/order") as file:
            operation, wanted, action = file.read().split()
    except (OSError, ValueError):
        return
    this, step, busy = os.getpid(), 0, False

    def see(event, given):
        nonlocal step, busy
        if busy or os.getpid() != this:
            return
        text = text_of(event, given)
        if not text or not within(operation):
            return
        busy = True
        with open(FOLDER + "/steps", "a") as file:
            print(text.replace(str(this), "PID").replace("\n", " "), file=file)
        if step == int(wanted):
            os.unlink(FOLDER + "/order")
            with open(FOLDER + "/reached.new", "w") as file:
                print(this, file=file)
            os.rename(FOLDER + "/reached.new", FOLDER + "/reached")
            os.kill(this, getattr(signal, "SIG" + action))
        step += 1
        busy = False

    sys.addaudithook(see)

arm()
"""
_NEVER = 10_000


@dataclass(frozen=True)
class Steps:
    machine: Machine

    def install(self) -> None:
        self.machine.write(f"{_PACKAGES}/portbook_steps.py", _HOOK)
        self.machine.write(f"{_PACKAGES}/portbook_steps.pth", "import portbook_steps\n")

    def order(self, operation: str, step: int, signal: str) -> None:
        """For the next module that comes to that step of the operation: `apply`, or `confirm`."""
        self.forget()
        self.machine.run("mkdir", "-p", _FOLDER)
        self.machine.write(f"{_FOLDER}/order", f"{operation} {step} {signal}\n")

    def count(self, operation: str) -> None:
        self.order(operation, _NEVER, "KILL")

    def counted(self) -> list[str]:
        lines = self.machine.run("cat", f"{_FOLDER}/steps").splitlines()
        self.forget()
        return [_plain(line) for line in lines]

    def reached(self, run: subprocess.Popen[str], seconds: float) -> int:
        """The number that the module's process has on the machine."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            told = self.machine.run("cat", f"{_FOLDER}/reached", check=False).strip()
            if told:
                return int(told)
            if run.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"the module did not come to that step, and the run {_end_of(run)}")

    def forget(self) -> None:
        self.machine.run("rm", "-rf", _FOLDER)


def _end_of(run: subprocess.Popen[str]) -> str:
    return "goes on" if run.poll() is None else f"ended: {finished(run).words[-600:]}"


def _plain(text: str) -> str:
    """Without what differs from run to run, and short."""
    text = re.sub(r"\.PID\b|\b[0-9a-f]{16,}\b", "", text)
    text = text.replace(LIB, "LIB").replace(RUN, "RUN").replace(ETC, "ETC")
    return re.sub(r" (--quiet|-c 'echo.*|--collect.*)", "", text)
