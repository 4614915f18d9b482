# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be said of a PowerShell script where there is no PowerShell: from its syntax tree.

Every check gives a list of findings, each with its line; an empty list means that it found nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_powershell.language()))

AUTOMATIC = frozenset({"_", "args", "true", "false", "null", "psversiontable"})
"""The automatic variables that a script may read."""

_OWN = """
error event eventargs eventsubscriber executioncontext foreach home host input iscoreclr islinux ismacos iswindows
lastexitcode matches myinvocation nestedpromptlevel ofs pid profile psboundparameters pscmdlet pscommandpath psculture
psdebugcontext pshome psitem psscriptroot pssenderinfo psuiculture pwd sender shellid stacktrace switch this
"""
NEVER_ASSIGNED = AUTOMATIC | frozenset(_OWN.split())

LATER_THAN_5_1 = {
    "class_statement": "a class",
    "enum_statement": "an enum",
    "pipeline_chain_tail": "a chain with && or ||",
}

LITERALS = (
    "hash_literal_expression",
    "array_expression",
    "array_literal_expression",
    "expression_with_unary_operator",
    "string_literal",
    "integer_literal",
    "variable",
)
CONSTANTS = {"$true": True, "$false": False, "$null": None}


@dataclass(frozen=True)
class Script:
    """A script, its tree, and what the checks ask of it."""

    text: str

    @cached_property
    def root(self) -> Node:
        return _PARSER.parse(self.text.encode()).root_node

    def all(self, *types: str) -> Iterator[Node]:
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if not types or node.type in types:
                yield node
            waiting.extend(reversed(node.children))

    @cached_property
    def functions(self) -> dict[str, frozenset[str]]:
        """Name and parameters of each function."""
        found = {}
        for node in self.all("function_statement"):
            body = child(node, "script_block")
            block = child(body, "param_block") if body else None
            parameters = Script(text(block)).variables("script_parameter") if block else frozenset()
            found[text(child(node, "function_name"))] = parameters
        return found

    def variables(self, *below: str) -> frozenset[str]:
        return frozenset(
            variable_name(inner)
            for node in self.all(*below)
            for inner in node.children
            if inner.type == "variable" and not text(inner).startswith("@")
        )

    @cached_property
    def commands(self) -> list[tuple[int, str, list[str]]]:
        """Line, name and the parameters' names of each command."""
        found = []
        for node in self.all("command"):
            elements = child(node, "command_elements")
            parameters = (
                [text(one)[1:].rstrip(":") for one in elements.children if one.type == "command_parameter"]
                if elements
                else []
            )
            found.append((line(node), text(child(node, "command_name")), parameters))
        return found


def text(node: Node | None) -> str:
    return node.text.decode() if node is not None and node.text is not None else ""


def line(node: Node) -> int:
    return node.start_point[0] + 1


def child(node: Node, type_: str) -> Node | None:
    return next((one for one in node.children if one.type == type_), None)


def sole(node: Node, *wanted: str) -> Node | None:
    """Down through the nodes that only wrap another, to one of these types."""
    while node.type not in wanted:
        if node.named_child_count != 1:
            return None
        node = node.named_children[0]
    return node


def variable_name(node: Node) -> str:
    name = text(node).lstrip("$@").strip("{}")
    return name.removeprefix("script:").lower()


def wrong_syntax(script: Script) -> list[str]:
    found = [
        f"{line(node)}: does not parse: {text(node)[:60]!r}"
        for node in script.all()
        if node.type == "ERROR" or node.is_missing
    ]
    found += [f"{line(node)}: {LATER_THAN_5_1[node.type]}" for node in script.all(*LATER_THAN_5_1)]
    for node in script.all("expandable_string_literal"):
        plain = re.sub(r"\$\([^()]*(?:\([^()]*\)[^()]*)*\)", "", text(node))
        if re.search(r"`[eu]", plain):
            found.append(f"{line(node)}: an escape that 5.1 does not know")
        if re.search(r"\$\w+:", plain):
            found.append(f"{line(node)}: a colon after a name makes it a scope: {plain}")
    return found


def not_ascii(script: Script) -> list[str]:
    lines = script.text.splitlines()
    return [f"{number}: not ASCII" for number, one in enumerate(lines, 1) if not one.isascii()]


