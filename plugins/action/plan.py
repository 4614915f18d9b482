# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan all hosts of the inventory once a run, and give each task its host's slice."""

from __future__ import annotations

from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.hostvars import (
    Reader,
    counts,
    fingerprint,
    rendered,
    resolve,
    unseen,
)
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.variables import Names
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.world import HostInput
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems, one_of
from ansible_collections.portbook.firewall.plugins.plugin_utils.run import needs, show
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.cache import Head, RunCache
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.planning import Planning, catalog_of
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.reviewed import OtherPlan, refuse_other

display = Display()
# Filters and tests raise what they like, and ansible-core 2.18 passes it on.
_TEMPLATE_ERRORS = (Exception,)


class ActionModule(ActionBase):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "components": {"type": "list", "elements": "str"},
        "show": {"type": "bool", "default": True},
    }
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if task_vars is None:
            task_vars = {}
        _validation, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        lacking = needs.missing()
        if lacking:
            raise AnsibleActionFail(lacking)
        turn = Turn(self, task_vars)
        head = turn.head()
        if head.errors:
            return {**result, "failed": True, **turn.errors(head)}
        components = turn.components(arguments["components"], head)
        return {**result, **self.with_slice(turn, head, components, bool(arguments["show"]))}

    def with_slice(self, turn: Turn, head: Head, components: list[str] | None, shown: bool) -> dict[str, Any]:
        """What this action does with the host's part of the plan."""
        if head.plan_file:
            turn.write_plan(Path(head.plan_file).expanduser())
        turn.tell_summary(head, "written to")
        slice_, warnings = turn.slice(components)
        if shown:
            turn.show(slice_, components)
        return {"changed": False, "warnings": warnings, **turn.summary(head, slice_, components)}


