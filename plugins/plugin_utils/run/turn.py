# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task on one host: the plan of the run as it is now, the host's part of it, and what is reported of both."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ...module_utils.shrinking import Inventory
from ..catalog.book import Catalog
from ..inventory.hostvars import Reader, counts, fingerprint, rendered, resolve, unseen
from ..inventory.names import Names
from ..inventory.world import HostInput
from ..problems import Problems, one_of
from . import markdown, result, summary
from .cache import RunCache, write_private
from .compared import Compared
from .head import Head
from .host_part import HostPart, inventory_of
from .planning import Planning, catalog_of
from .records import Kind, Record, Records
from .refused import Refused
from .reviewed import OtherPlan, refuse_other
from .role_plan import RolePlan
from .role_variables import Given, Memory, RoleVariables, Said, key_of, key_of_names, refuse_beside_a_plan_file
from .role_variables import read as read_role_variables
from .show import host_lines


@dataclass(frozen=True)
class Task:
    """What Ansible knows of the task."""

    host: str
    variables: Mapping[str, Any]
    id: str
    template: Callable[[Any], Any]
    template_errors: tuple[type[Exception], ...]
    """What rendering a value may raise."""
    extra_variables: Callable[[], Mapping[str, Any]]
    """Those of -e."""
    default_connection: str
    name: str = ""
    check: bool = False


