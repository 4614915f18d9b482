# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how cost grows with hosts and rules. Each figure stands beside its bar.

With `--bars` a missed bar is a failure, for 1,000 hosts and in minutes. Other programs may be at work on the machine,
so what is a time, or one in proportion to another, may then be twice its bar; counts may not.

Runs of ansible-playbook are timed from outside, in turns with runs of the same inventory that only debug,
so that what differs is the plan's: reading all variables, planning and writing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
COLLECTIONS = CHECKOUT / ".venv" / "collections"
sys.path[:0] = [str(COLLECTIONS), str(Path(__file__).parent)]

import firewalld_hosts  # noqa: E402
import nftables  # noqa: E402
import windows_store  # noqa: E402
from company import company  # noqa: E402
from worst import WORST  # noqa: E402

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalogs  # noqa: E402
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.world import HostInput  # noqa: E402
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.compute import compute  # noqa: E402
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems  # noqa: E402
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.cache import RunCache  # noqa: E402
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.planning import Planning  # noqa: E402

MIB = 2**20
TODAY = date(2026, 11, 21)
BAR_AT = 10_000
"""The bars are for this many hosts; for fewer they are as much lower."""
BARS_FROM = 500
"""Fewer hosts are only there to be compared with: what costs the same for any number of them counts too much."""
PLANNER_SECONDS = 5.0
READING_SECONDS = 12.0
MEMORY_MIB = 1024.0
WORST_SECONDS = 20.0
WORST_MIB = 600.0
"""Of a whole run of the plan playbook, with what Ansible itself takes of both."""
GROWTH = 1.5


LOADED = 2
"""How much longer a loaded machine may take."""
TIMES = ("s", "ms", "µs", "x")


def in_proportion(most: float, size: int) -> float | None:
    return most * size / BAR_AT if size >= BARS_FROM else None


@dataclass
class Table:
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    loaded: bool = False
    """The machine has other things to do."""
    missed: list[str] = field(default_factory=list)

    def add(self, what: str, value: float, unit: str, most: float | None = None) -> None:
        digits = 0 if unit in ("MiB", "hosts", "rules", "calls", "reads", "writes", "bytes") else 2
        if most is not None and self.loaded and unit in TIMES:
            most *= LOADED
        shown = f"{value:,.{digits}f} {unit}"
        limit = "" if most is None else f"<= {most:,.{digits}f} {unit}"
        # Also what is no number has missed.
        verdict = "" if most is None else "OK" if value <= most else "MISSED"
        self.rows.append((what, shown, limit, verdict))
        if verdict == "MISSED":
            self.missed.append(f"{what}: {shown}, {limit}")
        print(f"  {what}: {shown}  {limit}  {verdict}".rstrip(), flush=True)

    def title(self, text: str) -> None:
        self.rows.append((text, "", "", ""))
        print(f"\n{text}", flush=True)

    def text(self) -> str:
        widths = [max(len(row[column]) for row in self.rows) for column in range(4)]
        lines = []
        for what, shown, limit, verdict in self.rows:
            if not shown:
                lines += ["", what, "-" * (sum(widths) + 6)]
                continue
            cells = f"{what:<{widths[0]}}  {shown:>{widths[1]}}  {limit:>{widths[2]}}  {verdict}"
            lines.append(cells.rstrip())
        return "\n".join(lines)


# -- the planner alone, in a process of its own -----------------------------------------------------------


def parts() -> dict[str, tuple[str, ...]]:
    """Components that have a role, with their platforms."""
    catalog = catalogs.load([], Problems())
    return {name: one.platforms for name, one in catalog.components.items() if not one.party}


def inputs_of(inventory: dict[str, Any]) -> tuple[list[HostInput], list[str]]:
    """What reading the variables gives, without Ansible."""
    top = inventory["all"]
    groups_of: dict[str, list[str]] = {name: [] for name in top["hosts"]}
    for group, content in top["children"].items():
        for name in content["hosts"]:
            groups_of[name].append(group)
    inputs = []
    for name, own in top["hosts"].items():
        variables = dict(top["vars"])
        for group in groups_of[name]:
            variables |= top["children"][group].get("vars", {})
        inputs.append(HostInput(name, frozenset(groups_of[name]), json.loads(json.dumps(variables | own))))
    return inputs, list(top["children"])


