# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small port books and inventories, so that unit tests don't depend on product data."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalogs
from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.world import HostInput
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.compute import Computed, compute
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.file import chunks
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.model import Rule
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

TODAY = date(2026, 11, 21)

PLATFORM: dict[str, Any] = {
    "catalog": 1,
    "tokens": {"rpc_dynamic": {"protocol": "tcp", "ports": ["49152-65535"], "what": "what 135 answers"}},
    "shared_ports": {"tcp": [22, 80, 135, 443, 445], "udp": [53, 67]},
}

PARTY: dict[str, Any] = {"party": True}
WINDOWS: dict[str, Any] = {"platforms": ["windows"]}


def component(**more: Any) -> dict[str, Any]:
    return {"title": "A component", "what": "Plays a part", **more}


def port(default: Any = None) -> dict[str, Any]:
    return {"what": "where it listens", "default": default}


def port_above(other: str) -> dict[str, Any]:
    return {"what": "where it listens, too", "next_to": other}


def feature(default: bool) -> dict[str, Any]:
    return {"what": "an extra", "default": default}


def flow(initiators: str, responders: str, *ports: Any, **more: Any) -> dict[str, Any]:
    """A flow as the catalogue writes it; names of both ends in words."""
    return {
        "from": initiators.split(),
        "to": responders.split(),
        "protocol": "tcp",
        "ports": list(ports),
        "purpose": "They talk",
        "decided_by": "responder",
        "peer": "if_present",
        "exclusive": False,
        "confidence": "high",
        **more,
    }


def product(components: Mapping[str, Any], flows: Mapping[str, Any], name: str = "acme", **more: Any) -> dict[str, Any]:
    return {
        "catalog": 1,
        "product": name,
        "title": "Acme",
        "components": {key: component(**value) for key, value in components.items()},
        "flows": dict(flows),
        **more,
    }


def write(folder: Path, **files: Any) -> Path:
    """A catalogue folder; each value is a file's text, or data to be written as one."""
    folder.mkdir(exist_ok=True)
    for name, data in {"platform": PLATFORM, **files}.items():
        text = data if isinstance(data, str) else json.dumps(data, indent=1)
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Resolver:
    """Stands for DNS, and remembers what it was asked."""

    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)

    def __call__(self, names: Iterable[str]) -> dict[str, tuple[str, ...] | str]:
        listed = list(names)
        self.asked.append(listed)
        return {name: self.names.get(name, "no such name") for name in listed}


def host(name: str, groups: str = "", at: str | None = None, **variables: Any) -> HostInput:
    """A host of the inventory; groups in words, `at` is its ansible_host."""
    facts = variables.pop("facts", None)
    if at is not None:
        variables["ansible_host"] = at
    return HostInput(name, frozenset(groups.split()), variables, facts)


def windows(name: str, groups: str = "", at: str | None = None, **variables: Any) -> HostInput:
    return host(name, groups, at, ansible_connection="winrm", **variables)


@dataclass(frozen=True)
class Book:
    catalog: Catalog

    def compute(
        self,
        *hosts: HostInput,
        groups: str = "",
        names: Mapping[str, tuple[str, ...]] | None = None,
        resolver: Resolver | None = None,
        today: date = TODAY,
    ) -> Computed:
        every = {group for one in hosts for group in one.groups} | set(groups.split())
        return compute(self.catalog, Problems(), hosts, every, today, resolver or Resolver(names or {}))

    def plan(self, *hosts: HostInput, **more: Any) -> Planned:
        outcome = self.compute(*hosts, **more)
        assert outcome.errors == [], "\n".join(map(str, outcome.errors))
        return Planned(outcome)

    def errors(self, *hosts: HostInput, **more: Any) -> list[str]:
        outcome = self.compute(*hosts, **more)
        assert (outcome.plan is None) == bool(outcome.errors)
        return [str(problem) for problem in outcome.errors]


@dataclass(frozen=True)
class Planned:
    outcome: Computed

    @property
    def digest(self) -> str:
        return self.outcome.digest

    @property
    def text(self) -> str:
        assert self.outcome.plan is not None
        return "".join(chunks(self.outcome.plan, self.outcome.digest))

    @property
    def data(self) -> Any:
        return json.loads(self.text)

    @property
    def warnings(self) -> list[str]:
        return [str(problem) for problem in self.outcome.warnings]

    @property
    def hosts(self) -> Mapping[str, Any]:
        assert self.outcome.plan is not None
        return self.outcome.plan.hosts

    @property
    def sets(self) -> Mapping[str, Any]:
        assert self.outcome.plan is not None
        return self.outcome.plan.peers

    def rules(self, name: str, flow_id: str = "", direction: str = "") -> list[Rule]:
        """The host's rules without the way in."""
        return [
            rule
            for rule in self.hosts[name].rules
            if rule.peers != "management" and flow_id in ("", rule.flow) and direction in ("", rule.direction)
        ]

    def rule(self, name: str, flow_id: str = "", direction: str = "") -> Rule:
        found = self.rules(name, flow_id, direction)
        assert len(found) == 1, found
        return found[0]

    def peers(self, rule: Rule) -> str | list[str]:
        """The networks of the rule's set, or its symbolic peer."""
        return list(self.sets[rule.peers].networks) if rule.peers in self.sets else rule.peers

    def brief(self, name: str) -> set[tuple[Any, ...]]:
        """Direction, protocol, ports and peers of each rule."""
        return {(rule.direction, rule.protocol, str(rule.ports), _words(self.peers(rule))) for rule in self.rules(name)}

    def why_not(self, name: str, flow_id: str) -> list[str]:
        return [one.why for one in self.hosts[name].not_planned if one.flow == flow_id]


def _words(peers: str | list[str]) -> str:
    return peers if isinstance(peers, str) else " ".join(peers)


def book(components: Mapping[str, Any], flows: Mapping[str, Any], name: str = "acme", **more: Any) -> Book:
    return _book(json.dumps(product(components, flows, name, **more)))


@lru_cache(maxsize=256)
def _book(text: str) -> Book:
    with tempfile.TemporaryDirectory() as folder:
        problems = Problems()
        built_in = write(Path(folder), acme=text)
        catalog = catalogs.load([], problems, built_in=built_in)
    assert problems.errors == [], "\n".join(map(str, problems.errors))
    return Book(catalog)


def load_errors(folder: Path, *own: Path) -> list[str]:
    problems = Problems()
    catalogs.load(own, problems, built_in=folder)
    return [str(problem) for problem in problems.errors]


# One client that needs one server: enough for most questions.
SIMPLE = book(
    {"client": {}, "server": {"ports": {"main": port(8080)}}},
    {"acme.talk": flow("client", "server", "main", peer="required", exclusive=True)},
)

# Peers of one kind among themselves.
MESH = book(
    {"node": {"ports": {"main": port(7000)}}},
    {"acme.mesh": flow("node", "node", "main", exclusive=True)},
)
