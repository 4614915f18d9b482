# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is removed from a Windows host, and what it had before is restored. Pure."""

from __future__ import annotations

from dataclasses import replace

from ....module_utils.shrinking import Held, Inventory
from . import network_profiles as profiles
from . import order
from .admitted import after
from .decide import Ours, unreadable
from .decision import Decision, setting_text
from .difference import difference
from .guard import guards
from .held import OF_NO_COMPONENT, held
from .memory import Forgotten, Memory, remembered
from .order import in_order
from .recall import recall, to_remember
from .rule import BASELINE, MEMORY, PREFIX, WAY_IN
from .store import Store
from .wanted import Wanted
from .way_in import Watch, ports

LET_IN = "Permit it first, for example with Enable-PSRemoting on the host"


def decide_removal(
    store: Store, components: list[str] | None, inventory: Inventory | None = None, transport: str = ""
) -> Decision:
    """Of some components, or of everything of this collection; then what was changed for us is as it was. With an
    inventory it is the inventory that gives the host nothing, and no one has asked for the removal. Without a transport
    the connection is a local one."""
    wrong = unreadable(store)
    if wrong:
        return Decision(errors=wrong)
    decision = _of_some(store, components) if components is not None else None
    if decision is None:
        decision = _of_all(store)
        before = held(store.owned, {})
        others = [one for one in store.owned if one.rule.group != MEMORY]
        if others and not before.rules:
            before = Held(other=f"{len(others)} rules of portbook that belong to no component")
        decision.compare(before, Held(), inventory)
    if transport and decision.operations:
        watch = Watch(store, after(store, decision.operations), ports(store, transport, (), 0))
        cut = watch.cut(refuses=False)
        if cut:
            decision.error(cut, LET_IN)
        else:
            decision.warnings += watch.others()
    return decision.ended()


def _of_some(store: Store, components: list[str]) -> Decision | None:
    """What the others need stays, with the guards that their rules ask for; none, if there are no others."""
    groups = {f"{PREFIX}{name}" for name in components}
    try:
        memory = remembered(store.owned)
    except Forgotten as error:
        return Decision(errors=[str(error)])
    if not any(one.rule.group not in (*groups, *OF_NO_COMPONENT) for one in store.owned):
        return None
    recalled = recall(memory, store.foreign)
    decision = Decision(warnings=recalled.notes)
    ours = Ours(store, memory, {name: Wanted() for name in components}, replace_all=False)
    kept = [one.rule for one in store.owned if one.rule.group in (BASELINE, WAY_IN)]
    made = guards(ours.permissions(kept))
    guarded = replace(memory, guarded=ours.guarded_names())
    remember = to_remember(guarded, recalled.still, recalled, store)
    decision.words = difference([*kept, *made.rules, *remember.rules()], ours.replaced)
    decision.operations = in_order(decision.words.operations)
    return decision


def _of_all(store: Store) -> Decision:
    """But for the memory of rules that are not found: they were not given back."""
    decision = Decision()
    try:
        memory = remembered(store.owned)
    except Forgotten as error:
        decision.warnings.append(f"{error}; everything else is removed")
        memory = Memory()
    recalled = recall(memory, store.foreign)
    decision.warnings += recalled.notes
    lost = to_remember(Memory(), (), replace(recalled, stays=()), store)
    decision.words = difference(lost.rules(), store.owned)
    operations = [*decision.words.operations, *profiles.restored(store, memory)]
    for one, _known in recalled.still:
        operations.append(order.enable(one))
        decision.enabled.append(one.rule.name)
    decision.settings = [setting_text(one) for one in operations if one.data["op"] == "profile"]
    decision.operations = in_order(operations)
    return decision
