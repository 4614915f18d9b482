# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewalld that keeps its files in a folder and its rules in the real table inet firewalld of the namespace. What it
does not do: zones, and anything that is not ours. Also a firewall-cmd, for what a shell does with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld import files
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.daemon import Daemon, DaemonError, Health
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.drift import Configuration
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.files import parsed
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.objects import FRAME, Openings, Peers, Service

_CHAIN = "filter_IN_policy_portbook_in"


class FakeFirewalld(Daemon):
    def __init__(self, folder: Path, step: Callable[[str], None] = lambda _what: None) -> None:
        super().__init__()
        self.permanent, self._runtime_files = folder / "etc", folder / "runtime"
        self._step = step
        for one in files.FOLDERS:
            (self.permanent / one).mkdir(parents=True, exist_ok=True)
            (self._runtime_files / one).mkdir(parents=True, exist_ok=True)

    def health(self) -> Health:
        return Health("2.0.0", "RUNNING", "nftables", False)

    def answers(self) -> bool:
        return True

    def openings(self, known: Iterable[Peers] = ()) -> Openings:
        there, given = files.read(_texts(self._runtime_files)), {one.name: one for one in known}
        return replace(there, ipsets=frozenset(given.get(one.name, one) for one in there.ipsets))

    def configuration(self) -> tuple[Configuration, Configuration]:
        return Configuration(), Configuration()

    # -- runtime ------------------------------------------------------------------------------------

    def set_rules(self, rules: Iterable[str]) -> None:
        there = self.openings()
        if not there.frame:
            raise DaemonError("INVALID_POLICY")
        self._at_runtime("set_rules", replace(there, rules=frozenset(rules)))

    def remove_entry(self, ipset: str, entry: str) -> None:
        self._entries("remove_entry", ipset, self.openings().peers[ipset].entries - {entry})

    def add_entry(self, ipset: str, entry: str) -> None:
        self._entries("add_entry", ipset, self.openings().peers[ipset].entries | {entry})

    def set_entries(self, ipset: str, entries: Iterable[str]) -> None:
        self._entries("set_entries", ipset, frozenset(entries))

    def _entries(self, what: str, ipset: str, entries: frozenset[str]) -> None:
        there = self.openings()
        others = [one for one in there.ipsets if one.name != ipset]
        changed = replace(there.peers[ipset], entries=entries)
        self._at_runtime(what, replace(there, ipsets=frozenset([*others, changed])))

    def reload(self) -> None:
        self._at_runtime("reload", files.read(_texts(self.permanent)))

    def _at_runtime(self, what: str, openings: Openings) -> None:
        self._step(what)
        _replace(self._runtime_files, files.written(openings))
        subprocess.run(["nft", "-f", "-"], input=_table(openings), text=True, check=True)

    # -- permanent ----------------------------------------------------------------------------------

    def keep_ipset(self, one: Peers) -> None:
        self._keep("keep_ipset", Openings(ipsets=frozenset([one])))

    def keep_service(self, one: Service) -> None:
        self._keep("keep_service", Openings(services=frozenset([one])))

    def keep_rules(self, rules: Iterable[str]) -> None:
        self._keep("keep_rules", Openings(frozenset(rules), frame=FRAME))

    def keep_policy(self, rules: Iterable[str]) -> None:
        self._keep("keep_policy", Openings(frozenset(rules), frame=FRAME))

    def _keep(self, what: str, openings: Openings) -> None:
        self._step(what)
        for path, text in files.written(openings).items():
            (self.permanent / path).write_text(text)

    def forget(self, kind: str, name: str) -> None:
        self._step("forget")
        folder = {"policy": "policies", "ipset": "ipsets", "service": "services"}[kind]
        path = self.permanent / folder / f"{name}.xml"
        if path.exists():
            path.rename(path.with_name(f"{name}.xml.old"))

    def leave(self) -> None:
        """There is no bus."""


def _texts(folder: Path) -> dict[str, str]:
    paths = (path for one in files.FOLDERS for path in sorted((folder / one).iterdir()))
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths if path.suffix == ".xml"}


def _replace(folder: Path, texts: dict[str, str]) -> None:
    for path in set(_texts(folder)) - set(texts):
        (folder / path).unlink()
    for path, text in texts.items():
        (folder / path).write_text(text)


def _table(openings: Openings) -> str:
    lines = ["table inet firewalld", "delete table inet firewalld", "table inet firewalld {"]
    for one in openings.ipsets:
        elements = f"elements = {{ {', '.join(sorted(one.entries))} }}" if one.entries else ""
        lines += [f"set {one.name} {{ type {one.family}_addr; flags interval; {elements}\n}}"]
    if openings.frame:
        rules = [line for rule in sorted(openings.rules) for line in _rules(openings, rule)]
        lines += [f"chain {_CHAIN}_allow {{", *rules, "}", f"chain {_CHAIN} {{", f"jump {_CHAIN}_allow", "}"]
    jump = f"jump {_CHAIN}" if openings.frame else ""
    lines += ["chain filter_INPUT {", "type filter hook input priority 10; policy accept;", jump, "}", "}"]
    return "\n".join([*lines, ""])


def _rules(openings: Openings, rule: str) -> Iterable[str]:
    one = parsed(rule)
    source = f"{'ip' if one.family == 'ipv4' else 'ip6'} saddr @{one.ipset} " if one.ipset else ""
    for port, protocol in sorted(openings.ports[one.service].ports):
        yield f"{source}{protocol} dport {port} accept"


def commands(folder: Path) -> Path:
    """A folder with a firewall-cmd that speaks to the daemon of this one, and a systemctl that knows no service."""
    made = folder / "commands"
    made.mkdir(exist_ok=True)
    paths = [one for one in sys.path if one]
    program = f"import sys\nsys.path[:0] = {paths!r}\nfrom kernel.helpers import fake_firewalld\n"
    (made / "firewall-cmd").write_text(
        f"#!{sys.executable}\n{program}fake_firewalld.obey({str(folder)!r}, sys.argv[1:])\n"
    )
    (made / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    for one in made.iterdir():
        one.chmod(0o755)
    assert shutil.which("nft")
    return made


def obey(folder: str, words: list[str]) -> None:
    daemon, name = FakeFirewalld(Path(folder)), ""
    for option, _equals, value in (word.partition("=") for word in words):
        if option == "--ipset":
            name = value
        elif option == "--reload":
            daemon.reload()
        elif option == "--add-entry":
            daemon.add_entry(name, value)
        elif option == "--remove-entry":
            daemon.remove_entry(name, value)
        elif option == "--add-rich-rule":
            daemon.set_rules(daemon.openings().rules | {value})
        elif option == "--remove-rich-rule":
            daemon.set_rules(daemon.openings().rules - {value})
