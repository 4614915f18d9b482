# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of one host, whatever its backend: in the task's result, and as an operator reads it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..run.records import Kind


@dataclass(frozen=True)
class Outcome:
    """What a backend does not know stays None, and out of the result."""

    changed: bool = False
    applied: bool = False
    create: tuple[str, ...] | None = None
    change: tuple[str, ...] | None = None
    delete: tuple[str, ...] | None = None
    keep: int | None = None
    foreign: tuple[Mapping[str, Any], ...] | None = None
    disabled: tuple[str, ...] | None = None
    enabled: tuple[str, ...] | None = None
    settings: tuple[str, ...] | None = None
    left: Mapping[str, int] | None = None
    """Components that the host no longer has, and how many rules were removed for each."""
    mended: bool | None = None
    held: bool | None = None
    unconfirmed: str | None = None
    persistence: str | None = None
    left_to: str | None = None
    """Another backend that the host has, so that nothing was done."""
    seconds: float | None = None
    diff: tuple[Mapping[str, str], ...] | None = None
    """Of what was changed, or would be: sections, the most dangerous first."""
    losses: tuple[str, ...] | None = None
    """What the host would lose that nobody decided, so that nothing was done."""
    errors: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    failed: bool = False
    msg: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Of a module that failed, what Ansible reports in addition."""

    @staticmethod
    def of(done: Mapping[str, Any], **changes: Any) -> Outcome:
        """Of a module's result."""
        known = {one.name for one in fields(Outcome)} - {"more"}
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in done.items()}
        more = {name: value for name, value in done.items() if name not in known}
        typed = {name: value for name, value in given.items() if name in known}
        return Outcome(**{**typed, "more": more, **changes})

    def with_warnings(self, *texts: str) -> Outcome:
        return replace(self, warnings=(*texts, *self.warnings))

    def data(self) -> dict[str, Any]:
        """As the task's result has it."""
        own = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "more"}
        left_out = {name for name in ("warnings", "failed") if not own[name]}
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in own.items()
            if value is not None and name not in left_out
        }
        return {**self.more, **plain}

    def kind(self) -> Kind:
        if self.failed:
            return "failed" if self.more.keys() & _OF_A_CRASH else "refused"
        return "changed" if self.changed else "unchanged"

    def text(self, check: bool) -> str:
        """In a few words: what was done, or would be; or why nothing was."""
        if self.msg:
            return self.msg.partition("\n")[0]
        verbs = (("create", self.create), ("change", self.change), ("delete", self.delete))
        counted = [(len(names), verb) for verb, names in verbs if names]
        counts = [f"would {verb} {count}" if check else f"{count} {verb}d" for count, verb in counted]
        kept = [f"{self.keep} kept"] if self.keep else []
        return ", ".join([*counts, *kept]) if self.changed else ""

    def leavings(self, check: bool) -> tuple[str, ...]:
        """Components that the host had."""
        deleted = "would be deleted" if check else "deleted"
        return tuple(
            f"{name} is no longer a component of this host: its {count} rule{'s' * (count != 1)} {deleted}"
            for name, count in sorted((self.left or {}).items())
        )

    def details(self, check: bool) -> tuple[str, ...]:
        """What the counts do not say, a line each."""
        lines = list(self.settings or ())
        lines += [f"{'would disable' if check else 'disabled'}: {name}" for name in self.disabled or ()]
        lines += [f"{'would enable' if check else 'enabled'}: {name}" for name in self.enabled or ()]
        if self.mended:
            done = "would be replaced" if check else "was replaced"
            lines.append(f"what the firewall held was not what had been applied; it {done}")
        lines += [f"{text} (the rules of this collection refuse it even so)" for text in self._unmanaged(_HARMLESS)]
        return tuple(lines)

    def lasting(self, check: bool) -> tuple[str, ...]:
        """What brings the rules back after a restart."""
        shown = self.changed and not check and self.persistence and not self.persistence.startswith(_SKIPPED)
        return (self.persistence or "",) if shown else ()

    def remarks(self, host: str) -> tuple[str, ...]:
        """Warnings that follow from what was found."""
        lasting = (self.persistence or "").partition(_SKIPPED)[2] if self.changed else ""
        return tuple(f"{host}: {one}" for one in filter(None, [self.unconfirmed, lasting, *self._unmanaged(_JUDGED)]))

    def _unmanaged(self, verbs: Mapping[str, str]) -> list[str]:
        """What unmanaged rules make of flows: a line a chain or rule."""
        by_place: dict[tuple[str, str], list[str]] = {}
        for one in self.foreign or ():
            by_place.setdefault((one["where"], one["outcome"]), []).append(one["flow"])
        return [
            f"unmanaged: {where} {verbs[outcome]} {', '.join(dict.fromkeys(flows))}"
            for (where, outcome), flows in by_place.items()
            if outcome in verbs
        ]


_SKIPPED = "skipped: "
# What Ansible reports of a module that ended otherwise than with an answer.
_OF_A_CRASH = {"exception", "module_stderr", "done", "undone"}
_JUDGED = {"lost": "refuses", "unknown": "may refuse", "open to others": "lets others reach"}
_HARMLESS = {"refused to others": "permits others"}
