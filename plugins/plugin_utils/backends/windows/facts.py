# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What windows_read answers, in the form that host_facts gives of every host: docs/host-facts.md. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from . import exchange
from .held import OF_NO_COMPONENT
from .memory import Forgotten, Memory, remembered
from .rule import ALL_PROFILES, MEMORY, NAMES, NUMBERS, PREFIX, PROFILES, WITH_PORTS, FirewallRule, StoredRule, Traffic
from .store import Store, store_of
from .texts import Addresses, Ports, write_addresses, write_ports

FORMAT = 1
FAMILY = "windows"
_PROTOCOLS = {number: name for name, number in NUMBERS.items()}
# Groups of rules that Windows brings have the number of a text in one of its libraries for a name.
_OF_WINDOWS = "@"
_ANY = "any"
_NO_DIGEST = (
    "Windows has no digest of what was applied: portbook.firewall.plan -e portbook_compare=true compares each rule"
)
_NO_COUNTERS = "Windows does not count what a rule matches"
_NO_PROXIES = "ports that Windows itself forwards (netsh interface portproxy) are not read"


def arguments() -> dict[str, Any]:
    return {**exchange.removal_arguments(), "sockets": True}


def facts(answer: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Raises WrongAnswer. `most` of each list; 0 is all."""
    store = store_of(answer)
    lists = _Lists(most)
    not_read = {"hits": _NO_COUNTERS, "published": _NO_PROXIES}
    if store.owned:
        not_read["ours.kernel"] = _NO_DIGEST
    if store.unreadable:
        names = ", ".join(one.name or "one without a name" for one in store.unreadable[:5])
        not_read["unmanaged"] = f"{len(store.unreadable)} rules cannot be read, among them {names}"
    return {
        "format": FORMAT,
        "platform": "windows",
        "backend": "windows" if store.owned else "",
        "ours": _ours(store, lists, not_read),
        "unmanaged": _unmanaged(store, lists),
        "listening": lists.some("listening", _sockets(answer.get("sockets") or ())),
        "published": [],
        "services": _services(store),
        "hits": [],
        "not_read": not_read,
        "left_out": lists.left_out,
    }


class _Lists:
    def __init__(self, most: int) -> None:
        self._most = most
        self.left_out: dict[str, int] = {}

    def some(self, what: str, found: list[Any]) -> list[Any]:
        if not self._most or len(found) <= self._most:
            return found
        self.left_out[what] = len(found) - self._most
        return found[: self._most]


def _ours(store: Store, lists: _Lists, not_read: dict[str, str]) -> dict[str, Any]:
    try:
        memory = remembered(store.owned)
    except Forgotten as error:
        memory = Memory()
        not_read["ours.settings"] = str(error)
    rules, others = [], []
    for one in store.owned:
        if one.rule.group not in OF_NO_COMPONENT:
            rules.append(one.rule)
        elif one.rule.group != MEMORY and one.rule.enabled:
            others.append(_text(one.rule))
    peers = {one.name: _addresses(one.traffic.remote) for one in rules if not one.traffic.remote.every}
    return {
        "kernel": "unknown" if store.owned else "none",
        "digest": "",
        "waiting": False,
        "settings": {f"{PROFILES[bit]}.{name}": sorted(one.afters) for (bit, name), one in memory.settings.items()},
        "rules": lists.some("ours.rules", [_rule(one, memory) for one in rules]),
        "peers": {name: lists.some(f"ours.peers.{name}", found) for name, found in sorted(peers.items())},
        "opened": lists.some("ours.opened", sorted(others)),
    }


def _rule(rule: FirewallRule, memory: Memory) -> dict[str, Any]:
    one = rule.traffic
    inbound = one.direction == "in"
    return {
        "id": rule.name,
        "component": rule.group.removeprefix(PREFIX),
        "flow": rule.name.removeprefix(NAMES).partition("/")[0],
        "direction": one.direction,
        "protocol": _protocol(one),
        "ports": _ports(one, one.ports),
        "source_ports": _ports(one, one.remote_ports if inbound else one.local_ports),
        "peers": _ANY if one.remote.every else rule.name,
        "refusal": "guard" if rule.name in memory.guarded.get(rule.group, ()) else "open",
    }


def _protocol(one: Traffic) -> str:
    return _PROTOCOLS.get(one.protocol, _ANY if one.protocol == Traffic().protocol else str(one.protocol))


def _ports(one: Traffic, ports: Ports) -> list[str]:
    return [] if one.protocol not in WITH_PORTS or ports.every else write_ports(ports).split(",")


def _addresses(one: Addresses) -> list[str]:
    return [text for text in write_addresses(one).split(",") if text]


def _unmanaged(store: Store, lists: _Lists) -> dict[str, Any]:
    """Rules that act; those that are disabled are counted by nobody."""
    found = [_unmanaged_rule(one.rule, _owner(one)) for one in store.foreign if one.rule.enabled and not one.brief]
    found += [_unmanaged_rule(one, "policy") for one in store.policy_rules]
    found.sort(key=lambda one: one["owner"] in ("windows", "app"))
    return {
        "count": len(found),
        "tables": lists.some("unmanaged.tables", _tables(found)),
        "chains": [],
        "rules": lists.some("unmanaged.rules", found),
    }


def _owner(one: StoredRule) -> str:
    if one.rule.traffic.package:
        return "app"
    return "windows" if one.rule.group.startswith(_OF_WINDOWS) else ""


def _unmanaged_rule(rule: FirewallRule, owner: str) -> dict[str, Any]:
    place = {"family": FAMILY, "table": rule.group, "chain": rule.traffic.direction, "handle": None}
    return {**place, "owner": owner, "rule": _text(rule), "packets": None, "bytes": None}


def _tables(rules: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    counts = Counter(one["table"] for one in rules)
    owners: dict[str, set[str]] = {}
    for one in rules:
        owners.setdefault(one["table"], set()).update(filter(None, [one["owner"]]))
    return [
        {"family": FAMILY, "name": name, "rules": count, "owners": sorted(owners[name])}
        for name, count in sorted(counts.items())
    ]


def _text(rule: FirewallRule) -> str:
    one = rule.traffic
    words = [f"{rule.name}:", one.action, one.direction, _protocol(one), *[",".join(_ports(one, one.ports))]]
    other = replace(one, direction="out" if one.direction == "in" else "in").ports
    far = ("from" if one.direction == "in" else "to", ",".join(_addresses(one.remote)))
    near = ("at", "" if one.local.every else ",".join(_addresses(one.local)))
    conditions = [
        ("" if one.remote.every else far[0], "" if one.remote.every else far[1]),
        near if near[1] else ("", ""),
        ("other port", ",".join(_ports(one, other))),
        ("program", rule.program),
        ("service", rule.service),
        ("profiles", _profiles(one.profiles)),
        *one.others,
    ]
    return " ".join(filter(None, [*words, *(f"{name} {value}" for name, value in conditions if value)]))


def _profiles(mask: int) -> str:
    return "" if mask == ALL_PROFILES else ",".join(name for bit, name in PROFILES.items() if mask & bit)


def _sockets(given: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = [
        {
            "protocol": str(one["protocol"]),
            "address": str(one["address"]),
            "port": int(one["port"]),
            "loopback": str(one["address"]).startswith("127.") or str(one["address"]) == "::1",
            "pid": int(one.get("pid") or 0),
            "program": str(one.get("program") or ""),
            "units": sorted(map(str, one.get("services") or ())),
        }
        for one in given
    ]
    return sorted(found, key=lambda one: (one["protocol"], one["port"], one["address"], one["pid"]))


def _services(store: Store) -> list[dict[str, Any]]:
    """The service answered, so it runs; of a product, Windows says no more than that it is registered."""
    profiles = [
        {
            "name": f"profile {profile}",
            "active": "active" if store.effective[bit, "FirewallEnabled"] else "inactive",
            "enabled": "in use" if bit in store.current else "not in use",
        }
        for bit, profile in PROFILES.items()
    ]
    products = [{"name": name, "active": "unknown", "enabled": "registered"} for name in store.products]
    return [{"name": "mpssvc", "active": "active", "enabled": ""}, *profiles, *products]
