# SPDX-License-Identifier: GPL-3.0-or-later
"""What was sent and what was seen, in lines for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from . import playbook
from .expected import Truth
from .packets import Seen, agrees
from .probes import Probe

_MOST, _MOST_OF_A_SORT = 40, 3


def kinds(sent: Iterable[Probe]) -> list[str]:
    counts: dict[str, list[int]] = {}
    for probe in sent:
        counts.setdefault(probe.kind, [0, 0])[not probe.allowed] += 1
    width = max(map(len, counts))
    return [
        f"  {kind:<{width}}  {allowed:>6,} to pass {refused:>7,} to be refused"
        for kind, (allowed, refused) in counts.items()
    ]


def disagreements(truth: Truth, pairs: Iterable[tuple[Probe, Seen]]) -> list[str]:
    """The first of each sort, so that a sort with thousands does not hide the others."""
    wrong = [(probe, seen) for probe, seen in pairs if not agrees(probe, seen)]
    shown: list[str] = []
    counts: dict[tuple[str, str, str, bool], int] = {}
    for probe, seen in wrong:
        sort = (probe.responder, probe.kind, probe.protocol, probe.allowed)
        counts[sort] = counts.get(sort, 0) + 1
        if counts[sort] <= _MOST_OF_A_SORT and len(shown) < _MOST:
            shown.append(_line(truth, probe, seen))
    return shown + ([f"  and {len(wrong) - len(shown):,} more"] if len(wrong) > len(shown) else [])


def _line(truth: Truth, probe: Probe, seen: Seen) -> str:
    flows = flows_of(truth, probe)
    return (
        f"  {probe.initiator} ({probe.source}) -> {probe.responder} ({probe.target}), {probe.protocol}/{probe.port}"
        f"{f' {probe.cast}' if probe.cast != 'unicast' else ''}, {', '.join(flows) or 'no flow'}"
        f": expected {_expected(probe)}, seen {_seen(probe, seen)}"
    )


def flows_of(truth: Truth, probe: Probe) -> list[str]:
    """All that speak of the port at the responder."""
    permits = truth.inbound.get(probe.responder, [])
    own = {one.flow for one in permits if one.covers(probe.protocol, probe.port)}
    if probe.kind == "container's own address":
        own |= {one.flow for one in permits for low, high in one.inner if low <= probe.port <= high}
    return sorted(own)


def _expected(probe: Probe) -> str:
    if not probe.answers:
        return "nothing, it is refused"
    return f"{'an answer from' if probe.cast == 'unicast' else 'at'} {_names(probe.answers)}"


def _seen(probe: Probe, seen: Seen) -> str:
    if probe.cast != "unicast":
        return f"at {_names(seen.arrived & probe.hears)}" if seen.arrived & probe.hears else "nothing"
    if seen.answered:
        return f"an answer from {_names(seen.answered)}"
    return f"it arrived at {_names(seen.arrived)}, but no answer" if seen.arrived else "nothing"


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def hint() -> str:
    program = Path(sys.executable).with_name("ansible-playbook")
    shown = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    words = playbook.command(str(shown), "portbook.firewall.plan")
    return f"The plan, rule by rule: {' '.join(words)}"
