# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what rules cost on a machine that runs firewalld: 20 sets of peers by 10 lists of ports, each by IPv4 and
IPv6. Beside it, in turns, a play that only gathers facts, and a loop of ansible.posix.firewalld over the same rules.

It raises machines of its own and touches no other."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

CHECKOUT = Path(__file__).resolve().parents[2]
COLLECTIONS = CHECKOUT / ".venv" / "collections"
sys.path[:0] = [str(CHECKOUT / "tests"), str(Path(__file__).parent)]

import rivals  # noqa: E402
from firewalld.helpers.daemon import Daemon  # noqa: E402
from lab import groups, keys, roots  # noqa: E402
from lab.laboratory import Laboratory, Spec, entry  # noqa: E402
from lab.machine import Machine  # noqa: E402
from lab.network import CONTROLLER  # noqa: E402
from machine.helpers.playbooks import REMOVE, SITE, Operator  # noqa: E402
from needs import needs_of_machine  # noqa: E402

SETS, LISTS = 20, 10
FIRST, GAP, PEERS = 4.0, 1.0, 0.3
AGAIN, RIVAL = 1.2, 0.1
"""Whole plays: a second run to one that only gathers facts, and a first run to the loop."""
SYSTEM_ROLES = 2.2
"""What linux-system-roles.firewall 1.12.4 was once seen to take for 200 rules, in its module. It cannot be had here."""
_LOOPED = 20
"""Rules of the loop that are measured; all of them would take minutes."""
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
last, worst = time.monotonic(), 0.0
while time.monotonic() < end:
    try:
        socket.create_connection((address, port), 0.1, (source, 0)).close()
        worst, last = max(worst, time.monotonic() - last), time.monotonic()
    except OSError:
        pass
    time.sleep(0.01)
