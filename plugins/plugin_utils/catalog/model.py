# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the catalogue and of the plan as types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..net.ports import NO_PORTS, PortSet

Direction = Literal["in", "out"]
End = Literal["initiator", "responder"]

ANY = "any"
LOCAL_SUBNET = "local_subnet"
MANAGEMENT = "management"
SYMBOLIC_PEERS = (ANY, LOCAL_SUBNET, MANAGEMENT)


@dataclass(frozen=True)
class Feature:
    default: bool
    what: str


@dataclass(frozen=True)
class PortSetting:
    """A port that can be changed; without `default` and `next_to` nobody knows it until it is set."""

    what: str
    default: PortSet | None = None
    next_to: str | None = None


@dataclass(frozen=True)
class Program:
    what: str
    path: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class VendorRule:
    """`group` is that of Windows' own rules, as it is stored; their names are translated."""

    name: str
    made_by: str
    group: str = ""
    remade: bool = False


@dataclass(frozen=True)
class Tunnel:
    """Networks that its peers come from; the flow that carries the tunnel itself runs outside of it."""

    networks: tuple[str, ...]
    peers: tuple[str, ...]
    what: str
    carried_by: str


@dataclass(frozen=True)
class Component:
    name: str
    product: str
    title: str
    what: str
    party: bool = False
    platforms: tuple[str, ...] = ()
    platforms_why: str = ""
    versions: tuple[str, ...] = ()
    default_version: str | None = None
    features: Mapping[str, Feature] = field(default_factory=dict)
    ports: Mapping[str, PortSetting] = field(default_factory=dict)
    programs: Mapping[str, Program] = field(default_factory=dict)
    vendor_rules: tuple[VendorRule, ...] = ()
    tunnel: Tunnel | None = None
    note: str = ""

    @property
    def prefix(self) -> str:
        """What the names of its variables begin with."""
        return f"portbook_{self.name}" if self.party else self.name

    def port_variable(self, port: str) -> str:
        return f"{self.prefix}_port" if port == "main" else f"{self.prefix}_{port}_port"

    def feature_variable(self, feature: str) -> str:
        return f"{self.prefix}_{feature}"

    def program_variable(self, program: str) -> str:
        return f"{self.prefix}_{program}_program"


@dataclass(frozen=True)
class Doubt:
    """What the document asks for and the evidence calls needless; empty `ports`: all of the flow's."""

    verdict: str
    why: str
    ports: PortSet = NO_PORTS
    protocol: str | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class FlowEnd:
    program: str | None = None
    service: str | None = None
    owner: str | None = None


@dataclass(frozen=True)
class Flow:
    id: str
    product: str
    initiators: tuple[str, ...]
    responders: tuple[str, ...]
    protocols: tuple[str, ...]
    ports: tuple[PortSet | str, ...]
    """A word is the name of a port that the deciding component has."""
    purpose: str
    decided_by: End
    needs_responder: bool
    needs_initiator: bool
    exclusive: bool
    confidence: str
    source_ports: PortSet = NO_PORTS
    casts: tuple[str, ...] = ("unicast",)
    group: tuple[str, ...] = ()
    reach: str = "peers"
    versions: tuple[str, ...] = ()
    feature: str | None = None
    initiator: FlowEnd = FlowEnd()
    responder: FlowEnd = FlowEnd()
    listener: str = "native"
    container_ports: PortSet = NO_PORTS
    platforms: tuple[str, ...] = ()
    origin: str = "document"
    evidence: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    note: str = ""
    rows: tuple[str, ...] = ()

    @property
    def deciders(self) -> tuple[str, ...]:
        return self.initiators if self.decided_by == "initiator" else self.responders

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.initiators, *self.responders)))


@dataclass(frozen=True)
class Row:
    """One line of a vendor's document and what became of it."""

    id: str
    document: str
    table: str
    printed: Mapping[str, str]
    became: str
    flows: tuple[str, ...]
    errata: tuple[Mapping[str, object], ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Token:
    """A name for ports that are only known on contact, and the ports it may turn out to be."""

    name: str
    protocol: str
    ports: PortSet
    what: str
