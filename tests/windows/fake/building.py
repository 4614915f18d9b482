# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores of a few rules for tests, each rule saying only what matters."""

from __future__ import annotations

from typing import Any

from windows.fake.rule import commit
from windows.fake.store import Store

Given = dict[str, Any]


def allow(**properties: Any) -> Given:
    return {"Name": "allow", "Enabled": True, "Action": 1, **properties}


def block(**properties: Any) -> Given:
    return {"Name": "block", "Enabled": True, "Action": 0, **properties}


def tcp(port: int | str, **properties: Any) -> Given:
    """Inbound to this port."""
    return allow(Protocol=6, LocalPorts=str(port), **properties)


def holding(*rules: Given) -> Store:
    """Committed, as Windows would have them."""
    store = Store.of(*rules)
    for rule in store.rules:
        commit(rule)
    return store
