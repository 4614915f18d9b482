# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables of hosts say, as types. Hosts whose variables are the same share one HostSettings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from ..net.addresses import AddressSet
from ..net.ports import NO_PORTS, PortSet

DEFAULT_REALM = "main"
CONFIRM_TIMEOUT = 60


@dataclass(frozen=True)
class PeerEntry:
    """Somebody who is not in the inventory, or is named by it."""

    addresses: AddressSet = field(default_factory=AddressSet)
    names: tuple[str, ...] = ()
    realms: frozenset[str] | None = None
    version: str | None = None
    features: tuple[tuple[str, bool], ...] = ()
    ports: tuple[tuple[str, PortSet], ...] = ()


@dataclass(frozen=True)
class Peers:
    """The user's word about one component's addresses. Empty and not any: a decision for nobody."""

    entries: tuple[PeerEntry, ...] = ()
    any: bool = False


@dataclass(frozen=True)
class Override:
    """The user's word about one flow."""

    state: str | None = None
    ports: PortSet | None = None
    peers: Peers | None = None
    guard: bool | None = None
    log: bool | None = None
    owner: str = ""
    ticket: str = ""
    expires: date | None = None


@dataclass(frozen=True)
class Allow:
    """A flow of the user's own, at one host."""

    name: str
    direction: str
    protocol: str
    ports: PortSet
    peers: Peers
    local_subnet: bool = False
    why: str = ""
    owner: str = ""
    ticket: str = ""
    expires: date | None = None


@dataclass(frozen=True, eq=False)
class HostSettings:
    components: tuple[str, ...] = ()
    realm: frozenset[str] = frozenset({DEFAULT_REALM})
    realms: Mapping[str, frozenset[str]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    features: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    ports: Mapping[tuple[str, str], PortSet] = field(default_factory=dict)
    programs: Mapping[tuple[str, str], str | None] = field(default_factory=dict)
    postures: Mapping[str, str] = field(default_factory=dict)
    peers: Mapping[str, Peers] = field(default_factory=dict)
    flows: Mapping[str, Override] = field(default_factory=dict)
    allow: tuple[Allow, ...] = ()
    management: AddressSet = field(default_factory=AddressSet)
    management_ports: PortSet = NO_PORTS
    backend: str = "auto"
    posture: str = "guard"
    outbound: str = "off"
    trusted_interfaces: tuple[str, ...] | None = None
    foreign: str = "auto"
    refuse: str = "drop"
    log: str = "off"
    cut: bool = True
    windows_engine: str = "native"
    windows_policy: str = "fail"
    windows_foreign: str = "report"
    windows_app_rules: str = "as_others"
    windows_profiles: str = "in_use"
    restore_after_flush: bool = False
    confirm_timeout: int = CONFIRM_TIMEOUT
    migrate: bool = False
    mark: tuple[int, int] | None = None
    """Value and mask."""

    def realms_of(self, component: str) -> frozenset[str]:
        return self.realms.get(component, self.realm)

    def posture_of(self, component: str) -> str:
        return self.postures.get(component, self.posture)


@dataclass(frozen=True)
class RunSettings:
    """What holds for all hosts of a run."""

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addresses_from: str = "inventory"
    evidence: str = "documented"
    unsupported: str = "warn"
    plan_file: str | None = None
    shrink: bool = False
    compare: bool = False
