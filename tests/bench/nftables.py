# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what rules cost to apply, and what they cost each packet. Each figure stands beside its bar.

All of it happens in namespaces made for it: no rule of this machine is touched. What is compared is measured in turns.
"""

from __future__ import annotations

import argparse
import ipaddress
import itertools
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

CHECKOUT = Path(__file__).resolve().parents[2]
COLLECTIONS = CHECKOUT / ".venv" / "collections"
sys.path[:0] = [str(COLLECTIONS)]

from ansible_collections.portbook.firewall.plugins.module_utils.linux.apply import apply  # noqa: E402
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import Local, Permission, Settings  # noqa: E402
from ansible_collections.portbook.firewall.plugins.module_utils.linux.request import Applied, Request  # noqa: E402
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import HostState  # noqa: E402
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.engine import Nftables  # noqa: E402
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.kernel import Nft  # noqa: E402
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.ruleset import ruleset  # noqa: E402

APPLY_SECONDS = 0.2
GROWTH = 1.3
RULES, FEW, MANY, LINEAR = 200, 10, 50_000, 1000
PORT, RECEIVER = 5044, "192.0.2.10"
# For measurements between networks (RFC 2544); they never leave their namespaces.
_PEERS = ipaddress.ip_network("198.18.0.0/15")
_SENDERS = 32
_PACKETS = 40_000
_ISOLATED = "PORTBOOK_BENCH_ISOLATED"
_PROGRAMS = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


class Table(Protocol):
    def title(self, text: str) -> None: ...
    def add(self, what: str, value: float, unit: str, most: float | None = None) -> None: ...


# -- applying -------------------------------------------------------------------------------------------------


class TimedNft(Nft):
    """Knows when its first process started and its last one ended."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[tuple[float, float]] = []

    def _run(self, *words: Any, **named: Any) -> str:
        start = time.perf_counter()
        try:
            return super()._run(*words, **named)
        finally:
            self.spans.append((start, time.perf_counter()))

    def seconds(self) -> float:
        return self.spans[-1][1] - self.spans[0][0]


def slices() -> dict[str, Any]:
    """Rules of many ports, guarded, with five peers each."""
    rules, sets = [], {}
    for number in range(RULES):
        sets[f"s{number}"] = [str(_PEERS[number * 8 + peer]) for peer in range(5)]
        rules.append(
            {
                **{"id": f"bench/{number}", "flow": f"bench.{number}", "direction": "in", "protocol": "tcp"},
                **{"peers": f"s{number}", "cast": "unicast", "refusal": "guard", "log": False},
                **{"spans": [[20_000 + number, 20_000 + number]], "source_spans": [], "container_spans": []},
            }
        )
    return {"bench": {"rules": rules, "sets": sets}}


def one_process_a_rule() -> float:
    """As a playbook that loops over its rules does, less all that Ansible itself costs."""
    nft = shutil.which("nft") or "nft"
    subprocess.run(
        [nft, "-f", "-"],
        input="table inet loop\ndelete table inet loop\n"
        "table inet loop {\n chain in {\n type filter hook input priority 0; policy accept;\n }\n}\n",
        text=True,
        check=True,
    )
    start = time.perf_counter()
    for one in slices()["bench"]["rules"]:
        peers = ", ".join(str(_PEERS[int(one["peers"][1:]) * 8 + peer]) for peer in range(5))
        rule = f"add rule inet loop in ip saddr {{ {peers} }} tcp dport {one['spans'][0][0]} accept"
        subprocess.run([nft, *rule.split()], check=True)
    taken = time.perf_counter() - start
    subprocess.run([nft, "delete", "table", "inet", "loop"], check=True)
    return taken


def measure_apply(table: Table, repeats: int) -> None:
    table.title(f"Applying {RULES} rules on one host: from the start of the first nft process to the end of the last")
    first, again, loop, counts = [], [], [], set()
    for _time in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            state = HostState(f"{folder}/portbook", f"{folder}/run")
            (new, applied), (same, kept) = (_timed_apply(state) for _step in ("first", "again"))
            if not applied.changed or kept.changed:
                raise SystemExit("the first run has to change the host, the second must not")
            first.append(new.seconds())
            again.append(same.seconds())
            counts.add((len(new.spans), len(same.spans)))
            new.load("table inet portbook\ndelete table inet portbook\n")
        loop.append(one_process_a_rule())
    ((of_first, of_again),) = counts
    table.add(f"first run, {of_first} nft processes", statistics.median(first), "s", APPLY_SECONDS)
    table.add(f"second run, {of_again} nft processes", statistics.median(again), "s")
    table.add(f"beside it: one `nft add rule` process a rule, {RULES} of them", statistics.median(loop), "s")
    table.add("a loop takes, times ours", statistics.median(b / a for a, b in zip(first, loop, strict=True)), "x")


