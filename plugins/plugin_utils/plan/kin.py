# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that differ in nothing that planning reads: planned once. So are, within a flow, kins that differ in nothing
that this flow reads."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace

from ..catalog.model import End, Flow
from ..inventory.settings import HostSettings
from ..inventory.world import Host
from .empty_groups import OpenQuestion
from .model import NotPlanned, Rule

# Named is what may differ, so that a new setting separates hosts until somebody checks whether it has to.
_OF_THE_HOST_ALONE = frozenset(
    (
        *("components", "management", "backend", "trusted_interfaces", "foreign", "refuse", "log", "cut"),
        *("windows_engine", "windows_policy", "windows_foreign", "windows_app_rules", "windows_profiles"),
        *("restore_after_flush", "confirm_timeout", "migrate", "mark"),
    )
)
"""Planning reads none of them: a host's components and its platform are known before."""
_BY_NAME = frozenset(("peers", "flows"))
"""Of these a flow reads what they say of its parties and of itself."""
_OF_NO_FLOW = frozenset(("allow", "management_ports"))


@dataclass(frozen=True, eq=False)
class RuleDraft:
    """A rule whose set has no name yet; `only` if it is not for all hosts that it was made for."""

    rule: Rule
    set_number: int
    symbol: str | None
    only: frozenset[str] | None = None
    guard_asked: bool = False
    """By portbook_flows, whatever else is known."""


@dataclass(frozen=True)
class Said:
    """What settings say, as numbers: the same ones for what is equal."""

    to_all_flows: int
    peers: Mapping[str, int]
    flows: Mapping[str, int]

    def to(self, flow: Flow) -> Hashable:
        """The same for settings that make no difference to the flow."""
        parties = (*flow.initiators, *flow.responders)
        return self.to_all_flows, self.flows.get(flow.id), *map(self.peers.get, parties)


@dataclass(frozen=True, eq=False)
class Kin:
    """Hosts, each with settings of its own, and what was planned for them so far. `settings` are of any of them."""

    settings: HostSettings
    components: tuple[str, ...]
    parts: frozenset[str]
    platform: str
    said: Said
    hosts: dict[str, HostSettings] = field(default_factory=dict)
    rules: list[RuleDraft] = field(default_factory=list)
    not_planned: list[NotPlanned] = field(default_factory=list)
    questions: list[OpenQuestion] = field(default_factory=list)

    def skip(self, component: str, flow: str, why: str, missing: tuple[str, ...] = ()) -> None:
        self.not_planned.append(NotPlanned(component, flow, why, missing))

    def is_elsewhere(self, flow: Flow, end: End) -> bool:
        """Whether the flow is none of the deciding end on this platform."""
        return end == flow.decided_by and bool(flow.platforms) and self.platform not in (*flow.platforms, "other")


def alike(flow: Flow, kins: Iterable[Kin]) -> Iterator[Kin]:
    """One kin in place of all that say the same to the flow. What is planned for it, each of them gets."""
    found: dict[Hashable, list[Kin]] = {}
    for kin in kins:
        found.setdefault(kin.said.to(flow), []).append(kin)
    for same in found.values():
        if len(same) == 1:
            yield same[0]
            continue
        hosts = {name: settings for kin in same for name, settings in kin.hosts.items()}
        one = replace(same[0], hosts=hosts, rules=[], not_planned=[], questions=[])
        yield one
        for kin in same:
            kin.rules.extend(one.rules)
            kin.not_planned.extend(one.not_planned)
            kin.questions.extend(one.questions)


def kins_of(hosts: Iterable[Host]) -> list[Kin]:
    found: dict[Hashable, Kin] = {}
    of_settings: dict[tuple[Hashable, ...], Kin] = {}
    reader = _Reader()
    for host in hosts:
        own = (host.components, host.parts, host.platform)
        kin = of_settings.get((id(host.settings), *own))
        if kin is None:
            said = reader.said(host.settings, host.platform)
            key = (*own, *reader.whole(host.settings, said))
            kin = found.setdefault(key, Kin(host.settings, *own, said))
            of_settings[id(host.settings), *own] = kin
        kin.hosts[host.name] = host.settings
    return list(found.values())


class _Reader:
    """Numbers what settings say, in the order in which it is first seen."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._of_object: dict[int, int] = {}
        apart = _OF_THE_HOST_ALONE | _BY_NAME | _OF_NO_FLOW
        self._of_all_flows = [one.name for one in fields(HostSettings) if one.name not in apart]

    def said(self, settings: HostSettings, platform: str) -> Said:
        to_all = (platform, *(_hashable(getattr(settings, name)) for name in self._of_all_flows))
        return Said(self._number(to_all), *(self._by_name(getattr(settings, name)) for name in ("peers", "flows")))

    @staticmethod
    def whole(settings: HostSettings, said: Said) -> tuple[Hashable, ...]:
        """All that planning reads of settings."""
        of_no_flow = [getattr(settings, name) for name in sorted(_OF_NO_FLOW)]
        return said.to_all_flows, _hashable(said.peers), _hashable(said.flows), *of_no_flow

    def _number(self, value: Hashable) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def _by_name(self, said: Mapping[str, Hashable]) -> Mapping[str, int]:
        # Many hosts share the very same words, which may be long. Settings keep them, and so their identity.
        for word in said.values():
            if id(word) not in self._of_object:
                self._of_object[id(word)] = self._number(word)
        return {name: self._of_object[id(word)] for name, word in said.items()}


def _hashable(value: Hashable | Mapping[Hashable, Hashable]) -> Hashable:
    return frozenset(value.items()) if isinstance(value, Mapping) else value
