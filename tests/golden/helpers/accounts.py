# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the vendors' rows is not accounted for, as sentences; an empty list is a clean book."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from golden.helpers.book import Book

ROWS, FLOWS = 136, 90
"""Of these documents together, as they were counted by hand."""
COUNTED = frozenset({"2pxe", "stifler", "utmstack", "netwrix"})
VENDOR_ROWS = Path(__file__).resolve().parents[4] / "shared" / "reference" / "vendor-rows.json"
"""The same rows as somebody else wrote them down, beside the checkout if at all."""


def counts(book: Book) -> list[str]:
    """Rows and flows of each document, against the numbers kept in the catalogue."""
    wrong = []
    totals = [0, 0]
    for name, document in book.documents.items():
        rows = [row for row in book.rows.values() if row["document"] == name]
        flows = {flow for row in rows for flow in row.get("flows", [])}
        for what, found, kept in (("rows", rows, document["rows"]), ("flows", flows, document["flows"])):
            if len(found) != kept:
                wrong.append(f"{name} has {len(found)} {what}, the catalogue keeps {kept}")
        if name in COUNTED:
            totals = [totals[0] + document["rows"], totals[1] + document["flows"]]
    if totals != [ROWS, FLOWS]:
        wrong.append(f"the documents keep {totals[0]} rows and {totals[1]} flows, not {ROWS} and {FLOWS}")
    return wrong


def vendor_rows(path: Path = VENDOR_ROWS) -> dict[str, set[str]] | None:
    """Row id to its flows, if the file is there."""
    if not path.is_file():
        return None
    return {row["row"]: set(row["flow_ids"]) for row in json.loads(path.read_text(encoding="utf-8"))}


def compared(book: Book, theirs: Mapping[str, set[str]]) -> list[str]:
    """In both directions: no row without a counterpart, none that leads elsewhere."""
    ours = {name: set(row.get("flows", [])) for name, row in book.rows.items() if row["document"] in COUNTED}
    wrong = [f"{name} is not in the catalogue" for name in sorted(set(theirs) - set(ours))]
    wrong += [f"{name} is in no document" for name in sorted(set(ours) - set(theirs))]
    for name in sorted(set(ours) & set(theirs)):
        if ours[name] != theirs[name]:
            wrong.append(f"{name} leads to {sorted(ours[name])}, not to {sorted(theirs[name])}")
    return wrong


def locators(book: Book) -> list[str]:
    """A row can be found in its document, and says what is printed there."""
    wrong = []
    for file, data in book.files.items():
        for name, row in data.get("rows", {}).items():
            if row.get("document") not in data["documents"]:
                wrong.append(f"{name} is of no document of {file}")
            if not str(row.get("table", "")).strip():
                wrong.append(f"{name} names no table")
            printed = row.get("printed") or {}
            if not printed or not all(str(text).strip() for text in printed.values()):
                wrong.append(f"{name} has no printed figures")
    names = [name for data in book.files.values() for name in data.get("rows", {})]
    wrong += [f"{name} stands in two files" for name in set(names) if names.count(name) > 1]
    return wrong


def fates(book: Book) -> list[str]:
    """Each row became something: a flow that exists, or nothing for a reason."""
    wrong = []
    first: dict[str, str] = {}
    for name, row in book.rows.items():
        flows = row.get("flows", [])
        if (row["became"] == "not_a_flow") == bool(flows):
            wrong.append(f"{name} became {row['became']} and leads to {flows}")
        if row["became"] in ("not_a_flow", "reply") and not row.get("why", "").strip():
            wrong.append(f"{name} became {row['became']} without a reason")
        wrong += [f"{name} leads to the unknown flow {flow}" for flow in flows if flow not in book.flows]
        if row["became"] == "flow":
            for flow in flows:
                if first.setdefault(flow, name) != name:
                    wrong.append(f"{name} and {first[flow]} both state {flow} first")
    wrong += [
        f"no row states {name} first"
        for name, flow in book.flows.items()
        if flow.get("origin", "document") == "document" and name not in first
    ]
    return wrong


def origins(book: Book) -> list[str]:
    """What a document asks for has a row; what none asks for has none."""
    with_rows = {flow for row in book.rows.values() for flow in row.get("flows", [])}
    wrong = []
    for name, flow in book.flows.items():
        origin = flow.get("origin", "document")
        if origin == "document" and name not in with_rows:
            wrong.append(f"{name} is of a document but of no row")
        if origin == "evidence" and name in with_rows:
            wrong.append(f"{name} is our addition but has a row")
    return wrong


def additions(book: Book) -> list[str]:
    """Ours are off unless a variable asks for them, but for versions that no document here speaks of."""
    wrong = []
    for data in book.files.values():
        printed = {document.get("version") for document in data["documents"].values()}
        for name, flow in data["flows"].items():
            if flow.get("origin", "document") == "document" or not _on_by_default(book, flow):
                continue
            if not set(flow.get("versions", printed)) & printed:
                continue
            wrong.append(f"{name} is our addition and on by default")
    return wrong


def _on_by_default(book: Book, flow: Mapping[str, Any]) -> bool:
    """At any of those who decide."""
    deciders = flow["from"] if flow["decided_by"] == "initiator" else flow["to"]
    feature = flow.get("feature")
    return not feature or any(book.components[one]["features"][feature]["default"] for one in deciders)


def errata(book: Book) -> list[str]:
    """A mistake shows what is printed and what we make of it, which are not the same."""
    return [
        f"{name} prints and generates {erratum['printed']}"
        for name, row in book.rows.items()
        for erratum in row.get("errata", [])
        if str(erratum["printed"]).strip() == str(erratum["generated"]).strip()
    ]
