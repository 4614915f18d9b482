# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows as text for the tables, with the defaults of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog
from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.model import (
    Component,
    Direction,
    Doubt,
    End,
    Flow,
    Token,
)
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.settings import HostSettings
from ansible_collections.portbook.firewall.plugins.plugin_utils.net.ports import PortSet
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.terms import TermsReader

from .text import code, codes, natural, sentence

_NO_VARIABLES = HostSettings()
_REACH = {"peers": "", "local_subnet": " (local subnet)", "any": " (any address)"}
_DECIDES: dict[End, Direction] = {"initiator": "out", "responder": "in"}
_LISTENERS = {
    "http.sys": "http.sys",
    "docker_compose": "published by Docker Compose",
    "docker_swarm": "published by Docker Swarm",
}


@dataclass(frozen=True)
class FlowLine:
    """A line of a flow table; `direction` and `peers` only in the table of one component."""

    flow: str
    direction: str
    peers: str
    initiators: str
    responders: str
    protocol: str
    ports: str
    purpose: str
    default: str
    versions: str
    guarded: str
    confidence: str
    rows: str
    evidence: str
    listener: str
    remarks: str

    @property
    def traffic(self) -> str:
        return f"{self.protocol} {self.ports}"

    @property
    def about(self) -> str:
        """What is listed below the table: versions, what `guard` does, rows, evidence and confidence."""
        facts = [
            "all versions" if self.versions == "all" else f"version {self.versions}",
            "`guard` restricts it to the peers" if self.guarded == "yes" else "`guard` does not restrict it",
            f"listener: {self.listener}" if self.listener else "",
            f"rows {self.rows}" if self.rows else "not in the documents",
            f"evidence {self.evidence}" if self.evidence else "",
            f"confidence {self.confidence}",
        ]
        return f"{self.flow}: {'; '.join(one for one in facts if one)}. {self.remarks}".strip()


@dataclass(frozen=True)
class Counterpart:
    """A component at the other end of flows, and whether it must exist for them."""

    component: Component
    required: bool


@dataclass(frozen=True)
class Followed:
    """A variable on which rules of peers depend, with a value that is not its default, and why no role accepts it."""

    name: str
    value: str
    why: str


