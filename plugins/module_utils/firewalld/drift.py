# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What firewalld does at runtime only, or has permanently only: a reload would lose or begin it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Tuple

from .objects import POLICY, ours

Settings = Dict[str, Any]
_LISTS = {
    "services": "service",
    "ports": "port",
    "source_ports": "source-port",
    "protocols": "protocol",
    "icmp_blocks": "icmp-block",
    "forward_ports": "forward-port",
    "rich_rules": "rich-rule",
    "sources": "source",
    "interfaces": "interface",
    "ingress_zones": "ingress-zone",
    "egress_zones": "egress-zone",
}
_SWITCHES = {"masquerade": "masquerade", "forward": "forward", "icmp_block_inversion": "icmp-block-inversion"}
# Texts for people.
_IGNORED = {"short", "description", "version"}
_DIRECT = (("chains", "chain"), ("rules", "rule"), ("passthroughs", "passthrough"))


@dataclass(frozen=True)
class Configuration:
    """Of firewalld, at runtime or permanently; the collection's part is included."""

    zones: Dict[str, Settings] = field(default_factory=dict)
    policies: Dict[str, Settings] = field(default_factory=dict)
    ipsets: Dict[str, List[str]] = field(default_factory=dict)
    direct: Dict[str, List[List[str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Drift:
    commands: Tuple[Tuple[str, ...], ...] = ()
    """Arguments of firewall-cmd that do at runtime, after a reload, what is done now."""
    stuck: Tuple[str, ...] = ()
    """What no command does: a reload would change it for good."""

    @property
    def said(self) -> List[str]:
        return sorted([" ".join(one).replace("--", "") for one in self.commands])


def drift(runtime: Configuration, permanent: Configuration) -> Drift:
    commands: List[Tuple[str, ...]] = []
    stuck: List[str] = []
    for kind, mine, theirs in (
        ("zone", runtime.zones, permanent.zones),
        ("policy", runtime.policies, permanent.policies),
    ):
        stuck += _only(kind, mine, theirs)
        for name in sorted(set(mine) & set(theirs)):
            if not _mine(name):
                more, wrong = _settings(kind, name, mine[name], theirs[name])
                commands += more
                stuck += wrong
    stuck += _only("ipset", runtime.ipsets, permanent.ipsets)
    for name in sorted(set(runtime.ipsets) & set(permanent.ipsets)):
        if not _mine(name):
            commands += _words(f"--ipset={name}", "entry", runtime.ipsets[name], permanent.ipsets[name])
    commands += _direct(runtime.direct, permanent.direct)
    return Drift(tuple(commands), tuple(stuck))


def _mine(name: str) -> bool:
    return name == POLICY or ours(name)


def _only(kind: str, runtime: Iterable[str], permanent: Iterable[str]) -> List[str]:
    mine, theirs = ({name for name in names if not _mine(name)} for names in (runtime, permanent))
    found = [f"the {kind} {name} is there permanently only" for name in sorted(theirs - mine)]
    return [*found, *(f"the {kind} {name} is no longer there permanently" for name in sorted(mine - theirs))]


def _settings(kind: str, name: str, runtime: Settings, permanent: Settings) -> Tuple[List[Tuple[str, ...]], List[str]]:
    commands: List[Tuple[str, ...]] = []
    stuck: List[str] = []
    for key in sorted({*runtime, *permanent} - _IGNORED):
        mine, theirs = runtime.get(key), permanent.get(key)
        what = f"--{kind}={name}"
        if key in _LISTS:
            commands += _words(what, _LISTS[key], _texts(key, mine), _texts(key, theirs))
        elif bool(mine) == bool(theirs) and (mine == theirs or not mine):
            continue
        elif key in _SWITCHES:
            commands.append((what, f"--{'add' if mine else 'remove'}-{_SWITCHES[key]}"))
        elif mine != theirs:
            stuck.append(f"{key} of the {kind} {name} is another one permanently")
    return commands, stuck


def _texts(key: str, value: Any) -> List[str]:
    if key in ("ports", "source_ports"):
        return [f"{port}/{protocol}" for port, protocol in value or ()]
    if key == "forward_ports":
        return [_forward(*one) for one in value or ()]
    return [str(one) for one in value or ()]


def _forward(port: str, protocol: str, to_port: str, to_address: str) -> str:
    ends = (f":toport={to_port}" if to_port else "") + (f":toaddr={to_address}" if to_address else "")
    return f"port={port}:proto={protocol}{ends}"


def _words(what: str, option: str, runtime: Iterable[str], permanent: Iterable[str]) -> List[Tuple[str, ...]]:
    mine, theirs = set(runtime), set(permanent)
    found = []
    # An interface that is in another zone permanently leaves that one by this.
    come = "change" if option in ("interface", "source") else "add"
    if theirs - mine:
        found.append((what, *(f"--remove-{option}={one}" for one in sorted(theirs - mine))))
    if mine - theirs:
        found.append((what, *(f"--{come}-{option}={one}" for one in sorted(mine - theirs))))
    return found


def _direct(runtime: Dict[str, List[List[str]]], permanent: Dict[str, List[List[str]]]) -> List[Tuple[str, ...]]:
    found = []
    for key, option in _DIRECT:
        mine, theirs = runtime.get(key, []), permanent.get(key, [])
        found += [("--direct", f"--remove-{option}", *one) for one in theirs if one not in mine]
        found += [("--direct", f"--add-{option}", *one) for one in mine if one not in theirs]
    return found
