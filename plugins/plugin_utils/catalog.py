# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load and check catalogue files: the vendors' tables as data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

try:
    import jsonschema
except ImportError:  # needs.missing() tells it before anything here is called.
    jsonschema = None  # type: ignore[assignment]

from . import ports as port_text
from . import yaml_lines
from .addresses import BadAddress, parse
from .model import (
    SYMBOLIC_PEERS,
    Component,
    Doubt,
    Feature,
    Flow,
    FlowEnd,
    PortSetting,
    Program,
    Row,
    Token,
    Tunnel,
    VendorRule,
)
from .problems import Problems, one_of, shown
from .spans import Spans

BUILT_IN = Path(__file__).parents[2] / "catalog"
WIDEST_GUARD = 64
_PLATFORM_FILE = "platform.yml"


@dataclass(frozen=True)
class Catalog:
    components: Mapping[str, Component]
    flows: Mapping[str, Flow]
    rows: Mapping[str, Row]
    documents: Mapping[str, Mapping[str, Any]]
    evidence: Mapping[str, str]
    products: Mapping[str, str]
    tokens: Mapping[str, Token]
    shared: Mapping[str, Spans]

    def flows_of(self, component: str) -> tuple[Flow, ...]:
        return tuple(flow for flow in self.flows.values() if component in flow.components)

    def spans(self, written: Iterable[str]) -> Spans:
        """Ports of a rule as numbers, a token as all that it may turn out to be."""
        return Spans.of(
            span
            for figure in written
            for span in (
                port_text.spans_of(self.tokens[figure].ports) if figure in self.tokens else (port_text.span_of(figure),)
            )
        )


@dataclass
class _Found:
    """What the files gave so far, with where each name was defined."""

    problems: Problems
    components: dict[str, Component] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)
    places: dict[tuple[str, str], str] = field(default_factory=dict)


def load(own: Iterable[Path], problems: Problems, built_in: Path = BUILT_IN) -> Catalog:
    """The collection's catalogue and the user's own files or folders, as one."""
    tokens, shared = _platform(built_in / _PLATFORM_FILE, problems)
    found = _Found(problems)
    for path in [*_files(built_in, problems), *(file for one in own for file in _files(one, problems))]:
        if path.name != _PLATFORM_FILE:
            _take(path, found)
    catalog = Catalog(
        dict(sorted(found.components.items())),
        dict(sorted(found.flows.items())),
        dict(sorted(found.rows.items())),
        found.documents,
        found.evidence,
        found.products,
        tokens,
        shared,
    )
    _cross_check(catalog, found)
    return catalog


def _files(path: Path, problems: Problems) -> list[Path]:
    try:
        if path.is_dir():
            return sorted(file for file in path.iterdir() if file.suffix in (".yml", ".yaml") and file.is_file())
        if path.is_file():
            return [path]
    except (OSError, ValueError) as error:
        problems.error("portbook_catalogs", str(path), f"cannot be read: {error}", "Give a path that can be read")
        return []
    problems.error(
        "portbook_catalogs", str(path), "is neither a file nor a folder", "Give a catalogue file or a folder of them"
    )
    return []


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((BUILT_IN / "schema.json").read_text(encoding="utf-8"))
    return schema


@cache
def _validator(part: str) -> Any:
    schema = _schema()
    if part:
        schema = {"$schema": schema["$schema"], "$defs": schema["$defs"], **schema["$defs"][part]}
    return jsonschema.Draft202012Validator(schema)


def _read_valid(path: Path, part: str, problems: Problems) -> yaml_lines.Document | None:
    try:
        document = yaml_lines.read(path)
    except yaml_lines.Unreadable as error:
        problems.error(f"{path}:{error.line}", "", f"is no readable YAML: {error}", "Mend the file's syntax")
        return None
    for key_path, line in document.repeated:
        problems.error(
            f"{path}:{line}", _dotted(key_path), "stands twice in this file", "Keep one of the two or rename the other"
        )
    errors = list(_validator(part).iter_errors(document.data))
    for found in errors:
        deepest = _most_telling(found)
        key_path = tuple(deepest.absolute_path)
        problems.error(f"{path}:{document.line(key_path)}", _dotted(key_path), *_in_words(deepest))
    return None if errors else document


def _most_telling(error: Any) -> Any:
    """Of the branches of an anyOf, the one that got furthest."""
    while error.context:
        error = max(error.context, key=lambda inner: (len(inner.absolute_path), inner.validator != "type"))
    return error


