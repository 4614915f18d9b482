# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as a file: JSON that can be read, kept and compared, and a digest of what it means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..catalog.model import MANAGEMENT
from ..inventory.settings import CONFIRM_TIMEOUT, HostSettings
from . import peer_sets as peersets
from .model import HostPlan, NotPlanned, Plan, Rule
from .peer_sets import PeerSet

FORMAT = 1


def rule_data(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "component": rule.component,
        "flow": rule.flow,
        "direction": rule.direction,
        "protocol": rule.protocol,
        "ports": list(rule.ports.texts),
        "source_ports": list(rule.source_ports.texts),
        "peers": rule.peers,
        "peer_components": list(rule.peer_components),
        "cast": rule.cast,
        "group": list(rule.group) or None,
        "guarded": rule.guarded,
        "program": rule.program,
        "service": rule.service,
        "listener": rule.listener,
        "container_ports": list(rule.container_ports.texts),
        "log": rule.log,
        "confidence": rule.confidence,
        "rows": list(rule.rows),
        "why": rule.why,
        **{key: value for key in ("doubt", "owner", "ticket", "expires") if (value := getattr(rule, key))},
        **({"empty_groups": list(rule.empty_groups)} if rule.empty_groups else {}),
    }


# What a firewall does with a rule; the other keys explain it.
_MEANING = (
    "component",
    "flow",
    "direction",
    "protocol",
    "ports",
    "source_ports",
    "cast",
    "group",
    "guarded",
    "program",
    "service",
    "listener",
    "container_ports",
    "log",
)


def host_head(host: HostPlan) -> dict[str, Any]:
    settings = host.settings
    return {
        "backend": settings.backend,
        "platform": host.platform,
        "posture": settings.posture,
        **({"postures": dict(sorted(settings.postures.items()))} if settings.postures else {}),
        "outbound": settings.outbound,
        "components": list(host.components),
        "realms": list(host.realms),
        "management": settings.management.networks(),
        "trusted_interfaces": None if settings.trusted_interfaces is None else list(settings.trusted_interfaces),
        "foreign": settings.foreign,
        "refuse": settings.refuse,
        "log": settings.log,
        "cut": settings.cut,
        **({"restore_after_flush": True} if settings.restore_after_flush else {}),
        **({} if host.platform == "windows" else _of_the_hold(settings)),
        **({"mark": list(settings.mark)} if settings.mark and host.platform != "windows" else {}),
        **(_of_windows(host) if host.platform == "windows" else {}),
    }


def _of_the_hold(settings: HostSettings) -> dict[str, int]:
    """No part of the plan's meaning: it changes nothing that a host permits or refuses. Nor does a move to another
    backend."""
    given = settings.confirm_timeout
    timeout = {} if given == CONFIRM_TIMEOUT else {"confirm_timeout": given}
    return {**timeout, **({"migrate": True} if settings.migrate else {})}


def _of_windows(host: HostPlan) -> dict[str, str]:
    settings = host.settings
    return {
        "windows_engine": settings.windows_engine,
        "windows_policy": settings.windows_policy,
        "windows_foreign": settings.windows_foreign,
        "windows_app_rules": settings.windows_app_rules,
        "windows_profiles": settings.windows_profiles,
    }


def not_planned_data(one: NotPlanned) -> dict[str, Any]:
    missing = {"missing": list(one.missing)} if one.missing else {}
    return {"component": one.component, "flow": one.flow, "why": one.why, **missing}


def _head_meaning(head: Mapping[str, Any], management_ports: Iterable[str]) -> dict[str, Any]:
    """What the host's settings do in addition to the rules, which already say what is guarded."""
    postures = head.get("postures", {})
    return {
        **{
            key: head[key] for key in ("backend", "management", "trusted_interfaces", "foreign", "refuse", "log", "cut")
        },
        **({"restore_after_flush": True} if head.get("restore_after_flush") else {}),
        **({"mark": list(head["mark"])} if head.get("mark") else {}),
        "management_ports": list(management_ports),
        "inbound": head["posture"] if head["posture"] in ("strict", "watch") else "",
        "watched": [one for one in head["components"] if postures.get(one, head["posture"]) == "watch"],
        "outbound": head["outbound"] if head["outbound"] == "strict" else "",
        **({"windows_foreign": "disable"} if head.get("windows_foreign") == "disable" else {}),
        **({"windows_app_rules": "leave"} if head.get("windows_app_rules") == "leave" else {}),
        **({"windows_profiles": "all"} if head.get("windows_profiles") == "all" else {}),
    }


def digest(plan: Plan) -> str:
    """Changes exactly if the meaning of the plan changes; names of sets and explanations don't count."""
    rules = _RuleDigests({name: one.digest for name, one in plan.peers.items()})
    return whole(
        {
            name: _host_digest(host_head(host), host.settings.management_ports.texts, rules.of_host(host.rules))
            for name, host in plan.hosts.items()
        }
    )