print(worst)
"""


class Table(Protocol):
    def title(self, text: str) -> None: ...
    def add(self, what: str, value: float, unit: str, most: float | None = None) -> None: ...


def addresses(number: int, last: int) -> list[str]:
    return [f"198.18.{number}.{last}", f"2001:db8:{number}::{last}"]


def ports(number: int) -> tuple[int, int]:
    return 5000 + 10 * number, 5000 + 10 * number + 3


# -- the module alone ---------------------------------------------------------------------------------------


def slices(last: int, others: int = 1) -> dict[str, Any]:
    """`last` is the last number of the peer in the first of the sets."""
    sets = {f"set{number}": addresses(number, others if number else last) for number in range(SETS)}
    rules = [
        {
            **{"id": f"bench/{name}/{number}", "flow": f"bench.{number}", "direction": "in", "protocol": "tcp"},
            **{"peers": name, "cast": "unicast", "refusal": "guard", "log": False},
            **{"spans": [ports(number)], "source_spans": [], "container_spans": []},
        }
        for name in sets
        for number in range(LISTS)
    ]
    return {"bench": {"rules": rules, "sets": sets}}


def bring(machine: Machine) -> None:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(CHECKOUT / "plugins" / "module_utils", f"bench/{_PACKAGE}")
    text = subprocess.run(["base64"], input=packed.getvalue(), stdout=subprocess.PIPE, check=True).stdout
    machine.run("sh", "-c", "base64 -d | tar -x -C /root", text=text.decode())
    machine.write("/root/bench/apply.py", _APPLY)


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


def measure_module(table: Table, machine: Machine) -> None:
    daemon = Daemon(machine)
    bring(machine)
    # What is read for the first time is read by all that follows.
    applied(machine, slices(1))
    machine.run("/usr/bin/python3", "-c", "import dbus")
    applied(machine, {})
    seconds, gap = gap_of(machine, slices(1))
    table.add("first apply of 200 rules", seconds, "s", FIRST)
    table.add("the longest of it without new connections", gap, "s", GAP)
    table.add("the same by linux-system-roles, recorded", SYSTEM_ROLES, "s")
    generation = daemon.generation()
    some = [applied(machine, slices(last))[0] for last in (2, 3, 4)]
    table.add("other peers in one set", statistics.median(some), "s", PEERS)
    table.add("other peers in all sets", applied(machine, slices(5, 5))[0], "s")
    table.add("reloads of firewalld for other peers", int(daemon.generation() != generation), "writes", 0)
    before = _files(machine)
    seconds, changed = applied(machine, slices(5, 5))
    table.add("a second run", seconds, "s")
    table.add("what a second run changes", int(changed or _files(machine) != before), "writes", 0)
    applied(machine, {})


def _files(machine: Machine) -> str:
    return machine.run("sh", "-c", "find /etc/firewalld /var/lib/portbook /etc/systemd -newer /root/bench/mark -ls")


# -- whole plays --------------------------------------------------------------------------------------------


def catalog() -> dict[str, Any]:
    """A product with a flow from each of the sets to each of the lists."""
    senders = {
        f"bench_sender{number}": {"title": f"Sender {number}", "what": "Sends.", "party": True}
        for number in range(SETS)
    }
    server = {
        "title": "Receiver",
        "what": "Receives.",
        "platforms": ["linux"],
        "platforms_why": "It is measured there.",
    }
    flows = {
        f"bench.{sender.replace(chr(95), chr(45))}.{number}": {
            **{
                "from": [sender],
                "to": ["bench_server"],
                "protocol": "tcp",
                "ports": ["-".join(map(str, ports(number)))],
            },
            **{"purpose": "Something is sent.", "decided_by": "responder", "peer": "if_present"},
            **{"exclusive": True, "confidence": "high"},
        }
        for sender in senders
        for number in range(LISTS)
    }
    head = {"catalog": 1, "product": "bench", "title": "Bench", "vendor": "Nobody"}
    return {**head, "components": {"bench_server": server, **senders}, "flows": flows}


class Plays:
    def __init__(self, operator: Operator, machine: Machine) -> None:
        self._operator = operator
        folder = operator.folder
        operator.environment["ANSIBLE_COLLECTIONS_PATH"] = f"{COLLECTIONS}{os.pathsep}{rivals.posix()}"
        (folder / "bench.yml").write_text(json.dumps(catalog()))
        rules = [
            f'rule family="{family}" source address="{address}" port port="{first}-{last}" protocol="tcp" accept'
            for number in range(SETS)
            for family, address in zip(("ipv4", "ipv6"), addresses(number, 1), strict=True)
            for first, last in map(ports, range(LISTS))
        ]
        self.rules = len(rules)
        host = {
            **{"ansible_host": machine.address, "ansible_user": "root"},
            **{"ansible_python_interpreter": "/usr/bin/python3", "portbook_catalogs": [str(folder / "bench.yml")]},
            "portbook_peers": {f"bench_sender{number}": addresses(number, 1) for number in range(SETS)},
            "rules": rules[:_LOOPED],
        }
        content = {"all": {"children": {"bench_server": {"hosts": {"siem": host}}}}}
        (folder / "hosts.yml").write_text(json.dumps(content))
        rule = {"rich_rule": "{{ item }}", "permanent": True, "immediate": True, "state": "enabled"}
        loop = {"name": "Open", "ansible.posix.firewalld": rule, "loop": "{{ rules }}"}
        debug = {"name": "Say nothing", "ansible.builtin.debug": {"msg": ""}}
        for name, facts, tasks in (("facts", True, []), ("loop", False, [loop]), ("debug", False, [debug])):
            play = {"name": name, "hosts": "all", "gather_facts": facts, "tasks": tasks}
            (folder / f"{name}.yml").write_text(json.dumps([play]))

    def seconds(self, playbook: str, changed: bool | None = None) -> float:
        start = time.monotonic()
        self._operator.run(playbook).ok(changed)
        return time.monotonic() - start

    def looped(self) -> float:
        """Of all rules, from those that were measured: each takes as long."""
        bare = self.seconds("debug.yml")
        return bare + (self.seconds("loop.yml") - bare) / _LOOPED * self.rules


def measure_plays(table: Table, plays: Plays, repeats: int) -> None:
    plays.seconds("facts.yml")
    first = plays.seconds(SITE, changed=True)
    table.add("a first play of 200 rules", first, "s")
    pairs = [(plays.seconds("facts.yml"), plays.seconds(SITE, changed=False)) for _time in range(repeats)]
    table.add("a play that gathers facts", statistics.median(facts for facts, _site in pairs), "s")
    table.add("a second play", statistics.median(site for _facts, site in pairs), "s")
    table.add("a second play to that of facts", statistics.median(site / facts for facts, site in pairs), "x", AGAIN)
    plays.seconds(REMOVE, changed=True)
    loop = plays.looped()
    table.add(f"a loop of ansible.posix.firewalld, from {_LOOPED} of {plays.rules} rich rules", loop, "s")
    table.add("a first play to that loop", first / loop, "x", RIVAL)


# -- both ---------------------------------------------------------------------------------------------------


@contextmanager
def raised() -> Iterator[tuple[Machine, Operator]]:
    groups.sweep()
    root = roots.ready("firewalld")
    os.environ.setdefault("ANSIBLE_COLLECTIONS_PATH", str(COLLECTIONS))
    with tempfile.TemporaryDirectory(prefix="portbook-bench-") as place:
        folder = Path(place)
        key = keys.make(folder / "key")
        public = key.with_suffix(".pub").read_text()
        with Laboratory([Spec("siem", root)], public, folder / "log") as laboratory:
            machine = laboratory.machines["siem"]
            Daemon(machine).start()
            # Or facts would be waited for, until the name is given up.
            machine.run("sh", "-c", 'echo "127.0.1.1 $(hostname)" >>/etc/hosts')
            yield machine, Operator(folder, machine, key, keys.known_host(root, machine.address))


def why_not() -> str | None:
    """Why it cannot be measured here."""
    return needs_of_machine() or rivals.why_not()


def measure(table: Table, few: bool) -> None:
    with raised() as (machine, operator):
        version = machine.run("firewall-cmd", "--version").strip()
        table.title(f"firewalld {version}: {SETS} sets of peers by {LISTS} lists of ports, IPv4 and IPv6")
        machine.run("sh", "-c", "mkdir -p /root/bench && touch /root/bench/mark")
        measure_module(table, machine)
        measure_plays(table, Plays(operator, machine), 3 if few else 7)
