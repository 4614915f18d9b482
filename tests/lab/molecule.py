# SPDX-License-Identifier: GPL-3.0-or-later
"""What Molecule's create and destroy do: machines by PORTBOOK_LAB, and the inventory that leads to them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import yaml
from demo.namespaces import LabError as NoSpaces

from lab import network, roots, spaces, standing, widened

FOLDER = roots.CHECKOUT / "build" / "molecule"
MACHINES = ("one", "two", "three")
LAB, INVENTORY = "PORTBOOK_LAB", "PORTBOOK_LAB_INVENTORY"
NETNS, NSPAWN, NONE = "netns", "nspawn", "none"
ROOT = "firewalld"
"""A feature of the machines' root, off until a scenario switches it on."""


def up(lab: str) -> str:
    if lab == NONE:
        given = os.environ.get(INVENTORY, "")
        if not Path(given).is_file():
            raise standing.LabError(
                f"{LAB}=none: {INVENTORY} names {given or 'no file'}. Name your inventory with the groups machines and outside"
            )
        return f"Your own machines, as {given} has them"
    down(lab)
    if lab == NETNS:
        hosts = _of_spaces(spaces.up(MACHINES, FOLDER))
    elif lab == NSPAWN:
        standing.up([standing.Asked.read(f"{name}={roots.SUITE}+{ROOT}") for name in MACHINES], FOLDER)
        hosts = _of_machines()
    else:
        raise standing.LabError(f"{LAB}={lab}: there are {NETNS}, {NSPAWN} and {NONE}")
    widened.write(FOLDER / "catalog")
    (FOLDER / "hosts.yml").write_text(yaml.safe_dump(hosts, sort_keys=False))
    return f"Up: {', '.join(MACHINES)}"


def down(lab: str) -> str:
    """Also what another lab than the one that is asked for has left here."""
    if lab == NONE:
        return "Your own machines stay as they are"
    spaces.down(FOLDER)
    standing.down(FOLDER)
    return "Down"


def _of_spaces(interpreters: dict[str, str]) -> dict[str, Any]:
    def reached(name: str) -> dict[str, Any]:
        return {"ansible_connection": "local", "ansible_python_interpreter": interpreters[name]}

    machines = {name: reached(name) | _addresses(name) for name in MACHINES}
    return _inventory(machines, reached("outside"), reached(network.ROUTER), [])


def _of_machines() -> dict[str, Any]:
    (written,) = yaml.safe_load((FOLDER / standing.INVENTORY).read_text()).values()
    machines = {name: written["hosts"][name] | _addresses(name) for name in MACHINES}
    places = {}
    for name, words in (("outside", ""), (network.ROUTER, f"ip netns exec {network.ROUTER} ")):
        script = FOLDER / f"python-{name}"
        script.write_text(f'#!/bin/sh\nexec {FOLDER / "outside"} {words}{sys.executable} "$@"\n')
        script.chmod(0o755)
        places[name] = {"ansible_connection": "local", "ansible_python_interpreter": str(script)}
    return _inventory(machines, places["outside"], places[network.ROUTER], ["systemd", "ssh"])


def _addresses(name: str) -> dict[str, Any]:
    return {"portbook_addresses": list(network.of_machine(MACHINES.index(name) + 1))}


def _inventory(
    machines: dict[str, Any], outside: dict[str, Any], router: dict[str, Any], has: list[str]
) -> dict[str, Any]:
    places = {
        "peer": outside | {"portbook_addresses": [network.PEER, network.PEER6]},
        "stranger": outside | {"portbook_addresses": [network.STRANGER, network.STRANGER6]},
    }
    near = {}
    for number, name in enumerate(MACHINES, 1):
        # IPv4 alone: what is a local subnet of IPv6 is the machine's to know.
        near[f"near_{name}"] = router | {"portbook_addresses": [network.neighbour_of(number)[0]]}
    children = {"machines": {"hosts": machines}, "outside": {"hosts": places | near}}
    return {"all": {"vars": {"lab_has": has, "lab_folder": str(FOLDER)}, "children": children}}


def main() -> int:
    lab = os.environ.get(LAB) or NETNS
    try:
        print({"up": up, "down": down}[sys.argv[1]](lab))
    except (standing.LabError, NoSpaces) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
