# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's firewalld, as its administrator sees it."""

from __future__ import annotations

from dataclasses import dataclass

from lab.laboratory import Laboratory

_FILES = "cd /etc/firewalld && find policies ipsets services zones -type f | sort | xargs -r tail -n +1"


@dataclass(frozen=True)
class Daemon:
    machine: Laboratory

    def cmd(self, *words: str, check: bool = True) -> str:
        return self.machine.run("firewall-cmd", *words, check=check).strip()

    def rules(self, *options: str) -> list[str]:
        """Rich rules of our policy, at runtime or --permanent."""
        return sorted(self.cmd(*options, "--policy=portbook_in", "--list-rich-rules").splitlines())

    def policies(self, *options: str) -> list[str]:
        return self.cmd(*options, "--get-policies").split()

    def ipsets(self, *options: str) -> dict[str, list[str]]:
        names = self.cmd(*options, "--get-ipsets").split()
        return {name: sorted(self.cmd(*options, f"--ipset={name}", "--get-entries").split()) for name in names}

    def files(self) -> str:
        """All of the permanent configuration that is not the distribution's."""
        return self.machine.run("sh", "-c", _FILES)

    def reloads(self) -> int:
        """How often it was reloaded since it started, as its chains are made again each time."""
        return int(self.machine.run("sh", "-c", "journalctl -u firewalld -o cat | grep -c reload || true"))
