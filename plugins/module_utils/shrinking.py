# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A short inventory is no order to remove: what a host would lose that nobody decided. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, Mapping, Optional, Tuple

from .intervals import Span, Spans, cut

ALLOW_COMPONENT = "portbook_allow"
"""Rules of the user's own, which no inventory group adds or removes."""
_FEW = 3
"""Of so few addresses, one may go or come without a question."""
_NAMED = 3
_PLACES = 5
_COUNTABLE = 1_000_000


@dataclass(frozen=True)
class Addresses:
    v4: Spans = field(default_factory=Spans)
    v6: Spans = field(default_factory=Spans)

    @staticmethod
    def of(networks: Iterable[str]) -> Addresses:
        by_version: Dict[int, List[Span]] = {4: [], 6: []}
        for text in networks:
            one = ipaddress.ip_network(text)
            by_version[one.version].append((int(one.network_address), int(one.broadcast_address)))
        return Addresses(Spans.of(by_version[4]), Spans.of(by_version[6]))

    def __bool__(self) -> bool:
        return bool(self.v4 or self.v6)

    def __or__(self, other: Addresses) -> Addresses:
        return Addresses(self.v4 | other.v4, self.v6 | other.v6)

    def __sub__(self, other: Addresses) -> Addresses:
        return Addresses(self.v4 - other.v4, self.v6 - other.v6)

    def texts(self) -> Iterator[str]:
        for spans, kind in ((self.v4, ipaddress.IPv4Address), (self.v6, ipaddress.IPv6Address)):
            for low, high in spans:
                yield str(kind(low)) if low == high else f"{kind(low)}-{kind(high)}"


@dataclass(frozen=True)
class Opening:
    """Who may reach which ports for a flow. `peers` is None for everyone and for the local subnet."""

    component: str
    flow: str
    direction: str
    protocol: str
    spans: Spans
    peers: Optional[Addresses]
    guarded: bool
    """Refused to everyone else."""


@dataclass(frozen=True)
class Inventory:
    """What this run's inventory says of the host, in addition to its rules."""

    hosts: int = 0
    members: Mapping[str, int] = field(default_factory=dict)
    """Hosts of each component."""
    missing: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)
    """By flow that this host has no rule for, the components of which no host was found, and nobody wrote so."""
    unguarded: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)
    """By flow whose guard is left out, the components whose groups are there and empty."""
    emptied: bool = False
    """The host's own variables say that it has no component."""

    @staticmethod
    def of(data: Mapping[str, Any]) -> Inventory:
        return Inventory(
            int(data.get("hosts", 0)),
            {str(name): int(count) for name, count in data.get("members", {}).items()},
            {str(flow): tuple(names) for flow, names in data.get("missing", {}).items()},
            {str(flow): tuple(names) for flow, names in data.get("unguarded", {}).items()},
            bool(data.get("emptied")),
        )

    def data(self) -> Dict[str, Any]:
        return {
            "hosts": self.hosts,
            "members": dict(self.members),
            "missing": {flow: list(names) for flow, names in self.missing.items()},
            "unguarded": {flow: list(names) for flow, names in self.unguarded.items()},
            "emptied": self.emptied,
        }


@dataclass(frozen=True)
class Held:
    """What a host holds, or would hold: its openings, and how many rules each component has."""

    rules: Mapping[str, int] = field(default_factory=dict)
    openings: Tuple[Opening, ...] = ()
    strict: FrozenSet[str] = frozenset()
    """Directions in which everything is refused that is not permitted."""
    other: str = ""
    """What else of this collection the host has, in words: also something to lose."""

    def refuses(self, opening: Opening) -> bool:
        return opening.guarded or opening.direction in self.strict


def losses(before: Held, after: Held, inventory: Inventory) -> List[str]:
    """What would be lost and was not decided, one sentence each."""
    if (before.rules or before.other) and not after.rules and not after.other:
        return [] if inventory.emptied else [_everything(before)]
    decided = inventory.emptied and set(after.rules) <= {ALLOW_COMPONENT}
    gone = [] if decided else list(_components(before, after, inventory))
    return [*gone, *_peers(before, after, inventory)]


def left(before: Held, after: Held) -> List[str]:
    """Components that the host had and no longer has."""
    return sorted(set(before.rules) - set(after.rules))


