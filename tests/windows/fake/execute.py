# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules by their names against a store in a file: what takes the place of `_execute_module` in playbook runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from windows.fake.community import win_firewall, win_firewall_rule
from windows.fake.emulated import KILLED, Result, read, write
from windows.fake.host import Host
from windows.fake.hresult import Crashed
from windows.fake.store import Faults, Store

MODULES = ("windows_read", "windows_write", "win_firewall_rule", "win_firewall")


def knows(module: str) -> bool:
    return module.rpartition(".")[2] in MODULES


def injected(environment: Mapping[str, str]) -> Faults:
    """By environment variables, FAKEFW_DENY=1 for instance."""
    return Faults.of_environment({name: value for name, value in environment.items() if name.startswith("FAKEFW_")})


def execute(
    module: str,
    path: Path,
    args: dict[str, Any],
    check_mode: bool = False,
    host: Host | None = None,
    faults: Faults | None = None,
) -> Result:
    """One module against the store in this file. Faults that are not given come from the environment."""
    with Store.kept(path) as store:
        store.faults = injected(os.environ) if faults is None else faults
        try:
            return on(store, module, args, check_mode, host)
        except Crashed:
            return dict(KILLED)


def on(store: Store, module: str, args: dict[str, Any], check_mode: bool = False, host: Host | None = None) -> Result:
    name = module.rpartition(".")[2]
    if name == "windows_read":
        return read(store, args, host)
    if name == "windows_write":
        return write(store, args, check_mode, host)
    if name == "win_firewall_rule":
        return win_firewall_rule(store, args, check_mode, bool(args.get("_ansible_diff")))
    if name == "win_firewall":
        return win_firewall(store, args, check_mode)
    raise KeyError(module)
