# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read hosts, groups and variables as Ansible hands them to a task, without importing Ansible."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from collections.abc import Callable, Container, Iterable, Mapping, Sized
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any

from .peers import HostInput
from .values import Untemplated

CONNECTION = ("ansible_host", "ansible_connection", "ansible_shell_type")
_EUI_64_MARK = bytes((0xFF, 0xFE))
_LOOKUPS_AT_ONCE = 32
_DEEPEST = 32
_MOST_VALUES = 1_000_000
_GREATEST = 10**1000
_BRIDGES = ("docker", "br-", "veth", "virbr", "podman", "cni", "flannel", "cali", "lxc", "lxd", "vnet", "tun", "tap")


class Reader:
    """Takes what is ours out of hostvars; `template_errors` are what rendering a value may raise."""

    def __init__(self, ours: Callable[[str], bool], template_errors: tuple[type[Exception], ...]) -> None:
        self._ours = ours
        self._template_errors = template_errors

    def host(self, hostvars: Mapping[str, Any]) -> dict[str, Any]:
        """The variables of one host that matter to the plan."""
        return {
            str(name): rendered(hostvars, name, self._template_errors)
            for name in hostvars
            if name in CONNECTION or self._ours(name)
        }

    def inputs(self, all_hostvars: Mapping[str, Any], groups: Mapping[str, Iterable[str]]) -> list[HostInput]:
        groups_of: dict[str, list[str]] = {}
        for group, members in groups.items():
            if group != "all":
                for member in members:
                    groups_of.setdefault(str(member), []).append(str(group))
        found = []
        for name in all_hostvars:
            hostvars = all_hostvars[name]
            variables = self.host(hostvars)
            facts = None
            if variables.get("portbook_addresses_from") == "facts" and "ansible_facts" in hostvars:
                facts = fact_addresses(rendered(hostvars, "ansible_facts", self._template_errors))
            found.append(HostInput(str(name), frozenset(groups_of.get(str(name), ())), variables, facts))
        return found

    def host_in_task(self, task_vars: Mapping[str, Any], template: Callable[[Any], Any]) -> dict[str, Any]:
        """Ours, as the task sees them: with play, role and task variables."""
        found: dict[str, Any] = {}
        for name in task_vars:
            if self._ours(name):
                try:
                    found[str(name)] = plain(template(task_vars[name]))
                except self._template_errors as error:
                    found[str(name)] = Untemplated(" ".join(str(error).split()))
        return found


def rendered(hostvars: Mapping[str, Any], name: str, template_errors: tuple[type[Exception], ...]) -> Any:
    """The plain value, or Untemplated with the reason."""
    try:
        return plain(hostvars[name])
    except template_errors as error:
        return Untemplated(" ".join(str(error).split()))


class _Room:
    """What a value may still hold: an alias can make it endless, or contain itself."""

    def __init__(self) -> None:
        self.left = _MOST_VALUES

    def take(self, value: Sized, depth: int) -> None:
        self.left -= len(value) + 1
        if self.left < 0 or depth > _DEEPEST:
            raise ValueError("it is nested too deeply, too large, or contains itself")


def plain(value: Any, room: _Room | None = None, depth: int = 0) -> Any:
    """Without Ansible's own subclasses, so that values compare and print alike on every version."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        if abs(value) > _GREATEST:
            raise ValueError("it is too great a number")
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()[:10]
    if isinstance(value, Mapping):
        room = room or _Room()
        room.take(value, depth)
        return {_key(key): plain(inner, room, depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        room = room or _Room()
        room.take(value, depth)
        return [plain(inner, room, depth + 1) for inner in value]
    return str(value)


def _key(key: Any) -> Any:
    """A list as a key would be no key any more."""
    return tuple(plain(key)) if isinstance(key, tuple) else plain(key)


def fingerprint(variables: Mapping[str, Any], counted: Container[str]) -> str:
    """Of the variables that count; the connection's are no part of what others see change."""
    values = sorted((name, repr(value)) for name, value in variables.items() if name in counted)
    return hashlib.sha256(repr(values).encode()).hexdigest()


def unseen(in_task: Mapping[str, Any], of_host: Mapping[str, Any]) -> list[str]:
    """Variables whose value in the task is not the host's own: nobody else would see it."""
    return sorted(name for name, value in in_task.items() if name not in of_host or of_host[name] != value)


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
    """Of the host's interfaces, without what no other host can use or what will be gone tomorrow."""
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
    """Facts may be anybody's: what is no address is not one of the host's."""
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