def refusal(found: Iterable[str], inventory: Inventory) -> str:
    return (
        f"nothing was changed. With the inventory of this run ({_counted(inventory.hosts, 'host')}) this host would "
        f"lose {'; and '.join(found)}. If the inventory is not complete (a part of the hosts, a renamed group, a "
        "source that failed), run with the whole inventory, and restrict the run with --limit. If this is intended: "
        "-e portbook_shrink=true allows it for this run, portbook_plan_file applies a reviewed plan, the playbook "
        "portbook.firewall.remove removes all rules of a host, and portbook_components: [] in the host's own variables "
        "says that it has no component"
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _everything(before: Held) -> str:
    if not before.rules:
        return f"all that it holds: {before.other}. The inventory gives it no component"
    parts = ", ".join(f"{name}: {number}" for name, number in sorted(before.rules.items()))
    return f"all that it holds: {_counted(sum(before.rules.values()), 'rule')} ({parts}). The inventory gives it none"


def _components(before: Held, after: Held, inventory: Inventory) -> Iterator[str]:
    last = set(after.rules) <= {ALLOW_COMPONENT}
    for name in left(before, after):
        its = f"its {_counted(before.rules[name], 'rule')} of {name}"
        if name != ALLOW_COMPONENT and not inventory.members.get(name):
            yield f"{its}, of which the inventory has no host"
        elif name != ALLOW_COMPONENT and last:
            yield f"{its}, and the inventory gives it no other component"


def _peers(before: Held, after: Held, inventory: Inventory) -> Iterator[str]:
    """Ports with the same fate stand together."""
    found: Dict[str, Dict[Tuple[str, str, str], List[Span]]] = {}
    kinds = sorted({(one.direction, one.protocol) for one in before.openings if before.refuses(one)})
    for direction, protocol in kinds:
        here = _Side(before, direction, protocol), _Side(after, direction, protocol)
        for span, flows, fate in _fates(*here, inventory):
            found.setdefault(fate, {}).setdefault((direction, protocol, ", ".join(flows)), []).append(span)
    for fate, places in found.items():
        texts = [_place(*place, spans) for place, spans in places.items()]
        more = f" and {_counted(len(texts) - _PLACES, 'more flow')}" if len(texts) > _PLACES else ""
        yield fate.format(", ".join(texts[:_PLACES]) + more)


def _place(direction: str, protocol: str, flows: str, spans: Iterable[Span]) -> str:
    ports = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in Spans.of(spans))
    return f"{'outbound ' * (direction == 'out')}{protocol} {ports} ({flows})"


class _Side:
    """Openings of one direction and protocol."""

    def __init__(self, held: Held, direction: str, protocol: str) -> None:
        self.held = held
        self.openings = [
            one for one in held.openings if one.direction == direction and one.protocol == protocol and one.spans
        ]
        self.flows: Dict[str, List[Opening]] = {}
        for one in self.openings:
            self.flows.setdefault(one.flow, []).append(one)


def _fates(before: _Side, after: _Side, inventory: Inventory) -> Iterator[Tuple[Span, List[str], str]]:
    numbered = dict(enumerate([*before.openings, *after.openings]))
    olds = len(before.openings)
    for span, numbers in cut((number, one.spans.items) for number, one in numbered.items()):
        old = [numbered[number] for number in numbers if number < olds]
        new = [numbered[number] for number in numbers if number >= olds]
        if any(before.held.refuses(one) for one in old):
            # What a variable switched off is decided, and its peers with it.
            old = [one for one in old if one.flow in after.flows or one.flow in inventory.missing]
            flows = sorted({one.flow for one in old})
            fate = _fate(old, new, flows, after, inventory) if old else ""
            if fate:
                yield span, flows, fate


def _fate(old: List[Opening], new: List[Opening], flows: List[str], after: _Side, inventory: Inventory) -> str:
    """Of a port that was refused to everyone but its peers, with {} for its place. A flow that moved to another port
    is compared with itself there."""
    new = new or [one for flow in flows for one in after.flows.get(flow, ())]
    if not new:
        missing = sorted({name for flow in flows for name in inventory.missing[flow]})
        return f"all peers of {{}}, because the inventory has no host of {' or '.join(missing)}"
    if not any(after.held.refuses(one) for one in new):
        groups = sorted({name for flow in flows for name in inventory.unguarded.get(flow, ())})
        return f"the guard of {{}}, because the group of {' and '.join(groups)} is empty" if groups else ""
    if all(any(one.peers == other.peers for other in new) for one in old):
        return ""
    return _lost_peers(_union(old), _union(new))


def _lost_peers(had: Optional[Addresses], has: Optional[Addresses]) -> str:
    if not had or has is None:
        return ""
    gone = had - has
    if not gone:
        return ""
    sizes = ((_size(had.v4), _size(gone.v4), "IPv4"), (_size(had.v6), _size(gone.v6), "IPv6"))
    parts = [_share(lost, all_, kind) for all_, lost, kind in sizes if all_ > _FEW and lost * 2 > all_]
    if not parts and gone != had:
        return ""
    counts = " and ".join(parts) or f"all {_size(gone.v4) + _size(gone.v6)} addresses"
    named = list(gone.texts())
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"{counts} ({', '.join(named[:_NAMED])}{more}) of the peers of {{}}"


def _share(lost: int, all_: int, kind: str) -> str:
    if all_ <= _COUNTABLE:
        return f"{lost} of {all_} {kind} addresses"
    return f"{lost * 100 // all_} % of the {kind} addresses"


def _size(spans: Spans) -> int:
    """Networks of IPv6 have more addresses than a length may have."""
    return sum(high - low + 1 for low, high in spans)


def _union(openings: Iterable[Opening]) -> Optional[Addresses]:
    """None is everyone."""
    found = Addresses()
    for one in openings:
        if one.peers is None:
            return None
        found |= one.peers
    return found
