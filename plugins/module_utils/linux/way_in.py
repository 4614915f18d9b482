# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who must always get in: the controller, and where nothing can confirm that, whoever logs in by ssh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Tuple

from ..intervals import Span
from . import local as host_local
from . import management, slices
from .model import Local, Permission, Settings
from .request import Request
from .state import StateError

_WAYS_KEPT = 4


@dataclass(frozen=True)
class WayIn:
    ways: List[str]
    """Addresses that Ansible came from, the last ones."""
    ports: List[int]
    """That logins come to."""


def find(kept: Dict[str, Any], settings: Settings, permissions: List[Permission], request: Request) -> WayIn:
    """Those confirmed last stay, so that a second controller is no change."""
    found = None if request.local else host_local.way_in()
    named = settings.management and settings.management_ports
    if _refuses(settings, permissions) and request.by_ssh and found is None and not named:
        raise StateError(
            "the controller's address was not found on this host (no SSH_CONNECTION in the environment of any parent "
            "process), so refusing anything could lock Ansible out. Set portbook_management to the controllers' "
            "addresses and portbook_management_ports to the port that they connect to, or portbook_posture: open"
        )
    ways = [str(one) for one in kept["way_in"]]
    if found and found[0] not in ways:
        ways = [*ways, found[0]][-_WAYS_KEPT:]
    return WayIn(ways, sorted({*_management_ports(settings, request), *([found[1]] if found else [])}))


def _refuses(settings: Settings, permissions: List[Permission]) -> bool:
    return settings.strict_in or any(one.guarded for one in permissions)


def _management_ports(settings: Settings, request: Request) -> Tuple[int, ...]:
    """By the user's word, else those of the listening sshd."""
    if settings.management_ports or not request.transport or request.by_ssh:
        return settings.management_ports
    # Whoever logged in to start this came to a port of sshd's, too.
    came = host_local.way_in()
    return (*management.ssh_ports(), *([came[1]] if came else []))


def endangered(ports: Iterable[int], settings: Settings, guarded: Iterable[Span]) -> bool:
    """Whether management access to these ports could be blocked; where not all is refused, by guarded ports of TCP."""
    return settings.strict_in or any(low <= port <= high for low, high in guarded for port in ports)


def local(way_in: WayIn, settings: Settings, permissions: List[Permission]) -> Local:
    """What only the host knows; management access counts where it could be blocked, or carries a mark."""
    guarded = (span for one in permissions if one.guarded and one.protocol == "tcp" for span in one.spans)
    counts = settings.mark is not None or endangered(way_in.ports, settings, guarded)
    return Local(
        trusted=settings.trusted_interfaces,
        bridges=tuple(host_local.container_bridges()),
        own_bridges=tuple(host_local.own_bridges()) if _acts(settings, permissions) else (),
        subnets=tuple(host_local.subnets()) if any(one.local_subnet for one in permissions) else (),
        way_in=tuple(sorted({*way_in.ways, *settings.management})) if counts else (),
        way_in_ports=tuple(way_in.ports) if counts else (),
        resolvers=tuple(host_local.resolvers()) if settings.strict_out else (),
        time_servers=tuple(host_local.time_servers()) if settings.strict_out else (),
    )


def _acts(settings: Settings, permissions: List[Permission]) -> bool:
    """Whether anything is refused, logged or marked at all."""
    of_host = settings.strict_in or settings.strict_out or settings.mark is not None or settings.log == "all"
    return of_host or any(one.guarded or one.logged for one in permissions)


def refuse_lock_out(kept: Dict[str, Any], way_in: WayIn, settings: Settings, after: management.Access, by: str) -> None:
    """Over a connection that does not come by the network, nothing shows that others still get in."""
    before_settings = Settings.of(kept["settings"])
    before = management.Access(
        tuple(slices.permissions(kept["slices"])),
        before_settings.strict_in,
        (*kept["way_in"], *before_settings.management),
    )
    found = management.locked_out(
        way_in.ports, before, after, settings.management, management.connected_to(way_in.ports)
    )
    if found:
        raise StateError(
            f"nothing was changed: over the connection {by} it cannot be confirmed that this host can "
            f"still be reached, and {'; '.join(found)}. Set portbook_management to all addresses that must get in, or "
            "apply this over ssh"
        )