class FlowWords:
    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._terms = TermsReader(catalog, strict_evidence=False)

    def lines_of(self, component: Component) -> list[FlowLine]:
        """First inbound, then outbound flows; a flow between hosts of the same component is in both."""
        flows = self.catalog.flows_of(component.name)
        incoming = [flow for flow in flows if component.name in flow.responders]
        outgoing = [flow for flow in flows if component.name in flow.initiators]
        return [
            *(self.line(flow, component, "in") for flow in incoming),
            *(self.line(flow, component, "out") for flow in outgoing),
        ]

    def lines(self, flows: Iterable[Flow]) -> list[FlowLine]:
        return [self.line(flow) for flow in flows]

    def line(self, flow: Flow, viewer: Component | None = None, direction: Direction | None = None) -> FlowLine:
        initiators, responders = _names(flow.initiators), _names(flow.responders)
        peers = {"in": initiators, "out": responders, None: ""}[direction]
        deciders = self._deciders(flow, viewer, direction)
        return FlowLine(
            flow=code(flow.id),
            direction=direction or "",
            peers=peers + _REACH[flow.reach],
            initiators=initiators,
            responders=responders + _REACH[flow.reach],
            protocol=_protocol(flow),
            ports=self._ports(flow, deciders),
            purpose=sentence(flow.purpose) + ("" if not flow.doubts else " Questionable: see below."),
            default=self._default(flow, deciders),
            versions=_versions(flow, deciders, viewer),
            guarded="yes" if _guarded(flow, direction) else "no",
            confidence=flow.confidence,
            rows=", ".join(sorted(flow.rows, key=natural)),
            # Only the product's page says what these stand for.
            evidence="" if viewer else ", ".join(flow.evidence),
            listener=self._listener(flow),
            remarks=remarks(flow),
        )

    # -- ports --------------------------------------------------------------------------------------

    def _ports(self, flow: Flow, deciders: list[Component]) -> str:
        text = ", ".join(self._port(port, deciders) for port in flow.ports)
        if flow.source_ports:
            text += f"; source port {', '.join(flow.source_ports.texts)}"
        return text

    def _port(self, port: PortSet | str, deciders: list[Component]) -> str:
        if isinstance(port, PortSet):
            return code(str(port)) if port.tokens else str(port)
        variables: dict[str, list[str]] = {}
        for decider in deciders:
            figures = ", ".join(self.figures(decider, port))
            variables.setdefault(figures, []).append(decider.port_variable(port))
        return " or ".join(
            f"{figures} ({codes(names)})" if figures else f"none until {codes(names)} is set"
            for figures, names in variables.items()
        )

    def figures(self, component: Component, port: str) -> tuple[str, ...]:
        """Default of a port that can be changed; empty if there is none."""
        found = self._terms.ports_of(component, port, _NO_VARIABLES)
        return found.texts if found else ()

    def tokens(self, flows: Iterable[Flow]) -> list[Token]:
        used = {name for flow in flows for port in flow.ports if isinstance(port, PortSet) for name in port.tokens}
        return [token for name, token in sorted(self.catalog.tokens.items()) if name in used]

    # -- on or off ----------------------------------------------------------------------------------

    def _default(self, flow: Flow, deciders: list[Component]) -> str:
        if not self._terms.usual(flow):
            return "off until its port is set"
        if flow.feature is None:
            return "on"
        variables: dict[str, list[str]] = {}
        for decider in deciders:
            word = "on" if decider.features[flow.feature].default else "off"
            variables.setdefault(word, []).append(decider.feature_variable(flow.feature))
        return ", ".join(f"{word} ({codes(names)})" for word, names in variables.items())

    def _deciders(self, flow: Flow, viewer: Component | None, direction: Direction | None) -> list[Component]:
        """The deciding components; for a viewer whose end decides, only the viewer."""
        if viewer is not None and direction == _DECIDES[flow.decided_by]:
            return [viewer]
        return [self.catalog.components[name] for name in flow.deciders]

    # -- the rest -----------------------------------------------------------------------------------

    def _listener(self, flow: Flow) -> str:
        end = flow.responder
        parts = [_LISTENERS.get(flow.listener, ""), end.owner or end.service or ""]
        if end.program:
            programs = self.catalog.components[flow.responders[0]].programs
            program = programs[end.program]
            parts.append(code(program.file or (program.path or "").rpartition("\\")[2]))
        if flow.container_ports:
            parts.append(f"{', '.join(flow.container_ports.texts)} in the container")
        return ", ".join(one for one in parts if one)

    def followed_variable(self, component: Component) -> Followed:
        """For an example of what does not work: a port if there is one, else a feature, else a version."""
        found: list[tuple[int, Followed]] = []
        for flow in self.catalog.flows_of(component.name):
            others = flow.initiators if flow.decided_by == "responder" else flow.responders
            roles = [name for name in others if not self.catalog.components[name].party and name != component.name]
            given = _example(component, flow) if component.name in flow.deciders and roles else None
            if given:
                rank = 0 if given[0].endswith("_port") else 1
                why = f"rules on {roles[0]} hosts depend on it, but cannot see it here."
                found.append((rank, Followed(*given, why)))
        if found:
            return min(found, key=lambda one: one[0])[1]
        why = "both ends of a flow must know to which installation the host belongs."
        return Followed(f"{component.prefix}_realm", "branch", why)

    def counterparts(self, component: Component) -> list[Counterpart]:
        found: dict[str, bool] = {}
        for flow in self.catalog.flows_of(component.name):
            ends = (
                (flow.initiators, flow.responders, flow.needs_responder),
                (flow.responders, flow.initiators, flow.needs_initiator),
            )
            for here, there, needed in ends:
                for name in there if component.name in here else ():
                    found[name] = found.get(name, False) or needed
        return [Counterpart(self.catalog.components[name], needed) for name, needed in sorted(found.items())]


def _example(component: Component, flow: Flow) -> tuple[str, str] | None:
    """A variable that the flow depends on."""
    port = next((one for one in flow.ports if isinstance(one, str)), None)
    if port is not None:
        default = component.ports[port].default
        return component.port_variable(port), str(((default.lowest if default else None) or 5000) + 1)
    if flow.feature is not None:
        return component.feature_variable(flow.feature), str(not component.features[flow.feature].default).lower()
    others = [one for one in component.versions if one != component.default_version]
    return (f"{component.prefix}_version", f'"{others[0]}"') if flow.versions and others else None


def remarks(flow: Flow) -> str:
    """Remarks that are not in the table."""
    parts = [sentence(flow.note)] if flow.note else []
    if flow.platforms:
        parts.append(f"Only if the {flow.decided_by} runs on {' or '.join(platform_names(flow.platforms))}.")
    parts += [f"Questionable, {verdict(one)}: {sentence(one.why)}" for one in flow.doubts]
    return " ".join(parts)


def verdict(doubt: Doubt) -> str:
    which = [one for one in (doubt.protocol, ", ".join(doubt.ports.texts)) if one]
    return f"{doubt.verdict} ({' '.join(which)})" if which else doubt.verdict


def platform_names(platforms: Iterable[str]) -> list[str]:
    return [platform.capitalize() for platform in platforms]


def _names(components: tuple[str, ...]) -> str:
    return codes(components) or "no host"


def _protocol(flow: Flow) -> str:
    text = " and ".join(flow.protocols)
    if flow.casts != ("unicast",):
        text += f", {' and '.join(flow.casts)}"
    if flow.group:
        text += f" ({', '.join(flow.group)})"
    return text


def _versions(flow: Flow, deciders: list[Component], viewer: Component | None) -> str:
    if not flow.versions:
        return "all"
    listed = ", ".join(flow.versions)
    if deciders == [viewer]:
        return listed
    return f"{listed} of {codes(one.name for one in deciders)}"


def _guarded(flow: Flow, direction: Direction | None) -> bool:
    """Outbound, a guard never refuses a flow that is in no document."""
    return flow.exclusive and (direction != "out" or flow.origin == "document")
