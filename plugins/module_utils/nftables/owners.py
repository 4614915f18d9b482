# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which software an unmanaged rule belongs to, by what its table and chains are called, and by the files that nft is
started with."""

from __future__ import annotations

import glob
import os
import re
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from ..linux import on_disk
from .listed import Chain, Listed

_TABLES: Dict[str, str] = {
    "firewalld": "firewalld",
    "firewalld_policy_drop": "firewalld",
    "netavark": "podman",
    "libvirt_network": "libvirt",
    "crowdsec": "crowdsec",
    "crowdsec6": "crowdsec",
    "f2b-table": "fail2ban",
    "docker-bridges": "docker",
    "lxd": "lxd",
    "incus": "incus",
    "fw4": "fw4",
    "kube-proxy": "kubernetes",
    "wg-quick": "wg-quick",
}
_CHAINS: Sequence[Tuple[str, str]] = (
    *(("docker", "docker"), ("ufw", "ufw"), ("f2b-", "fail2ban"), ("libvirt_", "libvirt"), ("kube-", "kubernetes")),
    *(("cni-", "podman"), ("netavark", "podman"), ("crowdsec", "crowdsec"), ("cali-", "calico"), ("cilium", "cilium")),
    *(("ts-", "tailscale"), ("shorewall", "shorewall"), ("lxd", "lxd"), ("incus", "incus"), ("sshguard", "sshguard")),
)
_OF_IPTABLES = ("filter", "nat", "mangle", "raw", "security")
_TO = re.compile(r"\b(?:jump|goto) (\S+)")
CONFIGURATIONS = ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf")
_INCLUDE = re.compile(r'^\s*include\s+"([^"]+)"', re.MULTILINE)
_DECLARED = re.compile(
    r"^\s*(?:add |create )?(?:table|(?:add|insert) (?:rule|chain)) (?:(ip6?|inet|arp|bridge|netdev) )?(\S+)",
    re.MULTILINE,
)
_MOST_FILES = 50


def owner(rule: Listed, files: Dict[Tuple[str, str], str]) -> str:
    """`files` are those of `declared`. Empty: nothing says whose it is."""
    chain = rule.chain
    target = _TO.search(rule.text)
    of_chain = by_name(chain) or (by_name(chain._replace(name=target[1])) if target else "")
    if of_chain:
        return of_chain
    declared_in = files.get((chain.family, chain.table), "")
    if declared_in:
        return declared_in
    return "iptables" if chain.family in ("ip", "ip6") and chain.table in _OF_IPTABLES else ""


def by_name(chain: Chain) -> str:
    found = _TABLES.get(chain.table, "")
    for name in (chain.name, chain.table):
        low = name.lower()
        found = found or next((one for prefix, one in _CHAINS if low.startswith(prefix)), "")
    return found


def declared(paths: Optional[Iterable[str]] = None) -> Dict[Tuple[str, str], str]:
    """By family and name, the file from which a table comes when the host starts."""
    found: Dict[Tuple[str, str], str] = {}
    waiting, seen = list(CONFIGURATIONS if paths is None else paths), 0
    while waiting and seen < _MOST_FILES:
        path = waiting.pop(0)
        text = on_disk.read(path) or ""
        seen += 1
        for family, name in _DECLARED.findall(text):
            found.setdefault((family or "ip", name.rstrip("{;")), path)
        waiting += _included(text, os.path.dirname(path))
    return found


def _included(text: str, folder: str) -> List[str]:
    return [one for pattern in _INCLUDE.findall(text) for one in sorted(glob.glob(os.path.join(folder, pattern)))]
