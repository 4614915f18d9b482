# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's firewalld, as its administrator sees it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from lab.machine import Machine

# While a change is rolled back, files go between the list and the reading; who waits for that reads again.
_FILES = (
    "cd /etc/firewalld && find policies ipsets services zones -name '*.xml' | sort"
    " | xargs -r tail -v -n +1 2>/dev/null || true"
)


@dataclass(frozen=True)
class Daemon:
    machine: Machine

    def cmd(self, *words: str, check: bool = True) -> str:
        return self.machine.run("firewall-cmd", *words, check=check).strip()

    def start(self) -> None:
        """Now, and with the machine."""
        self.machine.run("systemctl", "--quiet", "enable", "--now", "firewalld")
        self.wait()

    def wait(self) -> None:
        """systemd takes it for started before its rules are there."""
        end = time.monotonic() + 30
        while self.cmd("--state", check=False) != "running" and time.monotonic() < end:
            time.sleep(0.1)
        assert self.cmd("--state") == "running"

    def rules(self, *options: str) -> list[str]:
        """Rich rules of our policy, at runtime or --permanent."""
        return sorted(self.cmd(*options, "--policy=portbook_in", "--list-rich-rules", check=False).splitlines())

    def policies(self, *options: str) -> list[str]:
        return self.cmd(*options, "--get-policies").split()

    def ipsets(self, *options: str) -> dict[str, list[str]]:
        """None where it does not run."""
        names = self.cmd(*options, "--get-ipsets", check=False).split()
        asked = {name: self.cmd(*options, f"--ipset={name}", "--get-entries", check=False) for name in names}
        return {name: sorted(entries.split()) for name, entries in asked.items()}

    def files(self) -> dict[str, list[str]]:
        """The permanent configuration that is not the distribution's; the order of rules means nothing."""
        texts = self.machine.run("sh", "-c", _FILES).split("==> ")[1:]
        parts = (text.partition(" <==\n") for text in texts)
        return {path: sorted(filter(None, map(str.strip, text.splitlines()))) for path, _mark, text in parts}

    def generation(self) -> str:
        """Another one after each reload: its chains are made again."""
        return self.machine.run("nft", "-a", "list", "chain", "inet", "firewalld", "filter_INPUT")
