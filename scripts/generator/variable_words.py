# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables in the words of the tables and of Ansible's argument specs."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.model import Component
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory import variables
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.variables import Variable

from .text import code, codes

# Ansible checks these before the collection does, so they must let pass all that it accepts:
# a port may be a number, a range or a list, a realm a word or a list of words, a program may be left empty
# (which ansible-core 2.18 refuses of a text with a default).
_TYPES = {"bool": "bool", "version": "str", "choice": "str", "seconds": "int"}
_WHERE = {"all": "all hosts alike", "host": "host, group", "play": "with -e"}


@dataclass(frozen=True)
class VariableLine:
    name: str
    where: str
    meaning: str
    default: str
    choices: str


@dataclass(frozen=True)
class Option:
    """One variable in an argument spec; without `has_default` there is none to tell."""

    name: str
    type: str
    description: str
    has_default: bool
    default: object
    choices: tuple[str, ...]


def lines_of(component: Component) -> list[VariableLine]:
    return [line(variable, component) for variable in variables.of_component(component)]


def global_lines() -> list[VariableLine]:
    return [line(variable) for variable in variables.GLOBAL.values()]


def line(variable: Variable, component: Component | None = None) -> VariableLine:
    return VariableLine(
        name=code(variable.name),
        where=_WHERE[variable.scope],
        meaning=variable.meaning,
        default=_default(variable, component),
        choices=codes(variable.choices),
    )


def _default(variable: Variable, component: Component | None) -> str:
    if variable.default is not None:
        written = variable.default if isinstance(variable.default, str) else json.dumps(variable.default)
        return code(written)
    if component is not None and variable.kind == "ports":
        below = component.ports[variable.key].next_to
        return f"one above {code(component.port_variable(below))}" if below else "none"
    inherited = {"choice": "portbook_posture", "realm": "portbook_realm"}
    if component is not None and variable.kind in inherited:
        return f"that of {code(inherited[variable.kind])}"
    return "none"


def options_of(component: Component) -> list[Option]:
    return [option(variable) for variable in variables.of_component(component)]


def options_of_host() -> list[Option]:
    return [option(one) for one in variables.GLOBAL.values() if one.scope == "host"]


def option(variable: Variable) -> Option:
    return Option(
        name=variable.name,
        type=_TYPES.get(variable.kind, "raw"),
        description=variable.meaning,
        has_default=variable.default is not None,
        default=variable.default,
        choices=variable.choices,
    )
