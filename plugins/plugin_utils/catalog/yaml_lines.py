# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML with the line of every key, so that an error can point at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..problems import shown

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 64
_GREATEST = 2**64
KeyPath = tuple[str | int, ...]


class Unreadable(ValueError):
    """The file is not valid YAML; `line` says where it stops being one."""

    def __init__(self, line: int, wrong: str) -> None:
        super().__init__(wrong)
        self.line = line


@dataclass(frozen=True)
class Document:
    data: Any
    lines: dict[KeyPath, int]
    repeated: list[tuple[KeyPath, int]] = field(default_factory=list)

    def line(self, path: KeyPath) -> int:
        """Of the key itself, or of the nearest one above it that the file has."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(path: Path, known: bool = False) -> Document:
    """`known`: a built-in file, so no one wrote it to break its reader."""
    try:
        text = path.read_bytes()
        loader = _Loader(text)
    except (OSError, yaml.YAMLError, UnicodeError) as error:
        raise Unreadable(1, _one_line(error)) from None
    try:
        if not known:
            _refuse_abyss(text)
        root = loader.get_single_node()
        lines: dict[KeyPath, int] = {}
        repeated: list[tuple[KeyPath, int]] = []
        data = None if root is None else _build(loader, root, (), lines, repeated)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(mark.line + 1 if mark else 1, error.problem or _one_line(error)) from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise Unreadable(1, _one_line(error)) from None
    except RecursionError:
        raise Unreadable(1, "an alias contains itself") from None
    finally:
        loader.dispose()
    return Document(data, lines, repeated)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _refuse_abyss(text: bytes) -> None:
    """libyaml's composer calls itself for each level and would take the interpreter down with it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            mark = event.start_mark
            raise Unreadable(mark.line + 1 if mark else 1, f"it is nested more than {_DEEPEST} levels deep")


def _build(
    loader: Any,
    node: yaml.Node,
    path: KeyPath,
    lines: dict[KeyPath, int],
    repeated: list[tuple[KeyPath, int]],
) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = str(_scalar(loader, key_node))
            if not key.isprintable():
                raise Unreadable(key_node.start_mark.line + 1, f"{shown(key)} is not a valid key: it cannot be printed")
            here = (*path, key)
            if key in found:
                repeated.append((here, key_node.start_mark.line + 1))
            lines[here] = key_node.start_mark.line + 1
            found[key] = _build(loader, value_node, here, lines, repeated)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*path, place), lines, repeated) for place, item in enumerate(node.value)]
    return _scalar(loader, node)


def _scalar(loader: Any, node: yaml.Node) -> Any:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.ScalarNode):
        raise Unreadable(line, "a key is a list or a mapping")
    try:
        value = loader.construct_object(node)
    except (ValueError, LookupError, AttributeError, TypeError):
        # What the constructors raise for "!!bool perhaps", "!!int" without a digit and their like.
        raise Unreadable(line, f"{shown(node.value)} is not a valid {node.tag.rpartition(':')[2]}") from None
    if isinstance(value, int) and abs(value) > _GREATEST:
        raise Unreadable(line, f"{shown(node.value)} is too large a number")
    return value
