# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that a host remembers as disabled by us, found again among those that it has. Nothing is forgotten that was
not given back. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from .memory import LONGEST_NAME, NOT_FOUND, STAYS, Disabled, Memory, Package, alike, numbered
from .rule import StoredRule
from .store import Store


@dataclass(frozen=True)
class Recalled:
    still: tuple[tuple[StoredRule, Disabled], ...] = ()
    """Disabled by us, and so they are."""
    stays: tuple[StoredRule, ...] = ()
    """Rules that may not be disabled, as was seen when it was tried."""
    not_found: tuple[tuple[str, Disabled], ...] = ()
    packages_not_found: frozenset[Package] = frozenset()

    @property
    def notes(self) -> list[str]:
        names = sorted({repr(one.name) for _id, one in self.not_found})
        names += sorted(f"those of the package {one.sid}" for one in self.packages_not_found)
        if not names:
            return []
        return [
            f"unmanaged rules that portbook disabled are not found: {', '.join(names)}. They were changed or "
            "removed since, or Windows shows them in another language. Enable by hand what is still there; then delete "
            f"the rules {NOT_FOUND}... in Windows Firewall, by which the host remembers them"
        ]


def recall(memory: Memory, foreign: Iterable[StoredRule]) -> Recalled:
    rules = list(foreign)
    by_package, gone = _of_packages(memory, rules)
    taken = {id(one) for one, _known in by_package}
    still, stays, left = _by_ids(memory, [one for one in rules if id(one) not in taken])
    renewed, lost = _by_names(still, left, rules)
    return Recalled((*still, *renewed, *by_package), tuple(stays), tuple(lost), gone)


def package_of(one: StoredRule) -> Package | None:
    sid = one.rule.traffic.package
    return Package(sid, one.rule.traffic.direction) if sid else None


def _of_packages(
    memory: Memory, rules: list[StoredRule]
) -> tuple[list[tuple[StoredRule, Disabled]], frozenset[Package]]:
    if not memory.packages:
        return [], frozenset()
    found, seen = [], set()
    for one in rules:
        package = package_of(one)
        if package in memory.packages:
            seen.add(package)
            if not one.rule.enabled and one.rule.traffic.action == "allow":
                found.append((one, Disabled(one.rule.name, package.direction if package else "")))
    return found, memory.packages - seen


def _by_ids(
    memory: Memory, rules: list[StoredRule]
) -> tuple[list[tuple[StoredRule, Disabled]], list[StoredRule], list[tuple[str, Disabled]]]:
    """Those that are disabled; those that may not be; and what is remembered of others. One that is enabled
    again was given back, whoever did it."""
    off: dict[str, list[StoredRule]] = defaultdict(list)
    on: dict[str, list[StoredRule]] = defaultdict(list)
    for one in rules:
        if one.id:
            (on if one.rule.enabled else off)[alike(one.id)].append(one)
    still, stays, left = [], [], []
    for id_, known in sorted(memory.disabled.items(), key=lambda item: (len(item[0]), item[0])):
        first = alike(id_)
        if known.reason == STAYS:
            if on[first]:
                stays.append(on[first].pop(0))
        elif off[first]:
            still.append((off[first].pop(0), known))
        elif on[first]:
            on[first].pop(0)
        else:
            left.append((id_, known))
    return still, stays, left


def _by_names(
    still: list[tuple[StoredRule, Disabled]], left: list[tuple[str, Disabled]], rules: list[StoredRule]
) -> tuple[list[tuple[StoredRule, Disabled]], list[tuple[str, Disabled]]]:
    """Ids that were made of texts which Windows resolves are old. Such a rule is known by its name, if all rules of
    that name were disabled by us: else it is not known which."""
    old: dict[str, list[tuple[str, Disabled]]] = defaultdict(list)
    lost = []
    for id_, known in left:
        if known.with_texts:
            old[known.name].append((id_, known))
        else:
            lost.append((id_, known))
    if not old:
        return [], lost
    known_already = {id(one) for one, _known in still}
    renewed = Counter(one.rule.name[:LONGEST_NAME] for one, known in still if _resolved(one) and not known.with_texts)
    named: dict[str, list[StoredRule]] = defaultdict(list)
    for one in rules:
        if _resolved(one) and one.rule.traffic.action == "allow" and one.rule.name[:LONGEST_NAME] in old:
            named[one.rule.name[:LONGEST_NAME]].append(one)
    found = []
    for name, entries in old.items():
        # A run that was killed has remembered some in both ways.
        entries = entries[renewed[name] :]
        here = [one for one in named[name] if id(one) not in known_already]
        if len(here) <= len(entries) and not any(one.rule.enabled for one in here):
            found += [(one, known) for one, (_id, known) in zip(here, entries, strict=False)]
            entries = entries[len(here) :]
        lost += entries
    return [(one, Disabled(known.name, known.reason)) for one, known in found], lost


def _resolved(one: StoredRule) -> bool:
    return one.rule.group.startswith("@")


def to_remember(
    memory: Memory, disabled: Iterable[tuple[StoredRule, Disabled]], recalled: Recalled, store: Store
) -> Memory:
    """The memory with these rules: by package where all of its rules that are disabled, or will be, are so by us; else
    by the rules' ids."""
    ours = {id(one): (one, known) for one, known in disabled}
    others = {
        package_of(one)
        for one in store.foreign
        if not one.rule.enabled and one.rule.traffic.action == "allow" and id(one) not in ours
    }
    packages, ids = set(), []
    for one, known in ours.values():
        package = package_of(one)
        if package and package not in others and known.reason == package.direction:
            packages.add(package)
        else:
            ids.append((one.id, Disabled(known.name, known.reason)))
    ids += [(one.id, Disabled(one.rule.name, STAYS)) for one in recalled.stays]
    every = list(numbered([*ids, *recalled.not_found]).items())
    return replace(
        memory,
        disabled=dict(every[: len(ids)]),
        not_found=dict(every[len(ids) :]),
        packages=frozenset(packages),
        packages_not_found=recalled.packages_not_found,
    )
