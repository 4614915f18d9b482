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

from ...module_utils.intervals import Spans
from ..net import ports as port_text
from ..net.addresses import BadAddress, parse
from ..net.ports import NO_PORTS, BadPort, PortSet
from ..problems import Problems, one_of, shown
from . import checks as catalog_checks
from . import yaml_lines
from .book import Catalog
from .model import Component, Doubt, Feature, Flow, FlowEnd, PortSetting, Program, Row, Token, Tunnel, VendorRule

_HAS_EACH_KEY = "plugins/plugin_utils/catalog/schema.json has what it may be"
BUILT_IN = Path(__file__).with_name("books")
_PLATFORM_FILE = "platform.yml"


@dataclass
class _Found:
    """What the files gave so far, with where each name was defined."""

    problems: Problems
    tokens: Mapping[str, Token]
    components: dict[str, Component] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)
    places: dict[tuple[str, str], str] = field(default_factory=dict)


def load(own: Iterable[Path], problems: Problems, built_in: Path | None = None) -> Catalog:
    """The collection's own catalogue, or another in its place, and the user's files or folders, as one."""
    shipped = built_in or BUILT_IN
    # Tests hold what is shipped to the schema. Each run would take 0.2 s to do it again.
    checked = built_in is not None
    tokens, shared = _platform(shipped / _PLATFORM_FILE, problems, checked)
    found = _Found(problems, tokens)
    for files, one in [(_files(shipped, problems), checked), *((_files(path, problems), True) for path in own)]:
        for path in files:
            if path.name != _PLATFORM_FILE:
                _take(path, found, one)
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
    catalog_checks.check(catalog, found.places, problems)
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
    schema: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
    return schema


@cache
def _validator(part: str) -> Any:
    # Here, since it takes 0.05 s that only files of users are worth.
    import jsonschema

    schema = _schema()
    return jsonschema.Draft202012Validator(_resolved(schema["$defs"][part] if part else schema, schema["$defs"]))


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """With each definition where it is named: looking them up is three quarters of what validating takes."""
    if isinstance(schema, list):
        return [_resolved(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _resolved(one, definitions) for key, one in schema.items() if key not in ("$defs", "$ref")}
    if "$ref" in schema:
        found = {**_resolved(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions), **found}
    return found


def _read_valid(path: Path, part: str, problems: Problems, checked: bool) -> yaml_lines.Document | None:
    try:
        document = yaml_lines.read(path, known=not checked)
    except yaml_lines.Unreadable as error:
        problems.error(f"{path}:{error.line}", "", f"is not valid YAML: {error}", "Fix the file's syntax")
        return None
    for key_path, line in document.repeated:
        problems.error(
            f"{path}:{line}",
            _dotted(key_path),
            "is defined twice in this file",
            "Keep one of the two or rename the other",
        )
    errors = list(_validator(part).iter_errors(document.data)) if checked else []
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
    return f"is {value}: {text}" if value not in text else text, _HAS_EACH_KEY


def _dotted(path: Iterable[str | int]) -> str:
    return ".".join(str(step) for step in path)


def _platform(path: Path, problems: Problems, checked: bool) -> tuple[dict[str, Token], dict[str, Spans]]:
    document = _read_valid(path, "platform_file", problems, checked)
    if document is None:
        return {}, {}
    tokens: dict[str, Token] = {}
    shared: dict[str, Spans] = {}
    for section in ("tokens", "shared_ports"):
        for name, raw in document.data[section].items():
            try:
                if section == "tokens":
                    tokens[name] = Token(name, raw["protocol"], _ports(raw["ports"]), raw["what"])
                else:
                    shared[name] = _ports(raw).spans
            except BadPort as error:
                problems.error(f"{path}:{document.line((section, name))}", name, str(error))
    return tokens, shared


def _take(path: Path, found: _Found, checked: bool) -> None:
    document = _read_valid(path, "", found.problems, checked)
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
            except (BadPort, BadAddress) as error:
                found.problems.error(place, name, str(error))

    product: str = data["product"]
    found.products[product] = data["title"]
    rows_of: dict[str, list[str]] = {}
    for row_id, raw in data.get("rows", {}).items():
        for flow in raw.get("flows", ()):
            rows_of.setdefault(flow, []).append(row_id)
    each("components", lambda name, raw: _component(name, product, raw), found.components)
    each("flows", lambda name, raw: _flow(name, product, raw, rows_of.get(name, []), found.tokens), found.flows)
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
                None if one.get("default") is None else _ports(one["default"]),
                one.get("next_to"),
            )
            for key, one in raw.get("ports", {}).items()
        },
        programs={
            key: Program(one["what"], one.get("path"), one.get("file")) for key, one in raw.get("programs", {}).items()
        },
        vendor_rules=tuple(
            VendorRule(one["name"], one["made_by"], one.get("group", ""), one.get("remade", False))
            for one in raw.get("vendor_rules", ())
        ),
        tunnel=_tunnel(raw["tunnel"]) if "tunnel" in raw else None,
        note=raw.get("note", ""),
    )


