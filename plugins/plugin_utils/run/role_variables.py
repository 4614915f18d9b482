# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that a task sees and the inventory does not have: a role's, a play's, those of vars_files.

Those that concern the host alone are laid over its part of the plan. Those of its components are planned again for
this host, if no other host's rules follow them. All others are refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..catalog.book import Catalog
from ..inventory.kinds import read_value
from ..inventory.names import Names
from ..inventory.variables import GLOBAL, POSTURES, Variable
from ..plan import overlay
from ..problems import Problems
from .host_part import HostPart
from .refused import Refused

_PLANNED = ("ports", "version", "bool", "program")
"""Kinds of a component's variables that a role can set."""
_NO_CATALOG = Catalog({}, {}, {}, {}, {}, {}, {}, {})
_POSTURE = "_posture"


@dataclass(frozen=True)
class Given:
    """One variable as the task has it, read; `own` is what the inventory says, or the default."""

    variable: Variable
    raw: Any
    value: Any
    own: Any

    @property
    def name(self) -> str:
        return self.variable.name

    @property
    def text(self) -> str:
        return written(self.value)


@dataclass(frozen=True)
class RoleVariables:
    of_host: tuple[Given, ...] = ()
    of_components: tuple[Given, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.of_host or self.of_components)

    @property
    def all(self) -> tuple[Given, ...]:
        return tuple(sorted((*self.of_host, *self.of_components), key=lambda one: one.name))

    @property
    def result(self) -> dict[str, Any]:
        """For the task's result."""
        return {"role_variables": {one.name: one.raw for one in self.all}} if self else {}

    def laid_over(self, part: HostPart) -> HostPart:
        """The host's part with what concerns the host alone, and a digest of its own."""
        if not self:
            return part
        values = {one.name: one.value for one in self.of_host}
        plain = {name.removeprefix("portbook_"): values[name] for name in overlay.OF_THE_HOST if name in values}
        of_settings = {name: plain.pop(name) for name in ("log", "refuse", "cut") if name in plain}
        own = {str(one.variable.component): one.value for one in self.of_host if one.variable.component}
        changed = replace(
            part, **plain, postures={**part.postures, **own}, settings=replace(part.settings, **of_settings)
        )
        digest = key_of(self.all, of_what=part.digest)
        rules = overlay.laid_over(changed.rules, changed)
        return replace(changed, rules=rules, digest=digest)


def key_of(given: Iterable[Given], of_what: str = "") -> str:
    """Names what was made of `of_what` with these variables; nothing is made of none."""
    listed = sorted((one.name, one.text) for one in given)
    return hashlib.sha256(json.dumps([of_what, listed]).encode()).hexdigest() if listed else of_what


def key_of_names(given: Iterable[Given]) -> str:
    return hashlib.sha256(repr([one.name for one in given]).encode()).hexdigest()[:16]


def read(
    host: str,
    hidden: Mapping[str, Any],
    own: Mapping[str, Any],
    components: Iterable[str],
    catalog: Callable[[], Catalog],
) -> RoleVariables:
    """`hidden` are the variables that the task sees otherwise than the host's own. The catalogue is only asked for
    where a variable of a component other than its posture is among them: reading it takes its time."""
    known = {name: GLOBAL[name] for name in overlay.OF_THE_HOST}
    for name in components:
        variable = f"{name}{_POSTURE}"
        known[variable] = Variable(variable, "choice", "host", "", None, POSTURES, name)
    wrong = Problems()
    of_host: list[Given] = []
    of_components: list[Given] = []
    refused: list[str] = []
    names: Names | None = None
    for name, raw in sorted(hidden.items()):
        if raw is None:
            continue  # Sets nothing.
        found = known.get(name)
        if found is None and name not in GLOBAL:
            names = names or Names(catalog(), Problems())
            listed = names.read(name)
            found = listed if isinstance(listed, Variable) and listed.name == name else None
        local = found is not None and overlay.concerns_the_host_alone(found)
        if found is None or not (local or (found.component is not None and found.kind in _PLANNED)):
            refused.append(name)
            continue
        given = _given(host, found, raw, own.get(name, found.default), _NO_CATALOG if local else catalog(), wrong)
        if given is not None and given.value != given.own:
            (of_host if local else of_components).append(given)
    if refused:
        raise Refused(_refusal(host, refused))
    if wrong.errors:
        raise Refused("\n".join(str(one) for one in wrong.errors))
    return RoleVariables(tuple(of_host), tuple(of_components))


