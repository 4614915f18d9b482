# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model of Windows' policy store, faithful to what is known of HNetCfg.FwPolicy2 and HNetCfg.FWRule."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from windows.fake.com import FwPolicy2, FwRule, FwRules
from windows.fake.rule import Rule, from_json
from windows.fake.sample import sample_rules
from windows.fake.state import Faults, Profile, State

__all__ = ["Faults", "FwPolicy2", "FwRule", "FwRules", "Profile", "Rule", "Store"]


class Store(State):
    """`rules` are the records; `firewall()` is what a module gets by New-Object."""

    @classmethod
    def sample(cls, number: int = 400) -> Store:
        """A server's store: built-in groups, packages, two rules of one name, non-ASCII, group policy; 101 at least."""
        store = cls()
        store.rules, store.resources = sample_rules(number)
        return store

    @classmethod
    def of(cls, *given: dict[str, Any]) -> Store:
        """Rules by the names that a file has, each with what is not the default."""
        store = cls()
        for number, one in enumerate(given, 1):
            store.rules.append(from_json({"Id": f"{{00000000-0000-4000-8000-{number:012d}}}", **one}))
        return store

    @classmethod
    def load(cls, path: Path) -> Store:
        store = cls()
        store.fill(json.loads(path.read_text("utf-8")))
        return store

    def save(self, path: Path) -> None:
        """Whole or not at all: a reader never sees half of it."""
        part = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        part.write_text(json.dumps(self.to_json(), ensure_ascii=False, indent=1), "utf-8")
        part.replace(path)

    @classmethod
    @contextmanager
    def kept(cls, path: Path) -> Iterator[Store]:
        """The store in a file, saved at the end whatever happened: what was written before a crash stays."""
        store = cls.load(path)
        try:
            yield store
        finally:
            store.save(path)

    def copy(self) -> Store:
        """Another store with the same content; counts and faults stay here."""
        store = type(self)()
        store.fill(self.to_json())
        return store

    def firewall(self) -> FwPolicy2:
        return FwPolicy2(self)

    def profile(self, bit: int, **settings: Any) -> Store:
        self.profiles[bit] = replace(self.profiles[bit], **settings)
        return self
