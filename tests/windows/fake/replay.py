# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replays cases.json, which says what the reference fake does, step by step against the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from windows.fake import rule as rules
from windows.fake.hresult import ComError
from windows.fake.store import Faults, FwPolicy2, FwRule, Store

CASES = Path(__file__).with_name("cases.json")
LONG = 300
FILE_KEYS = {"serviceName": "ServiceName", "IcmpTypesAndCodes": "Icmp", "EdgeTraversalOptions": "EdgeOptions"}


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(CASES.read_text("utf-8"))
    return loaded


def expanded(value: Any) -> Any:
    return value["repeat"] * value["times"] if isinstance(value, dict) else value


def compressed(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONG and not value.strip(value[0]):
        return {"repeat": value[0], "times": len(value)}
    return value


def exact(value: Any) -> str:
    """Null is not an empty text, and true is not 1."""
    return json.dumps(value, sort_keys=True)


def utf16(name: str) -> bytes:
    return name.encode("utf-16-be")


class Replay:
    def __init__(self, case: dict[str, Any], book: dict[str, Any]) -> None:
        given = [] if case["store"] == "empty" else case["store"]
        self.store = Store.of(*({FILE_KEYS.get(k, k): expanded(v) for k, v in one.items()} for one in given))
        self.store.interfaces, self.store.environment = book["interfaces"], book["environment"]
        machine = case.get("machine", {})
        self.store.current_profiles = machine.get("profiles", 4)
        self.store.modify_state = machine.get("modify", 0)
        self.store.resources = machine.get("resources", {})
        self.case, self.defaults = case, book["defaults"]
        self.environment: dict[str, str | None] = {}
        self.names: dict[str, FwRule] = {}
        self.firewall: FwPolicy2 = self.store.firewall()

    def differences(self) -> list[str]:
        found = []
        for number, step in enumerate(self.case["steps"], 1):
            happened = self.run(step)
            expected = {key: value for key, value in step.items() if key not in ("fidelity", "as")}
            if exact(happened) != exact(expected):
                found.append(f"{self.case['name']}, step {number}: {exact(happened)} instead of {exact(expected)}")
        return found

    def run(self, step: dict[str, Any]) -> dict[str, Any]:
        verb = next(iter(step))
        argument = step[verb]
        happened = {verb: None if verb in ("count", "names", "order") else argument}
        try:
            happened |= getattr(self, f"do_{verb}")(argument, step.get("as"))
        except ComError as error:
            happened["error"] = error.code
        return happened

    # ---------------------------------------------------------------- steps
    def do_env(self, given: dict[str, str | None], _into: None) -> dict[str, Any]:
        self.environment |= given
        self.store.faults = Faults.of_environment(self.environment)
        return {}

    def do_new(self, name: str, _into: None) -> dict[str, Any]:
        self.names[name] = self.firewall.new_rule()
        return {}

    def do_put(self, given: list[Any], _into: None) -> dict[str, Any]:
        self.names[given[0]].put(given[1], expanded(given[2]))
        return {}

    def do_clear(self, given: list[str], _into: None) -> dict[str, Any]:
        self.names[given[0]].put_null(given[1])
        return {}

    def do_get(self, given: list[str], _into: None) -> dict[str, Any]:
        return {"is": compressed(self.names[given[0]].get(given[1]))}

    def do_read(self, name: str, _into: None) -> dict[str, Any]:
        values = {prop: self.names[name].get(prop) for prop in rules.PROPERTIES}
        differ = {prop: value for prop, value in values.items() if exact(value) != exact(self.defaults[prop])}
        return {"is": {prop: compressed(value) for prop, value in differ.items()}}

    def do_add(self, name: str, _into: None) -> dict[str, Any]:
        self.firewall.rules.add(self.names[name])
        return {}

    def do_remove(self, name: Any, _into: None) -> dict[str, Any]:
        self.firewall.rules.remove(expanded(name))
        return {}

    def do_item(self, name: Any, into: str) -> dict[str, Any]:
        self.names[into] = self.firewall.rules.item(expanded(name))
        return {}

    def do_nth(self, place: int, into: str) -> dict[str, Any]:
        self.names[into] = list(self.firewall.rules)[place]
        return {}

    def do_count(self, _expected: int | None, _into: None) -> dict[str, Any]:
        return {"count": self.firewall.rules.count}

    def do_order(self, _expected: Any, _into: None) -> dict[str, Any]:
        return {"order": [compressed(rule.get("Name")) for rule in self.firewall.rules]}

    def do_names(self, _expected: Any, _into: None) -> dict[str, Any]:
        names = sorted((rule.get("Name") for rule in self.firewall.rules), key=utf16)
        return {"names": [compressed(name) for name in names]}

    def do_profile(self, given: list[Any], _into: None) -> dict[str, Any]:
        return {"is": self.firewall.profile(given[0], given[1])}

    def do_setprofile(self, given: list[Any], _into: None) -> dict[str, Any]:
        self.firewall.set_profile(given[0], given[1], expanded(given[2]))
        return {}

    def do_policy(self, name: str, _into: None) -> dict[str, Any]:
        return {"is": self.firewall.get(name)}

    def do_call(self, given: list[Any], _into: None) -> dict[str, Any]:
        name, rest = given[0], given[1:]
        if name.startswith("Rules."):
            self.firewall.rules.call(name.removeprefix("Rules."), *rest)
            return {}
        result = self.firewall.call(name, *rest)
        return {} if result is None else {"is": result}


def replayed(case: dict[str, Any], book: dict[str, Any]) -> list[str]:
    return Replay(case, book).differences()


def differing(book: dict[str, Any], sure: set[str] | None = None) -> dict[str, list[str]]:
    """The cases whose outcome is another, by name."""
    chosen = [case for case in book["cases"] if sure is None or case["sure"] in sure]
    return {case["name"]: found for case in chosen if (found := replayed(case, book))}