def _given(host: str, variable: Variable, raw: Any, own: Any, catalog: Catalog, wrong: Problems) -> Given | None:
    value, wrongs = read_value(catalog, variable, raw)
    for one in wrongs:
        wrong.error(host, f"{variable.name}.{one.key}" if one.key else variable.name, one.wrong, one.right)
    if wrongs:
        return None
    own_value, _wrongs = (None, ()) if own is None else read_value(catalog, variable, own)
    return Given(variable, raw, value, own_value)


def written(value: Any) -> str:
    """A setting as somebody would write it."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    texts = getattr(value, "texts", None)
    return ", ".join(texts) if texts is not None else str(value)


_TAKEN = (
    "A role takes portbook_posture, portbook_outbound, portbook_log, portbook_refuse, portbook_cut, and postures, "
    "ports, versions and features of components"
)


def _refusal(host: str, names: list[str]) -> str:
    several = len(names) > 1
    have, them = ("have values", "them") if several else ("has a value", "it")
    return (
        f"{host}: {', '.join(names)} {have} here that other hosts cannot see "
        "(a play's or role's vars, vars_files, or a role parameter), and both ends of a flow must agree. "
        f"Move {them} to the inventory (host_vars, group_vars), or give {them} with -e. {_TAKEN}"
    )


def refuse_beside_a_plan_file(host: str, given: Iterable[Given], plan_file: str) -> None:
    for one in given:
        raise Refused(
            f"{host}: {one.name} is {one.text} here and {written(one.own)} in the inventory or by default, and "
            f"portbook_plan_file ({plan_file}) has what the inventory says. Set it in the inventory "
            f"(host_vars/{host}.yml or group_vars), then write the plan again"
        )


# -- what the tasks of one run say of a host --------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """By one task that applies: of these components, or of all. The values are texts, as somebody would write them."""

    task: str
    components: tuple[str, ...] | None
    values: Mapping[str, str] = field(default_factory=dict)
    """Of role variables."""
    own: Mapping[str, str] = field(default_factory=dict)
    """What the host has without them."""
    of: Mapping[str, str] = field(default_factory=dict)
    """The component of each, where it is one's."""

    @staticmethod
    def by(task: str, components: Iterable[str] | None, given: RoleVariables) -> Said:
        return Said(
            task,
            None if components is None else tuple(components),
            {one.name: one.text for one in given.all},
            {one.name: written(one.own) for one in given.all},
            {one.name: one.variable.component for one in given.all if one.variable.component},
        )

    @staticmethod
    def read(data: Mapping[str, Any]) -> Said:
        components = data["components"]
        return Said(**{**data, "components": None if components is None else tuple(components)})

    def speaks_of(self, component: str | None) -> bool:
        return component is None or self.components is None or component in self.components


def contradiction(host: str, earlier: Iterable[Said], now: Said) -> str | None:
    """What a task would take back of an earlier one."""
    for before in earlier:
        differ = []
        for name in sorted({*before.values, *now.values}):
            component = before.of.get(name) or now.of.get(name)
            own = now.own.get(name) or before.own[name]
            first, second = before.values.get(name, own), now.values.get(name, own)
            if first != second and before.speaks_of(component) and now.speaks_of(component):
                differ.append(f"{name} is {second} here and was {first} there")
        if differ:
            return (
                f'{host}: the task "{now.task}" gives the host other settings than the task "{before.task}" of this '
                f"run: {', '.join(differ)}. The later one would take back what the first one set: give both the same "
                f"value, or set it in the inventory (host_vars/{host}.yml or group_vars)"
            )
    return None


class Memory:
    """What the tasks of one run said of each host: a file a host, as one host has one task at a time."""

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder / "portbook-role-variables"

    def note(self, host: str, now: Said) -> str | None:
        """Or why it cannot be: what an earlier task said. A task that was refused has said nothing."""
        target = self._folder / f"{hashlib.sha256(host.encode()).hexdigest()[:32]}.json"
        texts = json.loads(target.read_text(encoding="utf-8")) if target.exists() else []
        earlier = [Said.read(one) for one in texts]
        wrong = contradiction(host, earlier, now)
        if wrong is None and now not in earlier:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            target.write_text(json.dumps([*texts, asdict(now)]), encoding="utf-8")
        return wrong