def planner_alone(size: int) -> dict[str, float]:
    def seconds(do: Callable[[], Any]) -> tuple[float, Any]:
        start = time.perf_counter()
        found = do()
        return time.perf_counter() - start, found

    loading, catalog = seconds(lambda: catalogs.load([], Problems()))
    inputs, groups = inputs_of(company(size, False, parts()))
    before = _resident()
    planning = Planning(
        catalog, Problems(), inputs, groups, TODAY, lambda names: dict.fromkeys(names, "no name"), "ssh"
    )
    taken, outcome = seconds(lambda: compute(catalog, Problems(), inputs, groups, TODAY, planning.resolve))
    peak = _peak() - before
    if outcome.plan is None:
        raise SystemExit("\n".join(str(one) for one in outcome.errors))
    with tempfile.TemporaryDirectory() as folder:
        _plan, head = planning.compute("bench")
        writing, _none = seconds(lambda: RunCache(folder, "bench").keep(head, outcome.plan))
    return {
        "loading": loading,
        "seconds": taken,
        "MiB": peak / MIB,
        "rules": sum(len(host.rules) for host in outcome.plan.hosts.values()),
        "writing": writing,
    }


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return float(pages * resource.getpagesize())


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def in_own_process(size: int) -> dict[str, float]:
    command = [sys.executable, str(Path(__file__)), "--planner-alone", str(size)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


# -- real runs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """`peak` is that of the largest process of the run, which is the worker that plans."""

    seconds: float
    peak: float
    output: str


class Site:
    """An inventory in a folder, and playbooks to run with it."""

    def __init__(self, folder: Path, size: int, inventory: dict[str, Any]) -> None:
        self.size = size
        self._folder = folder
        self._folder.mkdir()
        self.plan_file = self._folder / "plan.json"
        self.first = next(iter(inventory["all"]["hosts"]))
        (self._folder / "hosts.json").write_text(json.dumps(inventory), encoding="utf-8")
        for name, task in (
            ("debug", "ansible.builtin.debug: {msg: nothing}"),
            ("plan", "portbook.firewall.plan: {show: false}"),
            ("read", "bench_read:\n      register: one\n    - ansible.builtin.debug: {var: one}"),
        ):
            text = f"- hosts: all\n  gather_facts: false\n  tasks:\n    - {task}\n"
            (self._folder / f"{name}.yml").write_text(text, encoding="utf-8")

    def run(self, playbook: str, *options: str) -> Run:
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "hosts.json", f"{playbook}.yml"]
        environment = os.environ | {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_ACTION_PLUGINS": str(Path(__file__).parent / "action_plugins"),
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_NOCOLOR": "1",
        }
        log = self._folder / f"{playbook}.log"
        start = time.perf_counter()
        with log.open("w", encoding="utf-8") as out:
            process = subprocess.Popen([*command, *options], cwd=self._folder, env=environment, stdout=out, stderr=out)
            _pid, status, usage = os.wait4(process.pid, 0)
        taken = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output = log.read_text(encoding="utf-8")
        if process.returncode:
            raise SystemExit(f"{playbook} of {self.size} hosts failed:\n{output[-3000:]}")
        return Run(taken, usage.ru_maxrss * 1024.0, output)

    def debug(self, *options: str) -> Run:
        return self.run("debug", *options)

    def plan(self, *options: str) -> Run:
        return self.run("plan", "-e", f"portbook_plan_file={self.plan_file}", *options)

    def read(self) -> tuple[float, float]:
        """Seconds that one worker needs to read the variables of all hosts, by the clock and of the processor."""
        output = self.run("read", "--limit", self.first).output
        found = [re.search(rf'"bench_{what}": ([0-9.]+)', output) for what in ("seconds", "processor")]
        clock, processor = (float(one[1]) if one else float("nan") for one in found)
        return clock, processor


@contextmanager
def sites(sizes: list[int], templated: bool) -> Iterator[list[Site]]:
    with tempfile.TemporaryDirectory(prefix="portbook-bench-") as folder:
        yield [Site(Path(folder) / str(size), size, company(size, templated, parts())) for size in sizes]


def measure_planner(table: Table, sizes: list[int], repeats: int) -> None:
    table.title("The planner alone: compute() from variables that are already read")
    for size in sizes:
        runs = [in_own_process(size) for _time in range(repeats)]
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        table.add(f"{size:,} hosts: planning", middle["seconds"], "s", in_proportion(PLANNER_SECONDS, size))
        table.add(f"{size:,} hosts: memory that planning adds", middle["MiB"], "MiB")
        table.add(f"{size:,} hosts: rules", middle["rules"], "rules")
        table.add(f"{size:,} hosts: writing plan and parts", middle["writing"], "s")
        if size == sizes[-1]:
            table.add("loading the catalogue (YAML, schema, checks)", middle["loading"], "s")


