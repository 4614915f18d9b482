# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is to permit and refuse, as nftables rules: pure, the same text for the same meaning."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Iterable, List, Sequence

from ..intervals import cut
from ..linux.model import Local, Permission, Settings
from . import containers, marking
from .pieces import CASTS, HOOKED, PORTS, TABLE, Pieces, port_text, ports_text


def ruleset(permissions: Iterable[Permission], settings: Settings, local: Local, kinds: bool = True) -> str:
    """The whole table as one transaction: loaded, it replaces what this collection had there and nothing else.

    Without `kinds` no rule asks for the kind of an interface, as it has to be for an old nft or kernel.
    """
    renderer = _Renderer(settings, local, kinds)
    listed = list(permissions)
    renderer.inbound([one for one in listed if one.direction == "in"])
    renderer.outbound([one for one in listed if one.direction == "out"])
    if settings.mark:
        marking.mark(renderer, settings.mark, listed)
    return renderer.text()


def refuses(text: str) -> bool:
    """Only what refuses, logs or marks hangs a chain into the packets' way."""
    return HOOKED in text


def deletion() -> str:
    return f"table inet {TABLE}\ndelete table inet {TABLE}\n"


class _Renderer(Pieces):
    # -- inbound ------------------------------------------------------------------------------------

    def inbound(self, permissions: Sequence[Permission]) -> None:
        strict = self.settings.strict_in
        unicast = [one for one in permissions if one.cast == "unicast"]
        cast = [one for one in permissions if one.cast in CASTS]
        if not (strict or any(one.guarded or self._logs(one) for one in permissions)):
            return
        body = containers.trust(self, "iif") + self._replies() + self._baseline_in()
        body.append("fib daddr type unicast accept")
        # A socket that is bound to no address hears every cast, so a guard leaves none of them open.
        hear = [] if strict else [one for one in unicast if one.guarded and one.protocol == "udp"]
        also = [] if strict else [one for one in cast if one.guarded]
        # Protocols without ports speak to groups as a rule: VRRP to 224.0.0.18.
        without_ports = [one for one in unicast if one.protocol not in PORTS] if strict else []
        if cast or strict:
            self.chain("cast", self._dispatch("cast", [*cast, *hear, *without_ports], "saddr", strict))
            body.append("fib daddr type { broadcast, multicast } goto cast")
        body += self._dispatch("in", [*unicast, *also], "saddr", strict)
        self.bases.append(("inbound", "prerouting priority -110", body))
        self._containers(unicast)

    def _containers(self, permissions: Sequence[Permission]) -> None:
        """A neighbour with a route reaches a container's own address without its published port."""
        behind = [
            replace(one, spans=one.container_spans, container_spans=(), cast="unicast")
            for one in permissions
            if one.guarded and one.container_spans
        ]
        if not behind or not (self.kinds or self.local.bridges):
            return
        body = [*containers.trust(self, "iif"), *self._replies(), "ct status dnat accept"]
        body += containers.guard(self, self._dispatch("container", behind, "saddr", False))
        self.bases.append(("containers", "forward priority -10", body))

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
        return lines + [f"{match} accept" for match in self.way_in()]

    # -- outbound -----------------------------------------------------------------------------------

    def outbound(self, permissions: Sequence[Permission]) -> None:
        strict = self.settings.strict_out
        if not (strict or any(one.guarded or self._logs(one) for one in permissions)):
            return
        body = containers.trust(self, "oif") + self._replies() + self._baseline_out()
        body += self._dispatch("out", permissions, "daddr", strict)
        self.bases.append(("outbound", "postrouting priority 90", body))

    def _baseline_out(self) -> List[str]:
        lines = [
            "meta l4proto { icmp, icmpv6, igmp } accept",
            "meta nfproto ipv4 udp sport 68 udp dport 67 accept",
            "meta nfproto ipv6 udp sport 546 udp dport 547 accept",
        ]
        lines += [
            f"{match} meta l4proto {{ tcp, udp }} th dport 53 accept"
            for match in self.peers("daddr", self.local.resolvers)
        ]
        servers = self.local.time_servers
        everybody = "any" in servers
        matches = [""] if everybody else [f"{match} " for match in self.peers("daddr", servers)]
        return [*lines, *(f"{match}udp dport 123 accept" for match in matches)]

    # -- pieces -------------------------------------------------------------------------------------

    def _replies(self) -> List[str]:
        """The original direction is looked up each time, so that a removed peer is disconnected."""
        replies = "ct state established,related ct direction reply accept"
        return [replies] if self.settings.cut else [replies, "ct state established accept"]

    def _dispatch(self, prefix: str, permissions: Sequence[Permission], address: str, strict: bool) -> List[str]:
        """One lookup finds the port's interval; its chain has the peers."""
        elements: List[str] = []
        for protocol in PORTS:
            mine = [(one, one.spans) for one in permissions if one.protocol == protocol and one.spans]
            for (low, high), here in cut(mine):
                guarded = [one for one in here if one.guarded]
                body = self._logged(here, address, protocol)
                if guarded or strict:
                    body += self.interval(protocol, here, address)
                if guarded:
                    logged = any(one.logged for one in guarded)
                    body.append(self._refuse(prefix, all(one.watched for one in guarded), logged))
                if not (body or strict):
                    continue
                name = f"{prefix}_{protocol}_{low}" + (f"_{high}" if high > low else "")
                self.chain(name, body)
                elements.append(f"{protocol} . {port_text((low, high))} : jump {name}")
        lines = self.ports_map(prefix, elements)
        for one in permissions:
            if one.protocol not in PORTS:
                lines += self._logged([one], address)
                lines += [f"{match}accept" for match in self.matches(one, address)] if strict else []
        if strict:
            # A connection older than connection tracking has no state: only its first packet is refused.
            lines.append("tcp flags & (fin | syn | rst | ack) != syn accept")
            lines.append(self._refuse(prefix))
        return lines

    def _logs(self, one: Permission) -> bool:
        if one.direction == "out" and not self.settings.outbound:
            return False
        return one.logged or self.settings.log == "all"

    def _logged(self, here: Iterable[Permission], address: str, protocol: str = "") -> List[str]:
        """Each flow has a limit of its own: a noisy one silences no other."""
        lines = []
        for one in sorted((one for one in here if self._logs(one)), key=repr):
            sport = f"{protocol} sport {ports_text(one.source_spans)} " if one.source_spans else ""
            for match in self.matches(one, address):
                lines.append(f"{match}{sport}ct state new {_log(f'permitted {one.flow}')}")
        return list(dict.fromkeys(lines))

    def _refuse(self, prefix: str, watched: bool = False, logged: bool = False) -> str:
        base = ("watched" if watched else "refused") + ("_out" if prefix == "out" else "")
        always = watched or self.settings.log != "off"
        name = base if always or not logged else f"{base}_logged"
        if name not in self.table.chains:
            lines = [_log(base)] if always or logged else []
            # The kernel knows no reject where packets leave.
            if watched:
                lines.append("counter")
            elif self.settings.refuse == "reject" and prefix != "out":
                lines.append("meta l4proto tcp counter reject with tcp reset")
                lines.append("counter reject with icmpx type admin-prohibited")
            else:
                lines.append("counter drop")
            self.table.chains = {name: lines, **self.table.chains}
        return f"jump {name}"


def _log(what: str) -> str:
    """At most five a second, and no more of a name than the kernel takes."""
    plain = re.sub(r"[^A-Za-z0-9_./:@ -]", "_", what)[:100].strip()
    return f'limit rate 5/second log prefix "{TABLE} {plain}: "'
