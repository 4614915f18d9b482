# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the profiles in use: what a posture needs, and back to what was when it no longer does. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from . import order
from .memory import Changed, Memory
from .order import Operation
from .store import Store

_ON, _IN, _OUT = "FirewallEnabled", "DefaultInboundAction", "DefaultOutboundAction"
BLOCK, ALLOW = 0, 1
OFF, ON = 0, 1
Key = tuple[int, str]


def needed(store: Store, memory: Memory, *, refuses: bool, strict: bool, strict_out: bool) -> dict[Key, int]:
    """`guard` has to switch a profile on to refuse anything in it; all that passed because it was off still does, but
    for what is guarded."""
    found: dict[Key, int] = {}
    for bit in store.current:
        if refuses or strict_out:
            found[bit, _ON] = 1
            if _switched(bit, store, memory):
                keys = [(bit, _IN), (bit, _OUT)]
                found |= dict.fromkeys((key for key in keys if not _hardened(key, store, memory)), ALLOW)
        if strict:
            found[bit, _IN] = BLOCK
        if strict_out:
            found[bit, _OUT] = BLOCK
    return found


def _switched(bit: int, store: Store, memory: Memory) -> bool:
    """Whether it is we who switch the profile on, or did."""
    known = memory.settings.get((bit, _ON))
    return not store.settings[bit, _ON] or (known is not None and known.before == OFF and known.by_us(ON))


def _hardened(key: Key, store: Store, memory: Memory) -> bool:
    """Whether somebody else blocks by default what we had left open."""
    known = memory.settings.get(key)
    on = bool(store.settings[key[0], _ON])
    return on and store.settings[key] == BLOCK and (known is None or not known.by_us(BLOCK))


def settle(store: Store, memory: Memory, wanted: Mapping[Key, int]) -> tuple[list[Operation], dict[Key, Changed]]:
    """The operations, and what is to be remembered. What somebody else changed after us is left as it is."""
    operations: list[Operation] = []
    remembered: dict[Key, Changed] = {}
    for key, value in wanted.items():
        present = store.settings[key]
        known = memory.settings.get(key)
        before = known.before if known is not None and known.by_us(present) else present
        if before != value or (key[1] != _ON and _switched(key[0], store, memory)):
            remembered[key] = Changed.to(before, value)
        if present != value:
            operations.append(order.set_profile(*key, value))
    for key, changed in memory.settings.items():
        if key in wanted:
            continue
        if key[0] not in store.current:
            remembered[key] = changed
        else:
            operations += _back(key, changed, store)
    return operations, remembered


def _back(key: Key, changed: Changed, store: Store) -> list[Operation]:
    present = store.settings[key]
    return [order.set_profile(*key, changed.before)] if changed.by_us(present) and present != changed.before else []


def restored(store: Store, memory: Memory) -> list[Operation]:
    """All of it, in whatever profile: nothing of ours stays."""
    return [one for key, changed in memory.settings.items() for one in _back(key, changed, store)]
