# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine after another: each break begins from a state that was looked at, whatever the one before has left."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import keys
from lab.laboratory import Laboratory, Spec
from lab.machine import Machine
from machine.faults.model import HOLD, LONG_HOLD
from machine.faults.steps import Steps
from machine.faults.watch import Watch
from machine.helpers.playbooks import HOST, Operator, finished

_TOOLS = "/opt/look"
"""Copies of programs that a break may hit, to look with; under another name, if those are killed by it."""
_BESIDE = """#!/usr/sbin/nft -f
flush ruleset
table ip beside {
  set friends { type ipv4_addr; flags interval; elements = { 198.51.100.0/24, 203.0.113.9 } }
  chain input { type filter hook input priority 10; policy accept; ip saddr @friends tcp dport 9999 counter accept; }
}
table inet beside6 {
  chain leaving { type filter hook output priority 5; policy accept; tcp dport 9 counter drop; }
}
"""
_LOOK = f"""
folders='/var/lib/portbook /run/portbook'
units='/etc/systemd/system/*portbook* /etc/systemd/system/*/*portbook*'
find $folders $units -printf '%p %y %m %l\\n' 2>/dev/null | sort
find $folders $units -type f -exec sh -c 'for one; do sed "s|^|$one: |" "$one"; echo; done' sh {{}} + 2>/dev/null
{_TOOLS}/systemctl list-units --all --no-legend --plain 'portbook*' | tr -s ' ' | cut -d ' ' -f 1-4 \\
    | grep -v '^portbook-firewall.service loaded \\(in\\)\\?active'
find /etc /var/lib/systemd /usr/lib/systemd -name '*portbook*' | sort
"""


@dataclass(frozen=True)
class Base:
    """What a machine has, and what its operator says of it, before something breaks."""

    name: str
    variables: dict[str, Any] = field(default_factory=dict)
    hidden: bool = False
    """The machine does not see from where its operator comes."""
    applied: bool = True

    def strict(self, **more: Any) -> dict[str, Any]:
        return {**self.variables, "portbook_posture": "strict", **more}


_WRONG = {"portbook_management": ["203.0.113.7"], "portbook_management_ports": [22], "portbook_confirm_timeout": HOLD}
CUT = Base("to be cut", _WRONG, hidden=True)
CUT_RESTORED = Base("to be cut, restored after a flush", {**_WRONG, "portbook_restore_after_flush": True}, hidden=True)
PLAIN = Base("applied", {"portbook_confirm_timeout": LONG_HOLD})
RESTORED = Base("restored after a flush", {**PLAIN.variables, "portbook_restore_after_flush": True})
BARE = Base("never applied", {"portbook_confirm_timeout": HOLD}, applied=False)


@dataclass(frozen=True)
class State:
    table: str
    files: str
    beside: str

    @property
    def kept(self) -> str:
        """Less what is there while a change waits, or was left by one that was killed."""
        waits = ("portbook-way-back", ".next", "/run/portbook")
        lines = (line for line in self.files.splitlines() if line and not any(word in line for word in waits))
        return "\n".join(sorted(lines))