def _timed_apply(state: HostState) -> tuple[TimedNft, Applied]:
    nft = TimedNft()
    return nft, apply(state, Nftables(nft), Request(slices()))


# -- packets --------------------------------------------------------------------------------------------------


def ours(networks: Iterable[str]) -> str:
    return ruleset(
        [Permission("in", "udp", ((PORT, PORT),), networks=tuple(networks), refusal="guard")], Settings(), Local()
    )


def linear(networks: Iterable[str]) -> str:
    rules = "\n".join(f"    ip saddr {one} udp dport {PORT} accept" for one in networks)
    return (
        "table inet linear {\n  chain in {\n    type filter hook prerouting priority -110; policy accept;\n"
        f"    iif lo accept\n    ct state established,related ct direction reply accept\n{rules}\n"
        f"    udp dport {PORT} drop\n  }}\n}}\n"
    )


def tracking() -> str:
    """What any table that knows of connections pays."""
    return (
        "table inet tracking {\n  chain in {\n    type filter hook prerouting priority -110; policy accept;\n"
        "    ct state established,related ct direction reply accept\n  }\n}\n"
    )


def peers(count: int, suffix: str = "") -> list[str]:
    """Every other address, so that networks cannot be merged."""
    return [f"{_PEERS[2 * number]}{suffix}" for number in range(count)]


