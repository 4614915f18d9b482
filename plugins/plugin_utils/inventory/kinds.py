# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn the values of variables into settings, by kind; every wrong value becomes a problem, none an exception."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..catalog.book import Catalog
from ..net.addresses import AddressSet
from ..net.ports import PortSet
from ..problems import one_of, shown
from .entries import Entries
from .settings import Allow, Override, Peers
from .values import (
    Complaints,
    Untemplated,
    Wrong,
    address_or_name,
    boolean,
    interface,
    listed,
    literal,
    mapping,
    mark,
    ports,
    seconds,
    text,
    words,
)
from .variables import Variable


def read_value(catalog: Catalog, variable: Variable, raw: object) -> tuple[Any, list[Wrong]]:
    """The setting, and what is wrong with the value; with anything wrong, the setting is not to be used."""
    complaints = Complaints()
    kinds = _Kinds(catalog, complaints)
    return complaints.collect("", kinds.read, variable, raw), complaints.wrongs


class _Kinds:
    """A method for each kind of variable."""

    def __init__(self, catalog: Catalog, complaints: Complaints) -> None:
        self._catalog, self._told = catalog, complaints
        self._entries = Entries(catalog, complaints)

    def read(self, variable: Variable, raw: object) -> Any:
        if isinstance(raw, Untemplated):
            raise Wrong(f"cannot be rendered: {raw.reason.rstrip('.')}", _remedy(raw.reason))
        reader: Callable[[Variable, Any], Any] = getattr(self, f"_{variable.kind}")
        return reader(variable, raw)

    def _choice(self, variable: Variable, raw: object) -> str:
        # YAML reads a bare off as false and on as true.
        word = ("on" if raw else "off") if isinstance(raw, bool) else raw
        if not isinstance(word, str) or word not in variable.choices:
            raise Wrong(f"is {shown(raw)}", one_of(variable.choices, raw))
        return str(word)

    def _bool(self, _variable: Variable, raw: object) -> bool:
        return boolean(raw)

    def _version(self, variable: Variable, raw: object) -> str:
        text = str(raw) if isinstance(raw, (int, float, str)) and not isinstance(raw, bool) else ""
        if text not in variable.choices:
            raise Wrong(
                f"is {shown(raw)}, which is not a known version",
                f"Valid versions: {', '.join(variable.choices)}{self._elsewhere(variable, text)}",
            )
        return text

    def _elsewhere(self, variable: Variable, version: str) -> str:
        """A version that another component of the product has in this one's place: there the part has another name."""
        mine = self._catalog.components[str(variable.component)]
        others = [
            one.name
            for one in self._catalog.components.values()
            if one.product == mine.product
            and not one.party
            and version in one.versions
            # A component that has a version in common with it does not replace it.
            and not set(one.versions) & set(mine.versions)
        ]
        return f". Version {version} is that of {' or '.join(others)}: use that component" if others else ""

    def _ports(self, _variable: Variable, raw: object) -> PortSet:
        return ports(raw)

    def _program(self, _variable: Variable, raw: object) -> str | None:
        if raw is None or raw == "":
            return None
        path = text(raw)
        if not re.match(r"^([A-Za-z]:\\|%[A-Za-z_()0-9]+%\\|System$)", path) or not path.isprintable():
            raise Wrong(
                f"is {shown(raw)}, which is not a full Windows path",
                "Write it like C:\\Program Files\\Vendor\\program.exe",
            )
        return path

    def _mark(self, _variable: Variable, raw: object) -> tuple[int, int] | None:
        return None if raw is None or raw == "" else mark(raw)

    def _seconds(self, _variable: Variable, raw: object) -> int:
        return seconds(raw)

    def _any(self, _variable: Variable, raw: object) -> object:
        """Ansible has judged it."""
        return raw

    def _path(self, _variable: Variable, raw: object) -> str | None:
        return text(raw) if raw else None

    def _paths(self, _variable: Variable, raw: object) -> tuple[str, ...]:
        return tuple(text(one) for one in words(raw, "paths"))

    def _names(self, _variable: Variable, raw: object) -> tuple[str, ...]:
        return tuple(sorted(set(self._told.each(listed(raw, "interface names"), interface))))

    def _realm(self, _variable: Variable, raw: object) -> frozenset[str]:
        return self._entries.realms(raw)

    def _addresses(self, _variable: Variable, raw: object) -> tuple[str, ...]:
        items = listed(raw, "addresses")
        if not items:
            raise Wrong("is empty", "Give at least one address, or leave the variable out")
        return tuple(self._told.each(items, address_or_name))

    def _networks(self, _variable: Variable, raw: object) -> AddressSet:
        return AddressSet.union(self._told.each(listed(raw, "addresses"), literal))

    def _components(self, _variable: Variable, raw: object) -> tuple[str, ...]:
        found = self._told.each(listed(raw, "components"), self._entries.component)
        return tuple(sorted({one.name for one in found}))

    def _groups(self, _variable: Variable, raw: object) -> dict[str, tuple[str, ...]]:
        found = {}
        for name, groups in mapping(raw, "component to a list of groups").items():
            component = self._told.collect("", self._entries.component, name)
            listed = self._told.collect(str(name), words, groups, "group names") if component else None
            if component is not None and listed is not None:
                found[component.name] = tuple(self._told.each(listed, text))
        return found

    def _peers(self, _variable: Variable, raw: object) -> dict[str, Peers]:
        return self._entries.peers(raw)

    def _flows(self, _variable: Variable, raw: object) -> dict[str, Override]:
        return self._entries.flows(raw)

    def _allow(self, _variable: Variable, raw: object) -> tuple[Allow, ...]:
        return self._entries.allow(raw)


def _remedy(reason: str) -> str:
    if "vault" in reason:
        return "Give the password of the vault: --ask-vault-pass, or --vault-password-file FILE"
    return "Fix the template or the variables that it uses"
