# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our two modules at one host: emulated, or in a real PowerShell and emulated at once, which then have to agree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from windows.fake.bringing import HOST
from windows.fake.emulated import read, write
from windows.fake.host import Host, to_file
from windows.fake.store import Faults, Store
from windows.pwsh.session import Session

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.rule import NAMES, PREFIX
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import Store as Read
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import store_of

Answer = dict[str, Any]
OURS = {"prefix": PREFIX, "names": NAMES}
WEB = {"Name": "portbook/web", "Grouping": f"{PREFIX}app", "Protocol": 6, "LocalPorts": "80", "Enabled": True}
# What two machines may differ in: one is Windows Server, the other what PowerShell is run on.
OF_MACHINE = {"powershell", "os", "programs", "domain", "sockets", "invocation", "exception"}


class Modules:
    """The emulated ones."""

    def __init__(self, store: Store, host: Host = HOST) -> None:
        self.store, self.host = store, host

    def read(self, faults: Faults | None = None, whole: str = "", **args: Any) -> Answer:
        return self._run("windows_read", {**OURS, "whole": whole, **args}, faults or Faults(), False)

    def look(self, **args: Any) -> Read:
        return store_of(self.read(**args))

    def write(
        self, *operations: dict[str, Any], faults: Faults | None = None, check: bool = False, **args: Any
    ) -> Answer:
        given = {**OURS, "operations": list(operations), **args}
        if "expect" not in given:
            given["expect"] = self.read()["fingerprint"]
        return self._run("windows_write", given, faults or Faults(), check)

    def one(self, name: str) -> Answer:
        found: Answer = next(rule for rule in self.read()["rules"] if rule["Name"] == name)
        return found

    def change(self, name: str, **fields: Any) -> None:
        """As somebody else would, by the fields of the model."""
        rules = self.store.rules
        (place,) = [at for at, rule in enumerate(rules) if self.store.resolve(rule.name) == name]
        rules[place] = replace(rules[place], **fields)

    def content(self) -> Answer:
        return content(self.store)

    def _run(self, module: str, args: dict[str, Any], faults: Faults, check: bool) -> Answer:
        self.store.faults = faults
        try:
            found = (
                read(self.store, args, self.host)
                if module == "windows_read"
                else write(self.store, json.loads(json.dumps(args)), check, self.host)
            )
        finally:
            self.store.faults = Faults()
        answer: Answer = json.loads(json.dumps(found))
        return answer


class Both(Modules):
    def __init__(self, store: Store, session: Session, folder: Path, host: Host = HOST) -> None:
        super().__init__(store, host)
        self._session, self._file = session, folder / "store.json"

    def _run(self, module: str, args: dict[str, Any], faults: Faults, check: bool) -> Answer:
        self.store.save(self._file)
        found = self._session.run(
            module, self._file, args, host=to_file(self.host, self.store), check=check, **faults.to_environment()
        )
        model = super()._run(module, args, faults, check)
        assert told(found) == told(model), (told(found), told(model))
        assert content(Store.load(self._file)) == self.content(), self._file
        return found


Start = Callable[..., Modules]


def statements(module: ModuleType) -> dict[str, Any]:
    """The tests of a module, for a folder that has another `start`."""
    return {name: one for name, one in vars(module).items() if name.startswith("test_")}


def told(answer: Answer) -> Any:
    """But for names that are drawn by lot, and for the fingerprint of rules with such a name."""
    text = json.dumps({key: value for key, value in answer.items() if key not in OF_MACHINE})
    same = re.sub(r"doomed-[0-9a-f]{32}", "doomed", text)
    return json.loads(same) | ({"fingerprint": ""} if same != text else {})


def content(store: Store) -> Answer:
    """All of it but what Windows draws by lot."""
    data = store.to_json()
    kept = [{key: value for key, value in rule.items() if key != "Id"} for rule in data["Rules"]]
    found: Answer = json.loads(re.sub(r"doomed-[0-9a-f]{32}", "doomed", json.dumps({**data, "Rules": kept})))
    return found
