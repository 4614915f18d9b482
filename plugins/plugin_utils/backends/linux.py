# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux hosts: one call of the backend's module, and what the host holds is confirmed over a new connection."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from ..catalog.model import SYMBOLIC_PEERS
from ..net.ports import Numbers, PortSet
from ..plan.model import Rule
from ..run.host_part import HostPart
from . import no_answer
from .contract import Removal, Request, Target, Unreachable
from .outcome import Outcome

_CONFIRM_SPARE = 3
_CONFIRM_PAUSE = 1
_FOR_THE_HOST = (
    *("refuse", "log", "cut", "foreign", "trusted_interfaces", "management"),
    *("restore_after_flush", "mark"),
)


class Linux:
    def __init__(self, name: str, services: Mapping[str, str]) -> None:
        """`services` are those of other backends: with auto, a host that runs one is left to it."""
        self.name, self._services = name, services
        self._module = f"portbook.firewall.{name}"

    def apply(self, request: Request, target: Target) -> Outcome:
        token = secrets.token_hex(8)
        done = _asked(target, self._module, self._arguments(request, target, token))
        if not done.get("failed") and done.get("held"):
            done |= self.confirm(token, target, float(done["seconds"]), request.part.settings.confirm_timeout)
        return Outcome.of(done, applied=not done.get("failed") and not done.get("left_to") and not target.check)

    def remove(self, removal: Removal, target: Target) -> Outcome:
        named = removal.components or ()
        arguments: dict[str, Any] = {
            "state": "absent",
            "slices": {name: {} for name in named},
            "replace": "named" if named else "all",
            **({} if removal.inventory is None else {"inventory": removal.inventory.data()}),
        }
        done = _asked(target, self._module, arguments)
        return Outcome.of(done, applied=not done.get("failed") and not target.check)

    def confirm(self, token: str, target: Target, seconds: float, within: int) -> dict[str, Any]:
        """Over a new connection: an old one would prove nothing. One that fails is tried again while there is time."""
        last = time.monotonic() + within - seconds - _CONFIRM_SPARE
        alone = False
        while True:
            start = time.monotonic()
            answer = self._confirmed(token, target, alone)
            took = time.monotonic() - start
            again = bool(answer.get("old_connection")) and not alone
            # Any other word of the host's own is the last one.
            if ("confirmed" in answer and not again) or time.monotonic() + _CONFIRM_PAUSE > last:
                break
            target.note(f"{target.host}: not confirmed yet: {answer.get('msg') or answer.get('why_not', '')}")
            if again:
                alone = True
            else:
                time.sleep(_CONFIRM_PAUSE)
        if answer.get("confirmed"):
            return {"held": False}
        why = answer.get("msg") or answer.get("why_not") or "it no longer waits"
        return {
            "failed": True,
            "msg": f"{target.host}: the change was not confirmed over a new connection, so the host takes it back "
            f"within {within} s: {why}. The last login and confirmation took {took:.1f} s; if that is what a login "
            f"takes on this host, set portbook_confirm_timeout (now {within}) higher",
        }

    def _confirmed(self, token: str, target: Target, alone: bool) -> dict[str, Any]:
        try:
            target.reconnect(alone)
            done = target.run(self._module, {"state": "confirm", "token": token})
            return {**done, "msg": no_answer.of_module(done) or done["msg"]} if done.get("failed") else done
        except Unreachable as error:
            return {"msg": str(error)}

    def _arguments(self, request: Request, target: Target, token: str) -> dict[str, Any]:
        return {
            "slices": host_slices(request.part, request.components, request.tokens, request.networks),
            "replace": "all" if request.components is None else "named",
            "settings": host_settings(request.part),
            "digest": request.digest,
            "yields_to": dict(self._services) if request.part.backend == "auto" else {},
            "transport": target.transport,
            "hold": request.part.settings.confirm_timeout,
            "token": token,
            **({} if request.inventory is None else {"inventory": request.inventory.data()}),
        }


def _asked(target: Target, module: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A module's answer; of one that failed, the host and the cause."""
    done = target.run(module, arguments)
    if done.get("failed") and "losses" not in done:
        done["msg"] = no_answer.named(target.host, no_answer.of_module(done) or str(done.get("msg", "no reason given")))
    return done


def host_settings(part: HostPart) -> dict[str, Any]:
    settings = asdict(part.settings)
    return {
        **{key: settings[key] for key in _FOR_THE_HOST},
        "verdicts": dict(part.verdicts),
        "directions": list(part.directions),
        "management_ports": part.management_ports.numbers,
    }


def host_slices(
    part: HostPart,
    components: Iterable[str] | None,
    tokens: Numbers,
    networks: Callable[[str], list[str]],
) -> dict[str, dict[str, Any]]:
    """By component; `networks` gives a set's addresses by its digest. A named component without rules is empty."""
    named = None if components is None else list(components)
    found: dict[str, dict[str, Any]] = {name: {"rules": [], "sets": {}} for name in named or ()}
    for rule in part.of_components(named):
        one = found.setdefault(rule.component, {"rules": [], "sets": {}})
        one["rules"].append(_rule(rule, tokens))
        if rule.peers not in SYMBOLIC_PEERS:
            one["sets"][rule.peers] = networks(part.peers[rule.peers].digest)
    return found


def _rule(rule: Rule, tokens: Numbers) -> dict[str, Any]:
    spans = _spans(rule.ports, tokens)
    # A container that listens on the port it publishes needs no other word.
    published = spans if rule.listener.startswith("docker") else []
    return {
        **{key: getattr(rule, key) for key in ("id", "flow", "direction", "protocol", "peers", "cast", "log")},
        "refusal": rule.refusal,
        "spans": spans,
        "source_spans": _spans(rule.source_ports, tokens),
        "container_spans": _spans(rule.container_ports, tokens) or published,
    }


def _spans(ports: PortSet, tokens: Numbers) -> list[list[int]]:
    return [list(span) for span in ports.numbered(tokens)]
