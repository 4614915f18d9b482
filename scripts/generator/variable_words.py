# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables in the words of the tables and of Ansible's argument specs."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.model import Component
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory import variables
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.entries import PORTLESS, PROTOCOLS
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.variables import Variable
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan import overlay

from .text import code, codes

# Ansible checks these before the collection does, so they must let pass all that it accepts, and nothing that has
# another form: a port may be a number, a range or a list, a realm a word or a list of words. A program may be left
# empty (which ansible-core 2.18 refuses of a text with a default).
_LIST = ("list", "str")
_TYPES = {
    "bool": ("bool", ""),
    "version": ("str", ""),
    "choice": ("str", ""),
    "program": ("raw", ""),
    "mark": ("str", ""),
    "seconds": ("int", ""),
    "allow": ("list", "dict"),
    "peers": ("dict", ""),
    "flows": ("dict", ""),
    **dict.fromkeys(("ports", "realm", "components", "addresses", "networks", "names"), _LIST),
}
_EXAMPLES = {
    "peers": "{utmstack_device: [203.0.113.0/24], utmstack_console: any}",
    "flows": "{utmstack.log-http: {state: disabled, owner: soc, expires: 2027-01-31}}",
    "allow": "[{name: web, ports: [80, 443], peers: any, why: The shop}]",
}
OPTIONS_NOTE = (
    "Set the variables in the inventory, because rules of peer hosts depend on them. As role variables, the role "
    f"accepts only those that concern its host alone ({', '.join(overlay.OF_THE_HOST)}, a component's posture), and "
    "ports, versions and features on which no rule of another managed host depends."
)
DEFAULTS_NOTE = (
    "The variables of this role with their defaults. To change one, copy its line to the inventory (group_vars, "
    "host_vars) and uncomment it there, not here: rules of peer hosts depend on most of them, and peers do not see "
    "defaults of a role."
)
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
    """One variable in an argument spec; without `has_default` it has no default."""

    name: str
    type: str
    description: str
    has_default: bool = False
    default: object = None
    choices: tuple[str, ...] = ()
    elements: str = ""
    required: bool = False
    options: tuple[Option, ...] = ()
    required_if: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    example: str = ""


_INHERITED = {"choice": "portbook_posture", "realm": "portbook_realm"}
"""Of a component's variables those that overrule one of the host, by kind."""


def lines_of(component: Component) -> list[VariableLine]:
    return [line(variable, component) for variable in variables.of_component(component)]


def own_lines_of(component: Component) -> list[VariableLine]:
    """Without those that every component has."""
    return [line(one, component) for one in variables.of_component(component) if one.kind not in _INHERITED]


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
        return f"{code(component.port_variable(below))} plus one" if below else "none"
    if component is not None and variable.kind in _INHERITED:
        return f"that of {code(_INHERITED[variable.kind])}"
    return "none"


def options_of(component: Component) -> list[Option]:
    """With the settings of the host that every role takes."""
    of_host = [variables.GLOBAL[name] for name in overlay.OF_THE_HOST]
    return [option(variable) for variable in (*variables.of_component(component), *of_host)]


def options_of_host() -> list[Option]:
    return [option(one) for one in variables.GLOBAL.values() if one.scope == "host"]


def option(variable: Variable) -> Option:
    kind, elements = _TYPES[variable.kind]
    default = variable.default
    if elements == "str" and default is not None and not isinstance(default, list):
        default = [str(default)]
    return Option(
        name=variable.name,
        type=kind,
        description=variable.meaning,
        has_default=default is not None,
        default=default,
        choices=variable.choices,
        elements=elements,
        options=_ALLOW if variable.kind == "allow" else (),
        required_if=_ALLOW_NEEDS if variable.kind == "allow" else (),
        example=_EXAMPLES.get(variable.kind, ""),
    )


_ALLOW = (
    Option("name", "str", "Name of the rule: letters, digits, dots and dashes.", required=True),
    Option("direction", "str", "Direction of the connection.", True, "in", ("in", "out")),
    Option("protocol", "str", "The protocol.", True, "tcp", PROTOCOLS),
    Option("ports", "list", "Port numbers and ranges. Required for tcp, udp and sctp.", elements="str"),
    Option(
        "peers", "list", "Addresses, networks or names, or the word local_subnet or any.", elements="str", required=True
    ),
    Option("why", "str", "Purpose of the rule."),
    Option("owner", "str", "Who requested the rule."),
    Option("ticket", "str", "Ticket of the request."),
    Option("expires", "str", "Last day on which the rule is applied, for example 2027-01-31."),
)
_ALLOW_NEEDS = tuple(("protocol", name, ("ports",)) for name in PROTOCOLS if name not in PORTLESS)
