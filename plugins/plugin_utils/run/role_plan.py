# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only a play knows: components and variables that the inventory does not give a host. Other hosts' rules stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from ..inventory.read_settings import with_values
from ..inventory.settings import HostSettings
from ..inventory.world import Host, World, platform_error
from ..plan.followers import Followers, HostsOfFlow, Tied
from ..plan.model import Plan
from ..plan.planner import make_plan
from ..problems import Problems, few
from .refused import Refused
from .role_variables import Given, written

_MOST_NAMED = 3


class RolePlan:
    """For one host that asks, and at once for the others of its play that will ask the same."""

    def __init__(self, world: World, today: date) -> None:
        self._world, self._today = world, today
        self._followers = Followers(world, today)
        self._changed: dict[int, HostSettings] = {}

    def of(self, asking: str, others: Iterable[str], guest: str | None, given: tuple[Given, ...]) -> Plan:
        """With a component as `guest`, that component alone; else all that the inventory gives the hosts."""
        hosts = {host.name: host for host in self._world.hosts}
        problems = Problems()
        own = self._viewer(hosts[asking], guest, given, problems)
        if own is None:
            raise Refused("\n".join(str(one) for one in problems.errors))
        more = [self._viewer(hosts[name], guest, given, Problems()) for name in others if name in hosts]
        alike = [one for one in more if one is not None and one.name != asking]
        plan = make_plan(self._world, self._today, problems, [own, *alike])
        if problems.errors and alike:
            # They did not ask yet, and may never do.
            problems = Problems()
            plan = make_plan(self._world, self._today, problems, [own])
        if problems.errors:
            raise Refused("\n".join(str(one) for one in problems.errors))
        return plan

    def _viewer(self, host: Host, guest: str | None, given: tuple[Given, ...], problems: Problems) -> Host | None:
        """The host as it is to be planned; None if it cannot be, or would not ask."""
        settings = self._settings(host, given)
        if guest is not None:
            wrong = platform_error(self._world.catalog, guest, host.platform)
            if wrong:
                problems.error(host.name, guest, *wrong)
            return None if wrong or guest in host.components else replace(host, components=(guest,), settings=settings)
        for one in given:
            component = str(one.variable.component)
            tied = self._followers.of(host, with_values(host.settings, [(one.variable, one.value)]), [component])
            if tied:
                problems.error(host.name, one.name, *self._tied(host.name, one, tied))
        return None if problems.errors or not host.components else replace(host, settings=settings)

    def _settings(self, host: Host, given: tuple[Given, ...]) -> HostSettings:
        """One for all hosts whose own are the same."""
        key = id(host.settings)
        if key not in self._changed:
            self._changed[key] = with_values(host.settings, [(one.variable, one.value) for one in given])
        return self._changed[key]

    def _tied(self, host: str, one: Given, tied: Tied) -> tuple[str, str]:
        """What is wrong, and what would be right."""
        values = f"is {one.text} here and {written(one.own)} in the inventory or by default"
        component = str(one.variable.component)
        groups = self._world.run.groups.get(component, (component,))
        where = " or ".join(f"group_vars/{group}.yml" for group in groups)
        if tied.followers:
            hosts, flows = _named(tied.followers)
            right = f"Set it in the inventory: host_vars/{host}.yml, {where}" if where else "Set it in the inventory"
            return f"{values}, and rules of {hosts} follow it ({flows}), which cannot see it here", right
        hosts, flows = _named(tied.deciders)
        return f"{values}, and says nothing here: {hosts} decide about {flows}", f"Set it there: {where or hosts}"


def _named(tied: HostsOfFlow) -> tuple[str, str]:
    hosts = few({name for names in tied.values() for name in names}, _MOST_NAMED)
    return hosts, few(tied, _MOST_NAMED)