def whole(of_hosts: Mapping[str, str]) -> str:
    return hashlib.sha256(_canonical(sorted(of_hosts.items()))).hexdigest()


def digests_of(data: Mapping[str, Any]) -> dict[str, str]:
    """By host, of a plan that was read from a file: of what it says and not of what it says of itself."""
    sets = {name: peersets.digest_of(networks) for name, networks in data["peers"].items()}
    found = {}
    for name, host in data["hosts"].items():
        ways = [rule for rule in host["rules"] if rule["peers"] == MANAGEMENT]
        others = sorted(_rule_digest(rule, sets) for rule in host["rules"] if rule["peers"] != MANAGEMENT)
        found[name] = _host_digest(host, ways[0]["ports"] if ways else (), others)
    return found


def _host_digest(head: Mapping[str, Any], management_ports: Iterable[str], rules: list[str]) -> str:
    return hashlib.sha256(_canonical([_head_meaning(head, management_ports), rules])).hexdigest()


def _rule_digest(data: Mapping[str, Any], sets: Mapping[str, str]) -> str:
    peers = sets.get(data["peers"], data["peers"])
    return hashlib.sha256(_canonical([peers, [data[key] for key in _MEANING]])).hexdigest()


class _RuleDigests:
    def __init__(self, sets: Mapping[str, str]) -> None:
        self._digests = _OncePerRule(lambda rule: _rule_digest(rule_data(rule), sets))
        self._of_rules: dict[int, list[str]] = {}

    def of_host(self, rules: tuple[Rule, ...]) -> list[str]:
        if id(rules) not in self._of_rules:
            self._of_rules[id(rules)] = sorted(self._digests.of(rule) for rule in rules if rule.peers != MANAGEMENT)
        return self._of_rules[id(rules)]


class _OncePerRule:
    """Rules are shared by hosts, so each is turned into text once."""

    def __init__(self, write: Callable[[Rule], str]) -> None:
        self._write = write
        self._of_rule: dict[int, str] = {}

    def of(self, rule: Rule) -> str:
        if id(rule) not in self._of_rule:
            self._of_rule[id(rule)] = self._write(rule)
        return self._of_rule[id(rule)]


def _canonical(data: Any) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def chunks(plan: Plan, digest_: str) -> Iterator[str]:
    """The file's text."""
    texts = _OncePerRule(lambda rule: json.dumps(rule_data(rule), ensure_ascii=False))
    yield f'{{"format": {FORMAT}, "digest": "{digest_}",\n "peers": {{'
    yield ",".join(f"\n  {json.dumps(name)}: {json.dumps(list(one.networks))}" for name, one in plan.peers.items())
    yield '},\n "hosts": {'
    first = True
    for name, host in plan.hosts.items():
        head = json.dumps(host_head(host), ensure_ascii=False)[:-1]
        skipped = ",\n      ".join(json.dumps(not_planned_data(one), ensure_ascii=False) for one in host.not_planned)
        yield f"{'' if first else ','}\n  {json.dumps(name)}: {head},"
        rules = ",\n      ".join(map(texts.of, host.rules))
        yield f'\n    "rules": [\n      {rules}],\n    "not_planned": [{skipped}]}}'
        first = False
    yield "}}\n"


def parts(plan: Plan, digest_: str) -> Iterator[tuple[str, str]]:
    """One text a host: its part of the plan, with the sets that its rules use named and counted."""
    texts = _OncePerRule(_part_of_rule)
    for name, host in plan.hosts.items():
        own = {
            "name": name,
            "digest": digest_,
            "host": host_head(host),
            "not_planned": [not_planned_data(one) for one in host.not_planned],
            "sets": {used: _summary(plan.peers[used]) for used in _used(host.rules, plan.peers)},
        }
        yield name, f'{json.dumps(own)[:-1]}, "rules": [{", ".join(map(texts.of, host.rules))}]}}'


def part_begins(host: str) -> str:
    """What is of the host alone in its part's text."""
    return f'{{"name": {json.dumps(host)}'


def _part_of_rule(rule: Rule) -> str:
    """With what a role's variables may change: the file has what came of it."""
    more = {"refusal": rule.refusal, "guards": rule.guards, "waits_for": rule.waits_for}
    return json.dumps({**rule_data(rule), **more})


def _used(rules: Iterable[Rule], sets: Mapping[str, PeerSet]) -> list[str]:
    return sorted({rule.peers for rule in rules if rule.peers in sets})


_SHOWN_NETWORKS = 4


def _summary(one: PeerSet) -> dict[str, Any]:
    return {"digest": one.digest, "count": len(one.networks), "first": list(one.networks[:_SHOWN_NETWORKS])}
