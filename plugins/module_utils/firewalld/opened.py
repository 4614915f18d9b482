# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What firewalld opens for us now, in its own words."""

from __future__ import annotations

from typing import Iterable, List, Tuple

from ..nftables.kernel import Nft
from . import kernel
from .daemon import Daemon
from .objects import Peers


def texts() -> List[str]:
    """Rich rules of our policy, then the services and ipsets that they name. Entries of sets are the kernel's."""
    entries = kernel.entries(Nft().table(kernel.TABLE))
    found = Daemon().openings([Peers(name, "", members) for name, members in entries.items()])
    return [
        *sorted(found.rules),
        *sorted(f"service {one.name}: {_ports(one.ports)}" for one in found.services),
        *sorted(f"ipset {one.name}: {', '.join(sorted(one.entries))}" for one in found.ipsets),
    ]


def _ports(ports: Iterable[Tuple[str, str]]) -> str:
    return ", ".join(f"{port}/{protocol}" for port, protocol in sorted(ports))