def _in_words(error: Any) -> tuple[str, str]:
    value = shown(error.instance)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        extra = sorted(key for key in error.instance if key not in known)
        return f"has the unknown key {', '.join(extra)}", one_of(known, extra[0] if extra else None)
    if error.validator == "required":
        return f"lacks {error.message.split()[0]}", "Add it"
    if error.validator == "enum":
        return f"is {value}", one_of((str(word) for word in error.validator_value), error.instance)
    if error.validator == "const":
        return f"is {value}", f"It must be {error.validator_value!r}"
    if error.validator == "type":
        return f"is {value}", f"It must be of type {error.validator_value}"
    if error.validator == "pattern":
        return f"is {value}", f"It must match {error.validator_value}"
    text = error.message if len(error.message) < 160 else f"does not fit {error.validator}"
    return f"is {value}: {text}" if value not in text else text, "catalog/schema.json has what it may be"


def _dotted(path: Iterable[str | int]) -> str:
    return ".".join(str(step) for step in path)


def _platform(path: Path, problems: Problems) -> tuple[dict[str, Token], dict[str, Spans]]:
    document = _read_valid(path, "platform_file", problems)
    if document is None:
        return {}, {}
    tokens = {
        name: Token(name, raw["protocol"], port_text.figures(raw["ports"]), raw["what"])
        for name, raw in document.data["tokens"].items()
    }
    return tokens, {
        protocol: port_text.spans_of(figures) for protocol, figures in document.data["shared_ports"].items()
    }


def _take(path: Path, found: _Found) -> None:
    document = _read_valid(path, "", found.problems)
    if document is None:
        return
    data = document.data

    def each(section: str, build: Callable[[str, Any], Any], into: dict[str, Any]) -> None:
        for name, raw in data.get(section, {}).items():
            place = f"{path}:{document.line((section, name))}"
            earlier = found.places.setdefault((section, name), place)
            if earlier != place:
                found.problems.error(place, name, f"is already defined in {earlier}", "Give it another name")
                continue
            try:
                into[name] = build(name, raw)
            except (port_text.BadPort, BadAddress) as error:
                found.problems.error(place, name, str(error))

    product: str = data["product"]
    found.products[product] = data["title"]
    rows_of: dict[str, list[str]] = {}
    for row_id, raw in data.get("rows", {}).items():
        for flow in raw.get("flows", ()):
            rows_of.setdefault(flow, []).append(row_id)
    each("components", lambda name, raw: _component(name, product, raw), found.components)
    each("flows", lambda name, raw: _flow(name, product, raw, rows_of.get(name, [])), found.flows)
    each("rows", _row, found.rows)
    each("documents", lambda _name, raw: {**raw, "product": product}, found.documents)
    found.evidence.update({f"{product}:{key}": where for key, where in data.get("evidence", {}).items()})


def _component(name: str, product: str, raw: dict[str, Any]) -> Component:
    versions = raw.get("versions", {})
    return Component(
        name=name,
        product=product,
        title=raw["title"],
        what=raw["what"],
        party=raw.get("party", False),
        platforms=tuple(raw.get("platforms", ())),
        platforms_why=raw.get("platforms_why", ""),
        versions=tuple(versions.get("known", ())),
        default_version=versions.get("default"),
        features={key: Feature(one["default"], one["what"]) for key, one in raw.get("features", {}).items()},
        ports={
            key: PortSetting(
                one["what"],
                None if one.get("default") is None else port_text.figures(one["default"]),
                one.get("next_to"),
            )
            for key, one in raw.get("ports", {}).items()
        },
        programs={
            key: Program(one["what"], one.get("path"), one.get("file")) for key, one in raw.get("programs", {}).items()
        },
        vendor_rules=tuple(VendorRule(one["name"], one["made_by"]) for one in raw.get("vendor_rules", ())),
        tunnel=_tunnel(raw["tunnel"]) if "tunnel" in raw else None,
        note=raw.get("note", ""),
    )


def _tunnel(raw: dict[str, Any]) -> Tunnel:
    for network in raw["networks"]:
        parse(network)
    return Tunnel(tuple(raw["networks"]), tuple(raw["peers"]), raw["what"], raw["carried_by"])


