# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module of a Linux backend is asked, and what it answers."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping

from ansible.module_utils.basic import AnsibleModule

from ..shrinking import Inventory
from . import causes, remembered
from .apply import Shrinks, apply, confirm
from .engine import Engine, EngineError
from .request import Applied, Request
from .state import HostState, StateError
from .way_back import OldConnection

ARGUMENTS: Dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent", "confirm"], "default": "present"},
    "slices": {"type": "dict", "default": {}},
    "replace": {"type": "str", "choices": ["all", "named"], "default": "named"},
    "settings": {"type": "dict", "default": {}},
    "yields_to": {"type": "dict", "default": {}},
    "digest": {"type": "str", "default": ""},
    "transport": {"type": "str", "default": ""},
    "hold": {"type": "float", "default": 0},
    "token": {"type": "str", "default": "", "no_log": False},
    "inventory": {"type": "dict"},
}


_LONGEST = 3600
"""Seconds that a change may wait, as portbook_confirm_timeout says, too."""


def run(engine: Callable[[], Engine]) -> None:
    """A module's whole work."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    done = answer(module.params, HostState(), engine, module.check_mode, module._diff, module._verbosity)
    if done.get("failed"):
        module.fail_json(**done)
    module.exit_json(**done)


def answer(
    given: Mapping[str, Any],
    state: HostState,
    engine: Callable[[], Engine],
    check: bool,
    diff: bool,
    verbosity: int = 0,
) -> Dict[str, Any]:
    """The module's result, be it a failure; `given` are its arguments."""
    try:
        if given["state"] == "confirm":
            return _confirmation(confirm(state, engine(), given["token"]))
        wrong = _wrong(given)
        if wrong:
            return {"failed": True, "msg": wrong}
        return _result(apply(state, engine(), _request(given, check, diff, verbosity)), diff)
    except OldConnection as error:
        return {**_confirmation(str(error)), "old_connection": True}
    except Shrinks as error:
        return {"failed": True, "msg": str(error), "losses": error.losses}
    except (EngineError, StateError) as error:
        return {"failed": True, "msg": str(error)}
    except OSError as error:
        return {"failed": True, "msg": causes.in_words(error)}


def _wrong(given: Mapping[str, Any]) -> str:
    """What is not of the types that a run relies on; found before anything is looked at or touched."""
    slices = {} if given["state"] == "absent" else given["slices"]
    wrong = remembered.fault({"slices": slices, "settings": given["settings"]})
    if not wrong and not all(isinstance(one, str) for one in given["yields_to"].values()):
        wrong = "yields_to is not what it has to be"
    if not wrong and not 0 <= given["hold"] <= _LONGEST:
        wrong = f"hold is not between 0 and {_LONGEST} seconds"
    if not wrong and given["inventory"] is not None:
        wrong = _inventory_fault(given["inventory"])
    return f"this module was given something wrong: {wrong}. Call portbook.firewall.apply in its place" if wrong else ""


def _inventory_fault(data: Dict[str, Any]) -> str:
    try:
        Inventory.of(data)
    except (AttributeError, TypeError, ValueError):
        return "inventory is not what it has to be"
    return ""


def _confirmation(why_not: str) -> Dict[str, Any]:
    return {"changed": False, "confirmed": not why_not, "why_not": why_not}


def _request(given: Mapping[str, Any], check: bool, diff: bool, verbosity: int) -> Request:
    absent = given["state"] == "absent"
    return Request(
        slices={name: {} for name in given["slices"]} if absent else given["slices"],
        replace_all=given["replace"] == "all",
        settings=given["settings"],
        digest=given["digest"],
        transport=given["transport"],
        hold=given["hold"],
        token=given["token"],
        check=check,
        diff=diff,
        verbosity=verbosity,
        yields_to=given["yields_to"],
        removes=absent,
        inventory=None if given["inventory"] is None else Inventory.of(given["inventory"]),
    )


def _result(applied: Applied, diff: bool) -> Dict[str, Any]:
    return {
        "changed": applied.changed,
        "create": applied.words["create"],
        "change": applied.words["change"],
        "delete": applied.words["delete"],
        "keep": len(applied.words["keep"]),
        "mended": applied.mended,
        "foreign": applied.foreign,
        "held": applied.held,
        "unconfirmed": applied.unconfirmed,
        "persistence": applied.persistence,
        "left": applied.left,
        "left_to": applied.left_to,
        "seconds": applied.seconds,
        **({"warnings": applied.warnings} if applied.warnings else {}),
        **({"diff": applied.diff} if diff else {}),
    }