def _tunnel(raw: dict[str, Any]) -> Tunnel:
    for network in raw["networks"]:
        _check_address(network)
    return Tunnel(tuple(raw["networks"]), tuple(raw["peers"]), raw["what"], raw["carried_by"])


def _flow(name: str, product: str, raw: dict[str, Any], rows: list[str], tokens: Mapping[str, Token]) -> Flow:
    need = raw["peer"]
    needs = {"responder": need, "initiator": "if_present"} if isinstance(need, str) else need
    for address in raw.get("group", ()):
        _check_address(address)
    return Flow(
        id=name,
        product=product,
        initiators=tuple(raw["from"]),
        responders=tuple(raw["to"]),
        protocols=_tuple(raw["protocol"]),
        ports=tuple(_flow_port(port, tokens) for port in raw["ports"]),
        purpose=raw["purpose"],
        decided_by=raw["decided_by"],
        needs_responder=needs["responder"] == "required",
        needs_initiator=needs["initiator"] == "required",
        exclusive=raw["exclusive"],
        confidence=raw["confidence"],
        source_ports=_ports(raw["source_ports"]) if "source_ports" in raw else NO_PORTS,
        casts=_tuple(raw.get("cast", "unicast")),
        group=tuple(raw.get("group", ())),
        reach=raw.get("reach", "peers"),
        versions=tuple(raw.get("versions", ())),
        feature=raw.get("feature"),
        initiator=FlowEnd(**raw.get("initiator", {})),
        responder=FlowEnd(**raw.get("responder", {})),
        listener=raw.get("listener", "native"),
        container_ports=_ports(raw["container_ports"]) if "container_ports" in raw else NO_PORTS,
        platforms=tuple(raw.get("platforms", ())),
        origin=raw.get("origin", "document"),
        evidence=tuple(raw.get("evidence", ())),
        doubts=tuple(
            Doubt(
                one["verdict"],
                one["why"],
                _ports(one["ports"]) if "ports" in one else NO_PORTS,
                one.get("protocol"),
                tuple(one.get("evidence", ())),
            )
            for one in raw.get("doubts", ())
        ),
        note=raw.get("note", ""),
        rows=tuple(rows),
    )


def _flow_port(written: int | str, tokens: Mapping[str, Token]) -> PortSet | str:
    if written in tokens:
        return PortSet(tokens=(str(written),))
    # The schema has made sure that it is a figure or a name.
    return written if isinstance(written, str) and written[0].isalpha() else _ports(written)


def _ports(raw: object) -> PortSet:
    try:
        return port_text.parse(raw)
    except BadPort as error:
        raise BadPort(f"has {shown(raw)}, which {error}") from None


def _check_address(raw: str) -> None:
    try:
        parse(raw)
    except BadAddress as error:
        raise BadAddress(f"has {shown(raw)}, which {error}") from None


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
