# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of this host behind which another address answers, mostly a container's. Pure."""

from __future__ import annotations

import re
import shlex
from typing import Any, Dict, Iterable, List, Tuple

from ..linux.sockets import Socket
from .listed import Listed
from .owners import by_name

_RULE = re.compile(
    r"(?:ip6? daddr (?P<address>[0-9a-fA-F.:]+) )?.*?\b(?P<protocol>tcp|udp|sctp) dport (?P<ports>\{[^}]*\}|\S+).*"
    r"\bdnat (?:ip6? )?to (?P<to>\S+)"
)
_ENGINE = "docker-proxy"
# Without root, an engine has no rules: a process listens in place of the container.
_ROOTLESS = ("rootlessport", "rootlesskit", "pasta", "pasta.avx2", "slirp4netns")
Published = Dict[str, Any]


def published(rules: Iterable[Listed], saved: Iterable[Tuple[str, str]], sockets: Iterable[Socket]) -> List[Published]:
    """`saved` are rules of iptables-save's table nat with their chains, where nft does not print where they lead."""
    found = [one for rule in rules for one in _of_rule(rule)]
    found += [one for chain, line in saved for one in _of_saved(chain, line)]
    found += [one for one in map(_of_process, sockets) if one]
    # A port has a rule and a process, which says less of where it leads.
    by_port: Dict[Tuple[str, str], Published] = {}
    for one in found:
        by_port.setdefault((one["protocol"], one["ports"]), one)
    return sorted(by_port.values(), key=lambda one: (one["protocol"], one["ports"]))


def _published(protocol: str, address: str, ports: str, to: str, by: str) -> Published:
    return {"protocol": protocol, "address": address, "ports": ports, "to": to, "by": by}


def _of_rule(rule: Listed) -> List[Published]:
    found = _RULE.search(rule.text) if "dnat" in rule.text else None
    if found is None:
        return []
    ports = [one.strip() for one in found["ports"].strip("{} ").split(",")]
    address, by = found["address"] or "", by_name(rule.chain)
    return [_published(found["protocol"], address, port, found["to"], by) for port in ports]


def _of_saved(chain: str, line: str) -> List[Published]:
    words = shlex.split(line)
    values = {one: words[at + 1] for at, one in enumerate(words[:-1]) if one.startswith("-")}
    ports, to = values.get("--dport", values.get("--dports", "")), values.get("--to-destination", "")
    if values.get("-j") != "DNAT" or not ports or not to:
        return []
    by = "docker" if chain.startswith("DOCKER") else "podman" if chain.startswith(("CNI", "NETAVARK")) else ""
    address = values.get("-d", "").partition("/")[0]
    return [_published(values.get("-p", ""), address, one.replace(":", "-"), to, by) for one in ports.split(",")]


def _of_process(one: Socket) -> Published:
    name = one.program.rpartition("/")[2]
    address = "" if one.address in ("0.0.0.0", "::") else one.address
    if name == _ENGINE:
        values = {one.command[at]: one.command[at + 1] for at in range(1, len(one.command) - 1)}
        to = f"{values.get('-container-ip', '')}:{values.get('-container-port', '')}".strip(":")
        return _published(one.protocol, address, str(one.port), to, "docker")
    return _published(one.protocol, address, str(one.port), "", name) if name in _ROOTLESS else {}
