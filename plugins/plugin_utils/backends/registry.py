# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backends there are, and which of them a host has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..run.host_part import HostPart
from .contract import Backend, CatalogLoader
from .linux import Linux


@dataclass(frozen=True)
class Registered:
    make: Callable[[CatalogLoader], Backend]
    chosen_for: str = ""
    """The platform whose hosts have it by auto."""


def _windows(catalog: CatalogLoader) -> Backend:
    # Runs without a Windows host are 0.06 s shorter without it.
    from .windows.backend import Windows

    return Windows(catalog)


# A host with auto that runs one of these services has that backend, and is left to it.
_SERVICES: Mapping[str, str] = {"firewalld": "firewalld"}
BACKENDS: Mapping[str, Registered] = {
    "firewalld": Registered(lambda _catalog: Linux("firewalld", _SERVICES)),
    "nftables": Registered(lambda _catalog: Linux("nftables", _SERVICES), "linux"),
    "windows": Registered(_windows, "windows"),
}


def name_for(part: HostPart) -> str:
    """auto is the platform's own backend; where that finds another one on the host, it says so."""
    return _of_platform().get(part.platform, part.backend) if part.backend == "auto" else part.backend


def for_platform(platform: str, catalog: CatalogLoader) -> Backend:
    """Of a host of which no plan knows anything."""
    return BACKENDS[_of_platform()[platform]].make(catalog)


def _of_platform() -> dict[str, str]:
    return {one.chosen_for: name for name, one in BACKENDS.items() if one.chosen_for}
