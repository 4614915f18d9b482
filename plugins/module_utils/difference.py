# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator is shown of a change, from two views of what a host holds: settings, rules that name sets of peers,
and the members of these sets; what is refused that was not stands first. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Dict, FrozenSet, Hashable, Iterable, Iterator, List, Mapping, Optional, Set, Tuple

from .access import Effects
from .intervals import Span
from .networks import Addresses, count, written
from .networks import difference as of_networks

REFUSED, ALLOWED, OTHER = "newly refused", "newly allowed", "other changes"
ANYONE, LOCAL_SUBNET, MANAGEMENT = "anyone", "the local subnet", "management access"
PEERS_OF = "peers of "
"""What the name of a set begins with that the plan does not name."""
_MOST_MEMBERS = 200
_MOST_FLOWS = 3

Section = Dict[str, str]
"""`before_header`, `after_header`, `before` and `after`: one of the list that Ansible's diff may be."""


@dataclass(frozen=True)
class Setting:
    """In words. From a lower to a higher number more is refused."""

    text: str
    refuses: int = 0


@dataclass(frozen=True)
class Rule:
    """`who` names a set, whose networks do not overlap, or says in words who it is: then there are no `peers`."""

    id: str
    flow: str
    direction: str
    protocol: str
    spans: Tuple[Span, ...]
    who: str
    peers: Optional[FrozenSet[str]] = None
    guarded: bool = False
    """Everyone else is refused at its ports."""
    narrowed: Tuple[str, ...] = ()
    """What else a packet has to have: a source port, a program, ..."""
    notes: Tuple[str, ...] = ()
    ports: str = ""
    """Where numbers do not say it."""

    def line(self, who: str) -> str:
        ports = self.ports or ",".join(str(low) if low == high else f"{low}-{high}" for low, high in self.spans)
        towards = "from" if self.direction == "in" else "to"
        what = " ".join(filter(None, (self.direction, self.protocol, ports, towards, who)))
        notes = (*self.narrowed, *(("guarded",) if self.guarded else ()), *self.notes)
        return ", ".join((what, *notes)) + (f" ({self.flow})" if self.flow else "")


@dataclass(frozen=True)
class View:
    """What a host holds."""

    settings: Mapping[str, Setting] = field(default_factory=dict)
    lists: Mapping[str, FrozenSet[str]] = field(default_factory=dict)
    """Of words, each of which lets something pass."""
    rules: Tuple[Rule, ...] = ()
    unnamed: Mapping[str, int] = field(default_factory=dict)
    """By direction, what becomes of traffic that no rule names: access.NOBODY, SOME or EVERYBODY get through."""


@dataclass
class _Lines:
    before: List[str] = field(default_factory=list)
    after: List[str] = field(default_factory=list)


@dataclass
class _Set:
    """One set of peers, by its content before and after; of rules whose peers have changed alike."""

    before: Optional[FrozenSet[str]]
    after: Optional[FrozenSet[str]]
    flows: Set[str] = field(default_factory=set)
    lost: bool = False


_Pair = Tuple[Optional[Rule], Optional[Rule]]
_Place = Tuple[str, str, int, str, str]


def sections(before: View, after: View, most: int = _MOST_MEMBERS) -> List[Section]:
    """Those in which they differ; `most` members of a set are named."""
    return _Comparison(before, after, most).sections()


def section(title: str, before: Iterable[str], after: Iterable[str]) -> List[Section]:
    """None, where there is nothing to show."""
    texts = ["".join(f"{line}\n" for line in lines) for lines in (before, after)]
    if texts[0] == texts[1]:
        return []
    return [{"before_header": title, "after_header": title, "before": texts[0], "after": texts[1]}]


