# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that have entries of their own: portbook_peers, portbook_flows and portbook_allow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from ..catalog.book import Catalog
from ..catalog.model import LOCAL_SUBNET, Component
from ..net.addresses import AddressSet, is_name
from ..net.ports import NO_PORTS, PortSet
from ..problems import one_of, shown
from .settings import Allow, Override, PeerEntry, Peers
from .values import (
    Complaints,
    Incomplete,
    Wrong,
    boolean,
    listed,
    literal,
    mapping,
    ports,
    realm,
    separated,
    text,
    words,
)

_ALLOW_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
PORTLESS = ("icmp", "icmpv6", "igmp", "vrrp", "esp", "ah", "gre", "ospf", "pim", "ipip", "l2tp")
PROTOCOLS = ("tcp", "udp", "sctp", *PORTLESS)


class Entries:
    def __init__(self, catalog: Catalog, complaints: Complaints) -> None:
        self._catalog = catalog
        self._told = complaints

    def component(self, raw: object) -> Component:
        if not isinstance(raw, str) or raw not in self._catalog.components:
            raise Wrong(f"names {shown(raw)}, which is not a known component", one_of(self._catalog.components, raw))
        return self._catalog.components[str(raw)]

    def realms(self, raw: object) -> frozenset[str]:
        names = listed(raw, "realm names")
        if not names:
            raise Wrong("is empty", "Name at least one realm, or leave the variable out")
        return frozenset(self._told.each(names, realm))

    # -- peers --------------------------------------------------------------------------------------

    def peers(self, raw: object) -> dict[str, Peers]:
        found = {}
        for name, value in mapping(raw, "component to a list of addresses").items():
            component = self._told.collect("", self.component, name)
            if component is None:
                continue
            peers = self._told.collect(str(name), self.peers_of, component, value)
            if peers is not None:
                found[component.name] = peers
        return found

    def peers_of(self, component: Component | None, raw: object) -> Peers:
        if raw == "any":
            return Peers(any=True)
        plain: list[AddressSet] = []
        names: list[str] = []
        entries: list[PeerEntry] = []

        def take(item: Any) -> None:
            if isinstance(item, str) and item == "any":
                raise Wrong("has any inside a list", "Write the word alone: any, not [any]")
            if isinstance(item, str):
                (names.append(item) if is_name(item) else plain.append(literal(item)))
            elif isinstance(item, Mapping) and component is not None:
                entries.append(self._entry(component, item))
            else:
                raise Wrong(
                    f"has {shown(item)}, which is not a valid address",
                    "Write it like 192.0.2.0/24, 2001:db8::1 or a name",
                )

        items = separated(raw) if isinstance(raw, str) else raw
        self._told.each(words(items, "addresses, networks or names, or the word any"), take)
        if plain or names:
            entries.insert(0, PeerEntry(AddressSet.union(plain), tuple(sorted(set(names)))))
        return Peers(tuple(entries))

    def _entry(self, component: Component, raw: Mapping[Any, Any]) -> PeerEntry:
        for key in raw:
            if key not in ("addresses", "realms", "port", "version", "features"):
                raise Wrong(
                    f"has the unknown key {shown(key)}",
                    one_of(("addresses", "realms", "port", "version", "features"), key),
                )
        if "addresses" not in raw:
            raise Wrong("has an entry without addresses", "Add addresses: a list of addresses, networks or names")
        listed = raw["addresses"]
        inner = self.peers_of(None, listed)
        if inner.any:
            raise Wrong("has any inside a list", "Write the word alone: any, not [any]")
        first = inner.entries[0] if inner.entries else PeerEntry()
        version = raw.get("version")
        if version is not None and str(version) not in component.versions:
            raise Wrong(
                f"has version {shown(version)}, which {component.name} does not know",
                f"Valid versions: {', '.join(component.versions) or 'none'}",
            )
        return PeerEntry(
            first.addresses,
            first.names,
            self.realms(raw["realms"]) if raw.get("realms") is not None else None,
            None if version is None else str(version),
            self._entry_features(component, raw.get("features")),
            self._entry_ports(component, raw.get("port")),
        )

    def _entry_features(self, component: Component, raw: object) -> tuple[tuple[str, bool], ...]:
        if raw is None:
            return ()
        given = raw if isinstance(raw, Mapping) else dict.fromkeys(self._told.each(words(raw, "features"), text), True)
        for key in given:
            if key not in component.features:
                raise Wrong(
                    f"names the feature {shown(key)}, which {component.name} does not have",
                    one_of(component.features, key),
                )
        return tuple(sorted((str(key), boolean(value)) for key, value in given.items()))

    def _entry_ports(self, component: Component, raw: object) -> tuple[tuple[str, PortSet], ...]:
        if raw is None:
            return ()
        if isinstance(raw, Mapping):
            for key in raw:
                if key not in component.ports:
                    raise Wrong(
                        f"names the port {shown(key)}, which {component.name} does not have",
                        one_of(component.ports, key),
                    )
            return tuple(sorted((str(key), ports(value)) for key, value in raw.items()))
        if len(component.ports) != 1:
            raise Wrong(
                f"has port {shown(raw)}, but {component.name} has {len(component.ports) or 'no'} ports that can be set",
                f"Write port as a mapping. {one_of(component.ports)}",
            )
        return ((next(iter(component.ports)), ports(raw)),)

    # -- flows and allow ----------------------------------------------------------------------------

    def flows(self, raw: object) -> dict[str, Override]:
        found = {}
        for name, value in mapping(raw, "flow id to a mapping").items():
            if name not in self._catalog.flows:
                self._told.wrongs.append(
                    Wrong(f"names {shown(name)}, which is not a known flow", one_of_many(self._catalog.flows, name))
                )
                continue
            override = self._told.collect(str(name), self._override, value)
            if override is not None:
                found[str(name)] = override
        return found

    def _override(self, raw: object) -> Override:
        read = {**self._common(), "state": _state, "ports": ports, "guard": boolean, "log": boolean}
        read["peers"] = lambda value: self.peers_of(None, _listed(value))
        return Override(**self._entries(raw, read))

    def _common(self) -> dict[str, Callable[[Any], Any]]:
        """Keys that tell whose word it is, and until when it holds."""
        return {
            "owner": lambda value: _note(value, "owner"),
            "ticket": lambda value: _note(value, "ticket"),
            "expires": day,
        }

    def _entries(self, raw: object, read: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
        """The keys of a mapping, each read by its own reader, each wrong one reported."""
        found = {}
        for key, value in mapping(raw, ", ".join(read)).items():
            if key not in read:
                self._told.collect("", _unknown_key, key, read)
                continue
            one = self._told.collect("", read[key], value)
            if one is not None:
                found[str(key)] = one
        return found

    def allow(self, raw: object) -> tuple[Allow, ...]:
        found: dict[str, Allow] = {}
        if isinstance(raw, str):
            raise Wrong(f"is {shown(raw)}, which is not a list", "Give a list of mappings with a name")
        for place, item in enumerate(words(raw, "mappings with a name")):
            name = item.get("name") if isinstance(item, Mapping) else None
            allow = self._told.collect(str(name or place), self._one_allow, item)
            if allow is None:
                continue
            if allow.name in found:
                self._told.wrongs.append(Wrong("is in the list twice", "Give each entry a name of its own", allow.name))
            found[allow.name] = allow
        return tuple(found.values())

    def _one_allow(self, raw: object) -> Allow:
        read: dict[str, Callable[[Any], Any]] = {
            **self._common(),
            "name": _allow_name,
            "direction": _direction,
            "protocol": _protocol,
            "ports": ports,
            "peers": lambda value: Peers() if value == LOCAL_SUBNET else self.peers_of(None, _listed(value)),
            "why": lambda value: _note(value, "why"),
        }
        given = mapping(raw, ", ".join(read))
        if given.get("protocol") in PORTLESS and not given.get("ports"):
            given = {key: value for key, value in given.items() if key != "ports"}
        fields = {"direction": "in", "protocol": "tcp", "ports": NO_PORTS, **self._entries(given, read)}
        protocol = fields["protocol"]
        if "name" not in given:
            raise Wrong("has no name", "Give each entry a name of letters, digits, dots and dashes")
        if protocol in PORTLESS and "ports" in given:
            raise Wrong(f"has ports, but {protocol} has none", "Leave ports out")
        if protocol not in PORTLESS and "ports" not in given:
            raise Wrong("has no ports", "Add ports: a number, a range or a list of them")
        if "peers" not in given:
            raise Wrong("has no peers", "Add peers: addresses, networks or names, local_subnet, or the word any")
        if set(given) - set(fields):
            raise Incomplete
        return Allow(**fields, local_subnet=given["peers"] == LOCAL_SUBNET)


def day(raw: object) -> date | None:
    if raw is None:
        return None
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    try:
        return date.fromisoformat(str(raw))
    except ValueError:
        raise Wrong(f"has expires {shown(raw)}", "Write a day like 2027-01-31") from None


def one_of_many(known: Mapping[str, object], given: object) -> str:
    """For names too many to list: the near ones, or those that begin alike."""
    product = str(given).partition(".")[0]
    alike = [name for name in known if name.startswith(f"{product}.")]
    return one_of(alike or sorted({f"{name.partition('.')[0]}.…" for name in known}), given)


def _unknown_key(key: object, known: Iterable[str]) -> None:
    raise Wrong(f"has the unknown key {shown(key)}", one_of(known, key))


def _state(raw: object) -> str:
    if raw not in ("enabled", "disabled"):
        raise Wrong(f"has state {shown(raw)}", one_of(("enabled", "disabled"), raw))
    return str(raw)


def _allow_name(raw: object) -> str:
    if not isinstance(raw, str) or not _ALLOW_NAME.fullmatch(raw):
        raise Wrong(f"has the name {shown(raw)}", "Give it a name of letters, digits, dots and dashes")
    return raw


def _direction(raw: object) -> str:
    if raw not in ("in", "out"):
        raise Wrong(f"has direction {shown(raw)}", one_of(("in", "out"), raw))
    return str(raw)


def _protocol(raw: object) -> str:
    if not isinstance(raw, str) or raw not in PROTOCOLS:
        raise Wrong(f"has protocol {shown(raw)}", one_of(PROTOCOLS, raw))
    return raw


def _listed(raw: object) -> object:
    return separated(raw) if isinstance(raw, str) and raw != "any" else raw


def _note(raw: object, what: str) -> str:
    if raw is None:
        return ""
    if not isinstance(raw, (str, int)) or isinstance(raw, bool):
        raise Wrong(f"has {what} {shown(raw)}, which is not a string", "Write a line of text")
    line = str(raw)
    if not line.isprintable():
        raise Wrong(f"has {what} {shown(raw)} with characters that cannot be printed", "Write a line of text")
    return line
