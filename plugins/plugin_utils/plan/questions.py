# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to the port book that need no hosts: which flows has a component."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..catalog.book import Catalog
from ..catalog.model import Component, Direction, Flow
from ..inventory.settings import HostSettings
from ..inventory.values import Wrong, boolean
from ..net.ports import PortSet
from ..problems import Problems, one_of, shown
from .terms import TermsReader


@dataclass(frozen=True)
class Question:
    component: str
    direction: str | None = None
    peer: str | None = None
    version: str | None = None
    features: Mapping[str, Any] = field(default_factory=dict)


def ask(catalog: Catalog, question: Question, problems: Problems) -> list[dict[str, Any]]:
    where = "lookup portbook.firewall.flows"
    for what, name in (("component", question.component), ("peer", question.peer)):
        if name is not None and name not in catalog.components:
            problems.error(
                where, what, f"is {shown(name)}, which is not a known component", one_of(catalog.components, name)
            )
    if question.direction not in (None, "in", "out"):
        problems.error(where, "direction", f"is {shown(question.direction)}", one_of(("in", "out"), question.direction))
    if problems.errors:
        return []
    flows = catalog.flows_of(question.component)
    deciders = {name: catalog.components[name] for flow in flows for name in flow.deciders}
    settings = _settings(deciders, question, problems, where)
    return [] if problems.errors else list(_answers(catalog, flows, question, settings))


def _settings(deciders: Mapping[str, Component], question: Question, problems: Problems, where: str) -> HostSettings:
    """As if a host's variables said what the question says."""
    versions = {}
    if question.version is not None:
        versions = {name: question.version for name, one in deciders.items() if question.version in one.versions}
        if not versions:
            known = sorted({version for one in deciders.values() for version in one.versions})
            problems.error(
                where, "version", f"is {shown(question.version)}", f"Valid versions: {', '.join(known) or 'none'}"
            )
    features = {}
    for feature, value in question.features.items():
        having = [name for name, one in deciders.items() if feature in one.features]
        if not having:
            known = sorted({name for one in deciders.values() for name in one.features})
            problems.error(
                where, "features", f"names {shown(feature)}, which is not a known feature", one_of(known, feature)
            )
        try:
            features.update({(name, feature): boolean(value) for name in having})
        except Wrong as wrong:
            problems.error(where, f"features.{feature}", wrong.wrong, wrong.right)
    return HostSettings(versions=versions, features=features)


def _answers(
    catalog: Catalog, flows: tuple[Flow, ...], question: Question, settings: HostSettings
) -> Iterator[dict[str, Any]]:
    reader = TermsReader(catalog, strict_evidence=False)
    for flow in flows:
        ends: tuple[tuple[Direction, tuple[str, ...], tuple[str, ...]], ...] = (
            ("in", flow.responders, flow.initiators),
            ("out", flow.initiators, flow.responders),
        )
        for direction, here, there in ends:
            if question.component not in here or question.direction not in (None, direction):
                continue
            if question.peer is not None and question.peer not in there:
                continue
            terms = [reader.of(flow, name, settings) for name in flow.deciders]
            on = next((one for one in terms if one.ports and not one.off and not one.other_version), None)
            for protocol, ports in on.ports if on else ():
                yield _answer(flow, question.component, direction, there, protocol, ports)


def _answer(
    flow: Flow, component: str, direction: Direction, there: tuple[str, ...], protocol: str, ports: PortSet
) -> dict[str, Any]:
    return {
        "flow": flow.id,
        "component": component,
        "direction": direction,
        "peers": list(there),
        "protocol": protocol,
        "ports": list(ports.texts),
        "source_ports": list(flow.source_ports.texts),
        "casts": list(flow.casts),
        "purpose": flow.purpose,
        "confidence": flow.confidence,
        "doubts": [f"{one.verdict}: {one.why}" for one in flow.doubts if one.protocol in (None, protocol)],
        "rows": list(flow.rows),
    }
