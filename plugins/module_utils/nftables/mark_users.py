# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unmanaged rules that set or look at bits of a packet mark, as `nft -j list ruleset` gives them. Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence

from ..linux.model import Mark

_EVERY_BIT = 0xFFFFFFFF
# Extensions of iptables of which nft knows the name alone.
_XT_SETS = ("MARK", "CONNMARK", "HMARK", "TPROXY")


def users(objects: Iterable[Dict[str, Any]], mark: Mark, asking: bool = False) -> List[str]:
    """Whose rules use bits of it. Those that ask whether a packet carries it do what it is there for: they count only
    if `asking`."""
    found = []
    for one in objects:
        rule = one.get("rule", {})
        for what in _uses(rule.get("expr", []), mark, asking):
            found.append(f"table {rule['family']} {rule['table']}, chain {rule['chain']} {what}")
    return list(dict.fromkeys(found))


def _uses(expressions: Sequence[Any], mark: Mark, asking: bool) -> Iterator[str]:
    for one in expressions:
        if not isinstance(one, dict):
            continue
        set_, read = _set_by(one), _used(one) if asking else _read_by(one, mark)
        if set_ & mark.mask:
            yield f"sets {set_:#x}"
        if read & mark.mask:
            yield f"reads {read:#x}"


def _set_by(one: Dict[str, Any]) -> int:
    body = one.get("mangle")
    if isinstance(body, dict) and _is_mark(body.get("key")):
        return _EVERY_BIT ^ _kept(body.get("value"))
    body = one.get("xt")
    return _EVERY_BIT if isinstance(body, dict) and body.get("name") in _XT_SETS else 0


def _kept(value: Any) -> int:
    """Bits of the mark that are afterwards what they were."""
    if _is_mark(value):
        return _EVERY_BIT
    for sign, here in _operations(value):
        if sign == "&":
            return _kept(here[0]) & (_number(here[1:]) or 0)
        return _kept(here[0]) & (_EVERY_BIT ^ _perhaps(here[1:]))
    return 0


def _perhaps(operands: Sequence[Any]) -> int:
    """Bits that may be set in one of them."""
    bits = 0
    for one in operands:
        limits = [_number(here[1:]) for sign, here in _operations(one) if sign == "&"]
        limit = one if isinstance(one, int) else limits[0] if limits else None
        bits |= _EVERY_BIT if limit is None else limit
    return bits


def _read_by(one: Dict[str, Any], mark: Mark) -> int:
    if "match" in one:
        body = one["match"]
        return 0 if _asks_for(body.get("left"), [body.get("right")], mark) else _used(body.get("left"))
    if "vmap" in one:
        body = one["vmap"]
        data = body.get("data")
        listed = data.get("set", []) if isinstance(data, dict) else [[None, None]]
        return 0 if _asks_for(body.get("key"), [key for key, _verdict in listed], mark) else _used(body.get("key"))
    if "mangle" in one and _is_mark(one["mangle"].get("key")):
        return 0
    return _used(one)


def _asks_for(left: Any, values: Sequence[Any], mark: Mark) -> bool:
    """For the very mark, or for its absence: that is what it is there for."""
    bits = _used(left)
    listed = [number for value in values for number in _numbers(value)]
    if None in listed:
        return False
    return all(number == mark.value or (number == 0 and bits == mark.mask) for number in listed) and not (
        mark.mask & ~bits
    )


def _numbers(value: Any) -> List[Optional[int]]:
    if isinstance(value, dict) and "set" in value:
        return [number for one in value["set"] for number in _numbers(one)]
    return [value if isinstance(value, int) else None]


def _used(value: Any) -> int:
    """Bits of the mark that decide about what comes out of an expression."""
    if _is_mark(value):
        return _EVERY_BIT
    for sign, here in _operations(value):
        number, other = _number(here[1:]), _used(here[0])
        if number is not None:
            return other & {"&": number, "|": _EVERY_BIT ^ number}.get(sign, _EVERY_BIT)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    bits = 0
    for one in inner:
        bits |= _used(one)
    return bits


def _operations(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from ((sign, body) for sign, body in value.items() if sign in ("&", "|", "^") and isinstance(body, list))


def _number(operands: Sequence[Any]) -> Optional[int]:
    return operands[0] if len(operands) == 1 and isinstance(operands[0], int) else None


def _is_mark(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("meta"), dict) and value["meta"].get("key") == "mark"
