# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is to permit and refuse, as nftables rules: pure, the same text for the same meaning."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import Dict, Iterable, Iterator, List, Sequence, Tuple

from ..intervals import Span, cut
from ..linux.model import Local, Permission, Settings

TABLE = "portbook"
_HOOKED = "type filter hook"
_PORTS = ("tcp", "udp", "sctp")
_CASTS = ("broadcast", "multicast")
# A source that has no address yet: DHCP, and duplicate address detection.
_UNSET = ("0.0.0.0", "::")
_LINK_LOCAL = "fe80::/10"


@dataclass
class _Table:
    sets: Dict[str, List[str]] = field(default_factory=dict)
    chains: Dict[str, List[str]] = field(default_factory=dict)
    maps: Dict[str, List[str]] = field(default_factory=dict)


def ruleset(permissions: Iterable[Permission], settings: Settings, local: Local) -> str:
    """The whole table as one transaction: loaded, it replaces what was there of ours and nothing else."""
    renderer = _Renderer(settings, local)
    listed = list(permissions)
    renderer.inbound([one for one in listed if one.direction == "in"])
    renderer.outbound([one for one in listed if one.direction == "out"])
    return renderer.text()


def refuses(text: str) -> bool:
    """Only what refuses, or logs, hangs a chain into the packets' way."""
    return _HOOKED in text


def deletion() -> str:
    return f"table inet {TABLE}\ndelete table inet {TABLE}\n"


