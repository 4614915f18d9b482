# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what rules cost on a machine that runs firewalld: 20 sets of peers by 10 lists of ports.

It raises a machine of its own and touches no other. Beside it stand the same rules by firewall-cmd, one call each, as a
loop in a role has it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / "tests")]

from lab import groups, roots  # noqa: E402
from lab.laboratory import Laboratory, Spec, entry  # noqa: E402
from lab.machine import Machine  # noqa: E402
from lab.network import CONTROLLER  # noqa: E402

SETS, LISTS = 20, 10
FIRST, GAP, PEERS = 4.0, 1.0, 0.3
_LOOPED = 20
"""Rules of the loop; all of them would take minutes."""
_PACKAGE = "ansible_collections/portbook/firewall/plugins/module_utils"
# As the module does, less the start of Python and Ansible's own work.
_APPLY = """
import json, sys, time
sys.path[:0] = ["/root/bench"]
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.engine import Firewalld
from ansible_collections.portbook.firewall.plugins.module_utils.linux.apply import apply
from ansible_collections.portbook.firewall.plugins.module_utils.linux.request import Request
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import HostState
start = time.monotonic()
done = apply(HostState(), Firewalld(), Request(json.load(sys.stdin), replace_all=True))
print(json.dumps({"seconds": time.monotonic() - start, "changed": done.changed}))
"""
_GAP = """
import socket, sys, time
address, port, source = sys.argv[1], int(sys.argv[2]), sys.argv[3]
end = time.monotonic() + float(sys.argv[4])
last = worst = time.monotonic()
worst = 0.0
while time.monotonic() < end:
    try:
        socket.create_connection((address, port), 0.1, (source, 0)).close()
        worst, last = max(worst, time.monotonic() - last), time.monotonic()
    except OSError:
        pass
    time.sleep(0.01)
print(worst)
"""


def slices(last: int, others: int = 1) -> dict[str, Any]:
    """`last` is the last number of the peer in the first of the sets."""
    ends = {f"set{number}": others if number else last for number in range(SETS)}
    sets = {name: [f"198.18.{name[3:]}.{end}", f"2001:db8:{name[3:]}::{end}"] for name, end in ends.items()}
    rules = [
        {
            **{"id": f"bench/{name}/{number}", "flow": f"bench.{number}", "direction": "in", "protocol": "tcp"},
            **{"peers": name, "cast": "unicast", "refusal": "guard", "log": False},
            **{"spans": [[5000 + 10 * number, 5000 + 10 * number + 3]], "source_spans": [], "container_spans": []},
        }
        for name in sets
        for number in range(LISTS)
    ]
    return {"bench": {"rules": rules, "sets": sets}}


def bring(machine: Machine) -> None:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(CHECKOUT / "plugins" / "module_utils", f"bench/{_PACKAGE}")
    folder = Path(tempfile.mkdtemp())
    path = folder / "bench.tar.b64"
    subprocess.run(["base64"], input=packed.getvalue(), stdout=path.open("wb"), check=True)
    machine.run("sh", "-c", "base64 -d | tar -x -C /root", text=path.read_text())
    machine.write("/root/bench/apply.py", _APPLY)
    machine.run("systemctl", "start", "firewalld")
    end = time.monotonic() + 60
    while machine.run("firewall-cmd", "--state", check=False).strip() != "running" and time.monotonic() < end:
        time.sleep(0.1)


def applied(machine: Machine, given: dict[str, Any]) -> tuple[float, bool]:
    told = json.loads(machine.run("/usr/bin/python3", "/root/bench/apply.py", text=json.dumps(given)))
    return float(told["seconds"]), bool(told["changed"])


def gap_of(machine: Machine, given: dict[str, Any]) -> tuple[float, float]:
    """Seconds of the apply, and the longest without a new connection to a port that it leaves alone."""
    words = [sys.executable, "-c", _GAP, machine.address, "22", CONTROLLER, "12"]
    process = subprocess.Popen([*entry(machine.laboratory.process), *words], stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    seconds, changed = applied(machine, given)
    assert changed
    return seconds, float(process.communicate()[0])


def looped(machine: Machine) -> float:
    """What all rules would take, from a few of them."""
    rules = [
        f'rule family="ipv4" source address="198.18.99.{one}" port port="7000" protocol="tcp" accept'
        for one in range(_LOOPED)
    ]
    start = time.monotonic()
    for rule in rules:
        machine.run("firewall-cmd", "--quiet", "--permanent", f"--add-rich-rule={rule}")
        machine.run("firewall-cmd", "--quiet", f"--add-rich-rule={rule}")
    return (time.monotonic() - start) / _LOOPED * SETS * LISTS * 2


def main() -> int:
    groups.sweep()
    folder = Path(tempfile.mkdtemp())
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    root = roots.ready("firewalld")
    rows: list[tuple[str, float, float | None]] = []
    with Laboratory([Spec("siem", root)], (folder / "key.pub").read_text(), folder / "log") as laboratory:
        machine = laboratory.machines["siem"]
        bring(machine)
        version = machine.run("firewall-cmd", "--version").strip()
        seconds, gap = gap_of(machine, slices(1))
        rows += [("first apply of 200 rules", seconds, FIRST), ("without new connections", gap, GAP)]
        chain = machine.run("nft", "-a", "list", "chain", "inet", "firewalld", "filter_INPUT")
        rows += [("other peers in one set", applied(machine, slices(2))[0], PEERS)]
        rows += [("other peers in all 20 sets", applied(machine, slices(3, 3))[0], None)]
        assert machine.run("nft", "-a", "list", "chain", "inet", "firewalld", "filter_INPUT") == chain, "a reload"
        seconds, changed = applied(machine, slices(3, 3))
        assert not changed
        rows += [
            ("a second run", seconds, None),
            ("the same rules by firewall-cmd, one call each", looped(machine), None),
        ]
    print(f"firewalld {version}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    for what, value, most in rows:
        print(f"{what:<50} {value:8.2f} s" + (f"   at most {most:g} s" if most else ""))
    return int(any(most is not None and value > most for _what, value, most in rows) and "--bars" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
