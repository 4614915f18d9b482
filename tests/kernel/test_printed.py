# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that an operator reads, on file: runs for the example company, for 300 hosts, and with five mistakes.

The example's Linux hosts are namespaces with real nftables, its Windows hosts are emulated. What is on file is for
reading as much as for comparing; `pytest tests/kernel/test_printed.py --update` takes over what is printed now.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from golden.test_golden import taken_over
from kernel.helpers.fleet import NamespaceHost
from kernel.helpers.namespaces import Namespace
from playbook_runs import CHECKOUT, PLAN, Desk, Run
from windows.fake.emulated_hosts import Hosts

EXPECTED = Path(__file__).parent / "expected"
SITE, REMOVE = "portbook.firewall.site", "portbook.firewall.remove"
LINUX = ("siem-hb", "probe-hb", "web-hb-1", "web-hb-2", "files-hb", "probe-gr", "web-gr-1", "beacon-gr")
WINDOWS = (
    *("pxe-hb", "stifler-1", "threat-1", "sql-1", "dc-hb", "desk-hb-1", "desk-hb-2"),
    *("dc-gr", "desk-gr-1", "desk-gr-2"),
)
# The first hosts of each kind say enough; the whole company is in the plan.
LIMIT = "siem-hb,web-hb-1,beacon-gr,pxe-hb,desk-gr-1"
SOURCES = ("inventory", "lab.yml")


class Company(Desk):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "inventory").symlink_to(CHECKOUT / "examples" / "inventory")
        self.stores = Hosts(folder / "stores")
        self.emulate_windows(self.stores.folder)
        for name in WINDOWS:
            self.stores.add(name)
        self.linux = {name: NamespaceHost(folder / "hosts" / name) for name in LINUX}
        hosts = {name: one.variables for name, one in self.linux.items()}
        self.write("lab.yml", {"all": {"hosts": hosts}})
        self.environment |= {"ANSIBLE_PIPELINING": "1"}

    def bring(self, playbook: str, *options: str, **more: Any) -> Run:
        return self.run(playbook, options=["-f", "1", *options], sources=SOURCES, keep=False, **more)