class Turn:
    """One task on one host, with the run's plan."""

    def __init__(self, action: ActionModule, task_vars: dict[str, Any]) -> None:
        self.host = str(task_vars["inventory_hostname"])
        self.action = action
        self.task_vars = self._vars = task_vars
        self._cache = RunCache(C.DEFAULT_LOCAL_TMP, _play_of(action._task))

    # -- the plan of the run ------------------------------------------------------------------------

    def head(self) -> Head:
        """Of the plan that fits the host's variables as they are now; computed by the first who needs it."""
        if self.host not in self._vars["hostvars"]:
            raise AnsibleActionFail(
                f"{self.host} is not in the inventory, so no plan knows of it: "
                "add it, or run this for hosts of the inventory"
            )
        look = str(self.action._task._uuid)
        head = self._cache.head() if self._cache.looked(look) else None
        if head is None:
            with self._cache.lock():
                head = (self._cache.head() if self._cache.looked(look) else None) or self._current()
                self._cache.mark_looked(look)
        self._refuse_unseen(head)
        return head

    def _own(self) -> Any:
        return self._vars["hostvars"][self.host]

    def _current(self) -> Head:
        """Once a task all hosts are looked at again: set_fact, group_by and add_host change what the plan is of."""
        head = self._cache.head()
        if head is not None:
            reader = Reader(partial(counts, known=head.variables), _TEMPLATE_ERRORS)
            if fingerprint(self._inputs(reader), head.variables) == head.fingerprint:
                return head
        return self._compute()

    def _inputs(self, reader: Reader) -> list[HostInput]:
        return reader.inputs(self._vars["hostvars"], self._vars["groups"])

    def _refuse_unseen(self, head: Head) -> None:
        reader = Reader(head.variables.__contains__, _TEMPLATE_ERRORS)
        in_task = reader.host_in_task(self._vars, self.action._templar.template)
        own = reader.host(self._own())
        hidden = unseen(in_task, own)
        again = reader.host(self._own()) if hidden else own
        restless = [name for name in hidden if own.get(name) != again.get(name)]
        if restless:
            raise AnsibleActionFail(
                f"{self.host}: {', '.join(restless)} has another value at each look, so no plan could be relied on. "
                "Give it one that stays, by set_fact say"
            )
        if hidden:
            raise AnsibleActionFail(_hidden_text(self.host, hidden))

    def _compute(self) -> Head:
        plan, head = self._planning.compute(self.host)
        self._cache.keep(head, plan)
        if head.shrink and "portbook_shrink" not in load_extra_vars(self.action._loader):
            display.warning(
                "portbook_shrink: true stands in the inventory, so no run notices an inventory that lacks hosts. "
                "Take it out, and give it with -e to the one run that needs it"
            )
        for text in head.warnings:
            display.warning(text)
        if head.errors and not self.action._task.no_log:
            display.display(self._told(head), color=C.COLOR_ERROR, stderr=True)
        return head

    def catalog(self, problems: Problems | None = None) -> Catalog:
        own = self._own()
        listed = rendered(own, "portbook_catalogs", _TEMPLATE_ERRORS) if "portbook_catalogs" in own else None
        return catalog_of(listed, problems or Problems())

    @cached_property
    def _planning(self) -> Planning:
        problems = Problems()
        catalog = self.catalog(problems)
        reader = Reader(Names(catalog, Problems()).ours, _TEMPLATE_ERRORS)
        return Planning(
            catalog,
            problems,
            self._inputs(reader),
            [str(group) for group in self._vars["groups"]],
            date.today(),
            resolve,
            str(context.CLIARGS.get("connection") or C.DEFAULT_TRANSPORT),
        )

    @staticmethod
    def _told(head: Head) -> str:
        count = len(head.errors)
        lines = [f"portbook: {count} error{'s' * (count > 1)}; nothing is planned and nothing applied, on any host:"]
        return "\n".join(lines + [f"  - {text}" for text in head.errors])

    def errors(self, head: Head) -> dict[str, Any]:
        count = len(head.errors)
        counted = f"the plan of this run has {count} error{'s' * (count > 1)}"
        if head.told_by == self.host:
            return {"msg": f"{counted}, told above; nothing is applied on any host", "errors": list(head.errors)}
        return {"msg": f"{counted}, told at {head.told_by}"}

    # -- this host's part ---------------------------------------------------------------------------

    def components(self, named: list[str] | None, head: Head) -> list[str] | None:
        if named is None:
            return None
        for name in named:
            if name not in head.components:
                raise AnsibleActionFail(
                    f"{self.host}: components names {name!r}, which is no component. {one_of(head.components, name)}"
                )
        return named

    def slice(self, components: list[str] | None) -> tuple[dict[str, Any], list[str]]:
        """The slice, and what has to be said about it. A component that the inventory does not give this
        host is planned as if it did, with nobody else knowing."""
        slice_ = self._cache.slice(self.host) or self._bare()
        warnings = []
        for name in components or ():
            if name in slice_["host"]["components"]:
                continue
            guest = self._guest(name)
            if guest is None:
                raise AnsibleActionFail(f"{self.host}: {name} could not be planned for this host")
            slice_ = _united(slice_, guest)
            warnings.append(
                f"{self.host} plays {name} in this play only: other hosts do not know of it and have no rules for it. "
                f"Put it into the group {name}, or set portbook_components: [{name}] in the inventory"
            )
        return slice_, warnings

    def _bare(self) -> dict[str, Any]:
        return {"name": self.host, "host": {**_NOTHING, "components": []}, "rules": [], "not_planned": [], "sets": {}}

    def backend(self) -> str:
        """Also of a host that no plan knows of."""
        own = self._own()
        return str(rendered(own, "portbook_backend", _TEMPLATE_ERRORS)) if "portbook_backend" in own else "auto"

    def emptied(self) -> bool:
        """Whether the host's own variables say that it has no component."""
        own = self._own()
        return "portbook_components" in own and rendered(own, "portbook_components", _TEMPLATE_ERRORS) == []

    def _guest(self, component: str) -> dict[str, Any] | None:
        found = self._cache.guest(component, self.host)
        if found is None:
            with self._cache.lock():
                found = self._cache.guest(component, self.host)
                if found is None:
                    self._plan_guests(component)
                    found = self._cache.guest(component, self.host)
        return found

    def _plan_guests(self, component: str) -> None:
        """All hosts of the play that are no such component by inventory, in one pass."""
        hosts = {self.host, *(str(name) for name in self._vars.get("ansible_play_hosts_all", ()))}
        head = self._cache.head()
        plan, errors = self._planning.guests(component, hosts, self.host)
        if errors:
            raise AnsibleActionFail("\n".join(errors))
        self._cache.keep_guests(component, plan, head.digest if head else "")

    # -- telling ------------------------------------------------------------------------------------

    def write_plan(self, target: Path) -> None:
        def write() -> None:
            try:
                self._cache.copy_plan(target)
            except OSError as error:
                raise AnsibleActionFail(
                    f"portbook_plan_file: {target} cannot be written: {error.strerror}. Name a file in a "
                    "folder that you may write to"
                ) from None

        self._cache.once("written", write)

    def refuse_other_plan(self, target: Path, digest: str) -> None:
        """Looked at once a run: it may be large."""

        def look() -> None:
            try:
                refuse_other(target, self._cache.plan_path, digest)
            except OtherPlan as error:
                raise AnsibleActionFail(f"portbook_plan_file: {error}") from None

        self._cache.once("reviewed", look)

    def tell_summary(self, head: Head, verb: str) -> None:
        def tell() -> None:
            where = f", {verb} {head.plan_file}" if head.plan_file else ""
            display.display(
                f"portbook: plan {head.digest[:12]} of {head.hosts} hosts: {head.rules} rules, {head.sets} "
                f"peer sets{where}. {show.LEGEND}."
            )

        self._cache.once("told", tell)

    def networks(self, digest: str) -> list[str]:
        return self._cache.networks(digest)

    def show(self, slice_: dict[str, Any], components: list[str] | None) -> None:
        if self.action._task.no_log:
            return
        display.display(show.host_text(slice_, components, display.columns))

    @staticmethod
    def summary(head: Head, slice_: dict[str, Any], components: list[str] | None) -> dict[str, Any]:
        mine = [one for one in slice_["rules"] if components is None or one["component"] in components]
        return {
            "digest": head.digest,
            "components": components or slice_["host"]["components"],
            "backend": slice_["host"]["backend"],
            "rules_in": sum(one["direction"] == "in" for one in mine),
            "rules_out": sum(one["direction"] == "out" for one in mine),
            "not_planned": len(slice_["not_planned"]),
            **({"plan_file": head.plan_file} if head.plan_file else {}),
        }


