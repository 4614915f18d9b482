# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of one host, whatever its backend: in the task's result, and as an operator reads it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any


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
    """Components that the host no longer has, and how many rules went with each."""
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
    """Of a module that failed, what Ansible reports beside that."""

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

    def text(self, host: str) -> str:
        """One line for a host that stayed as it was, a few for one that changed."""
        kept = f"{self.keep} rules kept"
        seconds = f"{self.seconds or 0:.2f} s"
        if not self.changed:
            return f"{host}: nothing to change, {kept} ({seconds})"
        kinds = (("created", self.create), ("changed", self.change), ("deleted", self.delete))
        counts = [f"{len(names)} {word}" for word, names in kinds if names]
        lasting = "".join(f"; {one}" for one in (self.unconfirmed, self.persistence) if one)
        return "\n".join([f"{host}: {', '.join([*counts, kept])} ({seconds}){lasting}", *self._details()])

    def _details(self) -> list[str]:
        lines = [
            f"  {name} is no component of this host any more: its {count} rule{'s' * (count != 1)} deleted"
            for name, count in sorted((self.left or {}).items())
        ]
        lines += [f"  {one}" for one in self.settings or ()]
        lines += [f"  disabled: {name}" for name in self.disabled or ()]
        lines += [f"  enabled: {name}" for name in self.enabled or ()]
        if self.mended:
            lines.append("  the kernel's table was not the one that had been applied; it is mended")
        lines += [f"  foreign: {one['where']}: {one['flow']} is {one['outcome']}" for one in self.foreign or ()]
        return lines
