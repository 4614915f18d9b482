# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What options of iptables do with packet marks, as nft would list it. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

Object = Dict[str, Any]
_EVERY_BIT = 0xFFFFFFFF
_MARK: Object = {"meta": {"key": "mark"}}
_UNKNOWN: Object = {"xt": {"type": "target"}}
_CONNECTION: Object = {"ct": {"key": "mark"}}


def asked(module: str, text: str) -> Tuple[Object, int]:
    """`-m mark --mark`, or `-m connmark --mark`: what is looked at, and what it has to be."""
    value, mask = _pair(text)
    left = _CONNECTION if module == "connmark" else _MARK
    return (left if mask == _EVERY_BIT else {"&": [left, mask]}), value


def set_by(target: str, options: Dict[str, List[str]]) -> List[Object]:
    """Of what a target does; nothing if it has to do with no mark."""
    given = {name: values[0] if values else "" for name, values in options.items()}
    if target == "MARK":
        return [_mangle(_MARK, _xored(given))] if "--set-xmark" in given or "--set-mark" in given else []
    if target == "TPROXY":
        return [_mangle(_MARK, _xored({"--set-xmark": given.get("--tproxy-mark", "0/0")})), _UNKNOWN]
    if target != "CONNMARK":
        return []
    here = _number(given.get("--nfmask", given.get("--mask", "")))
    there = _number(given.get("--ctmask", given.get("--mask", "")))
    if "--save-mark" in given:
        return [_mangle(_CONNECTION, {"&": [_MARK, here]})]
    if "--restore-mark" in given:
        return [_mangle(_MARK, {"|": [{"&": [_MARK, _EVERY_BIT ^ here]}, {"&": [_CONNECTION, there]}]})]
    # What is written to the connection alone is no matter of the packet's.
    return [{"comment": "CONNMARK"}]


def _xored(given: Dict[str, str]) -> Object:
    value, mask = _pair(given.get("--set-xmark") or given.get("--set-mark") or "0/0")
    return {"^": [{"&": [_MARK, _EVERY_BIT ^ mask]}, value]}


def _mangle(key: Object, value: Any) -> Object:
    return {"mangle": {"key": key, "value": value}}


def _pair(text: str) -> Tuple[int, int]:
    value, _slash, mask = text.partition("/")
    return _number(value), _number(mask)


def _number(text: str) -> int:
    try:
        return int(text, 0) & _EVERY_BIT if text else _EVERY_BIT
    except ValueError:
        return _EVERY_BIT
