# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator outside the machine: an inventory, a key, and the real ansible-playbook over real ssh."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lab.laboratory import entry
from lab.machine import Machine
from lab.network import PEER
from playbook_runs import words_of

BIN = Path(sys.executable).parent
SITE, REMOVE = "portbook.firewall.site", "portbook.firewall.remove"
TIMEOUT = 120
HOST = "siem"
HELD = 15
"""Seconds that a change waits which nobody will confirm."""
CONFIRMED = 60
"""Seconds that any other may wait: on a busy computer a login takes long."""


@dataclass(frozen=True)
class Run:
    rc: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return f"{self.stdout}\n{self.stderr}"

    @cached_property
    def words(self) -> str:
        """All that was printed with single spaces, for Ansible breaks lines where it likes."""
        return words_of(self.output)

    @cached_property
    def recap(self) -> dict[str, int]:
        found = re.search(rf"^{HOST}\s+: (ok=.*)$", self.stdout, re.MULTILINE)
        assert found, self.output
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", found[1])}

    def ok(self, changed: bool | None = None) -> Run:
        assert self.rc == 0, self.output
        assert changed in (None, self.recap["changed"] == 1), self.output
        return self

    def failed(self) -> Run:
        assert self.rc != 0, self.output
        return self


class Operator:
    def __init__(self, folder: Path, machine: Machine, key: Path, known_hosts: str) -> None:
        self.folder = folder
        self._machine = machine
        (folder / "home").mkdir()
        (folder / "known_hosts").write_text(known_hosts)
        (folder / "ansible.cfg").write_text("[defaults]\n")
        self.environment = {
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(folder / "home"),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": "/run/laboratory/ssh",
            # The connection is kept, so that confirming over a new one takes more than asking again.
            "ANSIBLE_SSH_ARGS": "-F none -o ControlMaster=auto -o ControlPersist=120s -o BatchMode=yes "
            f"-o IdentitiesOnly=yes -o IdentityFile={key} -o UserKnownHostsFile={folder / 'known_hosts'}",
        }
        self.inventory()

    def inventory(self, **variables: Any) -> None:
        """A SIEM whose agent is the peer; the variables are the host's."""
        host = {
            "ansible_host": self._machine.address,
            "ansible_user": "root",
            "ansible_python_interpreter": "/usr/bin/python3",
            "portbook_confirm_timeout": CONFIRMED,
            **variables,
        }
        peers = {"utmstack_agent": [PEER], "utmstack_probe": ["192.0.2.4"]}
        content = {
            "all": {
                "vars": {"portbook_peers": peers},
                "children": {"utmstack_master": {"hosts": {HOST: host}}},
            }
        }
        (self.folder / "hosts.yml").write_text(json.dumps(content, indent=1))

    def ssh(self, script: str) -> None:
        """In place of ssh; it has the real one as $SSH."""
        path = self.folder / "ssh"
        path.write_text(f"#!/bin/sh\nSSH=/usr/bin/ssh\n{script}\n")
        path.chmod(0o755)
        self.environment["ANSIBLE_SSH_EXECUTABLE"] = str(path)

    def run(self, playbook: str = SITE, *options: str, **extra: Any) -> Run:
        return finished(self.start(playbook, *options, **extra))

    def start(self, playbook: str = SITE, *options: str, **extra: Any) -> subprocess.Popen[str]:
        given = ["-e", json.dumps(extra)] if extra else []
        return subprocess.Popen(
            [
                *entry(self._machine.laboratory.process),
                f"--wd={self.folder}",
                str(BIN / "ansible-playbook"),
                *(playbook, "-i", "hosts.yml", *given, *options),
            ],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def finished(process: subprocess.Popen[str]) -> Run:
    try:
        stdout, stderr = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Run(process.returncode, stdout, stderr)
