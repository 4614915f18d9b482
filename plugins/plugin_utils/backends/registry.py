# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backends there are, and which of them a host has."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..run.host_part import HostPart
from .contract import Backend, CatalogLoader
from .linux import Linux
from .windows.backend import Windows

_SERVICES: Mapping[str, str] = {"firewalld": "firewalld"}
"""By the backend that a Linux host has of itself where they run."""
BACKENDS: Mapping[str, Callable[[CatalogLoader], Backend]] = {
    "nftables": lambda _catalog: Linux("nftables", _SERVICES),
    "windows": Windows,
}
_OF_PLATFORM = {"linux": "nftables", "windows": "windows"}


def name_for(part: HostPart) -> str:
    """auto is the platform's own backend; where that finds another one on the host, it says so."""
    return _OF_PLATFORM.get(part.platform, part.backend) if part.backend == "auto" else part.backend


def for_platform(platform: str, catalog: CatalogLoader) -> Backend:
    """Of a host of which no plan knows anything."""
    return BACKENDS[_OF_PLATFORM[platform]](catalog)