class _Comparison:
    def __init__(self, before: View, after: View, most: int) -> None:
        self._before, self._after, self._most = before, after, most
        self._kinds = {kind: _Lines() for kind in (REFUSED, ALLOWED, OTHER)}
        self._numbers: Dict[FrozenSet[str], int] = {}
        self._known: Dict[int, int] = {}

    def sections(self) -> List[Section]:
        self._settings()
        self._lists()
        pairs = self._pairs()
        effects = self._effects()
        self._rules(pairs, effects)
        self._peers(pairs, effects)
        return [one for kind, lines in self._kinds.items() for one in section(kind, lines.before, lines.after)]

    def _settings(self) -> None:
        olds, news = self._before.settings, self._after.settings
        for name in [*olds, *(one for one in news if one not in olds)]:
            old, new = olds.get(name), news.get(name)
            if (old and old.text) == (new and new.text):
                continue
            more = (new.refuses if new else 0) - (old.refuses if old else 0)
            lines = self._kinds[REFUSED if more > 0 else ALLOWED if more < 0 else OTHER]
            lines.before += [f"{name}: {old.text}"] if old else []
            lines.after += [f"{name}: {new.text}"] if new else []

    def _lists(self) -> None:
        olds, news = self._before.lists, self._after.lists
        for name in [*olds, *(one for one in news if one not in olds)]:
            old, new = olds.get(name, frozenset()), news.get(name, frozenset())
            if old - new:
                self._kinds[REFUSED].before.append(f"{name}: {', '.join(sorted(old - new, key=_numeric))}")
            if new - old:
                self._kinds[ALLOWED].after.append(f"{name}: {', '.join(sorted(new - old, key=_numeric))}")

    def _pairs(self) -> List[_Pair]:
        """The same rule before and after: by its id, else one that says the same."""
        olds = {one.id: one for one in self._before.rules}
        news = {one.id: one for one in self._after.rules}
        pairs: List[_Pair] = [(olds.pop(id_), news.pop(id_)) for id_ in list(olds) if id_ in news]
        alike: Dict[Hashable, List[Rule]] = {}
        for old in olds.values():
            alike.setdefault(self._meaning(old), []).append(old)
        for new in news.values():
            same = alike.get(self._meaning(new))
            pairs.append((same.pop() if same else None, new))
        return [*pairs, *((old, None) for some in alike.values() for old in some)]

    def _meaning(self, rule: Rule) -> Hashable:
        return rule.line("" if rule.peers is not None else rule.who), self._number(rule)

    def _number(self, rule: Rule) -> int:
        """Of its set's content. Rules share their sets, so that each set is looked at once."""
        if rule.peers is None:
            return -1
        known = self._known.get(id(rule.peers))
        if known is None:
            known = self._known[id(rule.peers)] = self._numbers.setdefault(rule.peers, len(self._numbers))
        return known

    def _effects(self) -> Effects:
        effects = Effects(self._before.unnamed, self._after.unnamed)
        for view, is_new in ((self._before, False), (self._after, True)):
            for rule in view.rules:
                who = self._number(rule) if rule.peers is not None else None if rule.who == ANYONE else rule.who
                effects.add((is_new, rule.id), rule, who)
        effects.judge(list(self._numbers))
        return effects

    def _rules(self, pairs: List[_Pair], effects: Effects) -> None:
        found: List[Tuple[_Place, str, Optional[str], Optional[str]]] = []
        for old, new in pairs:
            before = old.line(_name(old, old, new)) if old else None
            after = new.line(_name(new, old, new)) if new else None
            if before == after:
                continue
            lost, gained = effects.of((False, old.id) if old else None, (True, new.id) if new else None)
            kind = REFUSED if lost else ALLOWED if gained or not old else OTHER
            found += [(_place(one), kind, before, after) for one in [new or old] if one]
        for _where, kind, before, after in sorted(found, key=lambda one: one[0]):
            self._kinds[kind].before += [before] if before else []
            self._kinds[kind].after += [after] if after else []

    def _peers(self, pairs: List[_Pair], effects: Effects) -> None:
        for label, found in sorted(self._sets(pairs, effects).items()):
            for one in found:
                gone, come = of_networks(one.before or frozenset(), one.after or frozenset())
                name = label if label == MANAGEMENT or label.startswith(PEERS_OF) else f"peers {label}"
                name = name if len(found) == 1 else f"{name} ({_few(sorted(one.flows))})"
                lines = self._kinds[REFUSED if one.lost else OTHER].before
                lines += self._members(name, gone)
                self._kinds[ALLOWED].after += self._members(name, come)

    def _sets(self, pairs: List[_Pair], effects: Effects) -> Dict[str, List[_Set]]:
        found: Dict[str, Dict[Tuple[Optional[int], Optional[int]], _Set]] = {}
        for old, new in pairs:
            sides = [one if one is not None and one.peers is not None else None for one in (old, new)]
            label = next((one.who for one in reversed(sides) if one), None)
            if label is None:
                continue
            old_set, new_set = sides
            key = self._number(old_set) if old_set else None, self._number(new_set) if new_set else None
            contents = old_set.peers if old_set else None, new_set.peers if new_set else None
            one = found.setdefault(label, {}).setdefault(key, _Set(*contents))
            one.flows.update(rule.flow for rule in (old, new) if rule)
            lost, _gained = effects.of((False, old.id) if old else None, (True, new.id) if new else None)
            one.lost = one.lost or lost
        return {label: _joined(sets) for label, sets in found.items()}

    def _members(self, name: str, members: Addresses) -> Iterator[str]:
        first = list(islice(written(members), self._most))
        more = count(members) - len(first)
        if first:
            yield f"{name}: {', '.join(first)}" + (f" and {more} more" if more else "")


def _name(rule: Rule, old: Optional[Rule], new: Optional[Rule]) -> str:
    """Names of sets are opaque: a set that has another one than before is shown by the new one."""
    if old and new and old.peers is not None and new.peers is not None:
        return new.who
    return rule.who


def _joined(sets: Dict[Tuple[Optional[int], Optional[int]], _Set]) -> List[_Set]:
    """A rule that comes or goes takes part in a set that others have; if there is none, the set was added or removed
    with it, and what was added is compared with what was removed."""
    whole = {key: one for key, one in sets.items() if None not in key}
    lone = {key: one for key, one in sets.items() if None in key}
    olds = {key[0] for key in sets if key[0] is not None}
    news = {key[1] for key in sets if key[1] is not None}
    for key in list(lone):
        other = next((one for one in whole if key[0] == one[0] or key[1] == one[1]), None)
        if other is not None:
            _merge(whole[other], lone.pop(key))
        elif (key[0] if key[0] is not None else key[1]) in olds & news:
            # The others of it are rules that come or go, too: its members stay.
            del lone[key]
    went = [one for key, one in lone.items() if key[1] is None]
    came = [one for key, one in lone.items() if key[0] is None]
    if len(went) == len(came) == 1:
        lone = {(0, 0): _merge(_Set(went[0].before, came[0].after), went[0], came[0])}
    return [*whole.values(), *lone.values()]


def _merge(into: _Set, *others: _Set) -> _Set:
    for one in others:
        into.flows |= one.flows
        into.lost = into.lost or one.lost
    return into


def _place(rule: Rule) -> _Place:
    return rule.direction, rule.protocol, rule.spans[0][0] if rule.spans else -1, rule.flow, rule.id


def _numeric(text: str) -> Tuple[int, str]:
    return (int(text), "") if text.isdigit() else (-1, text)


def _few(names: List[str]) -> str:
    more = len(names) - _MOST_FLOWS
    return ", ".join(names[:_MOST_FLOWS]) + (f" and {more} more" if more > 0 else "")