def doubtful_commands(script: Script, allowed: Mapping[str, Iterable[str]]) -> list[str]:
    """Commands that are not on the list, or have a parameter that is not; here the case of their names counts."""
    found = []
    known = {name: frozenset(parameters) for name, parameters in allowed.items()} | script.functions
    lower = {name: {one.lower() for one in parameters} for name, parameters in known.items()}
    for number, name, parameters in script.commands:
        if name not in known:
            found.append(f"{number}: {name} is neither defined nor on the list")
            continue
        found += [f"{number}: {name} -{one} is not on the list" for one in parameters if one.lower() not in lower[name]]
    return found


def doubtful_types(script: Script, allowed: Mapping[str, Iterable[str]]) -> list[str]:
    """Types that are not on the list, static members that are not, and types named as a text."""
    found = []
    for node in script.all("type_literal"):
        name = text(node)[1:-1].removesuffix("[]")
        if name not in allowed:
            found.append(f"{line(node)}: [{name}] is not on the list")
            continue
        following = node.next_sibling
        if following is not None and following.type == "::" and following.next_sibling is not None:
            member = text(following.next_sibling)
            if member not in allowed[name]:
                found.append(f"{line(node)}: [{name}]::{member} is not on the list")
    for node in script.all("command"):
        given = re.search(r"-(?:TypeName|ComObject)\s+([^\s);]+)", text(node))
        if text(child(node, "command_name")) == "New-Object" and (given is None or given.group(1) not in allowed):
            found.append(f"{line(node)}: {text(node)[:70]} makes what is not on the list")
    return found


def doubtful_methods(script: Script, allowed: Iterable[str]) -> list[str]:
    found = []
    for node in script.all("invokation_expression"):
        if any(one.type == "::" for one in node.children):
            continue
        name = text(child(node, "member_name"))
        if name not in allowed:
            found.append(f"{line(node)}: .{name}() is not on the list")
    return found


def doubtful_variables(script: Script) -> list[str]:
    """Variables that nobody sets, and automatic ones that somebody sets."""
    assigned: dict[str, int] = {}
    for node in script.all("left_assignment_expression"):
        variable = sole(node, "variable")
        if variable is not None:
            assigned.setdefault(variable_name(variable), line(node))
    for node in script.all("foreach_statement", "script_parameter"):
        for one in node.children:
            if one.type == "variable":
                assigned.setdefault(variable_name(one), line(node))
    found = [f"{number}: ${name} is PowerShell's own" for name, number in assigned.items() if name in NEVER_ASSIGNED]
    for node in script.all("variable"):
        name = variable_name(node)
        if name not in assigned and name not in AUTOMATIC:
            found.append(f"{line(node)}: ${name} is set nowhere")
    return found


def twice_in_a_hashtable(script: Script) -> list[str]:
    """PowerShell refuses the whole script then."""
    found = []
    for node in script.all("hash_literal_body"):
        keys = [
            text(child(entry, "key_expression")).strip("'\"").lower()
            for entry in node.children
            if entry.type == "hash_entry"
        ]
        found += [f"{line(node)}: {key} is there twice" for key in sorted({key for key in keys if keys.count(key) > 1})]
    return found


def literal(node: Node) -> Any:
    """A hashtable, array, text, number, true or false that is written out, as Python has it."""
    found = sole(node, *LITERALS)
    while found is not None and found.type == "array_literal_expression":
        if found.named_child_count > 1:
            return [literal(item) for item in found.named_children]
        found = sole(found.named_children[0], *LITERALS)
    if found is None:
        raise ValueError(f"{line(node)}: not a literal: {text(node)[:60]!r}")
    if found.type == "expression_with_unary_operator":
        if text(found.children[0]) != ",":
            raise ValueError(f"{line(node)}: not a literal: {text(node)[:60]!r}")
        return [literal(found.named_children[0])]
    if found.type == "hash_literal_expression":
        body = child(found, "hash_literal_body")
        entries = [one for one in body.children if one.type == "hash_entry"] if body else []
        return {text(child(one, "key_expression")): literal(one.named_children[-1]) for one in entries}
    if found.type == "array_expression":
        inner = child(found, "statement_list")
        if inner is None:
            return []
        values = [literal(one) for one in inner.named_children if one.type == "pipeline"]
        return [item for value in values for item in (value if isinstance(value, list) else [value])]
    if found.type == "string_literal":
        return text(found)[1:-1]
    if found.type == "integer_literal":
        return int(text(found))
    return CONSTANTS[text(found)]


def specification(script: Script) -> dict[str, Any]:
    for node in script.all("assignment_expression"):
        if text(node).startswith("$spec = "):
            return dict(literal(node.named_children[-1]))
    raise ValueError("no $spec")
