# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways in which a firewall goes wrong, done to the rules by hand: the demo has to notice every one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from . import company, namespaces
from .namespaces import LabError
from .probes import Probe

TABLE = "inet portbook"
_LOOPBACK = r"iif(name)? \"?lo\"? .*accept|oif(name)? \"?lo\"? .*accept"
_BRIDGE = r"[io]ifkind \"bridge\" jump (from|to)_containers"
_REPLIES = r"ct (state|direction).*ct (state|direction).*accept|ct direction reply.*accept"


@dataclass(frozen=True)
class Break:
    """`insert`: a rule put in front of all at this hook; `forget`: rules of the hook that are taken out."""

    name: str
    host: str
    hook: str = "prerouting"
    insert: str | None = None
    forget: str | None = None


BREAKS = (
    Break("the whole table is missing", "siem-hb", hook="", forget=".*"),
    Break("a stranger is let in", "probe-hb", insert="ip saddr 192.0.2.250 accept"),
    Break("a stranger is let in by IPv6", "probe-hb", insert="ip6 saddr 2001:db8:b::250 accept"),
    Break("a peer is dropped", "siem-hb", insert="ip saddr 192.0.2.21 tcp dport 5044 drop"),
    Break("a peer's port is wrong", "siem-hb", insert="tcp dport 1194 drop"),
    Break("a port of nobody's is refused", "siem-hb", insert="tcp dport 12345 drop"),
    Break("peers are let in by IPv4 only", "siem-hb", insert="meta nfproto ipv6 tcp dport 5044 drop"),
    Break("IPv6 is not guarded", "siem-hb", insert="meta nfproto ipv6 accept"),
    Break("UDP is not guarded", "probe-hb", insert="meta l4proto udp accept"),
    Break("the end of a range is not guarded", "probe-gr", insert="tcp dport 1516 accept"),
    Break("a range reaches too far", "probe-gr", insert="tcp dport 1517 drop"),
    Break("a published port is not guarded", "probe-hb", insert="tcp dport 8888 accept"),
    Break("the container's port is guarded in place of the published one", "probe-hb", insert="tcp dport 5432 drop"),
    Break("a port for nobody is open", "siem-hb", insert="tcp dport 9392 accept"),
    Break("the tunnel is missing", "probe-hb", insert="ip saddr 10.21.199.0/24 drop"),
    Break("all that comes by the tunnel is let in", "siem-hb", insert="ip saddr 10.21.199.0/24 accept"),
    Break("an agent of the other realm is let in", "probe-hb", insert="ip saddr 198.51.100.21 tcp dport 5044 accept"),
    Break("a device of the other realm is let in", "probe-gr", insert="ip saddr 203.0.113.0/26 udp dport 514 accept"),
    Break("loopback is forgotten", "siem-hb", forget=_LOOPBACK),
    Break("the containers' bridge is forgotten", "siem-hb", forget=_BRIDGE),
    Break("the way past published ports is forgotten", "probe-hb", hook="forward", forget=".*"),
    Break("answers are forgotten on the way in", "web-gr-1", forget=_REPLIES),
    Break("answers are forgotten on the way out", "web-hb-2", hook="postrouting", forget=_REPLIES),
    Break("broadcast gets past", "web-hb-2", insert="fib daddr type broadcast accept"),
    Break("multicast gets past", "probe-hb", insert="fib daddr type multicast accept"),
    Break("broadcast is refused to its peer", "probe-hb", insert="fib daddr type broadcast drop"),
    Break("a flow is open that is refused elsewhere", "probe-hb", insert="tcp dport 8089 accept"),
    Break("a flow is refused that is disabled here", "siem-hb", insert="tcp dport 8089 drop"),
    Break("strict lets everything in", "web-hb-2", insert="accept"),
    Break("strict forgets what the host serves beside", "web-gr-1", insert="tcp dport 443 drop"),
    Break("a port for one is open to all", "web-hb-2", insert="tcp dport 9100 accept"),
    Break("the way in is cut", "web-hb-2", insert="ip saddr 192.0.2.200 tcp dport 22 drop"),
    Break("nothing is refused on the way out", "probe-hb", hook="postrouting", insert="accept"),
    Break("strict refuses nothing on the way out", "web-hb-2", hook="postrouting", insert="accept"),
    Break("containers get out past the guard", "probe-hb", hook="postrouting", insert="ip saddr 198.18.11.0/24 accept"),
)


@contextmanager
def broken(one: Break) -> Iterator[None]:
    """In here the host's rules are wrong; afterwards they are what they were."""
    kept = namespaces.nft_list(one.host, "-s", "list", "table", *TABLE.split())
    try:
        namespaces.nft(one.host, _commands(one))
        yield
    finally:
        namespaces.nft(one.host, f"table {TABLE}\ndelete table {TABLE}\n{kept}")


def _commands(one: Break) -> str:
    if not one.hook:
        return f"delete table {TABLE}\n"
    chain = _chain(one)
    if one.insert:
        return f"insert rule {TABLE} {chain} {one.insert}\n"
    listing = namespaces.nft_list(one.host, "-a", "list", "chain", *TABLE.split(), chain)
    handles = [
        found["handle"]
        for line in listing.splitlines()
        if (found := re.match(r"\s+(?P<rule>.*) # handle (?P<handle>\d+)$", line))
        and not found["rule"].startswith(("chain", "type"))
        and re.search(one.forget or "", found["rule"])
    ]
    if not handles:
        raise LabError(f"{one.host} has no rule like {one.forget!r} at {one.hook}, to break: {one.name}")
    return "".join(f"delete rule {TABLE} {chain} handle {handle}\n" for handle in handles)


def _chain(one: Break) -> str:
    """The table's own chain at the hook; its name is nobody else's business."""
    listing = json.loads(namespaces.nft_list(one.host, "-j", "list", "table", *TABLE.split()))
    chains = [entry["chain"] for entry in listing["nftables"] if "chain" in entry]
    for chain in chains:
        if chain.get("hook") == one.hook:
            return str(chain["name"])
    raise LabError(f"{one.host} has no chain at {one.hook}, to break: {one.name}")


def touching(sent: Sequence[Probe], host: str) -> list[Probe]:
    """What a change at the host can make different."""
    machine = company.by_name()[host]
    near = {host, f"all of {machine.subnet}"}
    return [one for one in sent if one.responder in near or one.initiator in (host, machine.container)]
