# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of Windows Firewall as types, the same for those that are wanted and those that a host has."""

from __future__ import annotations

import ntpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ...catalog.model import Direction
from .texts import ANY_PORTS, ANYWHERE, Addresses, Ports, read_addresses, read_ports, write_addresses, write_ports

Action = Literal["allow", "block"]
PREFIX = "portbook: "
"""What groups of this collection begin with."""
NAMES = "portbook/"
"""What names of rules of this collection begin with."""
GUARD, BASELINE, MEMORY = (f"{PREFIX}{one}" for one in ("guard", "baseline", "memory"))
WAY_IN = "portbook: way in"
ANY_PROTOCOL = 256
ALL_PROFILES = 0x7FFFFFFF
PROFILES: Mapping[int, str] = {1: "domain", 2: "private", 4: "public"}
NUMBERS: Mapping[str, int] = {
    **{"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "icmpv6": 58, "igmp": 2, "vrrp": 112},
    **{"esp": 50, "ah": 51, "gre": 47, "ospf": 89, "pim": 103, "ipip": 4, "l2tp": 115},
}
WITH_PORTS = (6, 17)
_DIRECTIONS: Mapping[int, Direction] = {1: "in", 2: "out"}
_ACTIONS: Mapping[int, Action] = {0: "block", 1: "allow"}
# Conditions that no rule of this collection has, and what they are in a rule without them.
_OTHER: Mapping[str, object] = {
    "InterfaceTypes": "All",
    "Interfaces": [],
    "EdgeTraversalOptions": 0,
    "SecureFlags": 0,
    "LocalAppPackageId": "",
    "LocalUserOwner": "",
    "LocalUserAuthorizedList": "",
    "RemoteUserAuthorizedList": "",
    "RemoteMachineAuthorizedList": "",
}


@dataclass(frozen=True)
class Traffic:
    """What a rule matches and what it makes of that: two rules with equal traffic mean the same."""

    direction: Direction = "in"
    action: Action = "allow"
    protocol: int = ANY_PROTOCOL
    local_ports: Ports = ANY_PORTS
    remote_ports: Ports = ANY_PORTS
    local: Addresses = ANYWHERE
    remote: Addresses = ANYWHERE
    program: str = ""
    service: str = ""
    icmp: frozenset[str] = frozenset()
    profiles: int = ALL_PROFILES
    others: tuple[tuple[str, str], ...] = ()

    @property
    def ports(self) -> Ports:
        """Of the end that is asked."""
        return self.local_ports if self.direction == "in" else self.remote_ports

    @property
    def package(self) -> str:
        """The SID of the app whose traffic this is alone."""
        return next((value for key, value in self.others if key == "LocalAppPackageId"), "")


@dataclass(frozen=True)
class FirewallRule:
    """`program` and `service` are as they were asked for; those of `traffic` are compared."""

    name: str
    group: str
    traffic: Traffic = field(default_factory=Traffic)
    description: str = ""
    program: str = ""
    service: str = ""
    enabled: bool = True
    peers: str = field(default="", compare=False)
    """The name of the set that the plan has for `traffic.remote`; no part of what a host is given."""

    def record(self) -> dict[str, Any]:
        """What the write module gets. An empty list would be Windows' default, and that is everything."""
        one = self.traffic
        if not one.remote.every and not write_addresses(one.remote):
            raise ValueError(f"{self.name}: a rule without remote addresses cannot be written")
        if not (write_ports(one.local_ports) and write_ports(one.remote_ports)):
            raise ValueError(f"{self.name}: a rule for no port cannot be written")
        with_ports = one.protocol in WITH_PORTS
        record: dict[str, Any] = {
            "Name": self.name,
            "Grouping": self.group,
            "Description": self.description,
            "ApplicationName": self.program,
            "serviceName": self.service,
            "Protocol": one.protocol,
            "LocalPorts": write_ports(one.local_ports) if with_ports and not one.local_ports.every else "",
            "RemotePorts": write_ports(one.remote_ports) if with_ports and not one.remote_ports.every else "",
            "IcmpTypesAndCodes": ",".join(sorted(one.icmp, key=_icmp_order)),
            "RemoteAddresses": write_addresses(one.remote) if not one.remote.every else "",
            "Direction": 1 if one.direction == "in" else 2,
            "Action": 1 if one.action == "allow" else 0,
            "Profiles": one.profiles,
            "Enabled": self.enabled,
        }
        return {key: value for key, value in record.items() if value != ""}


def _icmp_order(one: str) -> tuple[int, str]:
    kind, _colon, code = one.partition(":")
    return (int(kind) if kind.isdigit() else 999, code)


@dataclass(frozen=True)
class StoredRule:
    """A rule that a host has. Of an unmanaged rule that is not enabled, only the name is known, and the id only where
    the host remembers unmanaged rules."""

    id: str
    owned: bool
    brief: bool
    rule: FirewallRule


def stored(record: Mapping[str, Any]) -> StoredRule:
    """Raises KeyError, TypeError or ValueError for what is no record."""
    brief = bool(record.get("brief", False))
    program = str(record.get("ApplicationName") or "")
    traffic = Traffic(
        direction=_DIRECTIONS[record["Direction"]],
        action=_ACTIONS[record["Action"]],
        protocol=int(record.get("Protocol", ANY_PROTOCOL)),
        local_ports=read_ports(str(record.get("LocalPorts") or "")),
        remote_ports=read_ports(str(record.get("RemotePorts") or "")),
        local=read_addresses(str(record.get("LocalAddresses") or "")),
        remote=read_addresses(str(record.get("RemoteAddresses") or "")),
        program=same_path(program),
        service=str(record.get("serviceName") or "").lower(),
        icmp=frozenset(filter(None, str(record.get("IcmpTypesAndCodes") or "").replace("*:*", "").split(","))) - {"*"},
        profiles=_profiles(int(record.get("Profiles", ALL_PROFILES))),
        others=tuple(
            (key, str(record[key]))
            for key, usual in _OTHER.items()
            if key in record and record[key] not in (usual, None, "", [])
        ),
    )
    rule = FirewallRule(
        name=str(record["Name"] or ""),
        group=str(record["Grouping"] or ""),
        traffic=traffic,
        description=str(record.get("Description") or ""),
        program=program,
        service=str(record.get("serviceName") or ""),
        enabled=bool(record["Enabled"]),
    )
    return StoredRule(str(record.get("id") or ""), bool(record["owned"]), brief, rule)


def same_path(path: str) -> str:
    """For comparing: Windows' paths have no case, and slashes may be doubled."""
    return ntpath.normcase(ntpath.normpath(path)) if path else ""


def _profiles(mask: int) -> int:
    return ALL_PROFILES if mask & 7 == 7 else mask & 7
