# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a schema cannot see in catalogues: names that lead nowhere, guards on shared ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...module_utils.intervals import Spans
from ..net.ports import NO_PORTS, PortSet
from ..problems import Problems, one_of
from .book import WIDEST_GUARD, Catalog
from .model import SYMBOLIC_PEERS, Component, Flow


def check(catalog: Catalog, places: Mapping[tuple[str, str], str], problems: Problems) -> None:
    """`places` says where a name of a section was defined."""

    def complain(section: str, name: str, wrong: str, right: str = "") -> None:
        problems.error(places[section, name], name, wrong, right)

    for component in catalog.components.values():
        _check_component(component, catalog, complain)
    for flow in catalog.flows.values():
        unknown = [name for name in flow.components if name not in catalog.components]
        for name in unknown:
            complain("flows", flow.id, f"names the unknown component {name}", one_of(catalog.components, name))
        if not unknown:
            _check_flow(flow, catalog, complain)
    for row in catalog.rows.values():
        for name in row.flows:
            if name not in catalog.flows:
                complain("rows", row.id, f"leads to the unknown flow {name}", one_of(catalog.flows, name))
        if row.document not in catalog.documents:
            complain(
                "rows", row.id, f"is of the unknown document {row.document}", one_of(catalog.documents, row.document)
            )
    for flow in catalog.flows.values():
        for key in {*flow.evidence, *(one for doubt in flow.doubts for one in doubt.evidence)}:
            if f"{flow.product}:{key}" not in catalog.evidence:
                known = [one.partition(":")[2] for one in catalog.evidence if one.startswith(f"{flow.product}:")]
                complain("flows", flow.id, f"names the unknown evidence {key}", one_of(known, key))


def _check_component(component: Component, catalog: Catalog, complain: Callable[..., None]) -> None:
    if component.name in (*SYMBOLIC_PEERS, "nobody"):
        complain("components", component.name, "is a reserved word for peers", "Give it another name")
    if component.versions and component.default_version not in component.versions:
        complain(
            "components",
            component.name,
            f"has the unknown default version {component.default_version}",
            one_of(component.versions),
        )
    for port, setting in component.ports.items():
        if setting.next_to and (setting.next_to not in component.ports or setting.next_to == port):
            complain(
                "components",
                component.name,
                f"has port {port} next to the unknown port {setting.next_to}",
                one_of(component.ports),
            )
        elif _in_a_ring(component, port):
            complain(
                "components",
                component.name,
                f"has port {port} next to itself, by way of others",
                "Give one of them a default",
            )
    if component.tunnel is None:
        return
    for peer in component.tunnel.peers:
        if peer not in catalog.components:
            complain(
                "components",
                component.name,
                f"names the unknown component {peer} in its tunnel",
                one_of(catalog.components, peer),
            )
    if component.tunnel.carried_by not in catalog.flows:
        complain(
            "components",
            component.name,
            f"has a tunnel carried by the unknown flow {component.tunnel.carried_by}",
            one_of(
                (name for name in catalog.flows if name.startswith(f"{component.product}.")),
                component.tunnel.carried_by,
            ),
        )


def _in_a_ring(component: Component, port: str) -> bool:
    passed: set[str] = set()
    below = component.ports[port].next_to
    while below and below in component.ports and below not in passed:
        passed.add(below)
        below = component.ports[below].next_to
    return port in passed


def _check_flow(flow: Flow, catalog: Catalog, complain: Callable[..., None]) -> None:
    if not flow.deciders:
        complain("flows", flow.id, "is decided by its initiator, but has no initiator", "Set decided_by: responder")
    deciders = [catalog.components[name] for name in flow.deciders]
    for port in flow.ports:
        if isinstance(port, PortSet):
            continue
        for decider in deciders:
            if port not in decider.ports:
                complain(
                    "flows",
                    flow.id,
                    f"uses port {port}, which {decider.name} does not define",
                    one_of([*decider.ports, *catalog.tokens], port),
                )
    for decider in deciders:
        if flow.feature and flow.feature not in decider.features:
            complain(
                "flows",
                flow.id,
                f"uses feature {flow.feature}, which {decider.name} does not define",
                one_of(decider.features, flow.feature),
            )
        for version in flow.versions:
            if version not in decider.versions:
                complain(
                    "flows",
                    flow.id,
                    f"is of version {version}, which {decider.name} does not know",
                    one_of(decider.versions),
                )
    for end, names in ((flow.initiator, flow.initiators), (flow.responder, flow.responders)):
        for name in names:
            if end.program and end.program not in catalog.components[name].programs:
                complain(
                    "flows",
                    flow.id,
                    f"uses program {end.program}, which {name} does not define",
                    one_of(catalog.components[name].programs, end.program),
                )
    if "multicast" in flow.casts and not flow.group:
        complain("flows", flow.id, "is multicast without a group", "Name the group's addresses under group")
    if not flow.initiators and not flow.exclusive:
        complain("flows", flow.id, "has no initiators and is not exclusive", "A blocked port must be exclusive: true")
    if flow.exclusive:
        _check_guard(flow, deciders, catalog, complain)


def _check_guard(flow: Flow, deciders: list[Component], catalog: Catalog, complain: Callable[..., None]) -> None:
    """Only what is the product's own may be refused to others."""
    for name in flow.responders:
        if catalog.components[name].party:
            complain(
                "flows", flow.id, f"is exclusive at {name}, which is not a host with rules", "Set exclusive: false"
            )
    for port in flow.ports:
        ports = port if isinstance(port, PortSet) else _default(port, deciders)
        if ports.tokens:
            complain("flows", flow.id, f"is exclusive on {port}, which is the platform's", "Set exclusive: false")
            continue
        if len(ports.spans) > WIDEST_GUARD:
            complain(
                "flows", flow.id, f"is exclusive on {port}, more than {WIDEST_GUARD} ports", "Set exclusive: false"
            )
        # 80 and 443 are shared unless the file says otherwise: only its author knows who serves there.
        for protocol in flow.protocols:
            shared = ports.spans & (catalog.shared.get(protocol, Spans()) - Spans.of([(80, 80), (443, 443)]))
            if shared:
                complain(
                    "flows",
                    flow.id,
                    f"is exclusive on {', '.join(PortSet(shared).texts)}, which other servers use too",
                    "Set exclusive: false",
                )


def _default(port: str, deciders: list[Component]) -> PortSet:
    found = (decider.ports[port].default for decider in deciders if port in decider.ports)
    return next(found, None) or NO_PORTS