def spread(listed: list[str]) -> list[str]:
    """Senders from all over the list, or from the end of a chain that is walked."""
    step = max(1, len(listed) // _SENDERS)
    return [one.partition("/")[0] for one in listed[::step]][:_SENDERS]


@dataclass
class Pair:
    """A host with rules and a neighbour that sends to it, each in a namespace of its own."""

    name: str
    text: str
    senders: list[str]
    nanoseconds: list[float] = field(default_factory=list)

    def make(self) -> None:
        for side in ("host", "peer"):
            _call("ip", "netns", "add", f"{self.name}-{side}")
            _call("ip", "-n", f"{self.name}-{side}", "link", "set", "lo", "up")
        host, peer = (["ip", "-n", f"{self.name}-{side}"] for side in ("host", "peer"))
        _call(*peer, "link", "add", "out", "type", "veth", "peer", "name", "in", "netns", f"{self.name}-host")
        _call(*host, "address", "add", f"{RECEIVER}/24", "dev", "in")
        _call(*host, "link", "set", "in", "up")
        _call(*host, "route", "add", str(_PEERS), "dev", "in")
        for address in self.senders:
            _call(*peer, "address", "add", f"{address}/32", "dev", "out")
        _call(*peer, "link", "set", "out", "up")
        _call(*peer, "route", "add", RECEIVER, "dev", "out")
        _call("ip", "netns", "exec", f"{self.name}-host", "nft", "-f", "-", text=self.text)

    def send(self) -> None:
        """In the neighbour's namespace; the packet runs through the host's rules within the call that sends it."""
        told = _call(
            *("ip", "netns", "exec", f"{self.name}-host", sys.executable, __file__, "--receive"),
            *(f"{self.name}-peer", *self.senders),
        )
        result = json.loads(told)
        if result["arrived"] < result["sent"]:
            raise SystemExit(f"{self.name}: of {result['sent']} packets {result['arrived']} arrived")
        self.nanoseconds.append(result["nanoseconds"])

    def median(self) -> float:
        return statistics.median(self.nanoseconds)


def receive(neighbour: str, senders: list[str]) -> None:
    """Count, as the kernel of this namespace does, what arrives while the neighbour sends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        # What arrives counts; nobody reads it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        listener.bind((RECEIVER, PORT))
        before = _arrived()
        told = _call("ip", "netns", "exec", neighbour, sys.executable, __file__, "--send", *senders)
        print(json.dumps({**json.loads(told), "arrived": _arrived() - before}))


def send(senders: list[str]) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    connected = []
    for address in senders:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((address, 0))
        one.connect((RECEIVER, PORT))
        one.send(b"")
        connected.append(one.send)
    calls = list(itertools.islice(itertools.cycle(connected), _PACKETS))
    start = time.perf_counter_ns()
    for call in calls:
        call(b"")
    taken = time.perf_counter_ns() - start
    print(json.dumps({"sent": len(calls), "nanoseconds": taken / len(calls)}))


def _arrived() -> int:
    """At the socket, whether it had room or not."""
    names, values = (line.split()[1:] for line in Path("/proc/net/snmp").read_text().splitlines() if line[:4] == "Udp:")
    counts = dict(zip(names, map(int, values), strict=True))
    return counts["InDatagrams"] + counts["RcvbufErrors"]


def measure_packets(table: Table, repeats: int) -> None:
    table.title(f"A packet to a guarded port through a veth, from {_SENDERS} peers in turn (sending it included)")
    chain = peers(LINEAR)
    made = {
        "bare": Pair("bare", "", spread(peers(MANY))),
        "tracking": Pair("tracking", tracking(), spread(peers(MANY))),
        "few": Pair("few", ours(peers(FEW)), peers(FEW)),
        "many": Pair("many", ours(peers(MANY)), spread(peers(MANY))),
        "few networks": Pair("few-n", ours(peers(FEW, "/32")), peers(FEW)),
        "many networks": Pair("many-n", ours(peers(MANY, "/32")), spread(peers(MANY, "/32"))),
        "linear": Pair("linear", linear(chain), spread(chain)),
    }
    for pair in made.values():
        pair.make()
        pair.send()
        pair.nanoseconds.clear()
    for _time in range(repeats):
        for pair in made.values():
            pair.send()
    floor = made["tracking"].median()
    table.add("no rules at all", made["bare"].median() / 1000, "µs")
    table.add("connection tracking and no rules", floor / 1000, "µs")
    for kind, few, many in (("addresses", "few", "many"), ("networks", "few networks", "many networks")):
        small, large = made[few], made[many]
        table.add(f"{FEW} peers, {kind}", small.median() / 1000, "µs")
        table.add(f"{MANY:,} peers, {kind}", large.median() / 1000, "µs")
        table.add(f"{MANY:,} {kind} to {FEW}", _ratio(large, small), "x", GROWTH)
        table.add(f"of that, what the rules add: {FEW} peers", (small.median() - floor) / 1000, "µs")
        table.add(f"of that, what the rules add: {MANY:,} peers", (large.median() - floor) / 1000, "µs")
    table.add(f"beside it: a chain of {LINEAR:,} rules, peers from all over it", made["linear"].median() / 1000, "µs")
    table.add(f"that chain, times {MANY:,} addresses of ours", _ratio(made["linear"], made["many"]), "x")


def _ratio(one: Pair, other: Pair) -> float:
    return one.median() / other.median()


# -- the place ------------------------------------------------------------------------------------------------


def _call(*words: str, text: str | None = None) -> str:
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words[:8])}: {done.stderr.strip()}")
    return done.stdout


class _Lines:
    """Hands what is measured to the process outside."""

    def title(self, text: str) -> None:
        print(json.dumps(["title", text]), flush=True)

    def add(self, what: str, value: float, unit: str, most: float | None = None) -> None:
        print(json.dumps(["add", what, value, unit, most]), flush=True)


def why_not() -> str | None:
    """Why it cannot be measured here."""
    lacking = [name for name in ("nft", "ip", "unshare") if shutil.which(name, path=_PROGRAMS) is None]
    if lacking:
        return f"{', '.join(lacking)} missing: apt-get install nftables iproute2 util-linux"
    if subprocess.run([*_place(), "true"], capture_output=True, check=False).returncode:
        return "namespaces are not permitted here: be root"
    return None


def _place() -> list[str]:
    become = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    space = ["--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return ["unshare", *become, *space]


def measure(table: Table, quick: bool = False) -> None:
    """In namespaces of its own: for network, and for mounts, so that no service manager is seen either."""
    command = [*_place(), sys.executable, __file__, *(["--quick"] if quick else [])]
    environment = {**os.environ, _ISOLATED: "1", "PATH": _PROGRAMS}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            kind, *values = json.loads(line)
            getattr(table, kind)(*values)
    if process.returncode:
        raise SystemExit(f"the measurements of nftables ended with exit code {process.returncode}")


def isolated(quick: bool) -> None:
    # Here `ip netns` keeps its names, and boot looks for systemd.
    _call("mount", "-t", "tmpfs", "tmpfs", "/run")
    _call("ip", "link", "set", "lo", "up")
    measure_apply(_Lines(), 3 if quick else 9)
    measure_packets(_Lines(), 3 if quick else 15)


class _Printed:
    def title(self, text: str) -> None:
        print(f"\n{text}")

    def add(self, what: str, value: float, unit: str, most: float | None = None) -> None:
        limit = "" if most is None else f"<= {most:.2f} {unit}"
        verdict = "" if most is None else "OK" if value <= most else "MISSED"
        print(f"  {what:<64} {value:>9.2f} {unit:<3} {limit:>10}  {verdict}".rstrip(), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--receive", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--send", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        receive(options.receive[0], options.receive[1:])
    elif options.send:
        send(options.send)
    elif os.environ.get(_ISOLATED):
        isolated(options.quick)
    else:
        lacking = why_not()
        if lacking:
            raise SystemExit(f"not measured: {lacking}")
        measure(_Printed(), options.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
