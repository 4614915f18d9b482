# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator is shown of a change of a Linux host: what it was given before and what it is to hold, and what had
become of that in between."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterable, List, Tuple

from .. import access, difference
from ..difference import MANAGEMENT, Rule, Section, Setting, View
from ..intervals import Span
from . import slices, way_in
from . import units as boot
from .engine import Engine, Present
from .model import GUARD, OPEN, WATCH, Settings
from .request import Request
from .state import RULESET, HostState, sha
from .wanted import Wanted

_DETAILS = 2
"""The verbosity from which the engine's own text is shown."""
_BRIDGES = frozenset({"container bridges"})
_KNOWN = {"verdicts", "directions", "management", "management_ports", "trusted_interfaces", "mark"}
_KNOWN |= {"refuse", "log", "cut", "foreign", "restore_after_flush"}


@dataclass(frozen=True)
class Change:
    state: HostState
    engine: Engine
    request: Request
    kept: Dict[str, Any]
    wanted: Wanted
    present: Present

    def sections(self) -> List[Section]:
        before, after = self._before(), self._after()
        found = [*difference.sections(before, after), *self._by_hand()]
        if self.request.verbosity >= _DETAILS or not found:
            # Also what only the host itself knows: its resolvers, its container bridges.
            found += self._native()
        return found or self._names()

    def _before(self) -> View:
        old = self.kept if self.kept["applied"] else {"slices": {}, "settings": {}, "way_in": []}
        settings = Settings.of(old["settings"])
        ports = settings.management_ports or self.wanted.way_in.ports
        found = view(old["slices"], settings, old["settings"], old["way_in"], ports)
        return _also(found, {name: one[0] for name, one in self._surprises().items()})

    def _after(self) -> View:
        new = self.wanted
        if not new.rendered.exists:
            found = view({}, Settings.of({}), {}, (), ())
        else:
            found = view(new.slices, new.settings, new.raw_settings, new.way_in.ways, new.way_in.ports)
        return _also(found, {name: one[1] for name, one in self._surprises().items()})

    def _surprises(self) -> Dict[str, Tuple[Setting, Setting]]:
        """What is not there as it was applied."""
        given, rendered = self.kept["applied"], self.wanted.rendered
        found = {}
        as_planned = "as planned" if rendered.exists else "removed"
        if given and not self.present.exists and rendered.exists:
            found[self.engine.what] = Setting("missing"), Setting(as_planned, int(rendered.refuses))
        elif self._changed_by_hand:
            found[self.engine.what] = Setting("changed by hand"), Setting(as_planned)
        elif self.present.exists and not given:
            found[self.engine.what] = Setting("present, and not known to this host"), Setting(as_planned)
        if given and rendered.exists and not self._file_is_right():
            found[self.state.path(RULESET)] = Setting("changed or missing"), Setting(as_planned)
        if given and rendered.exists and not self._units_are_right():
            found["systemd units of portbook"] = Setting("changed or missing"), Setting(as_planned)
        return found

    @property
    def _changed_by_hand(self) -> bool:
        given = self.kept["applied"]
        return bool(given) and self.present.exists and given.get("kernel") != self.present.meaning

    def _file_is_right(self) -> bool:
        return bool(sha(self.state.text(RULESET) or "") == self.kept["applied"].get("text"))

    def _units_are_right(self) -> bool:
        """Or become others, because they are asked to."""
        asked = bool(self.kept["settings"].get("restore_after_flush")) != self.wanted.settings.restore_after_flush
        return asked or not boot.has_systemd() or bool(self.engine.units.as_wanted(self.wanted.rendered.files))

    def _by_hand(self) -> List[Section]:
        if not (self._changed_by_hand and self._file_is_right()):
            return []
        found = self.engine.drift(self.state.text(RULESET) or "")
        return difference.section(f"{self.engine.what}, changed by hand", *found)

    def _native(self) -> List[Section]:
        new = self.wanted.rendered
        before = (self.state.text(RULESET) or "") if self.kept["applied"] else ""
        return difference.section("ruleset", *self.engine.difference(before, new.text if new.exists else ""))

    def _names(self) -> List[Section]:
        """Of rules that are put in other words, or have another name, and mean the same."""
        words = slices.difference(self.kept["slices"], self.wanted.slices)
        before, after = (
            [*(f"rule {one}" for one in words[kind]), *(f"rule {one}: {how}" for one in words["change"])]
            for kind, how in (("delete", "as it was"), ("create", "written again"))
        )
        return difference.section(difference.OTHER, before, after)