class Turn:
    def __init__(self, task: Task, cache: RunCache, records: Records) -> None:
        self.host = task.host
        self.warnings: list[str] = []
        self._task, self._cache, self._records = task, cache, records
        self._vars = task.variables
        self._role = RoleVariables()

    # -- the plan of the run ------------------------------------------------------------------------

    def head(self) -> Head:
        """Of the plan that fits the host's variables as they are now; computed by the first who needs it."""
        if self.host not in self._vars["hostvars"]:
            raise Refused(
                f"{self.host} is not in the inventory, so no rules can be planned for it. "
                "Add it to the inventory, or run this for hosts of the inventory"
            )
        head = self._known()
        if head is None:
            with self._cache.lock():
                head = self._known() or self._current()
                self._cache.mark_looked(self._task.id)
        self._role = self._role_variables(head)
        return head

    def _known(self) -> Head | None:
        """Once a task, somebody has made sure that the plan is of the hosts as they are."""
        return self._cache.head() if self._cache.looked(self._task.id) else None

    def _own(self) -> Any:
        return self._vars["hostvars"][self.host]

    def _value(self, name: str) -> Any:
        """Of the host's own variable, or None."""
        own = self._own()
        return rendered(own, name, self._task.template_errors) if name in own else None

    def _current(self) -> Head:
        """Once a task all hosts are looked at again: set_fact, group_by and add_host change what the plan is of."""
        head = self._cache.head()
        if head is not None:
            reader = Reader(partial(counts, known=head.variables), self._task.template_errors)
            if fingerprint(self._inputs(reader), head.variables) == head.fingerprint:
                return head
        return self._compute()

    def _inputs(self, reader: Reader) -> list[HostInput]:
        return reader.inputs(self._vars["hostvars"], self._vars["groups"])

    def _role_variables(self, head: Head) -> RoleVariables:
        """What the task sees of its host and the inventory does not say."""
        reader = Reader(head.variables.__contains__, self._task.template_errors)
        in_task = reader.host_in_task(self._vars, self._task.template)
        own = reader.host(self._own())
        hidden = unseen(in_task, own)
        again = reader.host(self._own()) if hidden else own
        restless = [name for name in hidden if own.get(name) != again.get(name)]
        if restless:
            raise Refused(
                f"{self.host}: {', '.join(restless)} returns a different value each time it is evaluated "
                "(random, now(), a lookup), so no plan could be relied on. Set a fixed value, for example with set_fact"
            )
        given = self._read_role_variables({name: in_task[name] for name in hidden}, own, head)
        if head.plan_file:
            refuse_beside_a_plan_file(self.host, given.all, head.plan_file)
        return given

    def _read_role_variables(self, hidden: Mapping[str, Any], own: Mapping[str, Any], head: Head) -> RoleVariables:
        """Once for all hosts that have the same; what cannot be taken is refused to each."""
        texts = sorted((name, repr(value), repr(own.get(name))) for name, value in hidden.items())
        key = hashlib.sha256(repr(texts).encode()).hexdigest()[:32]
        return (
            self._cache.kept(
                f"variables-{key}",
                lambda: read_role_variables(
                    self.host, hidden, own, head.components, lambda: self._cache.kept("catalog", self.catalog)
                ),
            )
            if hidden
            else RoleVariables()
        )

    def remember_role_variables(self, components: list[str] | None) -> None:
        """A host has one value of each: what an earlier task of the run applied is not taken back by this one."""
        wrong = Memory(self._cache.run_folder).note(self.host, Said.by(self._task.name, components, self._role))
        if wrong:
            raise Refused(wrong)

    def _compute(self) -> Head:
        plan, head = self._planning.compute(self.host)
        self._cache.keep(head, plan)
        if head.shrink and "portbook_shrink" not in self._task.extra_variables():
            self.warnings.append(
                "portbook_shrink: true is set in the inventory, so no run notices an inventory that lacks hosts. "
                "Remove it, and set it with -e for the one run that needs it"
            )
        self.warnings += head.warnings
        return head

    def catalog(self, problems: Problems | None = None) -> Catalog:
        return catalog_of(self._value("portbook_catalogs"), problems or Problems())

    @cached_property
    def _planning(self) -> Planning:
        problems = Problems()
        catalog = self.catalog(problems)
        reader = Reader(Names(catalog, Problems()).ours, self._task.template_errors)
        return Planning(
            catalog,
            problems,
            self._inputs(reader),
            [str(group) for group in self._vars["groups"]],
            date.today(),
            resolve,
            self._task.default_connection,
        )

    def errors(self, head: Head) -> dict[str, Any]:
        """The host's own first, and the count; the whole list is once, in the result of one host."""
        listed = head.listed_by == self.host
        own = head.own_errors.get(self.host)
        msg = _errors_text(self.host, head, None if own is None else head.errors[own])
        self.record("refused", text=msg)
        return {"msg": msg, **({"errors": list(head.errors), "_ansible_verbose_always": True} if listed else {})}

    # -- this host's part ---------------------------------------------------------------------------

    def components(self, named: list[str] | None, head: Head) -> list[str] | None:
        for name in named or ():
            if name not in head.components:
                raise Refused(
                    f"{self.host}: components names {name!r}, which is not a known component. "
                    f"{one_of(head.components, name)}"
                )
        return named

    def part(self, components: list[str] | None) -> tuple[HostPart, list[str]]:
        """The host's part, and what has to be said about it. A component that the inventory does not give this
        host is planned as if it did, with nobody else knowing."""
        part = self._cache.part(self.host) or HostPart(self.host)
        guests = {name for name in components or () if name not in part.components}
        of_inventory = tuple(one for one in self._role.of_components if one.variable.component not in guests)
        if of_inventory:
            part = self._of_play(None, of_inventory) or part
        warnings = []
        for name in components or ():
            if name in part.components:
                continue
            guest = self._of_play(name, self._role.of_components)
            if guest is None:
                raise Refused(f"{self.host}: {name} could not be planned for this host")
            part = part.united(guest)
            warnings.append(
                f"{self.host} has the component {name} in this play only, so its peers get no rules for it. "
                f"Put it into the group {name}, or set portbook_components: [{name}] in the inventory"
            )
        return self._role.laid_over(part), warnings

    def inventory(self, part: HostPart, head: Head) -> Inventory | None:
        """What the inventory says of the host; None if somebody decided that the host may lose what it has."""
        if head.shrink or head.plan_file:
            return None
        return inventory_of(part, head, emptied=self._value("portbook_components") == [])

    def backend(self) -> str:
        """Also of a host that no plan knows of."""
        return str(self._value("portbook_backend") or "auto")

    def windows_engine(self) -> str:
        return str(self._value("portbook_windows_engine") or "native")

    def _of_play(self, component: str | None, given: tuple[Given, ...]) -> HostPart | None:
        """What only the play knows of the host: a component, or variables of components. Planned in one pass for all
        hosts of the play that will ask the same."""
        key = f"{component or ''}{key_of(given)[:16]}"
        found = self._cache.guest(key, self.host)
        if found is None:
            with self._cache.lock():
                found = self._cache.guest(key, self.host)
                if found is None:
                    hosts = [str(name) for name in self._vars.get("ansible_play_hosts_all", ())]
                    # Where hosts have values of their own, none will ask for what another one did.
                    first = self._cache.once(f"of-play-{component}-{key_of_names(given)}", lambda: None)
                    plan = self._role_plan.of(self.host, hosts if first else (), component, given)
                    head = self._cache.head()
                    self._cache.keep_guests(key, plan, head.digest if head else "")
                    found = self._cache.guest(key, self.host)
        return found

    @property
    def _role_plan(self) -> RolePlan:
        world = self._cache.kept("world", lambda: self._planning.world)
        return RolePlan(world, date.today())

    def networks(self, digest: str) -> list[str]:
        return self._cache.networks(digest)

    # -- the plan's file ----------------------------------------------------------------------------

    def write_plan(self, target: Path, head: Head) -> None:
        """As JSON, which portbook.firewall.site applies, or as a text for a reviewer."""

        def write() -> None:
            try:
                if target.suffix == markdown.SUFFIX:
                    write_private(target, markdown.lines(head, self._cache.parts(), self.networks))
                else:
                    self._cache.copy_plan(target)
            except OSError as error:
                raise Refused(
                    f"portbook_plan_file: {target} cannot be written: {error.strerror}. Name a file in a "
                    "folder that you may write to"
                ) from None

        self._cache.once("written", write)

    def refuse_other_plan(self, target: Path, digest: str) -> None:
        """Looked at once a run: it may be large."""
        if target.suffix == markdown.SUFFIX:
            raise Refused(
                f"portbook_plan_file is {target}, a text for reviewers, which only portbook.firewall.plan writes. To "
                "apply exactly what was reviewed, give the plan as JSON: portbook_plan_file: plan.json"
            )

        def look() -> None:
            try:
                refuse_other(target, self._cache.plan_path, digest)
            except OtherPlan as error:
                raise Refused(f"portbook_plan_file: {error}") from None

        self._cache.once("reviewed", look)

    # -- the result ---------------------------------------------------------------------------------

    def found(self, head: Head, part: HostPart, components: list[str] | None) -> dict[str, Any]:
        return {**result.of(part, head, components, self.networks), **self._role.result}

    def record(
        self,
        kind: Kind,
        part: HostPart | None = None,
        components: list[str] | None = None,
        show: str | None = None,
        text: str = "",
        details: Iterable[str] = (),
        digest: str = "",
        compared: Compared | None = None,
    ) -> None:
        """For the task that says it for all hosts."""
        part = part or self._cache.part(self.host)
        rules = result.spoken_of(part, components) if part else []
        self._records.add(
            Record(
                host=self.host,
                kind=kind,
                components=tuple(components or (part.components if part else ())),
                named=components is not None,
                backend=part.backend if part else "",
                rules_in=sum(one.direction == "in" for one in rules),
                rules_out=sum(one.direction == "out" for one in rules),
                guarded=sum(one.guarded for one in rules),
                not_planned=len(part.not_planned) if part else 0,
                text=compared.text if compared else text.removeprefix(f"{self.host}: "),
                details=compared.details if compared else tuple(details),
                check=self._task.check,
                show=show,
                play=self._cache.key,
                digest=digest,
                compared=compared.state if compared else "",
                lines=tuple(host_lines(part, "", components, summary.WIDTH)) if part and self._role else (),
                likeness=f"{part.likeness} {part.digest}" if part else "",
            )
        )


def _errors_text(host: str, head: Head, own: str | None) -> str:
    count = len(head.errors)
    where = "in errors here" if head.listed_by == host else f"in the result of {head.listed_by}"
    if own is None:
        return f"{host}: {count:,} error{'s' * (count > 1)} elsewhere, listed {where}. {_NOTHING_DONE}"
    own = own if own.endswith("?") else f"{own}."
    return f"{own} {f'This is one of {count:,} errors, listed {where}. ' if count > 1 else ''}{_NOTHING_DONE}"


_NOTHING_DONE = "Nothing is applied on any host"
