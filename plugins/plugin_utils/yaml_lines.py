# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML with the line of every key, so that an error can point at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
KeyPath = tuple[str | int, ...]


class Unreadable(ValueError):
    """The file is no YAML; `line` tells where it stops being one."""

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


def read(path: Path) -> Document:
    try:
        loader = _Loader(path.read_bytes())
    except (OSError, yaml.YAMLError, UnicodeError) as error:
        raise Unreadable(1, str(error)) from None
    try:
        root = loader.get_single_node()
        lines: dict[KeyPath, int] = {}
        repeated: list[tuple[KeyPath, int]] = []
        data = None if root is None else _build(loader, root, (), lines, repeated, set())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(mark.line + 1 if mark else 1, error.problem or str(error)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(1, str(error)) from None
    finally:
        loader.dispose()
    return Document(data, lines, repeated)


def _build(
    loader: Any,
    node: yaml.Node,
    path: KeyPath,
    lines: dict[KeyPath, int],
    repeated: list[tuple[KeyPath, int]],
    above: set[int],
) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in above:
        raise Unreadable(node.start_mark.line + 1, "an alias contains itself")
    inside = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                key = str(key)
            here = (*path, key)
            if key in found:
                repeated.append((here, key_node.start_mark.line + 1))
            lines[here] = key_node.start_mark.line + 1
            found[key] = _build(loader, value_node, here, lines, repeated, inside)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*path, place), lines, repeated, inside) for place, item in enumerate(node.value)]
    return loader.construct_object(node, deep=True)
