# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One text for both: what nft loads, and in comments, which nft does not read, files of firewalld's and what a way back
does besides. So one file is kept for the next start of the host, and a shell can read it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Tuple

FILE, LINE, COMMAND, RELOAD = "#+ ", "#| ", "#! ", "#* reload"


@dataclass(frozen=True)
class Text:
    ruleset: str
    files: Dict[str, str] = field(default_factory=dict)
    """By their paths below firewalld's folder."""
    commands: Tuple[str, ...] = ()
    """Arguments of firewall-cmd, quoted for a shell."""
    back: bool = False
    """Whether it is what a change goes back to."""
    reload: bool = False

    def __str__(self) -> str:
        lines: List[str] = []
        for path, content in sorted(self.files.items()):
            lines.append(f"{FILE}{path}")
            lines += [f"{LINE}{line}" for line in content.splitlines()]
        lines += [RELOAD] if self.reload else []
        lines += [f"{COMMAND}{one}" for one in self.commands]
        lines += [f"{COMMAND}--state"] if self.back and not self.commands else []
        return self.ruleset + "".join(f"{line}\n" for line in lines)


def parsed(text: str) -> Text:
    ruleset: List[str] = []
    files: Dict[str, List[str]] = {}
    commands: List[str] = []
    path, reload = "", False
    for line in text.splitlines():
        if line.startswith(FILE):
            path = line[len(FILE) :]
            files[path] = []
        elif line.startswith(LINE) and path:
            files[path].append(line[len(LINE) :])
        elif line.startswith(COMMAND):
            commands.append(line[len(COMMAND) :])
        elif line == RELOAD:
            reload = True
        else:
            ruleset.append(line)
    return Text(
        "".join(f"{line}\n" for line in ruleset),
        {name: "".join(f"{line}\n" for line in lines) for name, lines in files.items()},
        tuple(commands),
        bool(commands) or reload,
        reload,
    )
