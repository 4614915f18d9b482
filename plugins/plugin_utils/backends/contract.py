# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backend does for the actions, and what it may ask of a host. A backend is one of the firewalls that rules are
applied with; nothing outside of its own package knows its name but the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ...module_utils.shrinking import Inventory
from ..catalog.book import Catalog
from ..catalog.model import VendorRule
from ..net.ports import Numbers
from ..run.host_part import HostPart
from .outcome import Outcome


class Unreachable(ValueError):
    """The host did not answer."""


class Target(Protocol):
    """One host, over Ansible's connection."""

    host: str
    transport: str
    """Of the connection: ssh, winrm, local, ..."""
    check: bool
    diff: bool
    verbosity: int

    @property
    def port(self) -> int:
        """That Ansible uses, as the controller knows it."""

    @property
    def platform(self) -> str:
        """linux or windows, as the connection has it."""

    def run(self, module: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a module; a failed one is a result, too. Raises Unreachable."""

    def reconnect(self, alone: bool = False) -> None:
        """The next module comes over a new connection; `alone`, over none that is shared with anybody."""

    def note(self, text: str) -> None:
        """For who asks for details (-vv)."""


@dataclass(frozen=True)
class Request:
    """What a host is asked to hold."""

    part: HostPart
    components: list[str] | None
    """Those that are spoken of; None is all of the host's."""
    digest: str
    tokens: Numbers
    networks: Callable[[str], list[str]]
    """A peer set's addresses, by its digest."""
    inventory: Inventory | None = None
    """Without it, what the host loses is not asked about: somebody decided it."""
    vendors: tuple[VendorRule, ...] = ()


@dataclass(frozen=True)
class Removal:
    components: list[str] | None
    inventory: Inventory | None = None
    windows_engine: str = "native"


class Backend(Protocol):
    @property
    def name(self) -> str: ...

    def apply(self, request: Request, target: Target) -> Outcome: ...

    def remove(self, removal: Removal, target: Target) -> Outcome: ...


CatalogLoader = Callable[[], Catalog]
