# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of small inventories, as the file that a user would get."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalogs
from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.world import HostInput
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.compute import Computed, compute
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.file import chunks
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

TODAY = date(2026, 11, 21)


@dataclass(frozen=True, eq=False)
class Machine:
    """A host that plays one component; `rules` if it gets rules of its own even as a party."""

    name: str
    component: str
    addresses: tuple[str, ...]
    platform: str = "linux"
    variables: Mapping[str, Any] = field(default_factory=dict)
    rules: bool = True

    def input(self, everywhere: Mapping[str, Any]) -> HostInput:
        variables: dict[str, Any] = {
            **everywhere,
            **self.variables,
            "portbook_addresses": list(self.addresses),
            "ansible_connection": "winrm" if self.platform == "windows" else "ssh",
        }
        if self.rules:
            variables["portbook_components"] = [self.component]
        return HostInput(self.name, frozenset({self.component}), variables)


@dataclass(frozen=True)
class Planned:
    """The plan's file as data; empty if there were errors."""

    data: dict[str, Any]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def computed(
    machines: Iterable[Machine], everywhere: Mapping[str, Any] | None = None, catalog: Catalog | None = None
) -> Computed:
    machines = list(machines)
    return compute(
        catalog or shipped_catalog(),
        Problems(),
        [one.input(everywhere or {}) for one in machines],
        {one.component for one in machines},
        TODAY,
        lambda names: dict.fromkeys(names, "no name is looked up in this test"),
    )


def plan(
    machines: Iterable[Machine], everywhere: Mapping[str, Any] | None = None, catalog: Catalog | None = None
) -> Planned:
    outcome = computed(machines, everywhere, catalog)
    texts = "".join(chunks(outcome.plan, outcome.digest)) if outcome.plan else "{}"
    return Planned(json.loads(texts), tuple(map(str, outcome.errors)), tuple(map(str, outcome.warnings)))


def load(folder: Path) -> Catalog:
    problems = Problems()
    catalog = catalogs.load([], problems, built_in=folder)
    assert problems.errors == [], "\n".join(map(str, problems.errors))
    return catalog


@cache
def shipped_catalog() -> Catalog:
    return load(catalogs.BUILT_IN)