def measure_runs(table: Table, sizes: list[int], templated: bool, repeats: int) -> None:
    kind = "templated" if templated else "plain"
    table.title(f"Real runs, {kind} variables: one task on one host asks for the plan of all")
    with sites(sizes, templated) as all_sites:
        for site in all_sites:
            site.plan("--limit", site.first)  # Warms up the file system's and Python's caches.
        costs: dict[int, list[float]] = {site.size: [] for site in all_sites}
        memory: dict[int, list[float]] = {site.size: [] for site in all_sites}
        bare: dict[int, list[Run]] = {site.size: [] for site in all_sites}
        reading: dict[int, list[tuple[float, float]]] = {site.size: [] for site in all_sites}
        for _time in range(repeats):
            for site in all_sites:
                debug, plan = site.debug("--limit", site.first), site.plan("--limit", site.first)
                bare[site.size].append(debug)
                costs[site.size].append(plan.seconds - debug.seconds)
                memory[site.size].append((plan.peak - debug.peak) / MIB)
                reading[site.size].append(site.read())
        for site in all_sites:
            name = f"{site.size:,} hosts"
            table.add(f"{name}: Ansible itself", statistics.median(run.seconds for run in bare[site.size]), "s")
            table.add(f"{name}: Ansible itself", statistics.median(run.peak for run in bare[site.size]) / MIB, "MiB")
            clock, processor = (statistics.median(one) for one in zip(*reading[site.size], strict=True))
            table.add(f"{name}: reading the variables", clock, "s", in_proportion(READING_SECONDS, site.size))
            table.add(f"{name}: of that, processor time", processor, "s")
            table.add(
                f"{name}: reading, planning and writing",
                statistics.median(costs[site.size]),
                "s",
            )
            table.add(f"{name}: memory beyond Ansible's own", statistics.median(memory[site.size]), "MiB", MEMORY_MIB)
            table.add(f"{name}: the plan's file", site.plan_file.stat().st_size / MIB, "MiB")
        small, large = all_sites[0].size, all_sites[-1].size
        ratios = [
            (many / large) / (few / small) for many, few in zip(costs[large], costs[small], strict=True) if few > 0
        ]
        if ratios and large > small:
            table.add(f"cost a host, {large:,} to {small:,}", statistics.median(ratios), "x", GROWTH)


def measure_worst(table: Table, size: int, repeats: int) -> None:
    """The whole of a run, as who waits for it sees it. The largest process is the worker that plans."""
    table.title("The worst inventories known: a whole run of the plan playbook, of which one host asks for the plan")
    share = size / BAR_AT
    for what, inventory in WORST.items():
        with tempfile.TemporaryDirectory(prefix="portbook-bench-") as folder:
            site = Site(Path(folder) / "worst", size, inventory(size, parts()))
            site.debug("--limit", site.first)  # Warms up the caches.
            pairs = [(site.debug("--limit", site.first), site.plan("--limit", site.first)) for _time in range(repeats)]
        debugs, plans = zip(*pairs, strict=True)
        name = f"{size:,} hosts, {what}"
        bare = statistics.median(run.seconds for run in debugs)
        table.add(f"{name}: Ansible itself", bare, "s")
        table.add(f"{name}: Ansible itself", statistics.median(run.peak for run in debugs) / MIB, "MiB")
        seconds = statistics.median(run.seconds for run in plans)
        # Starting takes as long for few hosts as for many: of fewer the bar counts from there.
        most = WORST_SECONDS if size >= BAR_AT else WORST_SECONDS * share + bare
        table.add(f"{name}: the whole run", seconds, "s", most)
        table.add(f"{name}: its largest process", statistics.median(run.peak for run in plans) / MIB, "MiB", WORST_MIB)


def measure_whole(table: Table, size: int, repeats: int) -> None:
    table.title("Whole runs: every host asks for its part")
    with sites([size], True) as (site,):
        pairs = [(site.debug().seconds, site.plan().seconds) for _time in range(repeats)]
    debug, plan = (statistics.median(one) for one in zip(*pairs, strict=True))
    table.add(f"{size:,} hosts: a playbook of one debug task", debug, "s")
    table.add(f"{size:,} hosts: the plan playbook", plan, "s")
    table.add(f"{size:,} hosts: more for each host", (plan - debug) * 1000 / size, "ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer hosts and runs: about two minutes")
    parser.add_argument("--bars", action="store_true", help="up to 1,000 hosts; a missed bar is a failure")
    parser.add_argument("--planner-alone", type=int, metavar="HOSTS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.planner_alone:
        print(json.dumps(planner_alone(options.planner_alone)))
        return 0
    sizes = [200, 1000] if options.bars else [500, 2500] if options.quick else [1000, BAR_AT]
    few = options.quick or options.bars
    table = Table(loaded=options.bars)
    start = time.monotonic()
    measure_planner(table, sizes, 1 if options.quick else 3)
    if not few:
        measure_runs(table, sizes, templated=False, repeats=1)
    measure_runs(table, sizes, templated=True, repeats=1 if options.quick else 3 if options.bars else 5)
    measure_worst(table, sizes[-1], 1 if few else 3)
    measure_whole(table, 1000 if not options.quick else 200, 1 if few else 2)
    lacking = nftables.why_not()
    if lacking:
        table.title(f"nftables: not measured: {lacking}")
    else:
        nftables.measure(table, few)
    lacking = firewalld_hosts.why_not()
    if lacking:
        table.title(f"firewalld: not measured: {lacking}")
    else:
        firewalld_hosts.measure(table, few)
    windows_store.measure(table)
    print(f"\n{'=' * 78}\n{table.text()}\n\nTook {time.monotonic() - start:.0f} s on {os.cpu_count()} processors.")
    if options.bars and table.missed:
        print("\nMissed:", *table.missed, sep="\n  ")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
