# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare one host with its part of the plan, and change nothing: what applying it would do, and what listens there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from ..net.ports import Numbers
from ..problems import few
from ..run.compared import Compared
from ..run.head import Head
from ..run.host_part import HostPart
from ..run.refused import Refused
from ..run.turn import Turn
from . import host_facts
from .apply import Applying
from .contract import Target, Unreachable
from .outcome import Outcome

_MOST_LINES = 100
_MOST_NAMED = 8
# From here on, a program that sends by UDP has a port for the answers.
_FOR_ANSWERS = 32768


def compare(turn: Turn, head: Head, target: Target, part: HostPart, components: list[str] | None) -> Compared:
    """`target` is one in check mode. What keeps it from being compared is part of the answer, not a failure."""
    try:
        outcome, missing = Applying(turn, head, target).outcome(part, components)
        if missing is not None and not outcome.failed:
            return Compared("not compared", _why_not(missing))
        listens = _listening(target, part, head.tokens) if components is None and not outcome.failed else ()
    except Unreachable as error:
        return Compared("unreachable", _of_host(str(error), turn.host))
    except Refused as error:
        return Compared("refused", _of_host(str(error), turn.host))
    return _compared(outcome, listens, target)


def _why_not(missing: str) -> str:
    if missing in ("", "none"):
        return "portbook_backend is none" if missing else "the inventory gives it nothing"
    return f"the backend {missing} comes with a later version"


def _of_host(text: str, host: str) -> str:
    return (text.splitlines() or [""])[0].removeprefix(f"{host}: ")


def _compared(outcome: Outcome, listens: Iterable[str], target: Target) -> Compared:
    differences = tuple(printed(outcome.diff or ()))
    details = (*outcome.leavings(True), *outcome.details(True), *outcome.remarks(target.host), *listens)
    more = {name: list(getattr(outcome, name) or ()) for name in ("create", "change", "delete", "foreign")}
    result = {**more, "keep": outcome.keep or 0, "differences": list(differences[:_MOST_LINES])}
    if outcome.failed:
        return Compared("refused", _of_host(outcome.msg or "", target.host), details, result)
    if not outcome.changed:
        return Compared("same", "", details, result)
    left = len(differences) - _MOST_LINES
    shown = (*differences[:_MOST_LINES], *([f"and {left} more lines"] if left > 0 else []))
    return Compared("differs", _in_words(outcome), (*shown, *details), result)


def _in_words(outcome: Outcome) -> str:
    if outcome.create or outcome.change or outcome.delete:
        return outcome.text(True)
    return "not as it was applied: would be replaced" if outcome.mended else "would change, but no rule"


def printed(sections: Iterable[Mapping[str, str]]) -> Iterable[str]:
    """Of a diff: what it is about, then lines that would go (-) and come (+)."""
    for one in sections:
        yield f"{one['before_header']}:"
        lines = difflib.unified_diff(one["before"].splitlines(), one["after"].splitlines(), n=0, lineterm="")
        # The first two name the files that a diff is usually of.
        yield from (f"{line[0]} {line[1:]}" for line in islice(lines, 2, None) if line[:1] != "@")


# -- what listens -----------------------------------------------------------------------------------


def _listening(target: Target, part: HostPart, tokens: Numbers) -> tuple[str, ...]:
    found = host_facts.read(target, most=0)
    if found.get("failed"):
        return (f"what listens there is not known: {_of_host(str(found.get('msg', '')), target.host)}",)
    listening = found["ansible_facts"]["portbook"]["listening"]
    names = unplanned(listening, part, tokens, target.port)
    if not names:
        return ()
    what = "would be refused to everybody" if part.verdicts["in"] == "refuse" else "stays as it is"
    return (f"listening, and named by no planned rule ({what}): {few(names, _MOST_NAMED)}",)


def unplanned(listening: Iterable[Mapping[str, Any]], part: HostPart, tokens: Numbers, own_port: int) -> list[str]:
    """Sockets that others can reach, as far as their addresses say, and no inbound rule of the host speaks of."""
    planned = {
        (rule.protocol, span) for rule in part.rules if rule.direction == "in" for span in rule.ports.numbered(tokens)
    }
    found = {}
    for one in listening:
        protocol, port = one["protocol"], one["port"]
        answers = protocol == "udp" and port >= _FOR_ANSWERS
        if one["loopback"] or answers or (protocol, port) == ("tcp", own_port):
            continue
        if not any(name == protocol and low <= port <= high for name, (low, high) in planned):
            by = ", ".join(one["units"]) or one["program"].replace("\\", "/").rpartition("/")[2]
            found[protocol, port] = f"{protocol} {port} ({by})" if by else f"{protocol} {port}"
    return list(found.values())