def _also(found: View, settings: Dict[str, Setting]) -> View:
    return replace(found, settings={**settings, **found.settings})


def view(
    held: Dict[str, slices.Slice],
    settings: Settings,
    raw: Dict[str, Any],
    ways: Iterable[str],
    ports: Iterable[int],
) -> View:
    rules = [rule for one in held.values() for rule in _rules(one)]
    refuses = (one for part in held.values() for one in part.get("rules", ()) if one["refusal"] != OPEN)
    guarded = (span for one in refuses if one["protocol"] == "tcp" for span in _spans(one["spans"]))
    if way_in.endangered(ports, settings, guarded):
        spans = tuple((port, port) for port in sorted(ports))
        who = frozenset([*ways, *settings.management])
        rules.append(Rule(MANAGEMENT, "", "in", "tcp", spans, MANAGEMENT, who))
    trusted = settings.trusted_interfaces
    return View(
        {**_settings(settings), **_others(raw)},
        {"trusted interfaces": _BRIDGES if trusted is None else frozenset(trusted)},
        tuple(rules),
        {
            "in": access.NOBODY if settings.strict_in else access.EVERYBODY,
            "out": access.NOBODY if settings.strict_out else access.EVERYBODY,
        },
    )


def _rules(one: slices.Slice) -> Iterable[Rule]:
    sets = {name: frozenset(networks) for name, networks in one.get("sets", {}).items()}
    for rule in one.get("rules", ()):
        peers, spans = rule["peers"], _spans(rule["spans"])
        symbolic = {"any": difference.ANYONE, "local_subnet": difference.LOCAL_SUBNET}
        yield Rule(
            id=rule["id"],
            flow=rule["flow"],
            direction=rule["direction"],
            protocol=rule["protocol"],
            spans=spans,
            # Sets of one name differ in what follows the tilde.
            who=symbolic.get(peers, peers.partition("~")[0]),
            peers=None if peers in symbolic else sets[peers],
            guarded=rule["refusal"] == GUARD,
            narrowed=tuple(_narrowed(rule)),
            notes=tuple(_notes(rule, spans)),
        )


def _narrowed(rule: Dict[str, Any]) -> Iterable[str]:
    if rule["source_spans"]:
        yield f"source port {_ports(rule['source_spans'])}"
    if rule["cast"] != "unicast":
        yield rule["cast"]


def _notes(rule: Dict[str, Any], spans: Tuple[Span, ...]) -> Iterable[str]:
    if rule["refusal"] == WATCH:
        yield "watched"
    if rule["container_spans"]:
        same = _spans(rule["container_spans"]) == spans
        yield "in a container" if same else f"container port {_ports(rule['container_spans'])}"
    if rule.get("log"):
        yield "logged"


def _spans(raw: Iterable[Iterable[int]]) -> Tuple[Span, ...]:
    return tuple((int(low), int(high)) for low, high in raw)


def _ports(raw: Iterable[Iterable[int]]) -> str:
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in raw)


def _settings(settings: Settings) -> Dict[str, Setting]:
    return {
        "inbound traffic without a rule": _verdict(settings.strict_in),
        "outbound traffic without a rule": _verdict(settings.strict_out),
        "outbound rules": Setting("on", 1) if settings.outbound else Setting("off"),
        "open connections of removed peers": Setting("cut", 1) if settings.cut else Setting("kept"),
        "refused packets": Setting("rejected" if settings.refuse == "reject" else "dropped"),
        "log": Setting(settings.log),
        "unmanaged rules that refuse planned flows": Setting(settings.foreign),
        "loaded again after a flush": Setting("yes" if settings.restore_after_flush else "no"),
    }


def _verdict(refused: bool) -> Setting:
    return Setting("refused", 1) if refused else Setting("accepted")


def _others(raw: Dict[str, Any]) -> Dict[str, Setting]:
    """Also what a later version has put there."""
    mark = raw.get("mark")
    if isinstance(mark, list) and len(mark) == 2 and all(isinstance(one, int) for one in mark):
        mark = f"0x{mark[0]:x}/0x{mark[1]:x}"
    found = {"mark of permitted packets": Setting(str(mark or "none"))}
    return {**found, **{name: Setting(json.dumps(raw[name])) for name in sorted(set(raw) - _KNOWN)}}
