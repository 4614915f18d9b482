# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host is asked to hold: its part of the plan, as types. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...module_utils.shrinking import Inventory
from ..catalog.model import MANAGEMENT, Direction
from ..inventory.settings import CONFIRM_TIMEOUT
from ..net import ports as port_text
from ..net.ports import NO_PORTS, PortSet
from ..plan.model import NotPlanned, Rule, Verdict
from .head import Head


@dataclass(frozen=True)
class PeerSummary:
    """Of a set of peers: its content is kept once a run, under the digest."""

    digest: str
    count: int
    first: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """Of the host as a whole."""

    management: tuple[str, ...] = ()
    trusted_interfaces: tuple[str, ...] | None = None
    foreign: str = "auto"
    refuse: str = "drop"
    log: str = "off"
    cut: bool = True
    restore_after_flush: bool = False
    confirm_timeout: int = CONFIRM_TIMEOUT
    """Seconds that a change waits to be confirmed."""
    migrate: bool = False
    """Whether rules that another backend holds become this one's."""
    mark: tuple[int, int] | None = None
    """Value and mask."""
    windows_engine: str = "native"
    windows_policy: str = "fail"
    windows_foreign: str = "report"
    windows_app_rules: str = "as_others"
    windows_profiles: str = "in_use"


@dataclass(frozen=True)
class HostPart:
    name: str
    components: tuple[str, ...] = ()
    platform: str = "unknown"
    backend: str = "auto"
    realms: tuple[str, ...] = ("main",)
    posture: str = "guard"
    postures: Mapping[str, str] = field(default_factory=dict)
    """Of components that have one of their own."""
    outbound: str = "off"
    rules: tuple[Rule, ...] = ()
    way_in: Rule | None = None
    peers: Mapping[str, PeerSummary] = field(default_factory=dict)
    """By the name that rules have for the set."""
    not_planned: tuple[NotPlanned, ...] = ()
    settings: Settings = Settings()
    likeness: str = ""
    """The same for hosts whose part is the same but for the host's name."""
    digest: str = ""
    """Of the plan that it is part of; one of its own, if role variables change it."""

    @property
    def verdicts(self) -> Mapping[Direction, Verdict]:
        """What becomes of traffic that no rule names."""
        return {
            "in": "refuse" if self.posture == "strict" else "accept",
            "out": "refuse" if self.outbound == "strict" else "accept",
        }

    @property
    def refuses(self) -> bool:
        """Whether anybody may be refused anything inbound."""
        return self.posture in ("guard", "strict")

    @property
    def watches(self) -> bool:
        return self.posture == "watch"

    @property
    def directions(self) -> tuple[Direction, ...]:
        """That concern this collection."""
        return ("in",) if self.outbound == "off" else ("in", "out")

    @property
    def management_ports(self) -> PortSet:
        """As the inventory has them; empty: those of Ansible's connection."""
        return self.way_in.ports if self.way_in else NO_PORTS

    def of_components(self, components: Iterable[str] | None) -> tuple[Rule, ...]:
        """The rules of some components, or all."""
        wanted = None if components is None else set(components)
        return tuple(rule for rule in self.rules if wanted is None or rule.component in wanted)

    def united(self, guest: HostPart) -> HostPart:
        """With a component that the host has in its play only."""
        known = {rule.id for rule in self.rules}
        return replace(
            self if self.components else guest,
            name=self.name,
            components=(*self.components, *guest.components),
            rules=(*self.rules, *(rule for rule in guest.rules if rule.id not in known)),
            way_in=self.way_in or guest.way_in,
            peers={**self.peers, **guest.peers},
            not_planned=(*self.not_planned, *guest.not_planned),
            likeness=f"{self.likeness} {guest.likeness}",
        )

    @staticmethod
    def of(data: Mapping[str, Any]) -> HostPart:
        """As plan.file.parts wrote it."""
        head = data["host"]
        rules = [_rule(one) for one in data["rules"]]
        trusted = head["trusted_interfaces"]
        given = {key: head[key] for key in _SETTINGS if key in head}
        mark = head.get("mark")
        return HostPart(
            name=data["name"],
            digest=data["digest"],
            components=tuple(head["components"]),
            platform=head["platform"],
            backend=head["backend"],
            realms=tuple(head["realms"]),
            posture=head["posture"],
            postures=head.get("postures", {}),
            outbound=head["outbound"],
            rules=tuple(rule for rule in rules if rule.peers != MANAGEMENT),
            way_in=next((rule for rule in rules if rule.peers == MANAGEMENT), None),
            peers={
                name: PeerSummary(one["digest"], one["count"], tuple(one["first"]))
                for name, one in data["sets"].items()
            },
            not_planned=tuple(
                NotPlanned(one["component"], one["flow"], one["why"], tuple(one.get("missing", ())))
                for one in data["not_planned"]
            ),
            settings=Settings(
                management=tuple(head["management"]),
                trusted_interfaces=None if trusted is None else tuple(trusted),
                mark=(int(mark[0]), int(mark[1])) if mark else None,
                **given,
            ),
        )


_SETTINGS = (
    *("foreign", "refuse", "log", "cut", "restore_after_flush", "confirm_timeout", "migrate"),
    *("windows_engine", "windows_policy", "windows_foreign", "windows_app_rules", "windows_profiles"),
)


def _rule(data: Mapping[str, Any]) -> Rule:
    plain: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in data.items()}
    del plain["guarded"]
    ports = {key: port_text.read(plain[key]) for key in ("ports", "source_ports", "container_ports")}
    return Rule(**{**plain, **ports, "group": plain["group"] or ()})


def inventory_of(part: HostPart, head: Head, emptied: bool) -> Inventory:
    """What the inventory says of the host in addition to its rules; `emptied` if its variables say that it has no
    component."""
    return Inventory(
        hosts=head.inventory_hosts,
        members=head.members,
        missing={one.flow: one.missing for one in part.not_planned if one.missing},
        unguarded={rule.flow: rule.empty_groups for rule in part.rules if rule.empty_groups},
        emptied=emptied,
    )
