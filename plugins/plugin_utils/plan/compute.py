# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the inventory to the plan, in one call without Ansible."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from ..catalog.book import Catalog
from ..inventory import world as peers
from ..inventory.world import HostInput, Resolver, World
from ..problems import Problem, Problems
from . import clashes as checks
from . import file as plan_file
from .model import Plan
from .planner import make_plan


@dataclass(frozen=True, eq=False)
class Computed:
    """With errors there is no plan."""

    errors: list[Problem]
    warnings: list[Problem]
    catalog: Catalog
    world: World | None = None
    plan: Plan | None = None
    digest: str = ""


def compute(
    catalog: Catalog,
    problems: Problems,
    inputs: Iterable[HostInput],
    groups: Iterable[str],
    today: date,
    resolve: Resolver,
    default_connection: str = "ssh",
) -> Computed:
    """`problems` has what loading the catalogue found: without a catalogue nothing can be said about hosts."""
    if problems.errors:
        return Computed(problems.errors, problems.warnings, catalog)
    with _nothing_in_circles():
        world = peers.build(catalog, inputs, list(groups), problems, resolve, default_connection)
        plan = make_plan(world, today, problems)
        checks.check(plan, catalog, problems)
        if problems.errors:
            return Computed(problems.errors, problems.warnings, catalog, world)
        return Computed([], problems.warnings, catalog, world, plan, plan_file.digest(plan))


@contextmanager
def _nothing_in_circles() -> Iterator[None]:
    """Python looks again and again for objects that refer to each other in a circle and that nothing else refers to.
    Planning makes millions of objects and hardly a circle, so that is left out: it takes half as long again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
