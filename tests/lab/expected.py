# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packets a scenario of Molecule should see pass: by the demo's own reading of the catalogue, not the planner's.

    python -m lab.expected LAB-INVENTORY SCENARIO-INVENTORY [--published]

prints who sends what, whom it reaches and whether it should, as JSON. Both inventories are read as plain YAML: a
scenario's has groups of hosts with plain values, nothing more.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from golden.helpers import book as books
from golden.helpers import table
from golden.helpers.network import Node

from demo.expected import Permit, Truth
from lab.network import is_v6

OTHER_PORT = 12345
"""Of no flow."""
_MANAGEMENT = ("tcp", 22)


@dataclass
class Host:
    name: str
    addresses: list[str]
    machine: bool
    components: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)

    @property
    def posture(self) -> str:
        return str(self.variables.get("portbook_posture", "guard"))

    def subnet(self) -> str:
        return self.addresses[0].rpartition(".")[0]


@dataclass(frozen=True)
class Allowed:
    """A permit, with the source ports that its flow is bound to."""

    permit: Permit
    source_ports: tuple[int, ...]


def hosts(lab: dict[str, Any], scenario: dict[str, Any], components: set[str]) -> dict[str, Host]:
    children = lab["all"]["children"]
    found = {
        name: Host(name, [str(one) for one in variables["portbook_addresses"]], group == "machines")
        for group in ("machines", "outside")
        for name, variables in children[group]["hosts"].items()
    }
    everywhere = scenario["all"].get("vars", {})
    for host in found.values():
        host.variables.update(everywhere)
    for group, content in scenario["all"].get("children", {}).items():
        for name, variables in (content.get("hosts") or {}).items():
            found[name].variables.update({**content.get("vars", {}), **(variables or {})})
            if group in components:
                found[name].components.append(group)
    return found


def nodes(book: books.Book, known: dict[str, Host]) -> list[Node]:
    return [_node(book.components[one], one, host) for host in known.values() for one in host.components]


def _node(raw: dict[str, Any], component: str, host: Host) -> Node:
    prefix = f"portbook_{component}" if raw.get("party") else component

    def value(name: str, default: Any) -> Any:
        return host.variables.get(f"{prefix}_{name}", default)

    named = {name: value("port" if name == "main" else f"{name}_port", None) for name in raw.get("ports", {})}
    version = raw.get("versions", {}).get("default")
    return Node(
        host.name,
        component,
        host.addresses[0],
        "linux",
        raw.get("party", False),
        None if version is None else str(value("version", version)),
        {name: bool(value(name, one["default"])) for name, one in raw.get("features", {}).items()},
        ports={name: int(port) for name, port in named.items() if port is not None},
        networks=tuple(host.addresses),
    )


def permitted(book: books.Book, known: dict[str, Host]) -> dict[str, list[Allowed]]:
    """Of each machine, what may come in."""
    truth = Truth(book)
    every = nodes(book, known)
    found: dict[str, list[Allowed]] = {one.name: [] for one in known.values() if one.machine}
    for node, name, ports in table.kept_shut(book, every, strict=False):
        if node.name in found:
            found[node.name].append(Allowed(truth.permit(name, ports, ()), ()))
    for talk in table.talks(book, every, strict=False):
        here = talk.responder.name
        if here in found and talk.initiator.name != here:
            networks = table.reached(book, talk, talk.responder)
            permit = truth.permit(talk.flow, dict(talk.ports), networks)
            found[here].append(Allowed(permit, tuple(book.flows[talk.flow].get("source_ports", ()))))
    return found


def lets_in(host: Host, every: list[Allowed], way: tuple[str, str, int, int]) -> bool:
    source, protocol, port, source_port = way
    here = [one for one in every if one.permit.covers(protocol, port)]
    if any(
        "unicast" in one.permit.casts
        and one.permit.has(source)
        and (not one.source_ports or source_port in one.source_ports)
        for one in here
    ):
        return True
    if host.posture == "strict" or host.variables.get("lab_drops"):
        return False
    return host.posture in ("open", "watch") or not any(one.permit.guarded for one in here)


def tried(every: list[Allowed]) -> set[tuple[str, int, int]]:
    """Protocol, port and source port; both ends of each range, and a port of no flow."""
    found = {(protocol, OTHER_PORT, 0) for protocol in ("tcp", "udp")}
    for one in every:
        for protocol in one.permit.protocols:
            for span in one.permit.spans:
                for source_port in {0, *one.source_ports[:1]}:
                    found |= {(protocol, port, source_port) for port in span}
    return {one for one in found if one[:2] != _MANAGEMENT}


def ways(book: books.Book, known: dict[str, Host]) -> Iterator[dict[str, Any]]:
    allowed = permitted(book, known)
    for target in (one for one in known.values() if one.machine and one.components):
        every = allowed[target.name]
        for sender in known.values():
            # Of a subnet whose machine is not meant, packets come as a stranger's.
            if sender is target or (sender.name.startswith("near_") and sender.subnet() != target.subnet()):
                continue
            for source in sender.addresses:
                reached = [one for one in target.addresses if is_v6(one) == is_v6(source)]
                for protocol, port, source_port in sorted(tried(every)):
                    passes = lets_in(target, every, (source, protocol, port, source_port))
                    for address in reached[:1]:
                        yield {
                            "by": sender.name,
                            "to": target.name,
                            "flows": [one.permit.flow for one in every if one.permit.covers(protocol, port)],
                            "way": [source, address, protocol, port, source_port, passes],
                        }


def question(lab: dict[str, Any], scenario: dict[str, Any], folder: Path, published: bool = False) -> dict[str, Any]:
    """The catalogues of the scenario are named from its folder. `published`: by Docker, on IPv4 alone."""
    folders = [folder / one for one in scenario["all"].get("vars", {}).get("portbook_catalogs", [])]
    book = books.read(books.FOLDER, *folders)
    known = hosts(lab, scenario, set(book.components))
    every = list(ways(book, known))
    if published:
        every = [one for one in every if one["flows"] and not is_v6(one["way"][0])]
    if not any(one["way"][-1] for one in every) or all(one["way"][-1] for one in every):
        raise SystemExit("nothing would pass, or everything: such packets prove nothing. Look at the scenario's hosts")
    listen: dict[str, dict[str, list[int]]] = {}
    for one in every:
        ports = listen.setdefault(one["to"], {"tcp": [], "udp": []})[one["way"][2]]
        if one["way"][3] not in ports:
            ports.append(one["way"][3])
    flows = {flow for one in every if one["way"][-1] for flow in one["flows"]}
    return {"ways": every, "listen": listen, "flows": sorted(flows)}


def main() -> int:
    lab, scenario = (yaml.safe_load(Path(one).read_text(encoding="utf-8")) for one in sys.argv[1:3])
    print(json.dumps(question(lab, scenario, Path(sys.argv[2]).parent, "--published" in sys.argv[3:])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
