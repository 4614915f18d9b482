# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names of variables are the collection's, and what a misspelt one was meant to be."""

from __future__ import annotations

from dataclasses import dataclass

from ..catalog.book import Catalog
from ..problems import Problems, nearest
from .variables import GLOBAL, SUFFIXED, Variable, of_component

# Names that do not even begin like one of the collection's are not compared: there may be thousands.
_STEM = 5


@dataclass(frozen=True)
class Unknown:
    """A name in our namespace that means nothing."""

    right: str


class Names:
    """Says of any variable name whether it is the collection's and what it is."""

    def __init__(self, catalog: Catalog, problems: Problems) -> None:
        self.known: dict[str, Variable] = dict(GLOBAL)
        for component in catalog.components.values():
            for variable in of_component(component):
                if variable.name in self.known:
                    other = self.known[variable.name].component or "the collection itself"
                    problems.error(
                        f"component {component.name}",
                        variable.name,
                        f"is also a variable of {other}",
                        "Rename the component, feature or port",
                    )
                self.known[variable.name] = variable
        prefixes = {component.prefix for component in catalog.components.values()}
        self._prefixes = tuple(f"{prefix}_" for prefix in sorted(prefixes))
        self._stems = {name[:_STEM] for name in self.known}
        self._seen: dict[str, Variable | Unknown | None] = {}

    def read(self, name: str) -> Variable | Unknown | None:
        """The variable, or Unknown if it must be a slip, or None if it is not the collection's."""
        if name not in self._seen:
            self._seen[name] = self._classify(name)
        return self._seen[name]

    def _classify(self, name: str) -> Variable | Unknown | None:
        if name in self.known:
            return self.known[name]
        for base in SUFFIXED:
            if name.startswith(f"{base}_"):
                near = nearest(name, (one for one in self.known if one.startswith(f"{base}_")), cutoff=0.93)
                return Unknown(f"Did you mean {near}?") if near else self.known[base]
        if name.startswith("portbook_"):
            near = nearest(name, self.known)
            return Unknown(
                f"Did you mean {near}?"
                if near
                else "docs/variables.md lists the variables; names that begin with portbook_ are the collection's"
            )
        if name.startswith(self._prefixes):
            # A repository may have variables of its own that begin like a component's: only a near miss is a slip.
            near = nearest(name, self.known, cutoff=0.88)
            return Unknown(f"Did you mean {near}?") if near else None
        return self._misspelt_prefix(name)

    def _misspelt_prefix(self, name: str) -> Unknown | None:
        if name[:_STEM] not in self._stems:
            return None
        near = nearest(name, self.known, cutoff=0.93)
        return Unknown(f"Did you mean {near}?") if near else None

    def ours(self, name: object) -> bool:
        """Of any key that a host's variables have: YAML has keys that are no text."""
        return isinstance(name, str) and self.read(name) is not None
