# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one host to its part of the plan, with the backend that it has. None is put in another's place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ..run.head import Head
from ..run.host_part import HostPart
from ..run.records import Kind, in_words
from ..run.refused import Refused
from ..run.turn import Turn
from . import registry
from .contract import CatalogLoader, Removal, Request, Target, Unreachable
from .outcome import Outcome

_ASKABLE = ("ssh", "paramiko", "paramiko_ssh", "local", "winrm", "psrp")


def remove(removal: Removal, target: Target, turn: Turn) -> dict[str, Any]:
    """The result of a task that needs no plan."""
    try:
        outcome = _removed(removal, target, turn.catalog)
    except Unreachable as error:
        turn.record("unreachable", text=str(error))
        raise
    record = partial(turn.record, components=sorted(outcome.left or ()), details=outcome.details(target.check))
    return _reported(outcome, target, record).data()


def _reported(outcome: Outcome, target: Target, record: Callable[..., None], kind: Kind | None = None) -> Outcome:
    """Recorded, and with what an operator reads of it."""
    kind, text = kind or outcome.kind(), outcome.text(target.check)
    record(kind, text=text)
    if outcome.failed:
        return outcome
    return replace(outcome, msg=in_words(kind, text, target.check)).with_warnings(*outcome.remarks(target.host))


def _removed(removal: Removal, target: Target, catalog: CatalogLoader) -> Outcome:
    return registry.for_platform(target.platform, catalog).remove(removal, target)


class Applying:
    def __init__(self, turn: Turn, head: Head, target: Target) -> None:
        self._turn, self._head, self._target = turn, head, target

    def run(self, components: list[str] | None, show: str | None) -> dict[str, Any]:
        """The task's result."""
        part, warnings = self._turn.part(components)
        record = partial(self._turn.record, part=part, components=components, show=show, digest=self._head.digest)
        try:
            outcome, missing = self.outcome(part, components)
        except Unreachable as error:
            record("unreachable", text=str(error))
            raise
        if missing and not outcome.failed:
            outcome = _not_applied(outcome, missing, self._head.unsupported)
        check = self._target.check
        details = (*outcome.leavings(check), *outcome.details(check), *outcome.lasting(check))
        record = partial(record, details=details)
        outcome = _reported(outcome, self._target, record, "not applied" if missing and not outcome.failed else None)
        return {**self._turn.found(self._head, part, components), **outcome.with_warnings(*warnings).data()}

    def outcome(self, part: HostPart, components: list[str] | None) -> tuple[Outcome, str | None]:
        """What became of the host; and, if its part was not applied, the backend that is missing, empty if none is."""
        self._refuse_other_platform(part)
        name = registry.name_for(part)
        seen = set()
        while name in registry.BACKENDS and name not in seen:
            seen.add(name)
            backend = registry.BACKENDS[name].make(self._turn.catalog)
            outcome = backend.apply(self._request(part, components), self._target)
            if not outcome.left_to:
                return outcome, None
            name = outcome.left_to
        if components is None and part.platform == "unknown" and self._may_be_asked():
            return self._take_away(part), ""
        return Outcome(), name if part.rules or part.way_in else ""

    def _request(self, part: HostPart, components: list[str] | None) -> Request:
        return Request(
            part,
            components,
            part.digest or self._head.digest,
            self._head.tokens,
            self._turn.networks,
            self._turn.inventory(part, self._head),
            self._head.vendor_rules,
        )

    def _may_be_asked(self) -> bool:
        known = self._turn.backend() in ("auto", *registry.BACKENDS)
        return known and self._target.transport in _ASKABLE

    def _take_away(self, part: HostPart) -> Outcome:
        """What a host of which the inventory says nothing any more still holds; it refuses unless that was decided.
        It may be one that never had rules, for example a switch: that it cannot be asked is no failure."""
        removal = Removal(None, self._turn.inventory(part, self._head), self._turn.windows_engine())
        try:
            outcome = _removed(removal, self._target, self._turn.catalog)
        except (Unreachable, Refused) as error:
            outcome = Outcome(failed=True, msg=str(error))
        if not outcome.failed or outcome.losses:
            return outcome
        return Outcome().with_warnings(
            f"{self._target.host}: has no component in the inventory, and it could not be checked whether rules of an "
            f"earlier run are still there: {(outcome.msg or '').splitlines()[0]}. To leave the host alone, set "
            "portbook_backend: none"
        )

    def _refuse_other_platform(self, part: HostPart) -> None:
        """The plan goes by the inventory; here is the connection itself."""
        real = self._target.platform
        if (part.rules or part.way_in) and part.platform in ("linux", "windows") and part.platform != real:
            raise Refused(
                f"{self._target.host}: the inventory has {part.platform}, and this connection leads to {real}. "
                "Set ansible_connection (and ansible_shell_type for ssh to Windows) in the inventory"
            )


def _not_applied(outcome: Outcome, backend: str, unsupported: str) -> Outcome:
    if backend == "none":
        return replace(outcome, msg="portbook_backend is none")
    text = f"the backend {backend} comes with a later version"
    if unsupported == "fail":
        return Outcome(
            failed=True, msg=f"not applied: {text} (portbook_unsupported is fail)", warnings=outcome.warnings
        )
    return Outcome(msg=text, warnings=(*outcome.warnings, f"not applied: {text}. The rules are planned only"))
