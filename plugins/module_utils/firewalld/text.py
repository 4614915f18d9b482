# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One text for both: what nft loads, and in comments, which nft does not read, files of firewalld's and what a way back
does besides. So one file is kept for the next start of the host, and a shell can read it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Tuple

_FILE, _LINE, _COMMAND, _WAY = "#+ ", "#| ", "#! ", "#* "
COMMANDS, RELOAD, FILES_ONLY = "commands", "reload", "files"
"""Ways back: what was done at runtime is undone there; or firewalld begins again with its files; or it does not run."""


@dataclass(frozen=True)
class Text:
    ruleset: str
    files: Dict[str, str] = field(default_factory=dict)
    """By their paths below firewalld's folder."""
    commands: Tuple[str, ...] = ()
    """Arguments of firewall-cmd, quoted for a shell."""
    way: str = ""
    """Of a text that a change goes back to."""

    def __str__(self) -> str:
        lines: List[str] = []
        for path, content in sorted(self.files.items()):
            lines.append(f"{_FILE}{path}")
            lines += [f"{_LINE}{line}" for line in content.splitlines()]
        lines += [f"{_WAY}{self.way}"] if self.way else []
        lines += [f"{_COMMAND}{one}" for one in self.commands]
        return self.ruleset + "".join(f"{line}\n" for line in lines)


def parsed(text: str) -> Text:
    ruleset: List[str] = []
    files: Dict[str, List[str]] = {}
    commands: List[str] = []
    path = way = ""
    for line in text.splitlines():
        if line.startswith(_FILE):
            path = line[len(_FILE) :]
            files[path] = []
        elif line.startswith(_LINE) and path:
            files[path].append(line[len(_LINE) :])
        elif line.startswith(_COMMAND):
            commands.append(line[len(_COMMAND) :])
        elif line.startswith(_WAY):
            way = line[len(_WAY) :]
        else:
            ruleset.append(line)
    return Text(
        "".join(f"{line}\n" for line in ruleset),
        {name: "".join(f"{line}\n" for line in lines) for name, lines in files.items()},
        tuple(commands),
        way,
    )
