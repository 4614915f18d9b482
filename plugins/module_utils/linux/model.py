# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Linux host is asked to permit and to refuse, whatever its engine. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, NamedTuple, Optional, Tuple

from ..intervals import Span

OPEN, GUARD, WATCH = "open", "guard", "watch"
ACCEPT, REFUSE = "accept", "refuse"
ALLOWED, LOST, UNKNOWN = "allowed", "lost", "unknown"


class Mark(NamedTuple):
    """Bits of a packet's mark: those of the mask are set to the value."""

    value: int
    mask: int

    def __str__(self) -> str:
        return f"{self.value:#x}/{self.mask:#x}"


@dataclass(frozen=True)
class Permission:
    """One direction of one flow at this host. Without networks and not local: any peer."""

    direction: str
    protocol: str
    spans: Tuple[Span, ...] = ()
    source_spans: Tuple[Span, ...] = ()
    networks: Optional[Tuple[str, ...]] = None
    local_subnet: bool = False
    cast: str = "unicast"
    refusal: str = OPEN
    """What becomes of everyone else at its ports: nothing; refused; or counted, logged and let through."""
    container_spans: Tuple[Span, ...] = ()
    flow: str = ""
    logged: bool = False
    """Its new connections are logged, and whom its ports refuse, whatever holds for the host."""
    peers: str = field(default="", compare=False, repr=False)
    """What its networks are called. Means nothing, but an engine may name with it what it makes of them."""

    @property
    def guarded(self) -> bool:
        return self.refusal != OPEN

    @property
    def watched(self) -> bool:
        return self.refusal == WATCH


@dataclass(frozen=True)
class Settings:
    """Of the host as a whole."""

    verdict_in: str = ACCEPT
    verdict_out: str = ACCEPT
    """What becomes of traffic that no rule names."""
    outbound: bool = True
    """Whether outbound traffic concerns this collection, even if it is only logged."""
    refuse: str = "drop"
    log: str = "off"
    cut: bool = True
    foreign: str = "auto"
    management: Tuple[str, ...] = ()
    management_ports: Tuple[int, ...] = ()
    trusted_interfaces: Optional[Tuple[str, ...]] = None
    """None: the bridges of containers."""
    restore_after_flush: bool = False
    mark: Optional[Mark] = None
    """What is permitted carries it."""

    @property
    def strict_in(self) -> bool:
        return self.verdict_in == REFUSE

    @property
    def strict_out(self) -> bool:
        return self.verdict_out == REFUSE

    @property
    def directions(self) -> Tuple[str, ...]:
        return ("in", "out") if self.outbound else ("in",)

    @staticmethod
    def of(raw: Dict[str, Any]) -> Settings:
        """Of what the module is given and the host remembers."""
        verdicts = raw.get("verdicts", {})
        trusted, mark = raw.get("trusted_interfaces"), raw.get("mark")
        plain = ("refuse", "log", "cut", "foreign", "restore_after_flush")
        return Settings(
            verdict_in=verdicts.get("in", ACCEPT),
            verdict_out=verdicts.get("out", ACCEPT),
            outbound="out" in raw.get("directions", ()),
            management=tuple(raw.get("management") or ()),
            management_ports=tuple(sorted({int(port) for port in raw.get("management_ports") or ()})),
            trusted_interfaces=None if trusted is None else tuple(trusted),
            mark=Mark(int(mark[0]), int(mark[1])) if mark else None,
            **{name: raw[name] for name in plain if name in raw},
        )


@dataclass(frozen=True)
class Local:
    """What only the host itself knows."""

    trusted: Optional[Tuple[str, ...]] = ()
    """None: the bridges of containers, also those that come later."""
    bridges: Tuple[str, ...] = ()
    """Of containers, those that are there now: for who cannot do without a list."""
    own_bridges: Tuple[str, ...] = ()
    """Those that lead to a network of the administrator's."""
    subnets: Tuple[str, ...] = ()
    way_in: Tuple[str, ...] = ()
    way_in_ports: Tuple[int, ...] = ()
    resolvers: Tuple[str, ...] = ()
    time_servers: Tuple[str, ...] = ()
    """Or `any`, where their names stand for other addresses every time."""


@dataclass(frozen=True)
class Chain:
    """One of others that a flow has to get past, and the rule that lets pass there what carries the mark."""

    where: str
    accepts: str = ""
    """Empty: none does."""
    early: bool = False
    """Packets come there before they carry it."""
    mark: Optional[Mark] = None
    """One that nothing uses, where the host has none yet."""


@dataclass(frozen=True)
class Judgement:
    """What unmanaged rules make of a flow: allowed, lost or unknown; and which rule does."""

    outcome: str
    where: str
    chains: Tuple[Chain, ...] = ()
    """All that do not surely let it pass."""
