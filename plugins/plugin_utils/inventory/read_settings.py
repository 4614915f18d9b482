# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the variables of all hosts: one HostSettings for all hosts that say the same."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ..catalog.book import Catalog
from ..net.addresses import AddressSet
from ..net.ports import PortSet
from ..problems import Problems, shown
from .kinds import read_value
from .names import Names, Unknown
from .once import Once
from .settings import Allow, HostSettings, Override, Peers, RunSettings
from .values import Wrong
from .variables import SUFFIXED, Variable

Raw = Mapping[str, Any]
ADDRESSES = "portbook_addresses"
_PLAIN = {
    "portbook_components": "components",
    "portbook_realm": "realm",
    "portbook_backend": "backend",
    "portbook_posture": "posture",
    "portbook_outbound": "outbound",
    "portbook_management_ports": "management_ports",
    "portbook_trusted_interfaces": "trusted_interfaces",
    "portbook_foreign": "foreign",
    "portbook_refuse": "refuse",
    "portbook_log": "log",
    "portbook_cut": "cut",
    "portbook_windows_engine": "windows_engine",
    "portbook_windows_policy": "windows_policy",
    "portbook_windows_foreign": "windows_foreign",
    "portbook_windows_app_rules": "windows_app_rules",
    "portbook_windows_profiles": "windows_profiles",
    "portbook_restore_after_flush": "restore_after_flush",
    "portbook_confirm_timeout": "confirm_timeout",
    "portbook_migrate": "migrate",
    "portbook_mark": "mark",
}
_OF_COMPONENT = {
    "version": "versions",
    "bool": "features",
    "ports": "ports",
    "program": "programs",
    "choice": "postures",
    "realm": "realms",
}


@dataclass(frozen=True)
class _Given:
    """One variable of a host, read."""

    name: str
    variable: Variable
    value: Any


def set_in(raw: Raw) -> Iterator[tuple[str, Any]]:
    """An empty value sets nothing, as for Ansible's own options."""
    return ((name, value) for name, value in raw.items() if value is not None)


class SettingsReader:
    def __init__(self, catalog: Catalog, problems: Problems) -> None:
        self.catalog = catalog
        self.names = Names(catalog, problems)
        self._text = Once(repr)
        self._settings: dict[tuple[tuple[str, str], ...], tuple[HostSettings, list[tuple[str, Wrong]]]] = {}
        self._values: dict[tuple[str, str], tuple[Any, list[Wrong]]] = {}
        self._wrong_at: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
        self._empty_at: dict[str, list[str]] = defaultdict(list)

    def read(self, host: str, raw: Raw) -> HostSettings:
        """The host's settings; what is wrong with its variables is noted for `report`. Its addresses are its own
        and no part of it: else no two hosts would say the same."""
        ours = {name: value for name, value in set_in(raw) if name != ADDRESSES and self.names.ours(name)}
        signature = tuple(sorted((name, self._text(value)) for name, value in ours.items()))
        if signature not in self._settings:
            self._settings[signature] = self._build(ours)
        settings, wrongs = self._settings[signature]
        for name in (name for name, value in raw.items() if value is None and self.names.ours(name)):
            known = self.names.read(name)
            if isinstance(known, Unknown):
                wrongs = [*wrongs, (name, Wrong("is not a variable of this collection", known.right))]
            elif known is not None:
                self._empty_at[name].append(host)
        for name, wrong in wrongs:
            self._wrong_at[name, wrong.key, wrong.wrong, wrong.right].append(host)
        return settings

    def addresses(self, host: str, raw: Raw) -> tuple[str, ...] | None:
        """Those that its variable gives; None if it is not set, or wrong."""
        if raw.get(ADDRESSES) is None:
            return None
        value, wrongs = self.read_value(ADDRESSES, self.names.known[ADDRESSES], raw[ADDRESSES])
        for wrong in wrongs:
            self._wrong_at[ADDRESSES, wrong.key, wrong.wrong, wrong.right].append(host)
        return None if wrongs or value is None else tuple(value)

    def report(self, problems: Problems) -> None:
        for (name, key, wrong, right), hosts in self._wrong_at.items():
            problems.error(hosts, f"{name}.{key}" if key else name, wrong, right)
        for name, hosts in self._empty_at.items():
            problems.warn(
                hosts,
                name,
                "is empty, so its default is used even though groups set it",
                "Set a value, or remove the variable",
            )

    def _build(self, raw: Raw) -> tuple[HostSettings, list[tuple[str, Wrong]]]:
        wrongs: list[tuple[str, Wrong]] = []
        given: list[_Given] = []
        for name in sorted(raw):
            known = self.names.read(name)
            if isinstance(known, Unknown):
                wrongs.append((name, Wrong("is not a variable of this collection", known.right)))
            elif known is not None:
                value, here = self.read_value(name, known, raw[name])
                wrongs.extend((name, wrong) for wrong in here)
                if not here and known.scope == "host":
                    given.append(_Given(name, known, value))
        settings: dict[str, Any] = {name: {} for name in _OF_COMPONENT.values()}
        merged: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        for one in given:
            _place(one, settings, merged)
        for base, parts in merged.items():
            value, clashes = _MERGE[base](parts)
            settings[base.removeprefix("portbook_")] = value
            wrongs.extend(clashes)
        return HostSettings(**settings), wrongs

    def read_value(self, name: str, variable: Variable, raw: object) -> tuple[Any, list[Wrong]]:
        key = (variable.name, self._text(raw))
        if key not in self._values:
            self._values[key] = read_value(self.catalog, variable, raw)
        return self._values[key]