def _flow(name: str, product: str, raw: dict[str, Any], rows: list[str]) -> Flow:
    need = raw["peer"]
    needs = {"responder": need, "initiator": "if_present"} if isinstance(need, str) else need
    for address in raw.get("group", ()):
        parse(address)
    return Flow(
        id=name,
        product=product,
        initiators=tuple(raw["from"]),
        responders=tuple(raw["to"]),
        protocols=_tuple(raw["protocol"]),
        ports=tuple(_flow_port(port) for port in raw["ports"]),
        purpose=raw["purpose"],
        decided_by=raw["decided_by"],
        needs_responder=needs["responder"] == "required",
        needs_initiator=needs["initiator"] == "required",
        exclusive=raw["exclusive"],
        confidence=raw["confidence"],
        source_ports=port_text.figures(raw["source_ports"]) if "source_ports" in raw else (),
        casts=_tuple(raw.get("cast", "unicast")),
        group=tuple(raw.get("group", ())),
        reach=raw.get("reach", "peers"),
        versions=tuple(raw.get("versions", ())),
        feature=raw.get("feature"),
        initiator=FlowEnd(**raw.get("initiator", {})),
        responder=FlowEnd(**raw.get("responder", {})),
        listener=raw.get("listener", "native"),
        container_ports=port_text.figures(raw["container_ports"]) if "container_ports" in raw else (),
        platforms=tuple(raw.get("platforms", ())),
        origin=raw.get("origin", "document"),
        evidence=tuple(raw.get("evidence", ())),
        doubts=tuple(
            Doubt(
                one["verdict"],
                one["why"],
                port_text.figures(one["ports"]) if "ports" in one else (),
                one.get("protocol"),
                tuple(one.get("evidence", ())),
            )
            for one in raw.get("doubts", ())
        ),
        note=raw.get("note", ""),
        rows=tuple(rows),
    )


def _flow_port(written: int | str) -> str:
    if isinstance(written, int) or written[0].isdigit():
        return port_text.text_of(port_text.span_of(written))
    return written


def _tuple(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _row(name: str, raw: dict[str, Any]) -> Row:
    return Row(
        id=name,
        document=raw["document"],
        table=raw["table"],
        printed=raw["printed"],
        became=raw["became"],
        flows=tuple(raw.get("flows", ())),
        errata=tuple(raw.get("errata", ())),
        why=raw.get("why", ""),
    )


def _cross_check(catalog: Catalog, found: _Found) -> None:
    """What a schema cannot see: names that lead nowhere, guards on shared ports."""

    def complain(section: str, name: str, wrong: str, right: str = "") -> None:
        found.problems.error(found.places[section, name], name, wrong, right)

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
        complain("components", component.name, "is a word that rules have for peers of no name", "Give it another name")
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


def _check_flow(flow: Flow, catalog: Catalog, complain: Callable[..., None]) -> None:
    if not flow.deciders:
        complain("flows", flow.id, "is decided by its initiator, which it has not", "Set decided_by: responder")
    deciders = [catalog.components[name] for name in flow.deciders]
    for port in flow.ports:
        if port[0].isdigit() or port in catalog.tokens:
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
        complain("flows", flow.id, "has no initiators and is not exclusive", "A port to keep shut must be exclusive")
    if flow.exclusive:
        _check_guard(flow, deciders, catalog, complain)


def _check_guard(flow: Flow, deciders: list[Component], catalog: Catalog, complain: Callable[..., None]) -> None:
    """Only what is the product's own may be refused to others."""
    for name in flow.responders:
        if catalog.components[name].party:
            complain("flows", flow.id, f"is exclusive at {name}, which is no host of ours", "Set exclusive: false")
    for port in flow.ports:
        if port in catalog.tokens:
            complain("flows", flow.id, f"is exclusive on {port}, which is the platform's", "Set exclusive: false")
            continue
        figures = (
            (port,)
            if port[0].isdigit()
            else next((decider.ports[port].default or () for decider in deciders if port in decider.ports), ())
        )
        spans = port_text.spans_of(figures)
        if len(spans) > WIDEST_GUARD:
            complain(
                "flows", flow.id, f"is exclusive on {port}, more than {WIDEST_GUARD} ports", "Set exclusive: false"
            )
        # 80 and 443 are shared unless the file says otherwise: only its author knows who serves there.
        for protocol in flow.protocols:
            shared = spans & (catalog.shared.get(protocol, Spans()) - Spans.of([(80, 80), (443, 443)]))
            if shared:
                complain(
                    "flows",
                    flow.id,
                    f"is exclusive on {', '.join(port_text.texts(shared))}, which other servers use too",
                    "Set exclusive: false",
                )
