# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether somebody can no longer, or can now, reach a port, by the rules for it before and after. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, FrozenSet, Iterable, List, Mapping, Optional, Protocol, Set, Tuple, Union

from .intervals import Span, cut
from .networks import Addresses, addresses, minus

NOBODY, SOME, EVERYBODY = 0, 1, 2
"""Who gets through without a rule of this collection. Some: those whom unmanaged rules let through."""
_NO_PORT = ((0, 0),)

_Who = Union[int, str, None]
"""The number of a set's content, words, or None for everyone."""
_Peer = Tuple[Tuple[str, ...], _Who]
"""What else a packet has to have, and from whom it is."""


class Opens(Protocol):
    """What a rule has to say of itself."""

    @property
    def direction(self) -> str: ...
    @property
    def protocol(self) -> str: ...
    @property
    def spans(self) -> Tuple[Span, ...]: ...
    @property
    def guarded(self) -> bool: ...
    @property
    def narrowed(self) -> Tuple[str, ...]: ...


_Id = Tuple[bool, str]
"""Whether it is a rule of after, and its id."""


@dataclass
class _Side:
    """Rules of one direction and protocol."""

    rules: Dict[_Id, Tuple[Opens, _Who]] = field(default_factory=dict)


class Effects:
    """`before` and `after` say by direction who gets through that no rule names."""

    def __init__(self, before: Mapping[str, int], after: Mapping[str, int]) -> None:
        self._unnamed = before, after
        self._contents: List[FrozenSet[str]] = []
        self._sides: Dict[Tuple[str, str], _Side] = {}
        self._found: Dict[_Id, Tuple[bool, bool]] = {}
        self._beyond: Dict[Tuple[FrozenSet[_Peer], FrozenSet[_Peer]], bool] = {}
        self._parsed: Dict[int, Addresses] = {}

    def add(self, id_: _Id, rule: Opens, who: _Who) -> None:
        self._sides.setdefault((rule.direction, rule.protocol), _Side()).rules[id_] = rule, who

    def of(self, *ids: Optional[_Id]) -> Tuple[bool, bool]:
        """Whether somebody lost, and somebody gained access at the ports of any of these rules."""
        found = [self._found.get(one, (False, False)) for one in ids if one]
        return any(lost for lost, _gained in found), any(gained for _lost, gained in found)

    def judge(self, contents: List[FrozenSet[str]]) -> None:
        """With the networks of each set, by its number."""
        self._contents = contents
        for (direction, _protocol), side in self._sides.items():
            items = ((id_, rule.spans or _NO_PORT) for id_, (rule, _who) in side.rules.items())
            judged: Dict[FrozenSet[_Id], Tuple[bool, bool]] = {}
            for _span, ids in cut(items):
                here = frozenset(ids)
                if here not in judged:
                    judged[here] = self._judged(direction, [(id_[0], *side.rules[id_]) for id_ in ids])
                for id_ in ids:
                    known = self._found.get(id_, (False, False))
                    self._found[id_] = known[0] or judged[here][0], known[1] or judged[here][1]

    def _judged(self, direction: str, here: List[Tuple[bool, Opens, _Who]]) -> Tuple[bool, bool]:
        (old, before), (new, after) = (
            self._through(direction, is_new, [(rule, who) for side, rule, who in here if side == is_new])
            for is_new in (False, True)
        )
        lost = new < old or (new < EVERYBODY and self._more(before, after))
        gained = new > old or (old < EVERYBODY and self._more(after, before))
        return lost, gained

    def _through(self, direction: str, is_new: bool, rules: List[Tuple[Opens, _Who]]) -> Tuple[int, FrozenSet[_Peer]]:
        """How many of those whom no rule names, and the peers of all rules."""
        peers = frozenset((rule.narrowed, who) for rule, who in rules)
        if ((), None) in peers:
            return EVERYBODY, peers
        guarded = any(rule.guarded for rule, _who in rules)
        return NOBODY if guarded else self._unnamed[is_new].get(direction, EVERYBODY), peers

    def _more(self, one: FrozenSet[_Peer], other: FrozenSet[_Peer]) -> bool:
        key = one, other
        if key not in self._beyond:
            self._beyond[key] = any(self._lacks(other, *peer) for peer in one - other)
        return self._beyond[key]

    def _lacks(self, others: FrozenSet[_Peer], narrowed: Tuple[str, ...], who: _Who) -> bool:
        alike = {other for condition, other in others if condition in ((), narrowed)}
        if who in alike or None in alike:
            return False
        if not isinstance(who, int):
            return True
        numbers = {one for one in alike if isinstance(one, int)}
        left = self._contents[who].difference(*(self._contents[one] for one in numbers))
        if not (left and numbers):
            return bool(left)
        return any(self._without(left, who, numbers))

    def _without(self, networks: FrozenSet[str], who: int, numbers: Set[int]) -> Iterable[object]:
        """Networks of one set do not overlap, so of a single other set only counts what this one does not have."""
        found = addresses(networks)
        for number in numbers:
            if len(numbers) == 1:
                return minus(found, addresses(self._contents[number] - self._contents[who]))
            if number not in self._parsed:
                self._parsed[number] = addresses(self._contents[number])
            found = minus(found, self._parsed[number])
        return found