class Bench:
    def __init__(self, root: Path, key: Path, folder: Path) -> None:
        self._root, self._key, self._folder = root, key, folder
        self._base: Base | None = None
        self._open: Laboratory | None = None
        self._watch: Watch | None = None
        self._count = 0

    # -- from break to break ------------------------------------------------------------------------

    def ready(self, base: Base) -> None:
        if self._base is not base or not self._is_clean():
            self.close()
            self._start(base)
        self.operator.inventory(**base.variables)

    def _is_clean(self) -> bool:
        try:
            return self.state() == self.clean and self.machine.answers_ssh(2)
        except (AssertionError, OSError, LookupError, subprocess.SubprocessError):
            return False

    def _start(self, base: Base) -> None:
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir(parents=True)
        self._open = self._raised(folder / "machine.log")
        machine = self.machine
        machine.run(
            "sh", "-c", f'mkdir {_TOOLS} && cp "$(command -v systemctl)" {_TOOLS}/ && cp /usr/sbin/nft {_TOOLS}/tables'
        )
        machine.write("/etc/nftables.conf", _BESIDE, "755")
        machine.run("systemctl", "--quiet", "enable", "--now", "nftables")
        self.steps = Steps(machine)
        self.steps.install()
        if base.hidden:
            _hide(machine)
        self._watch = Watch(machine)
        self.operator = self.another("operator")
        self.operator.inventory(**base.variables)
        if base.applied:
            self.operator.run().ok(changed=True)
        self.clean = self.state()
        self._base = base

    def _raised(self, log: Path) -> Laboratory:
        """A busy computer may be slow to start a machine, which says nothing of what is to be broken on it."""
        public = self._key.with_suffix(".pub").read_text()
        for attempt in (1, 2, 3):
            try:
                return Laboratory([Spec(HOST, self._root)], public, log).__enter__()
            except RuntimeError:
                if attempt == 3:
                    raise
        raise AssertionError

    def another(self, name: str) -> Operator:
        folder = self._folder / str(self._count) / name
        folder.mkdir()
        known = keys.known_host(self._root, self.machine.address)
        operator = Operator(folder, self.machine, self._key, known)
        # A connection whose packets are dropped fails sooner than after the usual ten seconds; programs have longer.
        operator.environment["ANSIBLE_TIMEOUT"] = "30"
        operator.environment["ANSIBLE_SSH_ARGS"] += " -o ConnectTimeout=4"
        # Short, since a socket's path has 107 characters at most.
        operator.environment["ANSIBLE_SSH_CONTROL_PATH_DIR"] = f"/run/laboratory/{self._count}-{name}"
        return operator

    def rebase(self) -> None:
        """The same table as before, confirmed at another time."""
        now = self.state()
        assert now.table == self.clean.table, "the table is not what it was at first"
        tidy(now)
        self.clean = now

    def close(self) -> None:
        watch, laboratory = self._watch, self._open
        self._base = self._open = self._watch = None
        if watch is not None:
            watch.close()
        if laboratory is not None:
            laboratory.close()

    @property
    def machine(self) -> Machine:
        assert self._open is not None
        return self._open.machines[HOST]

    @property
    def watch(self) -> Watch:
        assert self._watch is not None
        return self._watch

    # -- looking ------------------------------------------------------------------------------------

    def table(self) -> str:
        return self.machine.run(f"{_TOOLS}/tables", "--stateless", "list", "table", "inet", "portbook", check=False)

    def state(self) -> State:
        tables = "; ".join(f"{_TOOLS}/tables -s -a list table {name} 2>&1" for name in ("ip beside", "inet beside6"))
        beside = self.machine.run("sh", "-c", f"{tables}; true")
        return State(self.table(), self.machine.run("sh", "-c", _LOOK), beside)

    def waits(self) -> bool:
        """Whether systemd still would take something back, or does."""
        names = ("portbook-way-back.timer", "portbook-way-back.service")
        told = self.machine.run(f"{_TOOLS}/systemctl", "show", "--property=ActiveState", "--value", *names, check=False)
        return not set(told.split()) <= {"inactive", "failed"}

    def until_held(self, process: subprocess.Popen[str], seconds: float) -> float:
        """When the rules are there, and the change waits."""
        end = time.monotonic() + seconds
        while not self.machine.succeeds("grep", "-qs", "token", "/var/lib/portbook/state.json.next"):
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"no change was held: {finished(process).output[-600:]}")
            time.sleep(0.05)
        return time.monotonic()

    def until_nothing_waits(self, end: float) -> None:
        while self.waits() and time.monotonic() < end:
            time.sleep(0.1)

    # -- the controller -----------------------------------------------------------------------------

    def processes(self, operator: Operator, entered: bool = False) -> list[int]:
        """All that belong to its runs: workers and connections have sessions of their own."""
        wanted = f"ANSIBLE_CONFIG={operator.folder / 'ansible.cfg'}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                # What has entered the lab stops and ends with what it has started, but is not woken with it.
                if (entry / "comm").read_text() == "nsenter\n" and not entered:
                    continue
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
        return sorted(found)

    def signal_all(self, operator: Operator, number: signal.Signals) -> None:
        for process in self.processes(operator, entered=number == signal.SIGCONT):
            try:
                os.kill(process, number)
            except ProcessLookupError:
                continue


def leftovers(state: State) -> list[str]:
    kept = ("state.json", "table.nft", "restore.sh")
    paths = [line.split()[0].rstrip(":") for line in state.files.splitlines() if line.startswith("/")]
    lines = sorted({path for path in paths if path.startswith(("/var/lib/portbook/", "/run/"))})
    left = [path for path in lines if not path.endswith(tuple(f"/{name}" for name in kept))]
    return left + [line for line in state.files.splitlines() if "portbook-way-back" in line or " failed " in line]


def differing(before: str, now: str) -> str:
    """Lines that only one of them has."""
    return "; ".join(sorted(set(before.splitlines()) ^ set(now.splitlines())))[:600]


def same_files(before: State, after: State) -> None:
    assert after.kept == before.kept, f"files are not bit for bit what they were: {differing(before.kept, after.kept)}"


def tidy(state: State) -> None:
    left = leftovers(state)
    assert not left, f"something is left behind: {left}"


def _hide(machine: Machine) -> None:
    """As under a remote shell that tells nothing of where its user is."""
    shell = '#!/bin/sh\nexec env -u SSH_CONNECTION -u SSH_CLIENT sh -c "$SSH_ORIGINAL_COMMAND"\n'
    machine.write("/usr/local/bin/quiet-shell", shell, "755")
    machine.run("sed", "-i", 's|^|command="/usr/local/bin/quiet-shell" |', "/root/.ssh/authorized_keys")
