# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of iptables, as nft would list them: of iptables-legacy, which nft does not see, and of iptables over nftables,
of whose extensions nft knows no more than the name."""

from __future__ import annotations

import shlex
import shutil
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from ..linux import programs
from . import iptables_marks

_NAMES = {"ip": "/proc/net/ip_tables_names", "ip6": "/proc/net/ip6_tables_names"}
_PROGRAMS = {"ip": "iptables", "ip6": "ip6tables"}
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
# What only rewrites cannot refuse.
_FILTERING = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}
"""With the priority of its chains."""
TABLES = (*_FILTERING, "nat")
_HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
_VERDICTS = ("ACCEPT", "DROP", "RETURN")
_KNOWN_MATCHES = (
    *("tcp", "udp", "sctp", "multiport", "conntrack", "state", "comment"),
    *("mark", "connmark", "addrtype"),
)
_SYN = ["FIN,SYN,RST,ACK", "SYN"]

LEGACY = " (iptables-legacy)"
Object = Dict[str, Any]
_DESTINATION: Object = {"fib": {"result": "type", "flags": ["daddr"]}}
_UNKNOWN: Object = {"xt": {"type": "match"}}
_NEVER: Object = {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "none"}}


def objects() -> List[Object]:
    """Of both families; what cannot be read is a chain of which nothing is known."""
    found: List[Object] = []
    for family in _NAMES:
        loaded = _loaded(family)
        if loaded:
            told = _saved(family, "legacy")
            found += _unreadable(family, loaded) if told is None else parsed(family, told)
    return found


def translated(objects: List[Object]) -> List[Object]:
    """Those of nft, with tables of iptables as iptables itself lists them where nft does not understand them."""
    for family in _NAMES:
        unclear = {
            one["rule"]["table"]
            for one in objects
            if "rule" in one and one["rule"]["family"] == family and any("xt" in part for part in one["rule"]["expr"])
        } & set(TABLES)
        told = _saved(family, "nft") if unclear else None
        # A table that somebody wrote into with nft is left out there.
        clear = unclear & {line[1:].strip() for line in (told or "").splitlines() if line.startswith("*")}
        if told and clear:
            objects = [one for one in objects if not _of(one, family, clear)]
            objects += [one for one in parsed(family, told, "") if _of(one, family, clear)]
    return objects


class Saved(NamedTuple):
    """A rule as iptables-save prints it."""

    family: str
    table: str
    chain: str
    text: str


def legacy_rules() -> Tuple[List[Saved], List[str]]:
    """Of iptables-legacy, in every table that is loaded; and families of which they cannot be read."""
    found: List[Saved] = []
    unread: List[str] = []
    for family in _NAMES:
        if _loaded(family):
            told = _saved(family, "legacy")
            found += saved_rules(family, told or "")
            unread += [family] if told is None else []
    return found, unread


def nft_rules(family: str, table: str) -> List[Saved]:
    """Of iptables over nftables, as iptables itself lists them."""
    return [one for one in saved_rules(family, _saved(family, "nft") or "") if one.table == table]


def saved_rules(family: str, saved: str) -> Iterator[Saved]:
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith("-A "):
            yield Saved(family, table, line.split()[1], line)


def _of(one: Object, family: str, tables: Set[str]) -> bool:
    body = one.get("rule") or one.get("chain") or {}
    return body.get("family") == family and body.get("table") in tables


def _loaded(family: str) -> List[str]:
    try:
        with open(_NAMES[family], encoding="utf-8") as file:
            return sorted(set(file.read().split()) & set(TABLES))
    except OSError:
        return []


def _saved(family: str, kind: str) -> Optional[str]:
    for name in (f"{_PROGRAMS[family]}-{kind}-save", f"{_PROGRAMS[family]}-save"):
        program = shutil.which(name, path=_PATH)
        if program is None:
            continue
        # A program of the same name may be of the other kind.
        speaks = "" if name.endswith(f"{kind}-save") else _told(program, "--version")
        if speaks == "" or (speaks and ("nf_tables" in speaks) == (kind == "nft")):
            return _told(program)
    return None


def _told(*command: str) -> Optional[str]:
    try:
        done = programs.run(command, environment={"LC_ALL": "C"})
    except OSError:
        return None
    return None if done.code else done.out


def _unreadable(family: str, loaded: List[str]) -> List[Object]:
    loaded = [table for table in loaded if table in _FILTERING]
    if not loaded:
        return []
    where = f"iptables-legacy rules are loaded ({family}: {', '.join(loaded)}) and cannot be read here"
    return [
        _chain(family, "iptables-legacy", hook, {"hook": hook.lower(), "policy": "unknown", "where": where})
        for hook in ("INPUT", "OUTPUT")
    ]


def _chain(family: str, table: str, name: str, base: Object) -> Object:
    return {"chain": {"family": family, "table": table, "name": name, **({"type": "filter"} if base else {}), **base}}


# -- pure ---------------------------------------------------------------------------------------------


def parsed(family: str, saved: str, mark: str = LEGACY) -> List[Object]:
    """What iptables-save prints; `mark` goes behind the names of tables."""
    found: List[Object] = []
    table = ""
    chains: Set[str] = set()
    for line in saved.splitlines():
        if line.startswith("*"):
            table, chains = line[1:].strip(), set()
        elif table not in TABLES:
            continue
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            chains.add(name)
            base: Object = {}
            if name in _HOOKS and table in _FILTERING:
                base = {"hook": name.lower(), "policy": policy.lower(), "prio": _FILTERING[table]}
            found.append(_chain(family, table + mark, name, base))
        elif line.startswith("-A "):
            name, expressions = _rule(line, chains)
            rule = {"family": family, "table": table + mark, "chain": name, "expr": expressions}
            found.append({"rule": rule})
    return found


def _rule(line: str, chains: Set[str]) -> Tuple[str, List[Object]]:
    words = iter(shlex.split(line))
    next(words)
    name = next(words)
    found: List[Object] = []
    module = ""
    options = list(_options(list(words)))
    for place, (option, values) in enumerate(options):
        op = "!=" if option.startswith("!") else "=="
        option = option.lstrip("!")
        value = values[0] if values else ""
        if option in ("-j", "-g"):
            found += _target(option, value, chains, dict(options[place + 1 :]))
            break
        module = value if option == "-m" else module
        if option == "-p":
            found.append(_match({"meta": {"key": "l4proto"}}, value, op))
        elif option in ("--dport", "--dports"):
            found.append(_match({"payload": {"field": "dport"}}, [_ports(one) for one in value.split(",")], op))
        elif option in ("--ctstate", "--state") and not set(value.lower().split(",")) & {"dnat", "snat"}:
            found.append(_match({"ct": {"key": "state"}}, value.lower().split(","), op))
        elif option == "--mark":
            found.append(_match(*iptables_marks.asked(module, value), op))
        elif option == "--dst-type":
            found.append(_match(_DESTINATION, value.lower().split(","), op))
        elif option in ("-i", "-o"):
            key = {"-i": "iifname", "-o": "oifname"}[option]
            found.append(_UNKNOWN if value.endswith("+") else _match({"meta": {"key": key}}, value, op))
        elif option == "--tcp-flags" and values == _SYN:
            # The first packet of a connection is one.
            found += [_NEVER] if op == "!=" else []
        elif not (option == "--comment" or (option == "-m" and value in _KNOWN_MATCHES)):
            found.append(_UNKNOWN)
    return name, found


def _options(words: List[str]) -> Iterator[Tuple[str, List[str]]]:
    """An option with its values; one that is negated begins with an exclamation mark."""
    at = 0
    while at < len(words):
        mark = "!" if words[at] == "!" else ""
        start = at = at + len(mark)
        at += 2 if words[start : start + 1] == ["--comment"] else 1
        while at < len(words) and not words[at].startswith(("-", "!")):
            at += 1
        if start < len(words):
            yield mark + words[start], words[start + 1 : at]


def _target(option: str, name: str, chains: Set[str], more: Dict[str, List[str]]) -> List[Object]:
    """`more` are the target's own options."""
    if name in chains:
        return [{"goto" if option == "-g" else "jump": {"target": name}}]
    if name in _VERDICTS:
        return [{name.lower(): None}]
    return iptables_marks.set_by(name, more) or [{"xt": {"type": "target", "name": name}}]


def _match(left: Object, right: Any, op: str) -> Object:
    return {"match": {"op": op, "left": left, "right": right}}


def _ports(text: str) -> Object:
    low, _colon, high = text.partition(":")
    return {"range": [int(low), int(high or low)]}
