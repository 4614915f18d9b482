# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rule as the store keeps it: what a property reads as, what a put makes of it, what the service refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

from windows.fake import values
from windows.fake.hresult import invalid
from windows.fake.values import ALL_PROFILES, ICMP, MOST_TEXT, PORTS


@dataclass(slots=True)
class Rule:
    """Mutable, as Windows' own: a group that is switched on reaches the objects that somebody holds."""

    id: str
    name: str | None = None
    description: str | None = None
    application_name: str | None = None
    service_name: str | None = None
    protocol: int = values.ANY_PROTOCOL
    local_ports: str | None = None
    remote_ports: str | None = None
    local_addresses: str = "*"
    remote_addresses: str = "*"
    icmp: str | None = None
    direction: int = 1
    interfaces: tuple[str, ...] | None = None
    interface_types: str = "All"
    enabled: bool = False
    grouping: str | None = None
    profiles: int = ALL_PROFILES
    edge_options: int = 0
    action: int = 1
    secure_flags: int = 0
    local_app_package_id: str | None = None
    local_user_owner: str | None = None
    local_user_authorized_list: str | None = None
    remote_user_authorized_list: str | None = None
    remote_machine_authorized_list: str | None = None
    source: str = "local"

    def copy(self) -> Rule:
        return replace(self)

    @property
    def of_policy(self) -> bool:
        return self.source in ("gpo", "mdm")


class Surroundings(Protocol):
    """What a value's meaning takes from the machine."""

    interfaces: list[str]

    def resolve(self, raw: str | None) -> str | None: ...

    def expand(self, raw: str | None) -> str | None: ...

    @property
    def keyword_comma(self) -> bool: ...


KEYS = {field.name: "".join(part.title() for part in field.name.split("_")) for field in fields(Rule)}
"""The names of the fields in a file."""


def from_json(given: dict[str, Any]) -> Rule:
    rule = Rule("")
    for field, key in KEYS.items():
        if key in given:
            value = given[key]
            setattr(rule, field, tuple(value) if isinstance(value, list) else value)
    return rule


def to_json(rule: Rule) -> dict[str, Any]:
    return {key: getattr(rule, field) for field, key in KEYS.items()}


# ------------------------------------------------------------------ reading
def _if_ports(field: str) -> Callable[[Rule, Surroundings], Any]:
    return lambda rule, _around: (getattr(rule, field) or "*") if rule.protocol in PORTS else None


def _plain(field: str) -> Callable[[Rule, Surroundings], Any]:
    return lambda rule, _around: getattr(rule, field)


GET: dict[str, Callable[[Rule, Surroundings], Any]] = {
    "Name": lambda rule, around: around.resolve(rule.name),
    "Description": lambda rule, around: around.resolve(rule.description),
    "ApplicationName": lambda rule, around: around.expand(rule.application_name),
    "serviceName": _plain("service_name"),
    "Protocol": _plain("protocol"),
    "LocalPorts": _if_ports("local_ports"),
    "RemotePorts": _if_ports("remote_ports"),
    "LocalAddresses": _plain("local_addresses"),
    "RemoteAddresses": _plain("remote_addresses"),
    "IcmpTypesAndCodes": lambda rule, _around: (rule.icmp or "*") if rule.protocol in ICMP else None,
    "Direction": _plain("direction"),
    "Interfaces": lambda rule, _around: None if rule.interfaces is None else list(rule.interfaces),
    "InterfaceTypes": _plain("interface_types"),
    "Enabled": _plain("enabled"),
    "Grouping": _plain("grouping"),
    "Profiles": _plain("profiles"),
    "EdgeTraversal": lambda rule, _around: rule.edge_options == 1,
    "Action": _plain("action"),
    "EdgeTraversalOptions": _plain("edge_options"),
    "LocalAppPackageId": _plain("local_app_package_id"),
    "LocalUserOwner": _plain("local_user_owner"),
    "LocalUserAuthorizedList": _plain("local_user_authorized_list"),
    "RemoteUserAuthorizedList": _plain("remote_user_authorized_list"),
    "RemoteMachineAuthorizedList": _plain("remote_machine_authorized_list"),
    "SecureFlags": _plain("secure_flags"),
}
PROPERTIES = tuple(GET)
SPELLING = {name.lower(): name for name in PROPERTIES}


