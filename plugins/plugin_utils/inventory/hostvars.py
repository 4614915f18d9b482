# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read hosts, groups and variables as Ansible hands them to a task, without importing Ansible."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import cached_property
from typing import Any

from ..problems import shown
from .compiled_once import compiled_once
from .once import Once
from .values import Untemplated
from .world import HostInput

CONNECTION = ("ansible_host", "ansible_connection", "ansible_shell_type")
_TEMPLATE_MARKS = ("{{", "{%", "{#", "#jinja2:")
_EUI_64_MARK = bytes((0xFF, 0xFE))
_LOOKUPS_AT_ONCE = 32
_BRIDGES = ("docker", "br-", "veth", "virbr", "podman", "cni", "flannel", "cali", "lxc", "lxd", "vnet", "tun", "tap")


class Reader:
    """Takes the collection's variables out of hostvars; `template_errors` are what rendering a value may raise."""

    def __init__(self, ours: Callable[[str], bool], template_errors: tuple[type[Exception], ...]) -> None:
        self._ours = ours
        self._template_errors = template_errors

    def host(self, hostvars: Mapping[str, Any]) -> dict[str, Any]:
        """The variables of one host that matter to the plan."""
        return {str(name): self._value(hostvars, name) for name in hostvars if name in CONNECTION or self._ours(name)}

    def _value(self, hostvars: Mapping[str, Any], name: str) -> Any:
        try:
            return hostvars.plain(name) if isinstance(hostvars, _Lazy) else _complete(plain(hostvars[name]))
        except self._template_errors as error:
            return Untemplated(_reason(error))

    def inputs(self, all_hostvars: Mapping[str, Any], groups: Mapping[str, Iterable[str]]) -> list[HostInput]:
        groups_of: dict[str, list[str]] = {}
        for group, members in groups.items():
            if group != "all":
                for member in members:
                    groups_of.setdefault(str(member), []).append(str(group))
        # Not of all_hostvars itself: ansible-core 2.18 counts its implicit localhost there.
        shared = Once(_if_no_template)
        with compiled_once():
            return [
                self._input(_Lazy(all_hostvars, name, shared), name, groups_of.get(str(name), ()))
                for name in groups.get("all", all_hostvars)
            ]

    def _input(self, hostvars: _Lazy, name: str, groups: Iterable[str]) -> HostInput:
        variables = self.host(hostvars)
        facts = None
        if variables.get("portbook_addresses_from") == "facts" and "ansible_facts" in hostvars:
            facts = fact_addresses(rendered(hostvars, "ansible_facts", self._template_errors))
        return HostInput(str(name), frozenset(groups), variables, facts)

    def host_in_task(self, task_vars: Mapping[str, Any], template: Callable[[Any], Any]) -> dict[str, Any]:
        """The collection's variables, as the task sees them: with play, role and task variables."""
        found: dict[str, Any] = {}
        for name in task_vars:
            if self._ours(name):
                try:
                    found[str(name)] = plain(template(task_vars[name]))
                except self._template_errors as error:
                    found[str(name)] = Untemplated(_reason(error))
        return found


def rendered(hostvars: Mapping[str, Any], name: str, template_errors: tuple[type[Exception], ...]) -> Any:
    """The plain value, or Untemplated with the reason."""
    try:
        return plain(hostvars[name])
    except template_errors as error:
        return Untemplated(_reason(error))


