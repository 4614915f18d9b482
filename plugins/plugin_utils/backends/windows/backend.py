# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Windows host: asked, decided on, written. `run` calls a module; everything else is pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ....module_utils.shrinking import Inventory
from ...catalog.book import Catalog
from ...catalog.model import VendorRule
from ...net.ports import Numbers
from ...run.host_part import HostPart
from ..contract import Removal, Request, Target, Unreachable
from ..outcome import Outcome
from . import community, exchange, shown, way_in
from .asked import Asked
from .decide import decide
from .decision import Decision
from .removal import decide_removal
from .store import Store, WrongAnswer, meaning_of_failure, store_of
from .wanted import Renderer, Wanted

Run = Callable[[str, dict[str, Any]], dict[str, Any]]


class _Unreadable(Exception):
    """Why a host could not be read."""


@dataclass(frozen=True)
class WindowsHost:
    """`port` is the one that Ansible uses, as far as the controller knows; `transport` is its connection's."""

    name: str
    run: Run
    port: int
    transport: str
    check: bool
    diff: bool
    catalog: Callable[[], Catalog]
    vendors: tuple[VendorRule, ...] = ()
    verbosity: int = 0

    @property
    def over_network(self) -> bool:
        return self.transport != "local"

    def bring(
        self,
        part: HostPart,
        components: list[str] | None,
        tokens: Numbers,
        networks: Callable[[str], list[str]],
        inventory: Inventory | None = None,
    ) -> dict[str, Any]:
        """With an inventory, what the host would lose is asked about; without one, somebody decided it."""
        return self._tried(lambda: self._bring(part, components, tokens, networks, inventory))

    def remove(
        self, components: list[str] | None, engine: str = "native", inventory: Inventory | None = None
    ) -> dict[str, Any]:
        return self._tried(lambda: self._remove(components, engine, inventory))

    def _tried(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        start = time.monotonic()
        try:
            done = work()
        except (_Unreadable, community.CannotDo) as error:
            return {"changed": False, "failed": True, "msg": f"{self.name}: {error}"}
        if done.get("failed"):
            return done
        return {**done, "seconds": round(time.monotonic() - start, 2), "applied": not self.check}

    def _bring(
        self,
        part: HostPart,
        components: list[str] | None,
        tokens: Numbers,
        networks: Callable[[str], list[str]],
        inventory: Inventory | None,
    ) -> dict[str, Any]:
        ports, engine = part.management_ports.numbers, part.settings.windows_engine
        if engine != "native":
            renderer = Renderer(tokens, networks, {})
            asked = exchange.asked(part, components, renderer, ports or [self.port], self.over_network)
            return self._by_others(asked, renderer.wanted(part, None))
        store = self._read(exchange.read_arguments(part))
        asked = exchange.asked(
            part,
            components,
            Renderer(tokens, networks, store.programs),
            way_in.ports(store, self.transport, ports, self.port),
            self.over_network,
            self.vendors,
            inventory,
        )
        done = self._act(store, decide(store, asked))
        stays = frozenset(map(str, done.pop("stays", ())))
        return self._noted(done, exchange.read_arguments(part), replace(asked, stays=stays)) if stays else done

    def _noted(self, done: dict[str, Any], arguments: dict[str, Any], asked: Asked) -> dict[str, Any]:
        """Rules that may not be disabled are remembered, so that the next run does not try again."""
        store = self._read(arguments)
        again = self._act(store, decide(store, asked))
        disabled = [name for name in done["disabled"] if name not in asked.stays]
        if again.get("failed"):
            return {**again, "changed": True, "disabled": disabled}
        return {**done, "disabled": disabled, "warnings": list(dict.fromkeys([*done["warnings"], *again["warnings"]]))}

    def _remove(self, components: list[str] | None, engine: str, inventory: Inventory | None) -> dict[str, Any]:
        if engine == "native":
            store = self._read(exchange.removal_arguments())
            transport = self.transport if self.over_network else ""
            return self._act(store, decide_removal(store, components, inventory, transport))
        if inventory is not None and not inventory.emptied:
            note = (
                f"the inventory gives it no component, and the engine {engine} cannot determine which rules it has: "
                "nothing was removed. portbook.firewall.remove removes them"
            )
            return self._done({"changed": False}, [note])
        return self._remove_by_others(components)

    def _by_others(self, asked: Asked, whole: Mapping[str, Wanted]) -> dict[str, Any]:
        content = community.content(asked, whole)
        return self._done(community.bring(content, asked, self.run), [community.LIMITS, *content.notes])

    def _remove_by_others(self, components: list[str] | None) -> dict[str, Any]:
        """Guards stand as long as anything does: of what else was applied they cannot know."""
        named = components or [one.name for one in self.catalog().components.values() if not one.party]
        groups = community.groups_of(named, whole=components is None)
        return self._done(community.remove(groups, self.run), [community.LIMITS])

    def _done(self, done: dict[str, Any], notes: Iterable[str]) -> dict[str, Any]:
        return {"create": [], "delete": [], "keep": 0, "foreign": [], **done, "warnings": self._named(notes)}

    def _read(self, arguments: dict[str, Any]) -> Store:
        done = self.run("portbook.firewall.windows_read", arguments)
        if done.get("failed"):
            raise _Unreadable(meaning_of_failure(str(done.get("msg", "the module returned no message"))))
        try:
            return store_of(done)
        except WrongAnswer as error:
            raise _Unreadable(f"the answer of windows_read {error}") from None

    def _act(self, store: Store, decision: Decision) -> dict[str, Any]:
        """One write at most, and none in check mode."""
        result = {**exchange.result(decision), "warnings": self._named(decision.warnings)}
        if decision.errors:
            texts = self._named(decision.errors)
            failed = {**result, "changed": False, "failed": True, "msg": "\n".join(texts), "errors": texts}
            return {**failed, "losses": decision.losses} if decision.losses else failed
        if decision.operations and not self.check:
            done = self._written(exchange.write_arguments(store, decision))
            if done.get("failed"):
                return {**done, "msg": f"{self.name}: {exchange.failed_write(done)}"}
            result["warnings"] += self._named(exchange.after_write(store, done))
            if done.get("stays"):
                result["stays"] = list(done["stays"])
        if self.diff:
            stays = frozenset(map(str, result.get("stays", ())))
            result["diff"] = shown.sections(store, decision, self.verbosity, stays) if decision.operations else []
        return result

    def _written(self, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return self.run("portbook.firewall.windows_write", arguments)
        except Unreachable as error:
            raise Unreachable(f"{error}. The write may be half done: {exchange.MENDS}") from error

    def _named(self, texts: Iterable[str]) -> list[str]:
        return [f"{self.name}: {text}" for text in texts]


@dataclass(frozen=True)
class Windows:
    catalog: Callable[[], Catalog]
    name: str = "windows"

    def apply(self, request: Request, target: Target) -> Outcome:
        host = self._host(target, request.vendors)
        return Outcome.of(
            host.bring(request.part, request.components, request.tokens, request.networks, request.inventory)
        )

    def remove(self, removal: Removal, target: Target) -> Outcome:
        host = self._host(target)
        return Outcome.of(host.remove(removal.components, removal.windows_engine, removal.inventory))

    def _host(self, target: Target, vendors: tuple[VendorRule, ...] = ()) -> WindowsHost:
        return WindowsHost(
            target.host,
            target.run,
            port=target.port,
            transport=target.transport,
            check=target.check,
            diff=target.diff,
            catalog=self.catalog,
            vendors=vendors,
            verbosity=target.verbosity,
        )