_NOTHING = {"backend": "auto", "platform": "unknown", "realms": ["main"], "posture": "guard", "outbound": "off"}


def _united(slice_: dict[str, Any], guest: dict[str, Any]) -> dict[str, Any]:
    known = {one["id"] for one in slice_["rules"]}
    head = guest["host"] if not slice_["host"]["components"] else slice_["host"]
    return {
        "name": slice_["name"],
        "host": {**head, "components": [*slice_["host"]["components"], *guest["host"]["components"]]},
        "rules": [*slice_["rules"], *(one for one in guest["rules"] if one["id"] not in known)],
        "not_planned": [*slice_["not_planned"], *guest["not_planned"]],
        "sets": {**slice_["sets"], **guest["sets"]},
    }


def _hidden_text(host: str, names: list[str]) -> str:
    several = len(names) > 1
    have, them = ("have values", "them") if several else ("has a value", "it")
    return (
        f"{host}: {', '.join(names)} {have} here that other hosts cannot see "
        "(a play's or role's vars, vars_files, or a role parameter), and both ends of a flow must agree. "
        f"Move {them} to the inventory (host_vars, group_vars), or give {them} with -e"
    )


def _play_of(task: Any) -> str:
    """The play that a task belongs to, by walking up its parents."""
    while getattr(task, "_parent", None) is not None:
        task = task._parent
    return str(getattr(getattr(task, "_play", None), "_uuid", "run"))
