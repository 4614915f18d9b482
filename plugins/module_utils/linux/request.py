# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one apply is asked, and what it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

from .. import shrinking
from ..difference import Section
from . import slices

LOCAL = "local"
_SSH = ("ssh", "paramiko", "paramiko_ssh", "libssh")


@dataclass(frozen=True)
class Request:
    slices: Dict[str, slices.Slice]
    replace_all: bool = False
    settings: Dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    transport: str = ""
    """Of Ansible's connection; empty: nobody asks whether it could be cut."""
    hold: float = 0
    token: str = ""
    check: bool = False
    diff: bool = False
    verbosity: int = 0
    yields_to: Dict[str, str] = field(default_factory=dict)
    """Other backends, and the service of each that means that this host has it."""
    migrate: bool = False
    """A host whose rules another backend holds is taken to this one."""
    removes: bool = False
    """Slices are removed: with the last one everything is removed, whatever the settings are."""
    inventory: Optional[shrinking.Inventory] = None
    """Without it, what the host loses is not asked about: somebody decided it."""

    @property
    def local(self) -> bool:
        """A connection that does not come by the network, whoever started it."""
        return self.transport == LOCAL

    @property
    def by_ssh(self) -> bool:
        return self.transport in _SSH


@dataclass
class Applied:
    words: Dict[str, List[str]]
    changed: bool = False
    mended: bool = False
    foreign: List[Dict[str, str]] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)
    held: bool = False
    unconfirmed: str = ""
    """Why a change that refuses something is not confirmed by a new connection."""
    persistence: str = ""
    left: Dict[str, int] = field(default_factory=dict)
    """Components that the host no longer has, and how many rules were removed for each."""
    left_to: str = ""
    """Another backend that this host has, so that nothing was done."""
    seconds: float = 0.0
    diff: List[Section] = field(default_factory=list)
    """Of a change, if one was asked for."""
