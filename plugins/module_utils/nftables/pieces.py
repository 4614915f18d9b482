# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What chains of our table are made of: sets of peers, matches, stretches of ports. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Dict, Iterable, Iterator, List, Sequence, Tuple

from ..intervals import Span, cut
from ..linux.model import Local, Permission, Settings

TABLE = "portbook"
HOOKED = "type filter hook"
PORTS = ("tcp", "udp", "sctp")
CASTS = ("broadcast", "multicast")
# A source that has no address yet: DHCP, and duplicate address detection.
UNSET = ("0.0.0.0", "::")
LINK_LOCAL = "fe80::/10"


@dataclass
class _Table:
    sets: Dict[str, List[str]] = field(default_factory=dict)
    chains: Dict[str, List[str]] = field(default_factory=dict)
    maps: Dict[str, List[str]] = field(default_factory=dict)


class Pieces:
    """Sets, chains and maps of the table, and the hooks that its base chains hang on."""

    def __init__(self, settings: Settings, local: Local, kinds: bool = True) -> None:
        self.settings = settings
        self.local = local
        self.kinds = kinds
        self.table = _Table()
        self.bases: List[Tuple[str, str, List[str]]] = []

    def text(self) -> str:
        lines = [f"table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{"]
        for name, body in sorted(self.table.sets.items()):
            lines += _block("set", name, body)
        for name, body in self.table.chains.items():
            lines += _block("chain", name, body)
        for name, body in sorted(self.table.maps.items()):
            lines += _block("map", name, body)
        for name, hook, body in self.bases:
            lines += _block("chain", name, [f"{HOOKED} {hook}; policy accept;", *body])
        return "\n".join([*lines, "}", ""])

    def interfaces(self, name: str, interfaces: Sequence[str]) -> str:
        self.table.sets[name] = ["type ifname", elements_text(f'"{one}"' for one in sorted(set(interfaces)))]
        return name

    def matches(self, one: Permission, address: str) -> List[str]:
        """Who may, and the protocol if it is one without ports."""
        what = "" if one.protocol in PORTS else f"meta l4proto {protocol_name(one.protocol)} "
        if one.networks is None and not one.local_subnet:
            return [what]
        return [f"{match} {what}" for match in self.peers(address, self.networks(one))]

    def networks(self, one: Permission) -> Iterable[str]:
        if not one.local_subnet:
            return one.networks or ()
        unset = UNSET if one.cast in CASTS else ()
        groups = ("224.0.0.0/4", "255.255.255.255", "ff00::/8") if one.direction == "out" else ()
        return (*self.local.subnets, LINK_LOCAL, *unset, *groups)

    def peers(self, address: str, networks: Iterable[str]) -> List[str]:
        """Single addresses in a hash, networks in an interval set; sets of the same content are one."""
        found = []
        for family, version in (("ip", 4), ("ip6", 6)):
            mine = sorted(one for one in set(networks) if (":" in one) == (version == 6))
            for kind, members in (
                ("", [one for one in mine if "/" not in one]),
                ("n", [one for one in mine if "/" in one]),
            ):
                if members:
                    found.append(f"{family} {address} @{self._set(version, kind, members)}")
        return found

    def way_in(self) -> List[str]:
        """Matches of the management access."""
        ports = ports_text([(port, port) for port in self.local.way_in_ports])
        return [f"{match} tcp dport {ports}" for match in self.peers("saddr", self.local.way_in)] if ports else []

    def _set(self, version: int, kind: str, members: List[str]) -> str:
        name = f"p{version}{kind}_{hashlib.sha256(' '.join(members).encode()).hexdigest()[:12]}"
        body = [f"type ipv{version}_addr"] + (["flags interval", "auto-merge"] if kind else [])
        self.table.sets[name] = [*body, elements_text(members)]
        return name

    def ports_map(self, prefix: str, elements: List[str]) -> List[str]:
        """The rule that finds a port's verdict by one lookup; none without elements."""
        if not elements:
            return []
        self.table.maps[f"{prefix}_ports"] = [
            "type inet_proto . inet_service : verdict",
            "flags interval",
            elements_text(elements),
        ]
        return [f"meta l4proto . th dport vmap @{prefix}_ports"]

    def chain(self, name: str, body: List[str]) -> None:
        self.table.chains[name] = body

    def interval(self, protocol: str, here: Sequence[Permission], address: str, verdict: str = "accept") -> List[str]:
        """Peers of all flows of an interval; flows with a fixed source port keep their own line."""
        by_source: Dict[Tuple[Span, ...], List[Permission]] = {}
        for one in here:
            by_source.setdefault(one.source_spans, []).append(one)
        lines = []
        for source, together in sorted(by_source.items()):
            sport = f"{protocol} sport {ports_text(source)} " if source else ""
            if any(one.networks is None and not one.local_subnet for one in together):
                lines.append(f"{sport}{verdict}")
                continue
            networks = {network for one in together for network in self.networks(one)}
            lines += [f"{match} {sport}{verdict}" for match in self.peers(address, networks)]
        return lines


def _block(kind: str, name: str, body: Iterable[str]) -> Iterator[str]:
    yield f"  {kind} {name} {{"
    yield from (f"    {line}" for line in body)
    yield "  }"


def elements_text(texts: Iterable[str]) -> str:
    return f"elements = {{ {', '.join(texts)} }}"


def port_text(span: Span) -> str:
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def ports_text(spans: Iterable[Span]) -> str:
    """Overlapping spans do not load."""
    texts = [port_text(span) for span, _here in cut([("", list(spans))])]
    return texts[0] if len(texts) == 1 else f"{{ {', '.join(texts)} }}" if texts else ""


def protocol_name(name: str) -> str:
    """As nft knows it by itself: a host without /etc/protocols has no other names."""
    return {
        "vrrp": "112",
        "igmp": "2",
        "ospf": "89",
        "pim": "103",
        "ipip": "4",
        "l2tp": "115",
        "gre": "47",
    }.get(name, name)