@pytest.fixture(scope="module")
def company(namespaces: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    home, made = Namespace(), Company(tmp_path_factory.mktemp("company"))
    try:
        with home.inside():
            yield made
    finally:
        home.close()
        for host in made.linux.values():
            host.close()


def printed(run: Run) -> str:
    """Without what differs from run to run, or from one ansible-core to the next."""
    text = re.sub(r" \*{3,}", "", run.stdout)
    text = re.sub(r"(?m)^PLAY RECAP\n(.*\n)*", "", text)
    warnings = [one for one in dict.fromkeys(_warnings(run)) if "Python interpreter" not in one]
    return "\n".join([text.strip(), *(["", *warnings] if warnings else []), ""])


def _warnings(run: Run) -> list[str]:
    joined = re.sub(r"\n(?!\[)", " ", run.stderr)
    return [" ".join(line.split()) for line in joined.splitlines() if line.startswith("[WARNING]")]


def said(run: Run) -> str:
    """For all hosts, at the end."""
    (lines,) = run.texts
    return "".join(f"{line}\n" for line in lines)


def on_file(name: str, text: str, update: bool) -> None:
    path = EXPECTED / f"{name}.txt"
    taken_over(path, text, update)
    assert path.read_text(encoding="utf-8") == text


def test_the_plan_of_the_example(company: Company, update: bool) -> None:
    on_file("plan-example", printed(company.bring(PLAN).ok()), update)


@pytest.mark.more
def test_the_runs_of_the_example_one_after_the_other(company: Company, update: bool) -> None:
    only = ("--limit", LIMIT)
    on_file("site-1-check-diff", printed(company.bring(SITE, "--check", "--diff", *only).ok()), update)
    on_file("site-2-diff", printed(company.bring(SITE, "--diff", *only).ok()), update)
    on_file("site-3-again", printed(company.bring(SITE, "--diff", *only).ok()), update)
    moved = {"web-hb-2": {"portbook_addresses": ["192.0.2.29"]}, "siem-hb": {"portbook_posture": "strict"}}
    company.write("later.yml", {"all": {"hosts": moved}})
    later = company.run(
        SITE, options=["-f", "1", "--check", "--diff", *only], sources=(*SOURCES, "later.yml"), keep=False
    )
    on_file("site-4-strict-and-a-peer-that-moved-check-diff", printed(later.ok()), update)
    on_file("remove-1-check", printed(company.bring(REMOVE, "--check", "--diff", *only).ok()), update)
    on_file("remove-2", printed(company.bring(REMOVE, *only).ok()), update)


@pytest.mark.more
def test_a_plan_of_three_hundred_hosts(desk_of_300: Desk, update: bool) -> None:
    on_file("plan-300", said(desk_of_300.run(PLAN, options=["-f", "10"], keep=False).ok()), update)


@pytest.mark.more
def test_a_site_of_three_hundred_hosts_that_is_not_applied(desk_of_300: Desk, update: bool) -> None:
    on_file("site-300", said(desk_of_300.run(SITE, options=["-f", "10"], keep=False).ok()), update)


@pytest.mark.more
def test_three_hundred_hosts_of_which_some_would_be_changed(desk_of_300: Desk, update: bool) -> None:
    """And what would be taken away, where nothing is: those of Linux read the kernel of one namespace."""
    host, stores = NamespaceHost(desk_of_300.folder / "one"), Hosts(desk_of_300.folder / "stores")
    desk_of_300.emulate_windows(stores.folder)
    desk_of_300.environment |= {"ANSIBLE_PIPELINING": "1"}
    linux, windows = ["siem-0", *(f"probe-{one}" for one in range(20))], ["hub-0", *(f"pc-{one}" for one in range(70))]
    for name in windows:
        stores.add(name)
    reached: dict[str, dict[str, Any]] = {name: {"portbook_backend": "nftables", **host.variables} for name in linux}
    reached |= {name: {"portbook_backend": "auto"} for name in windows}
    desk_of_300.write("reached.yml", {"all": {"hosts": reached}})
    # One after the other, so that they stand in their order.
    options, sources = ["-f", "1", "--check", "--diff"], ("inventory", "reached.yml")
    try:
        site = desk_of_300.run(SITE, options=options, sources=sources, keep=False).ok()
        options += ["--limit", ",".join(reached)]
        remove = desk_of_300.run(REMOVE, options=options, sources=sources, keep=False).ok()
    finally:
        host.close()
    on_file("site-300-check-diff", shortened(printed(site)), update)
    on_file("remove-300-check", shortened(printed(remove)), update)


def shortened(text: str) -> str:
    """What Ansible prints for each host stands once for those whose names differ in their number alone."""
    seen: set[str] = set()
    found = []
    for part in re.split(r"\n(?=--- before: newly refused|changed:|ok:|\[WARNING\])", text):
        kind = re.sub(r"\b[a-z]+-\d+\b", lambda name: name[0].partition("-")[0], part.strip())
        if kind not in seen:
            found.append(part)
        seen.add(kind)
    return "\n".join(found)


@pytest.fixture(scope="module")
def desk_of_300(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    made = Desk(tmp_path_factory.mktemp("large"))

    def hosts(name: str, count: int, network: str, **more: Any) -> dict[str, Any]:
        return {f"{name}-{one}": {"ansible_host": f"{network}.{one + 1}", **more} for one in range(count)}

    # Neither is applied: these runs are about many hosts, and contact none.
    linux = {"portbook_backend": "none"}
    windows = {"ansible_connection": "psrp", "portbook_backend": "none"}
    parts = {
        "utmstack_master": hosts("siem", 1, "192.0.2", **linux),
        "utmstack_probe": hosts("probe", 20, "198.51.100", **linux),
        "utmstack_agent": hosts("web", 199, "203.0.113", **linux),
        "stifler_server": hosts("hub", 1, "198.18.1", **windows),
        "stifler_client": hosts("pc", 70, "198.18.0", **windows),
        "offices": hosts("desk", 9, "198.19.0", **linux),
    }
    peers = {"utmstack_console": ["198.51.100.192/27"], "utmstack_device": ["198.51.100.128/26"], "stifler_console": []}
    made.inventory(
        {"all": {"vars": {"portbook_peers": peers}, "children": {name: {"hosts": one} for name, one in parts.items()}}}
    )
    return made


def test_five_mistakes(company: Company, update: bool) -> None:
    mistakes = {
        "siem-hb": {"utmstack_master_syslog_port": 70000},
        "probe-hb": {"portbook_realm": "bremn"},
        "web-hb-1": {"portbook_posture": "gaurd"},
        "pxe-hb": {"portbook_peers": {"pxe_clients": ["192.0.2.96/27"]}},
        "beacon-gr": {"portbook_addresses": ["198.51.100.350"]},
    }
    company.write("mistakes.yml", {"all": {"hosts": mistakes}})
    run = company.run(SITE, options=["-f", "1"], sources=(*SOURCES, "mistakes.yml"), keep=False).failed()
    lines = [f"{host}: {data['msg']}" for word, host, data in run.results if word == "fatal"]
    lines += ["", "errors:", *(f"  - {one}" for one in run.errors), "", said(run)]
    on_file("five-mistakes", "\n".join(lines), update)
