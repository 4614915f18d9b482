# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges of a Linux host: those that container engines and hypervisors make, and the administrator's own."""

from __future__ import annotations

import re
import socket
from typing import Any, Dict, Iterable, List, NamedTuple, Tuple


class Named(NamedTuple):
    """How an engine calls its bridges: what the name begins with, and what follows."""

    prefix: str
    rest: str = r"\d+"
    firsts: str = ""
    """Characters that can come first in the rest, where the prefix alone could be anybody's."""


# The one list of them: the names that exist are found with it, and rules are made of it for those that come later.
NAMES = (
    Named("docker", r"\d+|_gwbridge"),
    # An administrator's may be called br-lan.
    Named("br-", "[0-9a-f]{12}", "0123456789abcdef"),
    Named("podman"),
    Named("cni", r"(?:-podman)?\d+"),
    Named("virbr"),
    Named("lxcbr"),
    Named("lxdbr"),
    Named("incusbr"),
)
PREFIXES = tuple(f"{one.prefix}{first}" for one in NAMES for first in one.firsts or ("",))
"""What rules can ask for."""
_NAME = re.compile("|".join(f"{re.escape(one.prefix)}(?:{one.rest})" for one in NAMES))
# Ends of containers and virtual machines, and what libvirt and LXD keep a bridge's address with.
_INSIDE = ("veth", "tun", "dummy")


def of_engines() -> List[str]:
    """Those that are there now, by their names."""
    return sorted(name for _index, name in socket.if_nameindex() if _NAME.fullmatch(name))


def own(links: Iterable[Dict[str, Any]]) -> List[str]:
    """Bridges with a port that leads out of the host, whatever they are called: a network of the administrator's."""
    ports: List[Tuple[str, str]] = [(str(one.get("master", "")), _kind(one)) for one in links]
    bridges = {str(one.get("ifname", "")) for one in links if _kind(one) == "bridge"}
    return sorted({master for master, kind in ports if master in bridges and kind not in _INSIDE})


def _kind(link: Dict[str, Any]) -> str:
    return str(link.get("linkinfo", {}).get("info_kind", ""))
