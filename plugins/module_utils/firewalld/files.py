# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This collection's part as files of firewalld's permanent configuration: written, and read as firewalld or an
administrator left them. Pure."""

from __future__ import annotations

import re
from typing import Dict, Iterable, List, Tuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from .objects import (
    FROM,
    INET,
    MADE_BY,
    POLICY,
    PRIORITY,
    TARGET,
    TO,
    Openings,
    Peers,
    Rich,
    Service,
    frame,
    ours,
)

POLICY_FILE = f"policies/{POLICY}.xml"
FOLDERS = ("policies", "ipsets", "services")
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
_VALUE = re.compile(r'(\w+ \w+)="([^"]*)"')
_KNOWN = {"short", "description", "version"}


def is_ours(path: str) -> bool:
    """By its path below firewalld's folder."""
    folder, _slash, name = path.partition("/")
    return path == POLICY_FILE or (folder in ("ipsets", "services") and ours(name) and name.endswith(".xml"))


def written(openings: Openings) -> Dict[str, str]:
    found = {f"ipsets/{one.name}.xml": _ipset(one) for one in openings.ipsets}
    found.update({f"services/{one.name}.xml": _service(one) for one in openings.services})
    if openings.frame:
        found[POLICY_FILE] = _policy(openings.rules)
    return found


def _policy(rules: Iterable[str]) -> str:
    lines = [f'<policy priority="{PRIORITY}" target="{TARGET}">', f"  <description>{escape(MADE_BY)}</description>"]
    lines += [f"  <ingress-zone name={quoteattr(one)}/>" for one in FROM]
    lines += [f"  <egress-zone name={quoteattr(one)}/>" for one in TO]
    for rule in sorted(rules):
        lines += _rule(parsed(rule))
    return _text([*lines, "</policy>"])


def _rule(rule: Rich) -> List[str]:
    family = f' family="{rule.family}"' if rule.family else ""
    inner = [f"    <{tag} {name}={quoteattr(value)}/>" for tag, name, value in _parts(rule)]
    return [f"  <rule{family}>", *inner, "    <accept/>", "  </rule>"]


def _parts(rule: Rich) -> List[Tuple[str, str, str]]:
    every = (
        ("source", "ipset", rule.ipset),
        ("destination", "address", rule.destination),
        ("service", "name", rule.service),
        ("protocol", "value", rule.protocol),
    )
    return [one for one in every if one[2]]


def parsed(rule: str) -> Rich:
    """A rule that we have written."""
    values = dict(_VALUE.findall(rule))
    return Rich(
        values.get("rule family", ""),
        values.get("source ipset", ""),
        values.get("destination address", ""),
        values.get("service name", ""),
        values.get("protocol value", ""),
    )


def _ipset(one: Peers) -> str:
    return _text(
        [
            '<ipset type="hash:net">',
            f"  <short>{escape(one.what)}</short>",
            f"  <description>{escape(MADE_BY)}</description>",
            f'  <option name="family" value="{INET[one.family]}"/>',
            *(f"  <entry>{escape(entry)}</entry>" for entry in sorted(one.entries)),
            "</ipset>",
        ]
    )


def _service(one: Service) -> str:
    ports = sorted(one.ports)
    return _text(
        [
            "<service>",
            f"  <short>{escape(one.name)}</short>",
            f"  <description>{escape(MADE_BY)}</description>",
            *(f"  <port port={quoteattr(port)} protocol={quoteattr(protocol)}/>" for port, protocol in ports),
            "</service>",
        ]
    )


def _text(lines: Iterable[str]) -> str:
    return "\n".join([_DECLARATION, *lines, ""])


def read(files: Dict[str, str]) -> Openings:
    """What is not as we write it is not of this collection, so that a run finds a difference."""
    rules: Tuple[str, ...] = ()
    found_frame, ipsets, services = "", [], []
    for path, text in files.items():
        name = path.rpartition("/")[2][: -len(".xml")]
        try:
            root = ElementTree.fromstring(text)
        except ElementTree.ParseError:
            root = ElementTree.Element("damaged")
        if path == POLICY_FILE:
            rules, found_frame = _read_policy(root)
        elif path.startswith("ipsets/"):
            ipsets.append(_read_ipset(name, root))
        else:
            services.append(_read_service(name, root))
    return Openings(frozenset(rules), frozenset(ipsets), frozenset(services), found_frame)


def _read_policy(root: ElementTree.Element) -> Tuple[Tuple[str, ...], str]:
    others = [one.tag for one in root if one.tag not in {*_KNOWN, "rule", "ingress-zone", "egress-zone"}]
    priority = root.get("priority", "-1")
    found = frame(
        int(priority) if priority.lstrip("-").isdigit() else 0,
        root.get("target", "CONTINUE" if root.tag == "policy" else root.tag),
        (one.get("name", "") for one in root.findall("ingress-zone")),
        (one.get("name", "") for one in root.findall("egress-zone")),
        others,
    )
    return tuple(_read_rule(one) for one in root.findall("rule")), found


def _read_rule(rule: ElementTree.Element) -> str:
    values = {one.tag: dict(one.attrib) for one in rule}
    made = Rich(
        rule.get("family", ""),
        values.get("source", {}).get("ipset", ""),
        values.get("destination", {}).get("address", ""),
        values.get("service", {}).get("name", ""),
        values.get("protocol", {}).get("value", ""),
    )
    family = {"family": made.family} if made.family else {}
    mine: Dict[str, Dict[str, str]] = {tag: {name: value} for tag, name, value in _parts(made)}
    same = rule.attrib == family and values == {**mine, "accept": {}}
    plain = same and len(rule) == len(values) and not any(len(one) for one in rule)
    return made.text() if plain else ElementTree.tostring(rule, encoding="unicode")


def _read_ipset(name: str, root: ElementTree.Element) -> Peers:
    options = {one.get("name"): one.get("value", "") for one in root.findall("option")}
    families = {value: key for key, value in INET.items()}
    plain = root.tag == "ipset" and root.get("type") == "hash:net" and set(options) <= {"family"}
    family = families.get(options.get("family", "inet"), "") if plain else ""
    entries = frozenset(str(one.text or "").strip() for one in root.findall("entry"))
    return Peers(name, family, entries, root.findtext("short", ""))


def _read_service(name: str, root: ElementTree.Element) -> Service:
    ports = {(one.get("port", ""), one.get("protocol", "")) for one in root.findall("port")}
    ports |= {(one.tag, "") for one in root if one.tag not in {*_KNOWN, "port"}}
    return Service(name, frozenset(ports))