def with_values(settings: HostSettings, given: Iterable[tuple[Variable, Any]]) -> HostSettings:
    """With other values for variables of components."""
    found: dict[str, Any] = {name: dict(getattr(settings, name)) for name in _OF_COMPONENT.values()}
    for variable, value in given:
        _place(_Given(variable.name, variable, value), found, {})
    return replace(settings, **found)


def _place(one: _Given, settings: dict[str, Any], merged: dict[str, list[tuple[str, Any]]]) -> None:
    variable = one.variable
    if variable.name in SUFFIXED:
        merged[variable.name].append((one.name, one.value))
    elif variable.component is None:
        settings[_PLAIN[variable.name]] = one.value
    else:
        kind = _OF_COMPONENT[variable.kind]
        key = (variable.component, variable.key) if variable.key else variable.component
        settings[kind][key] = one.value


def _merge_peers(parts: list[tuple[str, dict[str, Peers]]]) -> tuple[dict[str, Peers], list[tuple[str, Wrong]]]:
    merged: dict[str, tuple[str, Peers]] = {}
    clashes: list[tuple[str, Wrong]] = []
    for name, peers_of in parts:
        for component, peers in peers_of.items():
            before, earlier = merged.setdefault(component, (name, peers))
            if before == name:
                continue
            if earlier.any != peers.any:
                one, other = (before, name) if earlier.any else (name, before)
                clashes.append((other, Wrong(f"lists addresses, and {one} is any", "Keep one of the two", component)))
            else:
                entries = tuple(dict.fromkeys((*earlier.entries, *peers.entries)))
                merged[component] = (before, Peers(entries, earlier.any))
    return {component: peers for component, (_name, peers) in merged.items()}, clashes


def _merge_flows(parts: list[tuple[str, dict[str, Override]]]) -> tuple[dict[str, Override], list[tuple[str, Wrong]]]:
    merged: dict[str, Override] = {}
    said_by: dict[tuple[str, str], str] = {}
    clashes: list[tuple[str, Wrong]] = []
    for name, overrides in parts:
        for flow, override in overrides.items():
            united = merged.get(flow, Override())
            for one in fields(Override):
                value = getattr(override, one.name)
                if value is None or value == "":
                    continue
                before = said_by.setdefault((flow, one.name), name)
                if isinstance(value, Peers) and united.peers and value.any == united.peers.any:
                    value = Peers(tuple(dict.fromkeys((*united.peers.entries, *value.entries))), value.any)
                    united = replace(united, peers=value)
                if before != name and getattr(united, one.name) != value:
                    clashes.append(
                        (
                            name,
                            Wrong(
                                f"contradicts {before} in {one.name}: {_shown(value)} here, "
                                f"{_shown(getattr(united, one.name))} there",
                                "Keep one of the two",
                                flow,
                            ),
                        )
                    )
                else:
                    united = replace(united, **{one.name: value})
            merged[flow] = united
    return merged, clashes


def _shown(value: object) -> str:
    return shown(value.texts if isinstance(value, PortSet) else value)


def _merge_allow(parts: list[tuple[str, tuple[Allow, ...]]]) -> tuple[tuple[Allow, ...], list[tuple[str, Wrong]]]:
    merged: dict[str, tuple[str, Allow]] = {}
    clashes: list[tuple[str, Wrong]] = []
    for name, allows in parts:
        for allow in allows:
            before, earlier = merged.setdefault(allow.name, (name, allow))
            if earlier != allow:
                clashes.append(
                    (
                        name,
                        Wrong(
                            f"contradicts {before}, which has another entry of this name",
                            "Give one of the two another name",
                            allow.name,
                        ),
                    )
                )
    return tuple(allow for _name, allow in sorted(merged.values(), key=lambda one: one[1].name)), clashes


def _merge_management(parts: list[tuple[str, AddressSet]]) -> tuple[AddressSet, list[tuple[str, Wrong]]]:
    return AddressSet.union(addresses for _name, addresses in parts), []


_MERGE: Mapping[str, Any] = {
    "portbook_peers": _merge_peers,
    "portbook_flows": _merge_flows,
    "portbook_allow": _merge_allow,
    "portbook_management": _merge_management,
}


def run_settings(hosts: Iterable[tuple[str, Raw]], reader: SettingsReader, problems: Problems) -> RunSettings:
    """Variables of scope all, which must be the same on every host."""
    said: dict[str, dict[str, tuple[Any, list[str]]]] = defaultdict(dict)
    canonical = Once(_canonical)
    count = 0
    for host, raw in hosts:
        count += 1
        for name, value in set_in(raw):
            known = reader.names.read(name)
            if isinstance(known, Variable) and known.scope == "all":
                said[name].setdefault(canonical(value), (value, []))[1].append(host)
    values: dict[str, Any] = {}
    for name, variants in sorted(said.items()):
        value, hosts_with = next(iter(variants.values()))
        if len(variants) > 1:
            texts = [
                f"{shown(one)} on {_some(where)}" for one, where in sorted(variants.values(), key=lambda two: two[1])
            ]
            problems.error(
                "all hosts",
                name,
                f"differs: {', '.join(texts[:3])}",
                "It holds for the whole run: set it once, in group_vars/all or with -e",
            )
        elif len(hosts_with) < count:
            problems.error(
                "all hosts",
                name,
                f"is {shown(value)} on {_some(hosts_with)} and not set on the others",
                "It holds for the whole run: set it in group_vars/all or with -e",
            )
        read, wrongs = reader.read_value(name, reader.names.known[name], value)
        if not wrongs and read is not None:
            values[name.removeprefix("portbook_")] = read
    values.pop("catalogs", None)
    return RunSettings(**values)


def _canonical(value: object) -> str:
    """The same for mappings whose keys stand in another order."""
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError):
        return repr(value)


def _some(hosts: list[str]) -> str:
    names = sorted(hosts)
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
