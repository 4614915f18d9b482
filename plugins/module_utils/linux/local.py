# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the host itself knows: management access, its networks, its bridges, its resolvers."""

from __future__ import annotations

import glob
import ipaddress
import json
import os
import re
import shutil
from contextlib import suppress
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

from . import bridges, programs

_MAX_ANCESTORS = 64
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
# Behind a stub on loopback stand those that are asked in the end.
_RESOLVERS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf")
_TIME_CLIENTS = (
    *("/etc/ntp.conf", "/etc/ntpsec/ntp.conf", "/etc/chrony.conf", "/etc/chrony.d/*.conf"),
    *("/etc/chrony/chrony.conf", "/etc/chrony/conf.d/*.conf", "/etc/chrony/sources.d/*.sources"),
    *("/etc/systemd/timesyncd.conf", "/etc/systemd/timesyncd.conf.d/*.conf"),
)
_TIME_WORDS = re.compile(r"(?:server|pool|peer) (.+)|(?:NTP|FallbackNTP) ?= ?(.+)")
ANY = "any"


def way_in() -> Optional[Tuple[str, int]]:
    return way_of(os.getpid())


def way_of(process: int) -> Optional[Tuple[str, int]]:
    """Address of the one who came in by ssh, and our port. sudo hides it from us, but not from our ancestors."""
    for one in _ancestors(process):
        for entry in _environment(one):
            if entry.startswith("SSH_CONNECTION="):
                parts = entry.partition("=")[2].split()
                if len(parts) == 4 and parts[3].isdigit():
                    return parts[0].partition("%")[0], int(parts[3])
    return None


def _ancestors(process: int) -> Iterator[int]:
    for _step in range(_MAX_ANCESTORS):
        if process <= 1:
            return
        yield process
        process = _parent(process)


def _parent(process: int) -> int:
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def _environment(process: int) -> List[str]:
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return [entry.decode("utf-8", "replace") for entry in file.read().split(b"\0")]
    except OSError:
        return []


def container_bridges() -> List[str]:
    """Bridges that Docker, Podman, libvirt and their kin made; a bridge of the administrator's own is not trusted."""
    return bridges.of_engines()


def own_bridges() -> List[str]:
    return bridges.own(_links("-details", "link"))


def subnets() -> List[str]:
    """Networks that the host is on, other than loopback and container bridges."""
    engines = set(container_bridges())
    found = set()
    for link in _links("address"):
        if link.get("ifname") == "lo" or link.get("ifname") in engines:
            continue
        for one in link.get("addr_info", ()):
            if one.get("scope") == "global":
                found.add(_network(one["local"], int(one["prefixlen"])))
    return sorted(found)


def _links(*what: str) -> List[Dict[str, Any]]:
    try:
        done = programs.run([shutil.which("ip", path=_PATH) or "ip", "-j", *what, "show"])
        if done.code:
            raise OSError(done.err.strip())
        return list(json.loads(done.out))
    except programs.Silent:
        raise
    except (OSError, ValueError) as error:
        # Without them a peer of the local subnet would be refused in silence.
        raise OSError(f"the networks of this host cannot be read: {error}. Install the package iproute2") from None


def _network(address: str, prefix: int) -> str:
    network = ipaddress.ip_interface(f"{address}/{prefix}").network
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def resolvers(paths: Iterable[str] = _RESOLVERS) -> List[str]:
    named = (words[1] for path in paths for words in _lines(path) if len(words) > 1 and words[0] == "nameserver")
    return _addresses(named)


def _addresses(texts: Iterable[str]) -> List[str]:
    found = set()
    for text in texts:
        with suppress(ValueError):
            found.add(str(ipaddress.ip_address(text.partition("%")[0])))
    return sorted(found)


def _lines(path: str) -> Iterator[List[str]]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            yield from (line.split() for line in file)
    except OSError:
        return


def time_servers(paths: Iterable[str] = _TIME_CLIENTS) -> List[str]:
    """Addresses in the files of the usual time clients. Names are `any`: those of pools resolve to other addresses each
    time, so that resolving them here would permit servers that the client does not ask, and change with every run."""
    texts = (" ".join(words) for path in paths for one in sorted(glob.glob(path)) for words in _lines(one))
    asked = [_TIME_WORDS.match(text) for text in texts]
    servers = [word for one in asked if one for word in (one[1].split()[:1] if one[1] else one[2].split())]
    addresses = _addresses(servers)
    if len(addresses) == len(set(servers)) and servers:
        return addresses
    # Without a word of the administrator's, systemd's client asks names that it brings along, or those from DHCP.
    return [ANY] if servers or any(os.path.exists(path) for path in paths if path.endswith("timesyncd.conf")) else []
