# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Windows host of a plan brought to it on the model: read, decide, write, as the action does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from golden.helpers.running import Machine, computed
from windows.fake.emulated import read, write
from windows.fake.host import Host
from windows.fake.store import Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import exchange
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decision import Decision
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.removal import decide_removal
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import Store as Read
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import store_of
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.wanted import Renderer
from ansible_collections.portbook.firewall.plugins.plugin_utils.net.ports import numbers
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan import file as plan_file
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.model import Plan
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart, Settings

CONTROLLER = "198.51.100.200"
WINRM = 5986
HOST = Host(connections=((WINRM, CONTROLLER),), services=None)
"""Reached by WinRM; which services it has cannot be told."""


@dataclass(frozen=True)
class Brought:
    decision: Decision
    written: dict[str, Any] | None

    @property
    def operations(self) -> list[dict[str, Any]]:
        return self.decision.operations


@dataclass(frozen=True)
class Site:
    """The parts of a plan by host."""

    parts: Mapping[str, HostPart]
    networks: Callable[[str], list[str]]
    tokens: Mapping[str, list[list[int]]]
    plan: Plan = field(repr=False)

    def bring(
        self,
        store: Store,
        host: str,
        components: list[str] | None = None,
        machine: Host = HOST,
        write_it: bool = True,
        **head: Any,
    ) -> Brought:
        part = headed(self.parts[host], **head)
        ports = numbers(part.management_ports) or [WINRM]
        found = look(store, exchange.read_arguments(part), machine)
        renderer = Renderer(self.tokens, self.networks, found.programs)
        asked = exchange.asked(part, components, renderer, ports, over_network=True)
        return act(store, found, decide(found, asked), machine, write_it)


def headed(part: HostPart, **head: Any) -> HostPart:
    """The part with other words for the host as a whole, as if it had been planned so."""
    known = {one.name for one in fields(Settings)}
    settings = replace(part.settings, **{key: value for key, value in head.items() if key in known})
    given = {key: value for key, value in head.items() if key not in known}
    rules = part.rules
    if given.get("posture") == "watch":
        rules = tuple(replace(rule, refusal="watch") if rule.refusal == "guard" else rule for rule in rules)
    return replace(part, **given, settings=settings, rules=rules)


def remove(store: Store, components: list[str] | None = None, machine: Host = HOST) -> Brought:
    found = look(store, exchange.removal_arguments(), machine)
    return act(store, found, decide_removal(found, components), machine, True)


def look(store: Store, arguments: dict[str, Any], machine: Host = HOST) -> Read:
    """By way of JSON, as it comes over the wire."""
    known = replace(
        machine, programs=machine.programs | {store.expand(one) or "" for one in arguments.get("programs", [])}
    )
    return store_of(json.loads(json.dumps(read(store, arguments, known))))


def act(store: Store, found: Read, decision: Decision, machine: Host, write_it: bool) -> Brought:
    if not (decision.operations and write_it):
        return Brought(decision, None)
    arguments = json.loads(json.dumps(exchange.write_arguments(found, decision)))
    return Brought(decision, write(store, arguments, host=machine))


def site(machines: Iterable[Machine], everywhere: Mapping[str, Any] | None = None) -> Site:
    outcome = computed(machines, everywhere)
    assert outcome.plan is not None, "\n".join(map(str, outcome.errors))
    sets = {one.digest: list(one.networks) for one in outcome.plan.peers.values()}
    tokens = {name: [list(span) for span in outcome.catalog.spans([name])] for name in outcome.catalog.tokens}
    parts = {name: HostPart.of(json.loads(text)) for name, text in plan_file.parts(outcome.plan, outcome.digest)}
    return Site(parts, sets.__getitem__, tokens, outcome.plan)
