# SPDX-License-Identifier: GPL-3.0-or-later
"""A laboratory that stays until it is taken down: for Molecule, and to try things by hand."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from needs import needs_of_machine

from lab import groups, keys, network, pipe, roots
from lab.laboratory import Laboratory, Place, Spec, entry

FOLDER = roots.CHECKOUT / "build" / "lab"
NOTE = "lab.json"
INVENTORY = "hosts.yml"
LOG = "machines.log"
_SECONDS_TO_END = 20.0


class LabError(Exception):
    """With what to do about it."""


@dataclass(frozen=True)
class Asked:
    """A machine by what is typed for it: siem, siem=trixie or siem=bookworm+docker."""

    name: str
    suite: str
    features: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> Asked:
        name, _is, rest = text.partition("=")
        suite, *features = (rest or roots.SUITE).split("+")
        unknown = sorted(set(features) - set(roots.FEATURES))
        if unknown:
            raise LabError(f"{text}: no such feature: {', '.join(unknown)}; there are: {', '.join(roots.FEATURES)}")
        if suite not in roots.SUITES:
            raise LabError(f"{text}: no such Debian: {suite}; there are: {', '.join(roots.SUITES)}")
        return cls(name, suite, tuple(features))

    def spec(self) -> Spec:
        try:
            return Spec(self.name, roots.ready(*self.features, suite=self.suite), "docker" in self.features)
        except ValueError as error:
            raise LabError(str(error)) from error


def up(asked: Sequence[Asked], folder: Path = FOLDER) -> Place:
    lacking = needs_of_machine()
    if lacking:
        raise LabError(f"a lab needs {lacking}")
    if holder(folder) is not None:
        raise LabError(f"a lab is up already ({folder}). Take it down first: make lab-down")
    if len({one.name for one in asked}) < len(asked):
        raise LabError("two machines have one name; give each its own")
    specs = [one.spec() for one in asked]
    # What one that was ended by force has left.
    down(folder)
    folder.mkdir(parents=True, mode=0o700)
    key = keys.make(folder / "key", "lab")
    name = f"lab-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    laboratory = Laboratory(specs, key.with_suffix(".pub").read_text(), folder / LOG, stays_as=name)
    try:
        note = {
            "process": laboratory.process,
            "started": _started(laboratory.process),
            "machines": list(laboratory.machines),
            "groups": [str(one) for one in laboratory.groups.folders],
        }
        (folder / NOTE).write_text(json.dumps(note, indent=1) + "\n")
        laboratory.wait()
        _describe(folder, laboratory, specs)
    except BaseException:
        laboratory.close()
        shutil.rmtree(folder)
        raise
    return laboratory


def attached(folder: Path = FOLDER) -> Place:
    """The lab that is up."""
    process = holder(folder)
    if process is None:
        raise LabError(f"no lab is up ({folder}). Raise one first: make lab")
    return Place(process, _note(folder)["machines"], folder / LOG)


def down(folder: Path = FOLDER) -> bool:
    """Whether there was one."""
    process = holder(folder)
    note = _note(folder)
    if process is not None:
        os.kill(process, signal.SIGKILL)
        end = time.monotonic() + _SECONDS_TO_END
        while holder(folder) is not None:
            if time.monotonic() > end:
                raise LabError(f"process {process}, which holds the lab, does not end. Look at it: ps {process}")
            time.sleep(0.05)
    for group in note.get("groups", []):
        groups.remove(Path(group))
    shutil.rmtree(folder, ignore_errors=True)
    return process is not None


def holder(folder: Path = FOLDER) -> int | None:
    """The process that holds the lab, if there is one."""
    note = _note(folder)
    process = note.get("process")
    return process if process is not None and _started(process) == note["started"] else None


def _note(folder: Path) -> dict[str, Any]:
    with suppress(OSError):
        note: dict[str, Any] = json.loads((folder / NOTE).read_text())
        return note
    return {}


def _started(process: int) -> str:
    """When, in the kernel's ticks: a later process of that number has another; none, if it is only to be reaped."""
    with suppress(OSError):
        state, *fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return "" if state == "Z" else fields[18]
    return ""


# -- what is written for those who use it ---------------------------------------------------------------


def _describe(folder: Path, laboratory: Laboratory, specs: Sequence[Spec]) -> None:
    outside = " ".join(shlex.quote(word) for word in entry(laboratory.process))
    _script(folder / "outside", f'exec {outside} --wdns="$PWD" "$@"')
    _script(folder / "ssh", f'exec ssh -F {shlex.quote(str(folder / "ssh_config"))} "$@"')
    tests = shlex.quote(str(Path(__file__).parents[1]))
    for name in ("listen", "reach"):
        lab = f"{shlex.quote(sys.executable)} -m lab {name} --folder {shlex.quote(str(folder))}"
        _script(folder / name, f'PYTHONPATH={tests} exec {lab} "$@"')
    known, config, hosts = [], [], {}
    for spec, machine in zip(specs, laboratory.machines.values(), strict=True):
        known.append(keys.known_host(spec.root, machine.name, machine.address, machine.address6))
        config.append(f"Host {machine.name}\n    HostName {machine.address}\n")
        hosts[machine.name] = {
            "ansible_host": machine.address,
            "ansible_user": "root",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_common_args": f"-F {shlex.quote(str(folder / 'ssh_config'))}",
        }
    (folder / "known_hosts").write_text("".join(known))
    proxy = f"{outside} {shlex.quote(sys.executable)} -I {shlex.quote(pipe.__file__)} %h %p"
    options = {
        "User": "root",
        "IdentitiesOnly": "yes",
        "IdentityFile": f'"{folder / "key"}"',
        "UserKnownHostsFile": f'"{folder / "known_hosts"}"',
        "BatchMode": "yes",
        "ProxyCommand": proxy,
    }
    lines = ["Host *", *(f"    {name} {value}" for name, value in options.items())]
    (folder / "ssh_config").write_text("".join(config) + "\n".join(lines) + "\n")
    (folder / INVENTORY).write_text(yaml.safe_dump({"lab": {"hosts": hosts}}, sort_keys=False))


def _script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def described(folder: Path, lab: Place) -> str:
    """For somebody who has just raised it."""
    where = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    first = next(iter(lab.machines))
    rows = [("outside", "controller", network.CONTROLLER, network.CONTROLLER6)]
    rows += [("", "a peer", network.PEER, network.PEER6), ("", "a stranger", network.STRANGER, network.STRANGER6)]
    for machine in lab.machines.values():
        rows.append((machine.name, "the machine", machine.address, machine.address6))
        rows.append(("", "its neighbour", machine.neighbour, machine.neighbour6))
    table = "\n".join(f"  {place:<13}{who:<15}{v4:<16}{v6}" for place, who, v4, v6 in rows)
    return f"""{table}

  ansible-playbook -i {where / INVENTORY} -i YOUR-GROUPS.yml portbook.firewall.site
  {where / "ssh"} {first}
  {where / "listen"} {first} 9000
  {where / "reach"} {network.STRANGER} {first} 9000
  {where / "outside"} COMMAND
  make lab-down"""
