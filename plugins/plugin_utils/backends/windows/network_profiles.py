# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the profiles in use: what a posture needs, and back to what was when it no longer does. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from . import order
from .foreign import named
from .memory import Changed, Memory
from .order import Operation
from .rule import PROFILES
from .store import Store

_ON, _IN, _OUT = "FirewallEnabled", "DefaultInboundAction", "DefaultOutboundAction"
BLOCK, ALLOW = 0, 1
OFF, ON = 0, 1
ALL = tuple(PROFILES)
Key = tuple[int, str]


def needed(
    store: Store, memory: Memory, *, refuses: bool, strict: bool, strict_out: bool, everywhere: bool = False
) -> dict[Key, int]:
    """Settings of the profiles in use, or of all of them. One that is off is switched on only where all are: what
    passed because it was off still does then, but for what is refused."""
    found: dict[Key, int] = {}
    for bit in ALL if everywhere else store.current:
        if not (refuses or strict_out) or not (everywhere or _on_by_itself(bit, store, memory)):
            continue
        found[bit, _ON] = ON
        if _switched(bit, store, memory):
            keys = [(bit, _IN), (bit, _OUT)]
            found |= dict.fromkeys((key for key in keys if not _hardened(key, store, memory)), ALLOW)
        if strict:
            found[bit, _IN] = BLOCK
        if strict_out:
            found[bit, _OUT] = BLOCK
    return found


def told(
    store: Store, memory: Memory, settings: Iterable[Operation], *, strict: bool, refused: str, everywhere: bool
) -> list[str]:
    """What a posture cannot hold in profiles, or what begins to act in them."""
    if everywhere:
        return list(_that_begin_to_act(store, settings))
    return list(_not_held(store, memory, strict, refused))


def _that_begin_to_act(store: Store, settings: Iterable[Operation]) -> Iterator[str]:
    for one in settings:
        data = one.data
        if data["setting"] != _ON or not data["value"]:
            continue
        local = [stored.rule for stored in store.foreign if stored.rule.enabled]
        here = [rule for rule in (*local, *store.policy_rules) if rule.traffic.profiles & data["profile"]]
        blocks = sorted(named(rule) for rule in here if rule.traffic.action == "block")
        yield (
            f"profile {PROFILES[data['profile']]} is switched on, so unmanaged rules there take effect: "
            f"refusals: {', '.join(blocks) or 'none'}; permissions: {len(here) - len(blocks)}"
        )


def _not_held(store: Store, memory: Memory, strict: bool, refused: str) -> Iterator[str]:
    """`refused` names what the guards refuse."""
    what = ("not strict; " if strict else "") + f"guards that do not hold: {refused or 'none'}"
    for bit in ALL:
        unused = "" if bit in store.current else ", which is not in use,"
        if not _on_by_itself(bit, store, memory) and not (unused and store.effective[bit, _ON]):
            off = "is switched off again" if store.effective[bit, _ON] else "is off and stays off"
            yield (
                f"profile {PROFILES[bit]}{unused} {off}, so nothing is refused there ({what}). "
                "portbook_windows_profiles: all switches it on"
            )
        elif strict and unused and store.effective[bit, _IN]:
            yield (
                f"profile {PROFILES[bit]}{unused} lets in what no rule names, so strict does not hold there. "
                "portbook_windows_profiles: all changes that"
            )


def _on_by_itself(bit: int, store: Store, memory: Memory) -> bool:
    return bool(store.effective[bit, _ON]) and not _switched(bit, store, memory)


def _switched(bit: int, store: Store, memory: Memory) -> bool:
    """Whether it is we who switch the profile on, or did."""
    if (bit, _ON) in store.governed:
        return False
    known = memory.settings.get((bit, _ON))
    return not store.settings[bit, _ON] or (known is not None and known.before == OFF and known.by_us(ON))


def _hardened(key: Key, store: Store, memory: Memory) -> bool:
    """Whether somebody else blocks by default what we had left open."""
    known = memory.settings.get(key)
    on = bool(store.settings[key[0], _ON])
    return on and store.settings[key] == BLOCK and (known is None or not known.by_us(BLOCK))


def settle(store: Store, memory: Memory, wanted: Mapping[Key, int]) -> tuple[list[Operation], dict[Key, Changed]]:
    """The operations, and what is to be remembered. What somebody else changed after us is left as it is, and what a
    policy decides is not written."""
    operations: list[Operation] = []
    remembered: dict[Key, Changed] = {}
    for key, value in wanted.items():
        if key in store.governed:
            continue
        present = store.settings[key]
        known = memory.settings.get(key)
        before = known.before if known is not None and known.by_us(present) else present
        if before != value or (key[1] != _ON and _switched(key[0], store, memory)):
            remembered[key] = Changed.to(before, value)
        if present != value:
            operations.append(order.set_profile(*key, value))
    for key, changed in memory.settings.items():
        if key in wanted and key not in store.governed:
            continue
        if key[0] not in store.current or key in store.governed:
            remembered[key] = changed
        else:
            operations += _back(key, changed, store)
    return operations, remembered


def _back(key: Key, changed: Changed, store: Store) -> list[Operation]:
    present = store.settings[key]
    return [order.set_profile(*key, changed.before)] if changed.by_us(present) and present != changed.before else []


def restored(store: Store, memory: Memory) -> list[Operation]:
    """All of it, in whatever profile: nothing of this collection stays."""
    return [one for key, changed in memory.settings.items() for one in _back(key, changed, store)]
