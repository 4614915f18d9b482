# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files the catalogue gives, and the text of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog
from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.model import Component, Flow, Row

from . import text, variable_words
from .flow_words import FlowWords, platform_names, verdict

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
_OF_ROLE = ("README.md", "defaults/main.yml", "tasks/main.yml", "meta/main.yml", "meta/argument_specs.yml")
_NO_FLOW = "not_a_flow"


@dataclass(frozen=True)
class Product:
    """All that the catalogue knows of one product."""

    name: str
    title: str
    documents: Mapping[str, Mapping[str, Any]]
    evidence: Mapping[str, str]
    roles: tuple[Component, ...]
    parties: tuple[Component, ...]
    documented: tuple[Flow, ...]
    added: tuple[Flow, ...]
    rows: tuple[Row, ...]

    @property
    def components(self) -> tuple[Component, ...]:
        return (*self.roles, *self.parties)

    @property
    def flows(self) -> tuple[Flow, ...]:
        return (*self.documented, *self.added)


def render(catalog: Catalog, mark: str) -> dict[str, str]:
    """Path below the checkout to text."""
    templates = _environment(catalog, mark)
    products = [_product(catalog, name) for name in sorted(catalog.products)]
    of_host = {"options": variable_words.options_of_host()}
    files = {
        "docs/variables.md": templates.get_template("variables.md.j2").render(products=products),
        "roles/host/defaults/main.yml": templates.get_template("role/defaults/main.yml.j2").render(of_host),
        "roles/host/meta/argument_specs.yml": templates.get_template("host_argument_specs.yml.j2").render(of_host),
    }
    for product in products:
        page = templates.get_template("product.md.j2").render(product=product)
        files[f"docs/products/{product.name}.md"] = page
        for component in product.roles:
            files.update(_role(templates, component, product))
    return {path: text.tidy(written) for path, written in files.items()}


def _role(templates: jinja2.Environment, component: Component, product: Product) -> dict[str, str]:
    return {
        f"roles/{component.name}/{name}": templates.get_template(f"role/{name}.j2").render(
            component=component,
            product=product,
            options=variable_words.options_of(component),
        )
        for name in _OF_ROLE
    }


def _product(catalog: Catalog, name: str) -> Product:
    components = [one for one in catalog.components.values() if one.product == name]
    flows = [one for one in catalog.flows.values() if one.product == name]
    documents = {key: one for key, one in catalog.documents.items() if one["product"] == name}
    rows = [one for one in catalog.rows.values() if one.document in documents]
    prefix = f"{name}:"
    return Product(
        name=name,
        title=catalog.products[name],
        documents=documents,
        evidence={
            key.removeprefix(prefix): where for key, where in sorted(catalog.evidence.items()) if key.startswith(prefix)
        },
        roles=tuple(one for one in components if not one.party),
        parties=tuple(one for one in components if one.party),
        documented=tuple(one for one in flows if one.origin == "document"),
        added=tuple(one for one in flows if one.origin != "document"),
        rows=tuple(sorted(rows, key=lambda one: text.natural(one.id))),
    )


def _environment(catalog: Catalog, mark: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters.update(
        cell=text.cell,
        code=text.code,
        codes=text.codes,
        paragraph=text.paragraph,
        bullet=text.bullet,
        sentence=text.sentence,
        scalar=text.scalar,
        folded=text.folded,
        commented=text.commented,
        verdict=verdict,
        platforms=platform_names,
        printed=_printed,
        became=_became,
    )
    environment.globals.update(
        mark=mark,
        options_note=variable_words.OPTIONS_NOTE,
        defaults_note=variable_words.DEFAULTS_NOTE,
        words=FlowWords(catalog),
        variables_of=variable_words.lines_of,
        own_variables_of=variable_words.own_lines_of,
        global_variables=variable_words.global_lines,
    )
    return environment


def _printed(row: Row) -> str:
    return ", ".join(f"{key} {text.code(figure)}" for key, figure in row.printed.items())


def _became(row: Row) -> str:
    """The flows that a row leads to, or why it leads to none."""
    if row.became == _NO_FLOW:
        return f"no flow: {row.why}"
    became = f"{row.became}: {text.codes(row.flows)}"
    return f"{became}; {row.why}" if row.why else became
