# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unmanaged rules on the same hooks: would they let pass what the plan permits? Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from ..linux.model import ALLOWED, LOST, UNKNOWN, Chain, Judgement, Mark
from .accepting import accepting
from .marking import OUTPUT, PREROUTING

_HOOKS = {"in": ("prerouting", "input"), "out": ("output", "postrouting"), "forward": ("forward",)}
_TO = {"in": "local", "out": "unicast", "forward": "unicast"}
# Hooks on which packets get the mark, and where: what comes there earlier does not see it.
_MARKED_AT = {"prerouting": PREROUTING, "output": OUTPUT}
_INTERFACES = ("iif", "iifname", "oif", "oifname")
_EVERY_BIT = 0xFFFFFFFF
# Chains of container engines and libvirt judge other traffic than what is meant for this host.
_KNOWN = ("docker", "podman", "netavark", "libvirt", "cni-", "kube-")
# Statements after which a rule goes on as if they were not there.
_PASSES = ("counter", "log", "comment", "mangle", "notrack", "ct helper", "ct timeout", "ct expectation", "set", "map")
_XT_PASSES = ("LOG", "NFLOG", "MARK", "CONNMARK", "CT", "TCPMSS", "CLASSIFY", "AUDIT", "TRACE")
_NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp", "132": "sctp"}
_HEADERS = ("tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmpv6", "igmp", "esp", "ah")

Key = Tuple[str, str, str]
Answer = Tuple[str, str]
_DOUBT: Answer = ("unknown", "")


@dataclass(frozen=True)
class Packet:
    """The first packet of a new connection: from some peer to a port of this host, out to a peer's port, or forwarded
    to a container whose port is published."""

    protocol: str
    port: int
    family: str = "ip"
    direction: str = "in"
    mark: Optional[Mark] = None
    """That we have put on it."""


def judge(objects: Iterable[Dict[str, Any]], packet: Packet, shown: Optional[Mark] = None) -> Judgement:
    """What unmanaged base chains do with the packet. It has to get past all of them. `shown` is the mark in rules that
    would let it pass, if it carries none yet."""
    ruleset = _Ruleset(objects, packet)
    found = [ruleset.verdict(base, packet.mark or shown) for base in ruleset.bases()]
    for outcome in (LOST, UNKNOWN):
        bad = [one for one in found if one.outcome == outcome]
        if bad:
            return Judgement(outcome, bad[0].where, tuple(chain for one in bad for chain in one.chains))
    return Judgement(ALLOWED, "")


