# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as the action plugins make it, from hostvars to the plan's text, and what must hold of any run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from fuzz.debris import Broken, in_time

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalogs
from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.hostvars import Reader, rendered
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.names import Names
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.file import chunks, parts
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problem, Problems
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.planning import Planning, catalog_of

TODAY = date(2026, 11, 21)
LONGEST_MESSAGE = 1000
# What the action plugin takes for a template that cannot be rendered.
_TEMPLATE_ERRORS = (Exception,)


class Hostvars(Mapping[str, Any]):
    """As Ansible's own: a value is rendered when it is asked for, and that may fail."""

    def __init__(self, variables: Any) -> None:
        self.written = variables if isinstance(variables, dict) else {}

    def __getitem__(self, name: str) -> Any:
        value = self.written[name]
        if isinstance(value, Broken):
            raise ValueError("'undefined_variable' is undefined.\n\nOrigin: group_vars/all.yml:3:9\n")
        return value

    def __contains__(self, name: object) -> bool:
        return name in self.written

    def __iter__(self) -> Iterator[str]:
        return iter(self.written)

    def __len__(self) -> int:
        return len(self.written)


class AllHostvars(dict[str, Hostvars]):
    def raw_get(self, host: str) -> Mapping[str, Any]:
        """As they are written."""
        return self[host].written


def resolve(names: Iterable[str]) -> dict[str, tuple[str, ...] | str]:
    return {name: ("192.0.2.250", "2001:db8::250") if "example" in name else "no such name" for name in names}


@dataclass(frozen=True)
class Run:
    """`raw` are the problems before they were put into words."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    planned: bool
    raw: list[Problem] = field(default_factory=list)


@cache
def built_in() -> Catalog:
    problems = Problems()
    catalog = catalogs.load([], problems)
    assert not problems.errors
    return catalog


def run(hosts: Mapping[str, Any], groups: Mapping[str, Any], catalog: Catalog | None = None) -> Run:
    """Hosts by name with their variables; any exception is a bug."""
    hostvars = AllHostvars({name: Hostvars(variables) for name, variables in hosts.items()})
    groups = {**groups, "all": list(hosts)}
    problems = Problems()
    with in_time():
        catalog = catalog or _catalog(hostvars, problems)
        reader = Reader(Names(catalog, Problems()).ours, _TEMPLATE_ERRORS)
        planning = Planning(
            catalog, problems, reader.inputs(hostvars, groups), [str(one) for one in groups], TODAY, resolve, "ssh"
        )
        plan, head = planning.compute("the first host")
        if plan is not None:
            # Surrogates would stop the file from being written.
            "".join(chunks(plan, head.digest)).encode()
            "".join(text for _host, text in parts(plan, head.digest)).encode()
    return Run(head.errors, head.warnings, plan is not None, planning.computed.errors)


def _catalog(hostvars: Mapping[str, Hostvars], problems: Problems) -> Catalog:
    """As the first host that asks for the plan has it."""
    own = next(iter(hostvars.values()))
    if "portbook_catalogs" not in own:
        return built_in()
    return catalog_of(rendered(own, "portbook_catalogs", _TEMPLATE_ERRORS), problems)


_PLACE = re.compile(r"^ *\S.*?: \S")
"""A host's name may begin with a blank: Ansible takes it."""


def check_words(run_: Run) -> None:
    """Refused with reasons or planned without; each message can be read and says where."""
    assert run_.planned != bool(run_.errors)
    for text in (*run_.errors, *run_.warnings):
        assert text.isprintable(), ascii(text)
        assert len(text) < LONGEST_MESSAGE, text
        assert _PLACE.match(text), text


def check_culprits(run_: Run, places: Iterable[str]) -> None:
    """Every error names one of the hosts, or says that it speaks of all, and a variable, component or group."""
    known = [*places, "all hosts", "inventory", "portbook_catalogs"]
    for problem in run_.raw:
        assert any(place in problem.where for place in known), problem
        assert problem.what, problem
