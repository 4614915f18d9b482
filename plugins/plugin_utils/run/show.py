# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a host as lines that fit a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from ..plan.model import NotPlanned, Rule
from .host_part import HostPart, PeerSummary

_NARROWEST = 72
_WIDEST = 120
_WIDEST_PORTS = 22
_MANAGEMENT_PORTS = 12
"""Management access is one line, so its longer head need not widen the column of all others."""
_AFTER_NUMBERS = 99999
MANAGEMENT_TEXT = "the controller"


def host_lines(part: HostPart, names: str, components: Iterable[str] | None, width: int) -> list[str]:
    """All of the host's part, or that of some components; `names` is this host, or this and others whose part is the
    same."""
    width = max(_NARROWEST, min(_WIDEST, width))
    wanted = None if components is None else set(components)
    rules = list(part.of_components(wanted))
    if part.way_in and wanted is None:
        rules.append(part.way_in)
    skipped = [one for one in part.not_planned if wanted is None or one.component in wanted]
    named = sorted(wanted) if wanted is not None else list(part.components)
    if not rules and not named:
        return [f"{names}: nothing to plan: no component, and nothing in portbook_allow"]
    lines = [f"{names}: {', '.join(named) or 'no component'}", f"  {settings_text(part)}"]
    lines += _flows(rules, part.peers, width)
    if skipped:
        lines.append("  no rule created")
        lines += _skipped(skipped, width)
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """A line below a host's."""
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def settings_text(part: HostPart) -> str:
    postures = "".join(f", {name} {posture}" for name, posture in part.postures.items())
    return (
        f"{part.platform}, backend {part.backend}; realm {', '.join(part.realms)}; "
        f"inbound {part.posture}{postures}, outbound {part.outbound}"
    )


def _flows(rules: list[Rule], peers_of: Mapping[str, PeerSummary], width: int) -> list[str]:
    """A paragraph a flow: its port and peers, then why, then what is doubtful."""
    groups: dict[tuple[Any, ...], list[Rule]] = {}
    for rule in sorted(rules, key=order):
        groups.setdefault((rule.direction, rule.flow, rule.protocol, rule.ports), []).append(rule)
    heads = {key: ports_text(found[0]) for key, found in groups.items()}
    widest = {key: _MANAGEMENT_PORTS if _managing(found) else _WIDEST_PORTS for key, found in groups.items()}
    at = 9 + max((min(len(head), widest[key]) for key, head in heads.items()), default=0)
    lines: list[str] = []
    for key, found in groups.items():
        mark = "!" if any(rule.guarded and rule.peers != "any" for rule in found) else " "
        texts = [
            f"{_preposition(found[0])} {peers}" for peers in dict.fromkeys(peers_text(rule, peers_of) for rule in found)
        ]
        first = f"  {found[0].direction:<3} {mark} {heads[key]}"
        if len(first) + 1 > at and _managing(found):
            first += " "
        elif len(first) + 1 > at:
            lines.append(first)
            first = ""
        for text in [*texts, *_reasons(found)]:
            lines += textwrap.wrap(
                text, width, initial_indent=first.ljust(at), subsequent_indent=" " * (at + 2), break_on_hyphens=False
            )
            first = ""
    return lines


def _managing(found: list[Rule]) -> bool:
    return found[0].peers == "management"


def order(rule: Rule) -> tuple[Any, ...]:
    first = rule.ports.lowest or (_AFTER_NUMBERS if rule.ports else 0)
    return (rule.direction, rule.protocol, first, rule.flow, rule.id)


def ports_text(rule: Rule) -> str:
    ports = ", ".join(rule.ports.texts)
    if rule.peers == "management":
        ports = ports or "SSH/WinRM port"
    return f"{rule.protocol} {ports}".rstrip()


def _preposition(rule: Rule) -> str:
    return "from" if rule.direction == "in" else "to"


def _reasons(found: list[Rule]) -> list[str]:
    rule = found[0]
    if rule.peers == "management":
        return []
    casts = sorted({one.cast for one in found if one.cast != "unicast"})
    notes = [*casts, rule.flow, *rule.rows]
    reasons = [f"{rule.why.rstrip('.')} [{', '.join(notes)}]".lstrip()]
    if rule.empty_groups:
        reasons.append(f"not restricted: the group of {' and '.join(rule.empty_groups)} is empty")
    if rule.doubt:
        reasons.append(f"? {rule.doubt}")
    return reasons + list(filter(None, [signature(rule)]))


def signature(rule: Rule) -> str:
    """Who wanted it, and until when."""
    signed = [f"{key} {getattr(rule, key)}" for key in ("owner", "ticket", "expires") if getattr(rule, key)]
    return f"({', '.join(signed)})" if signed else ""


def peers_text(rule: Rule, peers_of: Mapping[str, PeerSummary]) -> str:
    peers = rule.peers
    if peers == "management":
        return MANAGEMENT_TEXT
    who = " or ".join(rule.peer_components)
    if peers == "any":
        return f"any ({who})" if who else "any"
    if peers == "local_subnet":
        return f"{who} in the local subnet" if who else "the local subnet"
    first, count = peers_of[peers].first, peers_of[peers].count
    listed = f"{first[0]} and {count - 1} more" if count > len(first) else ", ".join(first) or "nobody"
    return f"{who} {listed}".lstrip()


def _skipped(skipped: list[NotPlanned], width: int) -> list[str]:
    """Flows with the same reason stand together."""
    by_reason: dict[str, list[str]] = {}
    for one in skipped:
        by_reason.setdefault(one.why, []).append(one.flow)
    lines = []
    for why, flows in sorted(by_reason.items(), key=lambda one: one[1]):
        text = f"{', '.join(sorted(set(flows)))}: {why}"
        lines += textwrap.wrap(
            text, width, initial_indent="      ", subsequent_indent="        ", break_on_hyphens=False
        )
    return lines


LEGEND = "! only the listed peers can connect; ? the vendor's document is questionable here"
