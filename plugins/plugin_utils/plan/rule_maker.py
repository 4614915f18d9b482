# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host's view of a flow: what it says, what it is called, and whether its port is guarded."""

from __future__ import annotations

from ...module_utils.intervals import Spans
from ...module_utils.shrinking import ALLOW_COMPONENT
from ..catalog.book import WIDEST_GUARD, Catalog
from ..catalog.model import Direction, Doubt, End, Flow
from ..inventory.settings import Allow, HostSettings, Override, Peers
from ..net.ports import NO_PORTS, PortSet
from .model import Guards, Rule
from .overlay import refusal
from .terms import TermsReader

OWN_COMPONENT = "portbook"
WAY_IN = "portbook.way-in"
_WEB = Spans.of([(80, 80), (443, 443)])


class RuleMaker:
    def __init__(self, catalog: Catalog, terms: TermsReader, strict_evidence: bool) -> None:
        self._catalog = catalog
        self._terms = terms
        self._strict_evidence = strict_evidence
        self._made: dict[tuple[object, ...], Rule] = {}

    def rule(
        self,
        flow: Flow,
        end: End,
        component: str,
        counterpart: str,
        settings: HostSettings,
        protocol: str,
        ports: PortSet,
        cast: str,
        word: Override,
    ) -> Rule:
        """Hosts share the rule of a flow of which their settings say the same."""
        of_settings = (
            *(settings.posture_of(component), settings.postures.get(component), settings.outbound),
            *(settings.programs.get((component, at.program)) for at in (flow.initiator, flow.responder) if at.program),
        )
        key = (flow.id, end, component, counterpart, protocol, ports, cast, word, of_settings)
        if key in self._made:
            return self._made[key]
        direction: Direction = "in" if end == "responder" else "out"
        at_end = flow.responder if end == "responder" else flow.initiator
        # http.sys and containers hold the responder's socket in the program's place.
        bound = end == "initiator" or flow.listener == "native"
        guards = self._guards(flow, direction, protocol, ports, word.guard)
        made = self._made[key] = Rule(
            id=self._id(flow, direction, component, counterpart, protocol, ports, cast),
            component=component,
            flow=flow.id,
            direction=direction,
            protocol=protocol,
            ports=ports,
            source_ports=flow.source_ports,
            peers="",
            peer_components=(counterpart,),
            cast=cast,
            group=flow.group if cast == "multicast" else (),
            refusal=refusal(guards, direction, component, settings),
            program=self._program(component, at_end.program, settings) if bound else None,
            service=at_end.service if bound else None,
            listener=flow.listener if end == "responder" else "native",
            container_ports=flow.container_ports if end == "responder" else NO_PORTS,
            log=bool(word.log),
            confidence=flow.confidence,
            rows=flow.rows,
            why=flow.purpose,
            doubt=self._doubts(flow, protocol),
            owner=word.owner,
            ticket=word.ticket,
            expires=str(word.expires or ""),
            guards=guards,
        )
        return made

    def _id(
        self,
        flow: Flow,
        direction: Direction,
        component: str,
        counterpart: str,
        protocol: str,
        ports: PortSet,
        cast: str,
    ) -> str:
        """Depends on the rule alone, never on which other rules there are."""
        parts = [component, flow.id, direction, counterpart]
        parts += [protocol] * (len(flow.protocols) > 1) + [cast] * (len(flow.casts) > 1)
        parts += [str(ports)] * (ports != self._terms.usual(flow))
        return "/".join(parts)

    def _doubts(self, flow: Flow, protocol: str) -> str:
        if self._strict_evidence:
            return ""
        return "; ".join(_doubt(one) for one in flow.doubts if one.protocol in (None, protocol))

    def _program(self, component: str, program: str | None, settings: HostSettings) -> str | None:
        if program is None:
            return None
        catalogued = self._catalog.components[component].programs[program]
        return settings.programs.get((component, program), catalogued.path)

    def _guards(self, flow: Flow, direction: Direction, protocol: str, ports: PortSet, word: bool | None) -> Guards:
        """Whatever the host's settings are."""
        if word is not None:
            return "posture" if word else "never"
        if ports.tokens:
            return "never"
        # A port that a variable moved onto one that others serve on is no longer the product's own.
        own = self._terms.usual(flow).spans & _WEB
        shared = self._catalog.shared.get(protocol, Spans()) - own
        if len(ports.spans) > WIDEST_GUARD or ports.spans & shared:
            return "never"
        if direction == "out":
            return "posture" if flow.exclusive and flow.origin == "document" else "never"
        return "posture" if flow.exclusive else "own_strict"


def _doubt(doubt: Doubt) -> str:
    ports = f" ({', '.join(doubt.ports.texts)})" if doubt.ports else ""
    return f"{doubt.verdict}{ports}: {doubt.why}"


def allow_rule(allow: Allow) -> Rule:
    direction: Direction = "in" if allow.direction == "in" else "out"
    return _own_rule(f"{ALLOW_COMPONENT}/{allow.name}/{direction}", ALLOW_COMPONENT, f"allow.{allow.name}", allow)


def way_in(settings: HostSettings) -> Rule:
    """Without ports: those of Ansible's connection, as the host will see it."""
    allow = Allow("way-in", "in", "tcp", settings.management_ports, Peers(), why="management access for Ansible")
    return _own_rule(WAY_IN, OWN_COMPONENT, WAY_IN, allow)


def _own_rule(id_: str, component: str, flow: str, allow: Allow) -> Rule:
    """A rule that no catalogue has."""
    return Rule(
        id=id_,
        component=component,
        flow=flow,
        direction="in" if allow.direction == "in" else "out",
        protocol=allow.protocol,
        ports=allow.ports,
        source_ports=NO_PORTS,
        peers="",
        peer_components=(),
        cast="unicast",
        group=(),
        refusal="open",
        program=None,
        service=None,
        listener="native",
        container_ports=NO_PORTS,
        log=False,
        confidence="high",
        rows=(),
        why=allow.why,
        owner=allow.owner,
        ticket=allow.ticket,
        expires=str(allow.expires or ""),
    )