class _Renderer:
    def __init__(self, settings: Settings, local: Local) -> None:
        self._settings = settings
        self._local = local
        self._table = _Table()
        self._bases: List[Tuple[str, str, List[str]]] = []

    def text(self) -> str:
        lines = [f"table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{"]
        for name, body in sorted(self._table.sets.items()):
            lines += _block("set", name, body)
        for name, body in self._table.chains.items():
            lines += _block("chain", name, body)
        for name, body in sorted(self._table.maps.items()):
            lines += _block("map", name, body)
        for name, hook, body in self._bases:
            lines += _block("chain", name, [f"{_HOOKED} {hook}; policy accept;", *body])
        return "\n".join([*lines, "}", ""])

    # -- inbound ------------------------------------------------------------------------------------

    def inbound(self, permissions: Sequence[Permission]) -> None:
        strict = self._settings.strict_in
        unicast = [one for one in permissions if one.cast == "unicast"]
        cast = [one for one in permissions if one.cast in _CASTS]
        if not (strict or any(one.guarded or self._logs(one) for one in permissions)):
            return
        body = self._trusted("iif", "iifname") + self._replies() + self._baseline_in()
        body.append("fib daddr type unicast accept")
        # A socket that is bound to no address hears every cast, so a guard leaves none of them open.
        hear = [] if strict else [one for one in unicast if one.guarded and one.protocol == "udp"]
        also = [] if strict else [one for one in cast if one.guarded]
        if cast or strict:
            self._chain("cast", self._dispatch("cast", [*cast, *hear], "saddr", strict))
            body.append("fib daddr type { broadcast, multicast } goto cast")
        body += self._dispatch("in", [*unicast, *also], "saddr", strict)
        self._bases.append(("inbound", "prerouting priority -110", body))
        self._containers(unicast)

    def _containers(self, permissions: Sequence[Permission]) -> None:
        """A neighbour with a route reaches a container's own address without its published port."""
        behind = [
            replace(one, spans=one.container_spans, container_spans=(), cast="unicast")
            for one in permissions
            if one.guarded and one.container_spans
        ]
        if not behind or not self._local.bridges:
            return
        body = self._trusted("iif", "iifname") + self._replies()
        body += ["ct status dnat accept", f"oifname != @{self._interfaces('bridges', self._local.bridges)} accept"]
        body += self._dispatch("container", behind, "saddr", False)
        self._bases.append(("containers", "forward priority -10", body))

    def _baseline_in(self) -> List[str]:
        lines = [
            "meta l4proto icmp icmp type { echo-request, echo-reply, destination-unreachable, time-exceeded, "
            "parameter-problem } accept",
            "meta l4proto icmpv6 icmpv6 type { echo-request, echo-reply, destination-unreachable, packet-too-big, "
            "time-exceeded, parameter-problem, nd-router-solicit, nd-router-advert, nd-neighbor-solicit, "
            "nd-neighbor-advert, nd-redirect, mld-listener-query, mld-listener-report, mld-listener-done, "
            "mld2-listener-report } accept",
            "meta l4proto igmp accept",
            "meta nfproto ipv4 udp sport 67 udp dport 68 accept",
            "meta nfproto ipv6 udp sport 547 udp dport 546 accept",
        ]
        ports = _ports_text([(port, port) for port in self._local.way_in_ports])
        for match in self._peers("saddr", self._local.way_in) if ports else ():
            lines.append(f"{match} tcp dport {ports} accept")
        return lines

    # -- outbound -----------------------------------------------------------------------------------

    def outbound(self, permissions: Sequence[Permission]) -> None:
        strict = self._settings.strict_out
        if not (strict or any(one.guarded or self._logs(one) for one in permissions)):
            return
        body = self._trusted("oif", "oifname") + self._replies() + self._baseline_out()
        body += self._dispatch("out", permissions, "daddr", strict)
        self._bases.append(("outbound", "postrouting priority 90", body))

    def _baseline_out(self) -> List[str]:
        lines = [
            "meta l4proto { icmp, icmpv6, igmp } accept",
            "meta nfproto ipv4 udp sport 68 udp dport 67 accept",
            "meta nfproto ipv6 udp sport 546 udp dport 547 accept",
        ]
        lines += [
            f"{match} meta l4proto {{ tcp, udp }} th dport 53 accept"
            for match in self._peers("daddr", self._local.resolvers)
        ]
        servers = self._local.time_servers
        everybody = "any" in servers
        matches = [""] if everybody else [f"{match} " for match in self._peers("daddr", servers)]
        return [*lines, *(f"{match}udp dport 123 accept" for match in matches)]

    # -- pieces -------------------------------------------------------------------------------------

    def _trusted(self, loopback: str, name: str) -> List[str]:
        lines = [f"{loopback} lo accept"]
        if self._local.trusted:
            lines.append(f"{name} @{self._interfaces('trusted', self._local.trusted)} accept")
        return lines

    def _interfaces(self, name: str, interfaces: Sequence[str]) -> str:
        self._table.sets[name] = ["type ifname", _elements(f'"{one}"' for one in sorted(set(interfaces)))]
        return name

    def _replies(self) -> List[str]:
        """The original direction is looked up each time, so that a peer who is taken out is cut."""
        replies = "ct state established,related ct direction reply accept"
        return [replies] if self._settings.cut else [replies, "ct state established accept"]

    def _dispatch(self, prefix: str, permissions: Sequence[Permission], address: str, strict: bool) -> List[str]:
        """One lookup finds the port's interval; its chain has the peers."""
        lines: List[str] = []
        elements: List[str] = []
        for protocol in _PORTS:
            mine = [(one, one.spans) for one in permissions if one.protocol == protocol and one.spans]
            for (low, high), here in cut(mine):
                guarded = [one for one in here if one.guarded]
                body = self._logged(here, address, protocol)
                if guarded or strict:
                    body += self._interval(protocol, here, address)
                if guarded:
                    logged = any(one.logged for one in guarded)
                    body.append(self._refuse(prefix, all(one.watched for one in guarded), logged))
                if not (body or strict):
                    continue
                name = f"{prefix}_{protocol}_{low}" + (f"_{high}" if high > low else "")
                self._chain(name, body)
                elements.append(f"{protocol} . {_port_text((low, high))} : jump {name}")
        if elements:
            self._table.maps[f"{prefix}_ports"] = [
                "type inet_proto . inet_service : verdict",
                "flags interval",
                _elements(elements),
            ]
            lines.append(f"meta l4proto . th dport vmap @{prefix}_ports")
        for one in permissions:
            if one.protocol not in _PORTS:
                lines += self._logged([one], address)
                lines += [f"{match}accept" for match in self._matches(one, address)] if strict else []
        if strict:
            # A connection older than connection tracking has no state: only its first packet is refused.
            lines.append("tcp flags & (fin | syn | rst | ack) != syn accept")
            lines.append(self._refuse(prefix))
        return lines

    def _interval(self, protocol: str, here: Sequence[Permission], address: str) -> List[str]:
        """Peers of all flows of an interval; flows with a fixed source port keep their own line."""
        by_source: Dict[Tuple[Span, ...], List[Permission]] = {}
        for one in here:
            by_source.setdefault(one.source_spans, []).append(one)
        lines = []
        for source, together in sorted(by_source.items()):
            sport = f"{protocol} sport {_ports_text(source)} " if source else ""
            if any(one.networks is None and not one.local_subnet for one in together):
                lines.append(f"{sport}accept")
                continue
            networks = {network for one in together for network in self._networks(one)}
            lines += [f"{match} {sport}accept" for match in self._peers(address, networks)]
        return lines

    def _logs(self, one: Permission) -> bool:
        if one.direction == "out" and not self._settings.outbound:
            return False
        return one.logged or self._settings.log == "all"

    def _logged(self, here: Iterable[Permission], address: str, protocol: str = "") -> List[str]:
        """Each flow has a limit of its own: a noisy one silences no other."""
        lines = []
        for one in sorted((one for one in here if self._logs(one)), key=repr):
            sport = f"{protocol} sport {_ports_text(one.source_spans)} " if one.source_spans else ""
            for match in self._matches(one, address):
                lines.append(f"{match}{sport}ct state new {_log(f'permitted {one.flow}')}")
        return list(dict.fromkeys(lines))

    def _matches(self, one: Permission, address: str) -> List[str]:
        """Who may, and the protocol if it is one without ports."""
        what = "" if one.protocol in _PORTS else f"meta l4proto {_protocol(one.protocol)} "
        if one.networks is None and not one.local_subnet:
            return [what]
        return [f"{match} {what}" for match in self._peers(address, self._networks(one))]

    def _networks(self, one: Permission) -> Iterable[str]:
        if not one.local_subnet:
            return one.networks or ()
        unset = _UNSET if one.cast in _CASTS else ()
        groups = ("224.0.0.0/4", "255.255.255.255", "ff00::/8") if one.direction == "out" else ()
        return (*self._local.subnets, _LINK_LOCAL, *unset, *groups)

    def _peers(self, address: str, networks: Iterable[str]) -> List[str]:
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

    def _set(self, version: int, kind: str, members: List[str]) -> str:
        name = f"p{version}{kind}_{hashlib.sha256(' '.join(members).encode()).hexdigest()[:12]}"
        body = [f"type ipv{version}_addr"] + (["flags interval", "auto-merge"] if kind else [])
        self._table.sets[name] = [*body, _elements(members)]
        return name

    def _chain(self, name: str, body: List[str]) -> None:
        self._table.chains[name] = body

    def _refuse(self, prefix: str, watched: bool = False, logged: bool = False) -> str:
        base = ("watched" if watched else "refused") + ("_out" if prefix == "out" else "")
        always = watched or self._settings.log != "off"
        name = base if always or not logged else f"{base}_logged"
        if name not in self._table.chains:
            lines = [_log(base)] if always or logged else []
            # The kernel knows no reject where packets leave.
            if watched:
                lines.append("counter")
            elif self._settings.refuse == "reject" and prefix != "out":
                lines.append("meta l4proto tcp counter reject with tcp reset")
                lines.append("counter reject with icmpx type admin-prohibited")
            else:
                lines.append("counter drop")
            self._table.chains = {name: lines, **self._table.chains}
        return f"jump {name}"


def _block(kind: str, name: str, body: Iterable[str]) -> Iterator[str]:
    yield f"  {kind} {name} {{"
    yield from (f"    {line}" for line in body)
    yield "  }"


def _elements(texts: Iterable[str]) -> str:
    return f"elements = {{ {', '.join(texts)} }}"


def _port_text(span: Span) -> str:
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def _ports_text(spans: Iterable[Span]) -> str:
    """Overlapping spans do not load."""
    texts = [_port_text(span) for span, _here in cut([("", list(spans))])]
    return texts[0] if len(texts) == 1 else f"{{ {', '.join(texts)} }}" if texts else ""


def _log(what: str) -> str:
    """At most five a second, and no more of a name than the kernel takes."""
    plain = re.sub(r"[^A-Za-z0-9_./:@ -]", "_", what)[:100].strip()
    return f'limit rate 5/second log prefix "{TABLE} {plain}: "'


def _protocol(name: str) -> str:
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
