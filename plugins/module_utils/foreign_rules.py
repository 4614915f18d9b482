# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of others on the same hooks: would they let pass what the plan permits? Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

ALLOWED, LOST, UNKNOWN = "allowed", "lost", "unknown"
_HOOKS = ("prerouting", "input")
# Chains of container engines and libvirt judge other traffic than what is meant for this host.
_KNOWN = ("docker", "podman", "netavark", "libvirt", "cni-", "kube-")


@dataclass(frozen=True)
class Verdict:
    outcome: str
    where: str


@dataclass(frozen=True)
class Packet:
    protocol: str
    port: int


def judge(objects: Iterable[Dict[str, Any]], packet: Packet) -> Verdict:
    """What base chains of others make of a new connection to a port of this host."""
    ruleset = _Ruleset(objects)
    found = [Verdict(*ruleset.chain(base, packet)) for base in ruleset.bases()]
    for outcome in (LOST, UNKNOWN):
        for one in found:
            if one.outcome == outcome:
                return one
    return Verdict(ALLOWED, "")


class _Ruleset:
    def __init__(self, objects: Iterable[Dict[str, Any]]) -> None:
        self._chains: Dict[Tuple[str, str, str], Dict[str, Any]] = {}
        self._rules: Dict[Tuple[str, str, str], List[List[Any]]] = {}
        self._sets: Dict[Tuple[str, str, str], Any] = {}
        for one in objects:
            if "chain" in one:
                body = one["chain"]
                self._chains[body["family"], body["table"], body["name"]] = body
            elif "rule" in one:
                body = one["rule"]
                self._rules.setdefault((body["family"], body["table"], body["chain"]), []).append(body.get("expr", []))
            elif "set" in one:
                body = one["set"]
                self._sets[body["family"], body["table"], body["name"]] = body.get("elem", [])

    def bases(self) -> List[Tuple[str, str, str]]:
        return sorted(
            key
            for key, body in self._chains.items()
            if body.get("hook") in _HOOKS and body.get("type") == "filter" and key[0] in ("ip", "ip6", "inet")
        )

    def chain(self, key: Tuple[str, str, str], packet: Packet) -> Tuple[str, str]:
        where = f"table {key[0]} {key[1]}, chain {key[2]}"
        ends, doubtful = self._walk(key, packet, ())
        policy = self._chains[key].get("policy", "accept")
        ends = ends | {policy} if "through" in ends or not ends else ends
        ends.discard("through")
        if ends <= {"accept"}:
            return ALLOWED, where
        if ends <= {"drop", "reject"} and not doubtful:
            return LOST, where
        return UNKNOWN, where

    def _walk(self, key: Tuple[str, str, str], packet: Packet, above: Tuple[Any, ...]) -> Tuple[Set[str], bool]:
        """All ways that the packet may end here, and whether any was a guess."""
        ends: Set[str] = set()
        doubtful = False
        if key in above or len(above) > 16:
            return {"through"}, True
        for expressions in self._rules.get(key, ()):
            match, verdict = self._match(expressions, key, packet)
            if match is False or verdict is None:
                continue
            kind, target = verdict
            if kind in ("jump", "goto"):
                if target.lower().startswith(_KNOWN):
                    continue
                inner, guess = self._walk((key[0], key[1], target), packet, (*above, key))
                doubtful = doubtful or guess or match is None
                ends |= inner - {"through"}
                if match is True and "through" not in inner:
                    return ends, doubtful
                if match is True and kind == "goto":
                    return ends | {"through"}, doubtful
                continue
            if kind == "return":
                if match is True:
                    return ends | {"through"}, doubtful
                doubtful = True
                continue
            ends.add(kind)
            if match is True:
                return ends, doubtful
            doubtful = True
        return ends | {"through"}, doubtful

    def _match(
        self, expressions: Sequence[Any], key: Tuple[str, str, str], packet: Packet
    ) -> Tuple[Optional[bool], Optional[Tuple[str, str]]]:
        """Whether the rule is for the packet (None: not understood), and what it then does."""
        result: Optional[bool] = True
        verdict: Optional[Tuple[str, str]] = None
        for one in expressions:
            if not isinstance(one, dict) or len(one) != 1:
                return None, verdict
            ((name, body),) = one.items()
            if name in ("accept", "drop", "return"):
                verdict = (name, "")
            elif name == "reject":
                verdict = ("reject", "")
            elif name in ("jump", "goto"):
                verdict = (name, str(body["target"]))
            elif name == "match":
                here = self._one(body, key, packet)
                result = False if here is False or result is False else None if here is None or result is None else True
            elif name not in ("counter", "log", "comment"):
                result = None if result is True else result
        return result, verdict

    def _one(self, body: Dict[str, Any], key: Tuple[str, str, str], packet: Packet) -> Optional[bool]:
        left, right, op = body.get("left"), body.get("right"), body.get("op")
        known: Optional[bool] = None
        if isinstance(left, dict):
            known = self._known(left, right, key, packet)
        if known is None:
            return None
        return not known if op == "!=" else known

    def _known(self, left: Dict[str, Any], right: Any, key: Tuple[str, str, str], packet: Packet) -> Optional[bool]:
        payload, meta, ct = left.get("payload"), left.get("meta"), left.get("ct")
        if isinstance(payload, dict):
            if payload.get("protocol") in ("tcp", "udp", "th") and payload.get("field") == "dport":
                same = payload["protocol"] in ("th", packet.protocol)
                inside = self._contains(right, packet.port, key)
                return False if not same else inside
            if payload.get("field") in ("protocol", "nexthdr"):
                return self._contains(right, packet.protocol, key)
            return False if payload.get("protocol") in ("icmp", "icmpv6") else None
        if isinstance(meta, dict):
            if meta.get("key") == "l4proto":
                return self._contains(right, packet.protocol, key)
            if meta.get("key") in ("iif", "iifname") and right == "lo":
                return False
            return None
        if isinstance(ct, dict) and ct.get("key") == "state":
            listed = right if isinstance(right, list) else [right]
            return "new" in [str(one) for one in listed]
        return None

    def _contains(self, right: Any, value: Any, key: Tuple[str, str, str]) -> Optional[bool]:
        if isinstance(right, str) and right.startswith("@"):
            right = {"set": self._sets.get((key[0], key[1], right[1:]), [])}
        if isinstance(right, dict) and "set" in right:
            found = [self._contains(one, value, key) for one in right["set"]]
            return True if True in found else None if None in found else False
        if isinstance(right, dict) and "range" in right:
            low, high = right["range"]
            return bool(low <= value <= high) if isinstance(value, int) and isinstance(low, int) else None
        if isinstance(right, dict) and "elem" in right:
            return self._contains(right["elem"].get("val"), value, key)
        if isinstance(right, (int, str)):
            return bool(right == value)
        return None
