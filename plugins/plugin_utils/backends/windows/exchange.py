# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action sends to a Windows host and what it reports to the operator. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ....module_utils.shrinking import Inventory
from ...catalog.model import VendorRule
from ...run.host_part import HostPart
from .asked import Asked
from .baseline import SVCHOST
from .decision import Decision
from .rule import NAMES, PREFIX, PROFILES, FirewallRule
from .store import SETTINGS, Store, meaning_of_failure
from .wanted import Renderer, programs_of, services_of

_OURS = {"prefix": PREFIX, "names": NAMES}
# Of JSON: in the words of the event log, which takes 31,839 characters, they are up to twice as many.
_LOGGED = 15_000
# What the description of a rule says if it remembers unmanaged rules, which are then known by their ids.
_WHOLE = r'\["(disabled|package)",'


def read_arguments(part: HostPart) -> dict[str, Any]:
    return {
        **_OURS,
        "whole": _WHOLE,
        "programs": sorted({*programs_of(part), SVCHOST}),
        "services": services_of(part),
        "domain": part.verdicts["out"] == "refuse",
    }


def removal_arguments() -> dict[str, Any]:
    return {**_OURS, "whole": _WHOLE}


def write_arguments(store: Store, decision: Decision) -> dict[str, Any]:
    given = {
        **_OURS,
        "expect": store.fingerprint,
        "expect_profiles": [
            {"profile": bit, **{name: store.settings[bit, name] for name in SETTINGS}} for bit in PROFILES
        ],
        "operations": _together(decision.operations),
    }
    return {**given, "unlogged": len(json.dumps(given)) > _LOGGED}


def _together(operations: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Where thousands of rules are disabled or enabled in a row, each name is said once, with the ids of all that have
    it: a host has packages by user."""
    found: list[dict[str, Any]] = []
    for one in operations:
        if one["op"] not in ("disable", "enable"):
            found.append(dict(one))
            continue
        how = {key: value for key, value in one.items() if key not in ("id", "name")}
        if not found or {key: value for key, value in found[-1].items() if key != "rules"} != how:
            found.append({**how, "rules": {}})
        found[-1]["rules"].setdefault(one["name"], []).append(one["id"])
    for one in found:
        if "rules" in one:
            one["rules"] = [[name, *ids] for name, ids in one["rules"].items()]
    return found


def asked(
    part: HostPart,
    components: list[str] | None,
    renderer: Renderer,
    ports: Iterable[int],
    over_network: bool,
    vendors: Iterable[VendorRule] = (),
    inventory: Inventory | None = None,
) -> Asked:
    settings = part.settings
    return Asked(
        wanted=renderer.wanted(part, components),
        replace_all=components is None,
        verdicts=part.verdicts,
        directions=part.directions,
        refuses=part.refuses,
        watches=part.watches,
        foreign=settings.foreign,
        policy=settings.windows_policy,
        others=settings.windows_foreign,
        apps=settings.windows_app_rules,
        profiles=settings.windows_profiles,
        management=settings.management,
        ports=tuple(ports),
        over_network=over_network,
        vendors=tuple(vendors),
        inventory=inventory,
        planned_out=_planned_out(part, components, renderer),
    )


def _planned_out(part: HostPart, components: list[str] | None, renderer: Renderer) -> tuple[FirewallRule, ...]:
    if "out" in part.directions:
        return ()
    planned = renderer.wanted(part, components, directions=("out",))
    return tuple(rule for one in planned.values() for rule in one.rules if rule.traffic.direction == "out")


def result(decision: Decision) -> dict[str, Any]:
    """The same words as of any other backend, and what only Windows has."""
    words = decision.words
    return {
        "changed": decision.changed,
        "create": sorted(words.create),
        "change": sorted(words.change),
        "delete": sorted(words.delete),
        "keep": len(words.keep),
        "foreign": [one.data() for one in decision.foreign],
        "disabled": sorted(decision.disabled),
        "enabled": sorted(decision.enabled),
        "settings": decision.settings,
        "left": decision.left,
        "unconfirmed": decision.unconfirmed,
    }


MENDS = "run again; the next run repairs that"


def failed_write(done: Mapping[str, Any]) -> str:
    """What became of the host is the first thing that an operator wants to know."""
    text = str(done.get("msg", "the module returned no message"))
    if not {"done", "undone"} & set(done):
        return f"{text}. The module was ended, so the host may be half done: {MENDS}"
    if not (done.get("done") and "0x80070005" in text):
        # Who was let change something before is an administrator.
        text = meaning_of_failure(text)
    if done.get("undone") is True:
        return f"{text}. All changes before it were rolled back: the host is as it was"
    if done.get("undone") is False:
        left = ", ".join(map(str, done.get("not_undone") or ()))
        return f"{text}. Restoring the old rules failed as well ({left}): run again; the next run repairs what is left"
    return text


def after_write(store: Store, done: Mapping[str, Any]) -> list[str]:
    found = [f"{one}: disabled, but not removed; the next run tries again" for one in done.get("leftover") or ()]
    now = int(done.get("current_profiles", 0))
    if now and now != sum(store.current):
        found.append(
            f"the profiles in use changed during the run ({_names(sum(store.current))} to {_names(now)}): run it again"
        )
    return found


def _names(bits: int) -> str:
    return ", ".join(name for bit, name in PROFILES.items() if bits & bit)
