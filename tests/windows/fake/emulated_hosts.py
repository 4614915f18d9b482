# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows hosts for real runs of ansible-playbook: all of Ansible, but for the modules, which run on the model.

Each host has a store in a file; `install` is called in ansible-playbook's own process, before it forks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from windows.fake.execute import execute, knows
from windows.fake.host import Host
from windows.fake.store import Faults, Store

CONTROLLER = "198.51.100.200"
WINRM = 5985


class Hosts:
    """A folder with a store for each host, what the host says of itself, and the calls that reached it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def add(self, name: str, store: Store | None = None, **of_host: Any) -> None:
        (store or Store.sample(400)).save(self._store(name))
        (self.folder / f"{name}.host.json").write_text(json.dumps(of_host), "utf-8")

    def store(self, name: str) -> Store:
        return Store.load(self._store(name))

    def calls(self, name: str | None = None) -> list[str]:
        """The modules that were called, in order, at one host or at all."""
        log = self.folder / "calls.log"
        lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        return [module for host, module, _size in lines if name in (None, host)]

    def answer_sizes(self, name: str) -> list[int]:
        lines = [line.split() for line in (self.folder / "calls.log").read_text().splitlines()]
        return [int(size) for host, _module, size in lines if host == name]

    def forget_calls(self) -> None:
        (self.folder / "calls.log").unlink(missing_ok=True)

    def inject(self, name: str, **faults: Any) -> None:
        """For all calls from now on; none: they work again."""
        (self.folder / f"{name}.faults.json").write_text(json.dumps(faults), "utf-8")

    def answer(self, name: str, answer: Any) -> None:
        """What the next calls at this host give, in the emulation's place; None: the emulation again."""
        target = self.folder / f"{name}.answer.json"
        target.unlink(missing_ok=True)
        if answer is not None:
            target.write_text(json.dumps(answer), "utf-8")

    def execute(self, name: str, module: str, args: dict[str, Any], check_mode: bool) -> dict[str, Any]:
        fixed = self.folder / f"{name}.answer.json"
        if fixed.exists():
            answer = json.loads(fixed.read_text("utf-8"))
        else:
            answer = execute(module, self._store(name), args, check_mode, self._host(name, args), self._faults(name))
        with (self.folder / "calls.log").open("a", encoding="utf-8") as log:
            log.write(f"{name} {module.rpartition('.')[2]} {len(json.dumps(answer))}\n")
        return json.loads(json.dumps(answer))  # type: ignore[no-any-return]

    def _store(self, name: str) -> Path:
        return self.folder / f"{name}.store.json"

    def _host(self, name: str, args: dict[str, Any]) -> Host:
        """With all programs that are asked for, and a connection from the controller, unless it says otherwise."""
        given = json.loads((self.folder / f"{name}.host.json").read_text("utf-8"))
        for key in ("programs", "services"):
            if given.get(key) is not None:
                given[key] = frozenset(given[key])
        for key in ("connections", "listeners", "policy_rules", "mdm_rules", "domain_addresses", "products"):
            if given.get(key) is not None:
                given[key] = tuple(tuple(one) if isinstance(one, list) else one for one in given[key])
        host = replace(Host(services=None, connections=((WINRM, CONTROLLER),)), **given)
        if "programs" in given:
            return host
        store = self.store(name)
        return replace(host, programs=frozenset(store.expand(one) or "" for one in args.get("programs") or ()))

    def _faults(self, name: str) -> Faults:
        file = self.folder / f"{name}.faults.json"
        return Faults(**json.loads(file.read_text("utf-8"))) if file.exists() else Faults()


def install(folder: str) -> None:
    from ansible.plugins.action import ActionBase

    really = ActionBase._execute_module
    hosts = Hosts(Path(folder))

    def execute_module(self: Any, module_name: Any = None, module_args: Any = None, **more: Any) -> Any:
        if not knows(str(module_name)):
            return really(self, module_name=module_name, module_args=module_args, **more)
        name = str(more["task_vars"]["inventory_hostname"])
        return hosts.execute(name, str(module_name), dict(module_args), bool(self._task.check_mode))

    ActionBase._execute_module = execute_module
