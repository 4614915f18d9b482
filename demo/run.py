# SPDX-License-Identifier: GPL-3.0-or-later
"""Raise the company, run the example's playbook against it, and see with packets whether what the catalogue says holds.

Needs no root, no virtual machine and no account, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
# What reads the catalogue beside the planner is shared with the golden tests.
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests")]

from golden.helpers import book  # noqa: E402

from demo import breaks, company, expected, namespaces, packets, playbook, probes, refuge, report  # noqa: E402


class Lab:
    """The company with its listeners; `check` sends every packet and says which came out as they should not."""

    def __init__(self) -> None:
        self.truth = expected.Truth(book.read(book.FOLDER, CHECKOUT / "demo/catalog"))
        self.folder = refuge.prepare()
        namespaces.raise_company(self.truth.published())
        playbook.write_interpreters(self.folder)
        self.probes = list(probes.probes(self.truth))
        self.exchange = packets.Exchange()
        groups = sorted({probe.target for probe in self.probes if probe.cast == "multicast"})
        self.exchange.listen(packets.places(), self.truth.ports(), groups)

    def check(self, wanted: list[probes.Probe], twice: bool = True) -> list[tuple[probes.Probe, packets.Seen]]:
        return list(zip(wanted, self.exchange.send(wanted, twice), strict=True))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-rules", action="store_true", help="no playbook: shows that the demo can fail")
    parser.add_argument("--breaks", action="store_true", help="break the rules by hand, and see whether it is noticed")
    parser.add_argument("--shell", action="store_true", help="at the end, a shell: ip netns exec NAME ...")
    parser.add_argument("--verbose", action="store_true", help="show what ansible-playbook prints")
    return parser.parse_args()


def demo(chosen: argparse.Namespace) -> int:
    start = time.monotonic()
    lab = Lab()
    docker = company.docker_hosts()
    say(
        start,
        f"company: {len(company.MACHINES)} machines and {len(docker)} containers raised as network namespaces, "
        "two sites, a tunnel, IPv4 and IPv6",
    )
    if not chosen.without_rules and not site(lab, start, chosen.verbose):
        return 1
    if chosen.breaks:
        return notice(lab, start)
    pairs = lab.check(lab.probes)
    wrong = sum(not packets.agrees(probe, seen) for probe, seen in pairs)
    say(start, f"sent: {len(pairs):,} packets, TCP and UDP, to {len(lab.truth.ports())} ports")
    print("\n".join(report.kinds(lab.probes)))
    if wrong:
        print("not as the catalogue says:", *report.disagreements(lab.truth, pairs), sep="\n")
    if chosen.shell:
        subprocess.run([os.environ.get("SHELL", "/bin/sh")], env=playbook.environment(lab.folder), check=False)
    print(report.hint())
    print(f"packets: {len(pairs) - wrong} agree, {wrong} disagree", flush=True)
    return 1 if wrong else 0


def site(lab: Lab, start: float, verbose: bool) -> bool:
    done = playbook.run(lab.folder)
    managed = [one.name for one in company.MACHINES if one.managed]
    if verbose or done.returncode:
        print(done.stdout)
    if done.returncode:
        print(f"{playbook.SITE} failed (exit code {done.returncode}): no packets were sent", file=sys.stderr)
        return False
    hosts = [line.split()[0] for line in done.stdout.partition("PLAY RECAP")[2].splitlines()[1:] if " : " in line]
    ruled = [name for name in managed if breaks.TABLE in namespaces.nft_list(name, "list", "tables")]
    bare = [name for name in managed if name not in ruled]
    windows = len(set(hosts) - set(managed))
    say(start, f"{playbook.SITE}: our nftables rules on {', '.join(ruled) or 'no host'}")
    print(f"         without rules of ours: {', '.join(bare) or 'none'}; in the plan only: {windows} Windows hosts")
    return True


def notice(lab: Lab, start: float) -> int:
    """How many packets tell each way of breaking the rules from whole ones."""
    say(start, "packets that disagree, by what was broken")
    counts = {"nothing, before": disagreeing(lab, lab.probes)}
    for one in breaks.BREAKS:
        with breaks.broken(one):
            counts[one.name] = disagreeing(lab, breaks.touching(lab.probes, one.host), twice=False)
        print(f"{counts[one.name]:8,}  {one.host}: {one.name}", flush=True)
    counts["nothing, after"] = disagreeing(lab, lab.probes)
    missed = sum(not counts[one.name] for one in breaks.BREAKS)
    print(f"unbroken: {counts['nothing, before']} disagree before, {counts['nothing, after']} after")
    print(f"breaks: {len(breaks.BREAKS) - missed} noticed, {missed} not noticed", flush=True)
    return 1 if missed or counts["nothing, before"] or counts["nothing, after"] else 0


def disagreeing(lab: Lab, wanted: list[probes.Probe], twice: bool = True) -> int:
    return sum(not packets.agrees(probe, seen) for probe, seen in lab.check(wanted, twice))


def say(start: float, text: str) -> None:
    print(f"{time.monotonic() - start:5.1f} s  {text}", flush=True)


def stop(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    chosen = options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        if refuge.INSIDE not in os.environ:
            refuge.enter([str(Path(__file__).resolve()), *sys.argv[1:]])
        watch = refuge.Watch()
        try:
            return demo(chosen)
        finally:
            watch.end()
    except namespaces.LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