class _Ruleset:
    def __init__(self, objects: Iterable[Dict[str, Any]], packet: Packet) -> None:
        self._packet = packet
        self._mark: Optional[Mark] = None
        self._chains: Dict[Key, Dict[str, Any]] = {}
        self._rules: Dict[Key, List[List[Any]]] = {}
        self._sets: Dict[Key, List[Any]] = {}
        for one in objects:
            for kind, body in one.items():
                if kind == "chain":
                    self._chains[body["family"], body["table"], body["name"]] = body
                elif kind == "rule":
                    key = (body["family"], body["table"], body["chain"])
                    self._rules.setdefault(key, []).append(body.get("expr", []))
                elif kind in ("set", "map"):
                    self._sets[body["family"], body["table"], body["name"]] = body.get("elem", [])

    def bases(self) -> List[Key]:
        return sorted(
            key
            for key, body in self._chains.items()
            if body.get("hook") in _HOOKS[self._packet.direction]
            and body.get("type") == "filter"
            and key[0] in ("inet", self._packet.family)
            and not (self._packet.direction == "forward" and key[1].startswith(_KNOWN))
        )

    def verdict(self, key: Key, shown: Optional[Mark]) -> Judgement:
        base = self._chains[key]
        marked = base.get("prio", 0) > _MARKED_AT.get(base["hook"], base.get("prio", 0) - 1)
        self._mark = self._packet.mark if marked else None
        ends = self._walk(key, ())
        if "through" in ends:
            ends = (ends - {"through"}) | {base.get("policy", "accept")}
        outcome = ALLOWED if ends == {"accept"} else LOST if ends <= {"drop", "reject"} else UNKNOWN
        where = base.get("where") or f"table {key[0]} {key[1]}, chain {key[2]}"
        accepts = accepting(key, shown) if shown and marked and not base.get("where") else ""
        return Judgement(outcome, where, (Chain(where, accepts, not marked, shown),))

    def _walk(self, key: Key, above: Tuple[Key, ...]) -> Set[str]:
        """All ways that the packet may end here; where something is not understood, there are several."""
        ends: Set[str] = set()
        if key in above or len(above) > 16:
            return {"unknown"}
        for expressions in self._rules.get(key, ()):
            match, answer = self._rule(expressions, key)
            if match is False or answer is None:
                continue
            kind, target = answer
            if kind in ("jump", "goto"):
                if self._engine_decides(target):
                    # What a container engine publishes, it lets pass.
                    if self._packet.direction == "forward":
                        ends.add("accept")
                        if match is True:
                            return ends
                    continue
                inner = self._walk((key[0], key[1], target), (*above, key))
                ends |= inner - {"through"}
                if kind == "goto" and "through" in inner:
                    ends.add("through")
                if match is True and (kind == "goto" or "through" not in inner):
                    return ends
                continue
            ends.add("through" if kind == "return" else kind)
            if match is True and kind != "unknown":
                return ends
        return ends | {"through"}

    def _engine_decides(self, chain: str) -> bool:
        """A chain of a container engine or libvirt; one of Docker's is the administrator's."""
        ours = chain == "DOCKER-USER" and self._packet.direction == "forward"
        return chain.lower().startswith(_KNOWN) and not ours

    def _rule(self, expressions: Sequence[Any], key: Key) -> Tuple[Optional[bool], Optional[Answer]]:
        """Whether the rule is for the packet (None: not understood), and what it then does (None: nothing)."""
        match: Optional[bool] = True
        doubt: Optional[Answer] = None
        for one in expressions:
            name, body = _kind(one)
            if name in ("accept", "drop", "reject", "return"):
                return match, (name, "")
            if name in ("jump", "goto"):
                return match, (name, str(body["target"]))
            if name == "vmap":
                found, answer = self._vmap(body, key)
                return (match if found is True else found), answer
            if name == "xt":
                name, answer = self._xt(body)
                if answer is not None:
                    return match, answer
            if name == "match":
                here = self._one(body, key)
                if here is False:
                    return False, None
                match = None if here is None else match
            elif name not in _PASSES:
                match = None
                doubt = _DOUBT if name != "limit" else doubt
        return match, doubt

    @staticmethod
    def _xt(body: Any) -> Tuple[str, Optional[Answer]]:
        """Extensions of iptables: nft knows their names at best."""
        if isinstance(body, dict) and body.get("type") == "match":
            return "limit", None
        if isinstance(body, dict) and body.get("type") in ("target", "watcher"):
            if body.get("name") == "REJECT":
                return "", ("reject", "")
            if body.get("name") in _XT_PASSES:
                return "comment", None
        return "", None

    def _vmap(self, body: Dict[str, Any], key: Key) -> Tuple[Optional[bool], Optional[Answer]]:
        data = body.get("data")
        listed = self._named(data, key) if isinstance(data, str) else data.get("set", []) if data else []
        doubtful = False
        for element, verdict in listed:
            here = self._one({"op": "==", "left": body.get("key"), "right": element}, key)
            doubtful = doubtful or here is None
            if here is True and not doubtful:
                ((kind, target),) = verdict.items()
                return True, (kind, str(target["target"]) if target else "") if kind != "continue" else None
        return (None, _DOUBT) if doubtful else (False, None)

    def _one(self, body: Dict[str, Any], key: Key) -> Optional[bool]:
        left, right, op = body.get("left"), body.get("right"), body.get("op")
        if not isinstance(left, dict):
            return None
        if self._other_header(left):
            return False
        if "&" in left or ("meta" in left and left["meta"].get("key") == "mark"):
            return self._carries(left, right, str(op))
        value = self._value(left)
        if value is None:
            return None
        if op in ("<", ">", "<=", ">="):
            if not isinstance(value, int) or not isinstance(right, int):
                return None
            return {"<": value < right, ">": value > right, "<=": value <= right, ">=": value >= right}[str(op)]
        known = self._contains(right, value, key)
        return None if known is None else known != (op == "!=")

    def _carries(self, left: Dict[str, Any], right: Any, op: str) -> Optional[bool]:
        """Whether bits of the packet's mark are these, as far as they belong to this collection."""
        one, asked = left.get("&", [left, _EVERY_BIT])
        if (
            self._mark is None
            or one != {"meta": {"key": "mark"}}
            or op not in ("==", "!=")
            or not isinstance(asked, int)
        ):
            return None
        value, mask = self._mark
        listed = right.get("set") if isinstance(right, dict) else [right]
        if not isinstance(listed, list) or not all(isinstance(number, int) for number in listed):
            return None
        # Bits that do not belong to this collection may be anything.
        alike = [number for number in listed if (number ^ value) & asked & mask == 0]
        if alike and asked & ~mask:
            return None
        return bool(alike) != (op == "!=")

    def _other_header(self, left: Dict[str, Any]) -> bool:
        """A rule that looks into a header is only for packets that have it, negated or not."""
        payload = left.get("payload")
        header = payload.get("protocol") if isinstance(payload, dict) else None
        if header in ("ip", "ip6"):
            return bool(header != self._packet.family)
        return header in _HEADERS and header != self._packet.protocol

    def _value(self, left: Dict[str, Any]) -> Any:
        """What the packet has there, as far as it is known."""
        payload, meta, ct, fib = (left.get(kind) for kind in ("payload", "meta", "ct", "fib"))
        if isinstance(payload, dict):
            if payload.get("field") == "dport":
                return self._packet.port
            return self._packet.protocol if payload.get("field") in ("protocol", "nexthdr") else None
        if isinstance(meta, dict):
            known = {"l4proto": self._packet.protocol, "nfproto": {"ip": "ipv4", "ip6": "ipv6"}[self._packet.family]}
            here = {"in": ("iif", "iifname"), "out": ("oif", "oifname")}.get(self._packet.direction, _INTERFACES)
            return _Interface() if meta.get("key") in here else known.get(str(meta.get("key")))
        if isinstance(ct, dict):
            known = {"state": "new", **({"status": "dnat"} if self._packet.direction == "forward" else {})}
            return known.get(str(ct.get("key")))
        if isinstance(fib, dict) and fib.get("result") == "type" and fib.get("flags") in ("daddr", ["daddr"]):
            return _TO[self._packet.direction]
        return None

    def _named(self, name: str, key: Key) -> List[Any]:
        return self._sets.get((key[0], key[1], name.lstrip("@")), [])

    def _contains(self, right: Any, value: Any, key: Key) -> Optional[bool]:
        if isinstance(right, str) and right.startswith("@"):
            right = self._named(right, key)
        if isinstance(right, dict) and "set" in right:
            right = right["set"]
        if isinstance(right, list):
            found = [self._contains(one, value, key) for one in right]
            return True if True in found else None if None in found else False
        if isinstance(right, dict) and "range" in right:
            low, high = right["range"]
            return bool(low <= value <= high) if isinstance(value, int) and isinstance(low, int) else None
        if isinstance(right, dict) and "elem" in right:
            return self._contains(right["elem"].get("val"), value, key)
        if isinstance(value, _Interface):
            return False if right == "lo" else None
        if isinstance(right, int) and isinstance(value, str):
            right = _NUMBERS.get(str(right), right)
        return bool(right == value) if isinstance(right, (int, str)) and right != "*" else None


def _kind(expression: Any) -> Tuple[str, Any]:
    if isinstance(expression, dict) and len(expression) == 1:
        return next(iter(expression.items()))
    return "", None


class _Interface:
    """One that the packet comes in or goes out by: which one is not known, but not loopback."""