def _reason(error: Exception) -> str:
    """On one line; ansible-core 2.18 repeats itself at each level of nesting, and the last one says it."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply, or contains itself"
    reason = " ".join(str(error).split()).rpartition("original message: ")[2]
    if "'hostvars' is undefined" in reason:
        reason += " (a variable that other hosts read cannot use hostvars itself)"
    return reason


def _complete(value: Any) -> Any:
    """ansible-core 2.18 hands out templates as they are written where something in them is undefined."""
    left = _left_over(value)
    return value if left is None else Untemplated(f"something is undefined in {shown(left)}")


def _left_over(value: Any) -> str | None:
    if isinstance(value, str):
        return value if "{{" in value or "{%" in value else None
    inner = [*value, *value.values()] if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return next((left for one in inner if (left := _left_over(one)) is not None), None)


class _AlreadyRead:
    """In place of hostvars, for a host whose variables were read: uniting them costs as much as rendering them."""

    def __init__(self, all_hostvars: Any, raw: Mapping[str, Any]) -> None:
        self._all_hostvars, self._raw = all_hostvars, raw

    def raw_get(self, _host: str) -> Mapping[str, Any]:
        return self._raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._all_hostvars, name)


class _Lazy(Mapping[str, Any]):
    """The variables of a host; only those that are templates are rendered, which is what costs, and only those
    that no other host shares are walked. So nobody may change a value that was read."""

    def __init__(self, all_hostvars: Any, host: str, shared: Once[Any]) -> None:
        self._all_hostvars = all_hostvars
        self._host = host
        self._shared = shared
        raw = getattr(all_hostvars, "raw_get", all_hostvars.__getitem__)
        self._raw: Mapping[str, Any] = raw(host)

    @cached_property
    def _rendering(self) -> Mapping[str, Any]:
        rendering: Mapping[str, Any]
        if hasattr(self._all_hostvars, "raw_get"):
            rendering = type(self._all_hostvars).__getitem__(_AlreadyRead(self._all_hostvars, self._raw), self._host)
        else:
            rendering = self._all_hostvars[self._host]
        return rendering

    def plain(self, name: str) -> Any:
        found = self._shared(self._raw[name])
        return _complete(plain(self._rendering[name])) if found is _TEMPLATE else found

    def __getitem__(self, name: str) -> Any:
        value = self._raw[name]
        return self._rendering[name] if _may_be_template(value) else value

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


_TEMPLATE = object()


def _if_no_template(raw: Any) -> Any:
    """The plain value; _TEMPLATE if each host has to render its own."""
    return _TEMPLATE if _may_be_template(raw) else plain(raw)


def _may_be_template(value: Any) -> bool:
    """Also for what only Ansible can open, such as a vaulted string."""
    if isinstance(value, str):
        return any(mark in value for mark in _TEMPLATE_MARKS)
    if isinstance(value, (Mapping, list)):
        return any(map(_may_be_template, [*value, *value.values()] if isinstance(value, Mapping) else value))
    return value is not None and not isinstance(value, (bool, int, float, date))


def plain(value: Any) -> Any:
    """Without Ansible's own subclasses, so that values compare and print alike on every version."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()[:10]
    if isinstance(value, Mapping):
        return {_key(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return str(value)


def _key(key: Any) -> Any:
    """A list as a key would be no key any more."""
    return tuple(plain(key)) if isinstance(key, tuple) else plain(key)


def counts(name: str, known: Container[str]) -> bool:
    """Whether a variable is part of what a plan is of: a known one, or one that claims to be."""
    return name in known or name.startswith("portbook_")


def fingerprint(inputs: Iterable[HostInput], known: Container[str]) -> str:
    """Of all that a plan is made from, the catalogues apart."""
    whole = hashlib.sha256()
    digest = Once(_digest)
    for one in sorted(inputs, key=lambda one: one.name):
        values = sorted(
            (name, digest(value)) for name, value in one.variables.items() if name in CONNECTION or counts(name, known)
        )
        whole.update(repr((one.name, sorted(one.groups), one.facts, values)).encode())
    return whole.hexdigest()


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def unseen(in_task: Mapping[str, Any], of_host: Mapping[str, Any]) -> list[str]:
    """Variables whose value in the task is not the host's own: no other host would see it. Those that cannot be
    rendered for the host are reported as errors of the plan."""
    return sorted(
        name
        for name, value in in_task.items()
        if name not in of_host or (of_host[name] != value and not isinstance(of_host[name], Untemplated))
    )


def resolve(names: Iterable[str]) -> dict[str, tuple[str, ...] | str]:
    """All names at once, A and AAAA."""
    listed = list(names)
    with ThreadPoolExecutor(_LOOKUPS_AT_ONCE) as pool:
        return dict(zip(listed, pool.map(_resolve_one, listed), strict=True))


def _resolve_one(name: str) -> tuple[str, ...] | str:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return str(error)
    return tuple(sorted({str(address[4][0]).partition("%")[0] for address in found}))


def fact_addresses(facts: Any) -> tuple[str, ...]:
    """Of the host's interfaces, without what no other host can use or what changes from day to day."""
    if not isinstance(facts, Mapping):
        return ()
    found: list[str] = []
    for name in _list(facts.get("interfaces")):
        details = facts.get(str(name).replace("-", "_").replace(".", "_").replace(":", "_"))
        if (
            not isinstance(details, Mapping)
            or str(name).startswith(_BRIDGES)
            or details.get("type") in ("bridge", "loopback")
        ):
            continue
        fours = [details.get("ipv4"), *_list(details.get("ipv4_secondaries"))]
        found.extend(str(one["address"]) for one in fours if isinstance(one, Mapping) and "address" in one)
        found.extend(_lasting(details))
    if not found:
        found = [
            str(one)
            for key in ("ip_addresses", "all_ipv4_addresses", "all_ipv6_addresses")
            for one in _list(facts.get(key))
        ]
    return tuple(sorted({one for one in found if _lasting_address(one)}))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _lasting_address(written: str) -> bool:
    """Facts may be anybody's: what is not an address is not one of the host's."""
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    return "%" not in written and not address.is_loopback and not address.is_link_local


def _lasting(details: Mapping[str, Any]) -> Iterable[str]:
    """Global IPv6 addresses; where one of a prefix is made from the hardware address, the others are temporary."""
    by_prefix: dict[Any, list[ipaddress.IPv6Address]] = {}
    for one in _list(details.get("ipv6")):
        if isinstance(one, Mapping) and one.get("scope") == "global" and _lasting_address(str(one.get("address"))):
            interface = ipaddress.ip_interface(f"{one['address']}/64")
            if interface.version != 6:
                continue
            by_prefix.setdefault((interface.network, one.get("prefix")), []).append(interface.ip)
    for addresses in by_prefix.values():
        stable = [one for one in addresses if one.packed[11:13] == _EUI_64_MARK]
        yield from map(str, stable or addresses)
