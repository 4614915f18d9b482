# SPDX-License-Identifier: GPL-3.0-or-later
"""`make lab`, `make lab-down`, and what is done in a lab that is up."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lab import network, roots, standing
from lab.machine import Machine


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab", description="Real machines with systemd, each in its network.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--folder", type=Path, default=standing.FOLDER, help="of its inventory, key and scripts")
    what = parser.add_subparsers(dest="what", required=True)
    up = what.add_parser("up", parents=[common], help="raise machines")
    up.add_argument(
        "machines",
        nargs="*",
        metavar="NAME[=SUITE[+FEATURE]]",
        help=f"siem and probe by default; suites: {', '.join(roots.SUITES)}; features: {', '.join(roots.FEATURES)}",
    )
    what.add_parser("down", parents=[common], help="take them down")
    listen = what.add_parser("listen", parents=[common], help="answer on these ports of a machine")
    listen.add_argument("machine")
    listen.add_argument("ports", nargs="+", type=int)
    reach = what.add_parser("reach", parents=[common], help="try a port of a machine, where something listens")
    reach.add_argument("source", help="an address outside, or the machine's neighbour")
    reach.add_argument("machine")
    reach.add_argument("ports", nargs="+", type=int)
    given = parser.parse_args()
    try:
        return _do(given, given.folder.resolve())
    except standing.LabError as error:
        print(error, file=sys.stderr)
        return 1


def _do(given: argparse.Namespace, folder: Path) -> int:
    if given.what == "up":
        asked = [standing.Asked.read(one) for one in given.machines or ("siem", "probe")]
        print(standing.described(folder, standing.up(asked, folder)))
        return 0
    if given.what == "down":
        print("The lab is down." if standing.down(folder) else "No lab was up.")
        return 0
    machine = _machine(folder, given.machine)
    if given.what == "listen":
        try:
            machine.listen(*given.ports)
        except AssertionError:
            raise standing.LabError(f"{machine.name}: something listens on one of these ports already") from None
        return 0
    places = [*network.HOSTS_OUTSIDE, machine.neighbour, machine.neighbour6]
    if given.source not in places:
        raise standing.LabError(f"{given.source}: nothing in this lab has this address; there are: {', '.join(places)}")
    reached = machine.reached((given.source, port) for port in given.ports)
    for port in given.ports:
        print(f"{given.source} -> {machine.name} {port}: {'reached' if (given.source, port) in reached else 'no'}")
    return 0 if len(reached) == len(set(given.ports)) else 1


def _machine(folder: Path, name: str) -> Machine:
    machines = standing.attached(folder).machines
    if name not in machines:
        raise standing.LabError(f"no machine {name} in this lab; there are: {', '.join(machines)}")
    return machines[name]


if __name__ == "__main__":
    sys.exit(main())
