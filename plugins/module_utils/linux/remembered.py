# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host remembers: in the words of this version, and whether it is of the types that a run relies on. Pure.

Files are damaged by disks and by hands; what is wrong here would fail every later run somewhere else, and say nothing.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable, Dict

PROTOCOLS = (
    *("tcp", "udp", "sctp"),
    *("icmp", "icmpv6", "igmp", "vrrp", "esp", "ah", "gre", "ospf", "pim", "ipip", "l2tp"),
)
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"(?:{_BYTE}\.){{3}}{_BYTE}(?:/(?:3[0-2]|[12]?[0-9]))?")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]+(?:/[0-9]+)?")

Check = Callable[[Any], bool]
FORMAT = 2
"""1, of 0.1.0 before its release, had postures in place of verdicts."""


def renewed(state: Dict[str, Any]) -> Dict[str, Any]:
    """What an earlier format says, in this one's words; what is damaged stays as it is."""
    if state.get("format") != 1:
        return state
    slices = state.get("slices", {})
    return {
        **state,
        "format": FORMAT,
        "settings": _renewed_settings(state.get("settings", {})),
        "slices": {name: _renewed_slice(one) for name, one in slices.items()} if _mapping(slices) else slices,
    }


def _renewed_settings(old: Any) -> Any:
    if not _mapping(old):
        return old
    new = {name: value for name, value in old.items() if name not in ("posture", "outbound")}
    if "posture" in old:
        verdicts = {"in": old["posture"], "out": old.get("outbound")}
        new["verdicts"] = {way: "refuse" if word == "strict" else "accept" for way, word in verdicts.items()}
        new["directions"] = ["in"] if old.get("outbound", "off") == "off" else ["in", "out"]
    return new


def _renewed_slice(old: Any) -> Any:
    if not (_mapping(old) and isinstance(old.get("rules"), list)):
        return old
    return {**old, "rules": [_renewed_rule(rule) for rule in old["rules"]]}


def _renewed_rule(old: Any) -> Any:
    if not (_mapping(old) and _truth(old.get("guarded")) and _truth(old.get("watched", False))):
        return old
    new = {name: value for name, value in old.items() if name not in ("guarded", "watched")}
    return {**new, "refusal": ("watch" if old.get("watched") else "guard") if old["guarded"] else "open"}


def fault(state: Dict[str, Any]) -> str:
    """The first thing that is not as it has to be, by its place; empty if there is none."""
    for name, check in _STATE.items():
        if name in state and not check(state[name]):
            return f"{name} is not what it has to be"
    for name, one in state.get("slices", {}).items():
        wrong = _slice_fault(one)
        if wrong:
            return f"slices, {name}: {wrong}"
    return ""


def _slice_fault(one: Any) -> str:
    if not (isinstance(one, dict) and isinstance(one.get("rules"), list) and isinstance(one.get("sets", {}), dict)):
        return "this is not a valid part of a component"
    sets = one.get("sets", {})
    for name, members in sets.items():
        if not _list_of(_address)(members):
            return f"the set {name} holds something other than addresses"
    for number, rule in enumerate(one["rules"]):
        if not _is_rule(rule) or rule["peers"] not in ("any", "local_subnet", *sets):
            return f"rule {number + 1} is not what it has to be"
    return ""


def _is_rule(rule: Any) -> bool:
    return (
        isinstance(rule, dict)
        and all(name in rule and check(rule[name]) for name, check in _RULE.items())
        and all(check(rule[name]) for name, check in _MAYBE.items() if name in rule)
    )


def _text(value: Any) -> bool:
    """Nothing that cannot be printed: half a character, which JSON may hold, is written to no file."""
    return isinstance(value, str) and value.isprintable()


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _port(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535


def _span(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_port, value)) and value[0] <= value[1]


def _address(value: Any) -> bool:
    """Or a network."""
    if not isinstance(value, str):
        return False
    if _IPV4.fullmatch(value):
        return True
    try:
        return bool(_IPV6.fullmatch(value)) and ipaddress.ip_network(value, strict=False).version == 6
    except ValueError:
        return False


def _interface(value: Any) -> bool:
    return _text(value) and 0 < len(value) <= 32 and '"' not in value and value.strip() == value


def _mark(value: Any) -> bool:
    """Value and mask."""
    if not (isinstance(value, list) and len(value) == 2 and all(map(_bits, value))):
        return value is None
    return bool(value[0] & ~value[1] == 0)


def _bits(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 0xFFFFFFFF


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _one_of(*values: str) -> Check:
    return lambda value: isinstance(value, str) and value in values


def _mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _settings(value: Any) -> bool:
    """What a later version adds is its own."""
    return _mapping(value) and all(check(value[name]) for name, check in _SETTINGS.items() if name in value)


def _texts(value: Any) -> bool:
    return _mapping(value) and all(map(_text, value.values()))


_SETTINGS: Dict[str, Check] = {
    "verdicts": lambda value: (
        _mapping(value) and set(value) == {"in", "out"} and all(map(_one_of("accept", "refuse"), value.values()))
    ),
    "directions": _list_of(_one_of("in", "out")),
    "refuse": _one_of("drop", "reject"),
    "log": _one_of("off", "refused", "all"),
    "foreign": _text,
    "cut": _truth,
    "restore_after_flush": _truth,
    "mark": _mark,
    "management": _list_of(_address),
    "management_ports": _list_of(_port),
    "trusted_interfaces": lambda value: value is None or _list_of(_interface)(value),
}
_STATE: Dict[str, Check] = {
    "backend": _text,
    "slices": _mapping,
    "settings": _settings,
    "way_in": _list_of(_address),
    "applied": _texts,
    "digest": _text,
    "token": _text,
}
_RULE: Dict[str, Check] = {
    "id": _text,
    "flow": _text,
    "direction": _one_of("in", "out"),
    "protocol": _one_of(*PROTOCOLS),
    "peers": _text,
    "cast": _one_of("unicast", "broadcast", "multicast"),
    "refusal": _one_of("open", "guard", "watch"),
    "spans": _list_of(_span),
    "source_spans": _list_of(_span),
    "container_spans": _list_of(_span),
}
_MAYBE: Dict[str, Check] = {"log": _truth}
