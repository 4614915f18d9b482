# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places in which a backend is held to the contract: a target, and ways to look at it and to make it fail."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernel.helpers.commands import run
from kernel.helpers.fake_firewalld import FakeFirewalld, commands
from kernel.helpers.host import Host, fake_nft
from windows.fake import worlds
from windows.fake.bringing import HOST
from windows.fake.engine import foreign
from windows.fake.execute import on
from windows.fake.store import Faults, Store

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld import back
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.daemon import DaemonError
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.engine import Firewalld
from ansible_collections.portbook.firewall.plugins.module_utils.linux.answer import ARGUMENTS, answer
from ansible_collections.portbook.firewall.plugins.module_utils.linux.choice import Engines
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.kernel import Nft
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.units import TableUnits


class Bench(ABC):
    """A target of the contract; what it answers has been through JSON, as over the wire."""

    host, transport, port, check, diff, verbosity = "host", "ssh", 5986, False, False, 0
    platform: str
    writes: int
    """Steps that can fail, at least."""

    def run(self, module: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        answered: dict[str, Any] = json.loads(json.dumps(self.answer(module, json.loads(json.dumps(arguments)))))
        return answered

    def reconnect(self, alone: bool = False) -> None:
        raise AssertionError("nothing is held here, so nothing is confirmed")

    def note(self, text: str) -> None:
        raise AssertionError(text)

    @abstractmethod
    def answer(self, module: str, arguments: dict[str, Any]) -> dict[str, Any]: ...

    @abstractmethod
    def ours(self) -> object:
        """All that a backend of ours has put there, by meaning."""

    @abstractmethod
    def others(self) -> object: ...

    @abstractmethod
    def touched(self) -> object:
        """Another value after any write."""

    @abstractmethod
    def fail_at(self, step: int) -> None:
        """At this step of what comes next; 0: never."""


class OfNftables(Bench):
    platform, writes = "linux", 5

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._host = Host(folder / "portbook")
        run("nft", "add", "table", "inet", "theirs")
        run("nft", "add", "chain", "inet", "theirs", "input", "{ type filter hook input priority 0; }")
        run("nft", "add", "rule", "inet", "theirs", "input", "tcp", "dport", "9", "drop")

    def answer(self, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        assert module == "portbook.firewall.nftables"
        defaults = {name: spec.get("default") for name, spec in ARGUMENTS.items()}
        # Nothing here finds a way in, so nobody asks for one.
        given = {**defaults, **arguments, "transport": "", "hold": 0}
        engines = Engines("nftables", {"nftables": lambda: self._host.engine})
        return answer(given, self._host.state, engines, self.check, self.diff)

    def ours(self) -> object:
        return self._host.table()

    def others(self) -> object:
        return run("nft", "-s", "list", "table", "inet", "theirs")

    def touched(self) -> object:
        return self._host.table(), self._host.traces() if self._host.folder.exists() else None

    def fail_at(self, step: int) -> None:
        count = self._folder / "count"
        count.write_text("0")
        fails = (
            f'n=$(($(cat "{count}") + 1)); echo "$n" >"{count}"\n'
            f'[ "$n" != {step} ] || {{ echo "Error: at step {step}" >&2; exit 1; }}'
        )
        self._host.nft_path = fake_nft(self._folder, fails)


class OfFirewalld(Bench):
    platform, writes = "linux", 6

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder, self._fails = folder, 0
        self._host = Host(folder / "portbook")
        self._firewalld = FakeFirewalld(folder, self._step)
        # Of an administrator's, beside which ours come and go.
        (self._firewalld.permanent / "services" / "theirs.xml").write_text("<service/>")
        self._firewalld.reload()
        self._commands = commands(folder)

    def answer(self, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        assert module == "portbook.firewall.firewalld"
        defaults = {name: spec.get("default") for name, spec in ARGUMENTS.items()}
        given = {**defaults, **arguments, "transport": "", "hold": 0, "yields_to": {}}
        engines = Engines("firewalld", {"firewalld": self._engine})
        return answer(given, self._host.state, engines, self.check, self.diff)

    def _engine(self) -> Firewalld:
        units = TableUnits(before=back.SCRIPT)
        return _Fake(self._commands, Nft(self._host.nft_path), units, self._firewalld, str(self._firewalld.permanent))

    def _step(self, what: str) -> None:
        """Steps of nft and of firewalld are counted together."""
        count = self._folder / "count"
        number = int(count.read_text()) + 1 if count.exists() else 1
        count.write_text(str(number))
        if number == self._fails:
            raise DaemonError(f"{what} failed at step {number}")

    def ours(self) -> object:
        return self._host.table(), self._firewalld.openings().used().rules, self._permanent(), self._runtime_sets()

    def _runtime_sets(self) -> object:
        return sorted((one.name, sorted(one.entries)) for one in self._firewalld.openings().used().ipsets)

    def _permanent(self) -> dict[str, str]:
        found = self._firewalld.permanent.glob("*/p*b*")
        return {one.name: one.read_text() for one in sorted(found)}

    def others(self) -> object:
        return (self._firewalld.permanent / "services" / "theirs.xml").read_text()

    def touched(self) -> object:
        stats = {path: path.stat() for path in sorted(self._folder.glob("*/*/*.xml*"))}
        files = {path: (one.st_ino, one.st_mtime_ns) for path, one in stats.items()}
        return self._host.table(), files, self._host.traces() if self._host.folder.exists() else None

    def fail_at(self, step: int) -> None:
        count = self._folder / "count"
        count.write_text("0")
        self._fails = step
        fails = (
            f'n=$(($(cat "{count}") + 1)); echo "$n" >"{count}"\n'
            f'[ "$n" != {step} ] || {{ echo "Error: at step {step}" >&2; exit 1; }}'
        )
        self._host.nft_path = fake_nft(self._folder, fails)


class _Fake(Firewalld):
    """Whose shell finds the commands of the fake."""

    def __init__(self, path: Path, *given: Any) -> None:
        super().__init__(*given)
        self._path = path

    def _script(self) -> str:
        return f'PATH="{self._path}:$PATH"\n{super()._script()}'


class OfWindows(Bench):
    platform, writes = "windows", 5

    def __init__(self, _folder: Path) -> None:
        # Who removes must still be let in.
        self.store = Store.of(foreign(LocalPorts="9", Action=0), foreign(Name="WinRM", LocalPorts="5986"))

    def answer(self, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return on(self.store, module, arguments, self.check, HOST)

    def ours(self) -> object:
        """A rule that is disabled means nothing, be it our memory or one that could not be deleted."""
        rules = sorted(
            (one.name, one.grouping, str(one.local_ports), one.remote_addresses, one.action)
            for one in worlds.ours(self.store)
            if one.enabled
        )
        return rules or ""

    def others(self) -> object:
        return worlds.others(self.store)

    def touched(self) -> object:
        return repr(self.store.rules), worlds.settings(self.store)

    def fail_at(self, step: int) -> None:
        self.store.faults = Faults(fail_write=frozenset({step} if step else ()))


BENCHES: Mapping[str, type[Bench]] = {"firewalld": OfFirewalld, "nftables": OfNftables, "windows": OfWindows}
