# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the host itself knows: the way in, its networks, its container bridges, its resolvers."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Iterator, List, Optional, Set, Tuple

_DOCKER_BRIDGE = re.compile(
    r"^(docker\d+|br-[0-9a-f]{12}|docker_gwbridge|podman\d+|cni-podman\d+|cni\d+|virbr\d+|lxcbr\d+|lxdbr\d+|incusbr\d+)$"
)
_MAX_ANCESTORS = 64


def way_in() -> Optional[Tuple[str, int]]:
    """Address of the one who came in by ssh, and our port. sudo hides it from us, but not from our ancestors."""
    for process in _ancestors():
        for entry in _environment(process):
            if entry.startswith("SSH_CONNECTION="):
                parts = entry.partition("=")[2].split()
                if len(parts) == 4 and parts[3].isdigit():
                    return parts[0].partition("%")[0], int(parts[3])
    return None


def _ancestors() -> Iterator[int]:
    process = os.getpid()
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


def container_bridges(folder: str = "/sys/class/net") -> List[str]:
    """Bridges that Docker, Podman, libvirt and their kin made; a bridge of the administrator's own is not trusted."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(name for name in names if _DOCKER_BRIDGE.match(name))


def subnets() -> List[str]:
    """Networks that the host is on, other than loopback and container bridges."""
    try:
        told = subprocess.run(
            ["ip", "-j", "address", "show"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            check=True,
        ).stdout
        links = json.loads(told)
    except (OSError, subprocess.CalledProcessError, ValueError):
        return []
    bridges = set(container_bridges())
    found = set()
    for link in links:
        if link.get("ifname") == "lo" or link.get("ifname") in bridges:
            continue
        for one in link.get("addr_info", ()):
            if one.get("scope") == "global":
                found.add(_network(one["local"], int(one["prefixlen"])))
    return sorted(found)


def _network(address: str, prefix: int) -> str:
    import ipaddress

    network = ipaddress.ip_interface(f"{address}/{prefix}").network
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def resolvers(path: str = "/etc/resolv.conf") -> List[str]:
    return sorted({words[1].partition("%")[0] for words in _lines(path) if len(words) > 1 and words[0] == "nameserver"})


def _lines(path: str) -> Iterator[List[str]]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            yield from (line.split() for line in file)
    except OSError:
        return


def time_servers() -> List[str]:
    """Addresses in the files of the usual time clients; names are left to the resolver."""
    files = ("/etc/ntp.conf", "/etc/chrony/chrony.conf", "/etc/chrony.conf", "/etc/systemd/timesyncd.conf")
    found: Set[str] = set()
    for path in files:
        for words in _lines(path):
            text = " ".join(words)
            if text.startswith(("server ", "pool ", "peer ", "NTP=", "FallbackNTP=")):
                found.update(
                    one
                    for one in re.split(r"[\s=]+", text)
                    if re.match(r"^[0-9a-fA-F:.]+$", one) and (":" in one or one.count(".") == 3)
                )
    return sorted(found)