# ------------------------------------------------------------------ writing
def _protocol(rule: Rule, value: Any) -> None:
    protocol = values.integer(value)
    if not 0 <= protocol <= values.ANY_PROTOCOL:
        raise invalid()
    if protocol not in PORTS and not (rule.local_ports is None and rule.remote_ports is None):
        raise invalid()
    if rule.icmp is not None and protocol != rule.protocol:
        raise invalid()
    rule.protocol = protocol
    if protocol not in ICMP:
        rule.icmp = None


def _profiles(value: Any) -> int:
    mask = values.integer(value)
    if mask != ALL_PROFILES and not 0 < mask <= 7:
        raise invalid()
    return mask


_CONVERT: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "Name": ("name", values.given),
    "Description": ("description", values.maybe),
    "ApplicationName": ("application_name", values.given),
    "serviceName": ("service_name", values.given),
    "LocalAddresses": ("local_addresses", lambda value: values.addresses(values.text(value))),
    "RemoteAddresses": ("remote_addresses", lambda value: values.addresses(values.text(value))),
    "Direction": ("direction", lambda value: values.one_of(value, 1, 2)),
    "InterfaceTypes": ("interface_types", lambda value: values.interface_types(values.text(value))),
    "Enabled": ("enabled", values.boolean),
    "Grouping": ("grouping", values.maybe),
    "Profiles": ("profiles", _profiles),
    "EdgeTraversal": ("edge_options", lambda value: int(values.boolean(value))),
    "Action": ("action", lambda value: values.one_of(value, 0, 1)),
    "EdgeTraversalOptions": ("edge_options", lambda value: values.one_of(value, 0, 1, 2, 3)),
    "LocalAppPackageId": ("local_app_package_id", values.given),
    "LocalUserOwner": ("local_user_owner", values.given),
    "LocalUserAuthorizedList": ("local_user_authorized_list", values.sddl),
    "RemoteUserAuthorizedList": ("remote_user_authorized_list", values.sddl),
    "RemoteMachineAuthorizedList": ("remote_machine_authorized_list", values.sddl),
    "SecureFlags": ("secure_flags", lambda value: values.one_of(value, 0, 1, 2, 3, 4)),
}

NULLABLE = {
    "ApplicationName": "application_name",
    "serviceName": "service_name",
    "LocalAppPackageId": "local_app_package_id",
    "LocalUserOwner": "local_user_owner",
    "LocalUserAuthorizedList": "local_user_authorized_list",
    "RemoteUserAuthorizedList": "remote_user_authorized_list",
    "RemoteMachineAuthorizedList": "remote_machine_authorized_list",
}
"""What a null BSTR clears, which only a typed interface can pass."""


def put(rule: Rule, name: str, value: Any, around: Surroundings) -> None:
    if name in _CONVERT:
        field, convert = _CONVERT[name]
        setattr(rule, field, convert(value))
    elif name == "Protocol":
        _protocol(rule, value)
    elif name == "LocalPorts":
        rule.local_ports = values.ports(values.text(value), rule.protocol, True, around.keyword_comma)
    elif name == "RemotePorts":
        rule.remote_ports = values.ports(values.text(value), rule.protocol, False, around.keyword_comma)
    elif name == "IcmpTypesAndCodes":
        rule.icmp = values.icmp(values.text(value), rule.protocol)
    else:
        rule.interfaces = values.interface_names(value, around.interfaces)


def commit(rule: Rule) -> None:
    """What the service refuses when a whole rule is committed, and what it puts in order."""
    rule.local_addresses = values.addresses(rule.local_addresses, True)
    rule.remote_addresses = values.addresses(rule.remote_addresses, True)
    texts = [rule.description, rule.grouping, rule.application_name, rule.service_name]
    texts += [rule.local_user_authorized_list, rule.remote_user_authorized_list, rule.remote_machine_authorized_list]
    has_ports = not (rule.local_ports is None and rule.remote_ports is None)
    if (
        not rule.name
        or rule.name.lower() == "all"
        or any(text is not None and ("|" in text or len(text) > MOST_TEXT) for text in (rule.name, *texts))
        or (has_ports and rule.protocol not in PORTS)
        or (rule.icmp is not None and rule.protocol not in ICMP)
    ):
        raise invalid()
    if rule.protocol in PORTS:
        values.ports(rule.local_ports, rule.protocol, True)
        values.ports(rule.remote_ports, rule.protocol, False)
    if (
        (rule.direction == 2 and any(letter.isascii() and letter.isalpha() for letter in rule.local_ports or ""))
        or (rule.edge_options != 0 and (rule.direction, rule.action) != (1, 1))
        or (rule.secure_flags != 0 and rule.action != 1)
    ):
        raise invalid()
