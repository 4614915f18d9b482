# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of a host, as systemd has them: whether they are at work, and whether they start with the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, List

from . import programs

_ASKED = ("Id", "LoadState", "ActiveState", "UnitFileState")


@dataclass(frozen=True)
class Service:
    name: str
    active: str
    """As systemctl says it: active, inactive, failed, activating, ..."""
    enabled: str
    """enabled, disabled, static, masked, ...; empty where systemd does not say."""


def states(names: Iterable[str]) -> List[Service]:
    """Of those that are installed, or masked; raises OSError if systemd cannot be asked."""
    units = [f"{name}.service" for name in names]
    asked = [f"--property={','.join(_ASKED)}", "--no-pager"]
    return parsed(programs.run(["systemctl", "show", *asked, *units], environment={"LC_ALL": "C"}).out)


def parsed(shown: str) -> List[Service]:
    """What systemctl show prints: a paragraph a unit."""
    found: Dict[str, Service] = {}
    for paragraph in shown.split("\n\n"):
        values = dict(line.split("=", 1) for line in paragraph.splitlines() if "=" in line)
        if values.get("LoadState", "not-found") != "not-found":
            name = values.get("Id", "").rpartition(".service")[0]
            # Two names may be one service.
            found.setdefault(name, Service(name, values.get("ActiveState", ""), values.get("UnitFileState", "")))
    return sorted(found.values(), key=lambda one: one.name)
