# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring firewalld to openings of this collection, and nothing else of it to anything: look, then reload if something is
new, then change what runs; what a restart begins with is written when the change is confirmed."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from shlex import quote
from typing import Any, Dict, FrozenSet, List, Optional, Set, Tuple

from ..linux import causes, programs
from ..linux.engine import EngineError
from ..linux.units import has_systemd
from ..nftables.kernel import Nft
from . import back, files, kernel
from .daemon import Daemon
from .drift import Drift, drift
from .objects import POLICY, Openings
from .steps import Steps, steps
from .text import COMMANDS, FILES_ONLY, RELOAD

UNIT = "firewalld.service"
_FLOOR = (1, 0)
_MOST_SINGLE = 64
_READY_WITHIN, _LOOK_EVERY = 8.0, 0.1
_SLOW = 20.0
_SPARE = 64 * 1024
"""Bytes, in addition to the files themselves and the copies that firewalld keeps of them."""
_VERSION = re.compile(r"(\d+)\.(\d+)")
_ADVICE = "Or set portbook_backend: nftables for a host that is to have no firewalld"


class Opener:
    def __init__(self, nft: Nft, daemon: Daemon, folder: str = back.FOLDER) -> None:
        self._nft, self._daemon, self._folder = nft, daemon, folder
        self.notes: List[str] = []
        self._flushed = False
        """Whether firewalld's table was not in the kernel when that was looked at last."""
        self._sets: Dict[str, FrozenSet[str]] = {}
        """Entries that the kernel had then."""
        self._seen: Optional[Openings] = None
        self._others: Optional[Drift] = None

    # -- looking ------------------------------------------------------------------------------------

    def look(self) -> None:
        """Raises what keeps firewalld from being asked, before anything is touched."""
        self.look_at_unit()
        health = self._daemon.health()
        found = _VERSION.match(health.version)
        if found and (int(found[1]), int(found[2])) < _FLOOR:
            raise EngineError(
                f"firewalld is {health.version} on this host, and its policies can be used from "
                f"{'.'.join(map(str, _FLOOR))} on. Update it. {_ADVICE}"
            )
        if health.backend != "nftables":
            raise EngineError(
                f"FirewallBackend is {health.backend} in {self._folder}/firewalld.conf, and the refusals of portbook "
                f"need nftables. Set FirewallBackend=nftables there and restart firewalld. {_ADVICE}"
            )
        if health.panic:
            raise EngineError(
                "firewalld is in panic mode on this host and drops every packet. End that (firewall-cmd --panic-off), "
                "then run again"
            )
        if health.state != "RUNNING":
            raise EngineError(
                f"firewalld is in the state {health.state or 'unknown'} on this host: its own configuration could not "
                "be loaded. firewall-cmd --check-config and journalctl -u firewalld name the file; correct it, reload "
                "firewalld, then run again"
            )

    def saw(self, table: Optional[List[Any]]) -> None:
        """firewalld's, as the kernel holds it."""
        self._flushed, self._sets = table is None, kernel.entries(table)

    def look_at_unit(self) -> None:
        if self._daemon.answers():
            return
        load, active, enabled = self._unit()
        if load == "masked":
            raise EngineError(f"{UNIT} is masked on this host. Unmask and start it. {_ADVICE}")
        if load == "not-found":
            raise EngineError(f"firewalld is not installed on this host. Install it. {_ADVICE}")
        if active not in ("active", "reloading"):
            word = f"{enabled} and " if enabled else ""
            raise EngineError(f"{UNIT} is {word}{active} on this host. Start it (systemctl start firewalld). {_ADVICE}")

    def runs(self) -> bool:
        return self._daemon.answers() or self._unit()[1] in ("active", "reloading")

    def _unit(self) -> Tuple[str, str, str]:
        """How it is loaded, whether it is at work, and whether it starts with the host."""
        if not has_systemd():
            return "loaded", "active", ""
        names = ("LoadState", "ActiveState", "UnitFileState")
        done = programs.run(["systemctl", "show", *(f"--property={name}" for name in names), UNIT])
        found = dict(line.split("=", 1) for line in done.out.splitlines() if "=" in line)
        return found.get("LoadState", ""), found.get("ActiveState", ""), found.get("UnitFileState", "")

    def raw_files(self) -> Dict[str, str]:
        """This collection's files of the permanent configuration, by their paths below firewalld's folder."""
        found = {}
        for folder in files.FOLDERS:
            with suppress(FileNotFoundError):
                for name in sorted(os.listdir(os.path.join(self._folder, folder))):
                    if files.is_ours(f"{folder}/{name}"):
                        with open(os.path.join(self._folder, folder, name), encoding="utf-8", errors="replace") as file:
                            found[f"{folder}/{name}"] = file.read()
        return found

    def now(self, wanted: Openings) -> Openings:
        """At runtime, as it was when this was asked first, or after something was changed. Of sets that the kernel
        holds as they are wanted, firewalld is not asked: there may be many, and each takes time."""
        if self._seen is None:
            known = [one for one in wanted.ipsets if self._sets.get(one.name) == one.entries]
            self._seen = self._daemon.openings(known)
        return self._seen

    def permanent(self) -> Openings:
        return files.read(self.raw_files())

    def back_from(self, wanted: Openings) -> Tuple[str, List[str]]:
        """How to take back what brings it to these openings: its way, and arguments of firewall-cmd."""
        if not self.runs():
            return FILES_ONLY, []
        found = steps(self.now(wanted), wanted)
        if found.reload or self._flushed:
            return RELOAD, quoted(self._others_now())
        return COMMANDS, found.undone()

    def look_at_drift(self, wanted: Openings) -> None:
        """Raises what a reload would change for good, if these openings take one."""
        if steps(self.now(wanted), wanted).reload or self._flushed:
            self._refuse_stuck(self._others_now())

    def _others_now(self) -> Drift:
        """As it was when this was asked first, or after something was changed."""
        if self._others is None:
            self._others = self._drift()
        return self._others

    def look_at_folder(self, wanted: Dict[str, str]) -> None:
        """Raises what would keep firewalld from writing these files. It empties a file first, which a full disk would
        leave so."""
        size = _SPARE + 2 * sum(map(len, wanted.values()))
        for name in files.FOLDERS:
            path = os.path.join(self._folder, name)
            wrong = causes.not_writable(path) or causes.without_room(path, size)
            if wrong:
                raise EngineError(wrong)

    # -- changing -----------------------------------------------------------------------------------

    def open(self, wanted: Openings) -> None:
        """At runtime. Without any, nothing has to run."""
        if not wanted.rules and not self.runs():
            return
        found = steps(self.now(wanted), wanted)
        self._seen = self._others = None
        if found.reload or self._flushed:
            self._with_reload(found, wanted, self._flushed)
            found = steps(self._daemon.openings(), wanted)
        self._at_runtime(found, wanted)

    def _with_reload(self, found: Steps, wanted: Openings, flushed: bool) -> None:
        others = self._drift()
        self._refuse_stuck(others)
        before = self.permanent()
        for name, ipset in sorted(wanted.peers.items()):
            if ipset in found.ipsets or name not in before.peers:
                self._daemon.keep_ipset(ipset)
        for name, service in sorted(wanted.ports.items()):
            if service in found.services or name not in before.ports:
                self._daemon.keep_service(service)
        # A reload with a rule that names what is not there would leave firewalld 1.3 without any rule.
        old = before.sound() & wanted.rules if found.policy else before.sound()
        rules = wanted.rules if found.many else old
        if found.policy:
            self._daemon.keep_policy(rules)
        elif before.frame and before.rules != rules:
            self._daemon.keep_rules(rules)
        self._again(flushed)
        if found.many:
            # A restart before the confirmation begins with what was there.
            self._daemon.keep_rules(old)
        self._put_back(others)

    def _at_runtime(self, found: Steps, wanted: Openings) -> None:
        for name, (gone, come) in found.entries.items():
            if len(gone) + len(come) > _MOST_SINGLE:
                self._daemon.set_entries(name, wanted.peers[name].entries)
                continue
            for entry in sorted(gone):
                self._daemon.remove_entry(name, entry)
            for entry in sorted(come):
                self._daemon.add_entry(name, entry)
        if found.gone or found.come:
            self._daemon.set_rules(wanted.rules)

    def keep(self, wanted: Openings) -> None:
        """Permanently, without a reload: the policy first, so that nothing names what is not there."""
        there = self.permanent()
        if not self.runs():
            if wanted.exists:
                raise EngineError(f"{UNIT} has stopped in the meantime. Start it, then run again")
            self._remove_files(set())
            return
        if wanted.frame:
            for ipset in wanted.ipsets - there.ipsets:
                self._daemon.keep_ipset(ipset)
            for service in wanted.services - there.services:
                self._daemon.keep_service(service)
            if there.frame != wanted.frame:
                self._daemon.keep_policy(wanted.rules)
            elif there.rules != wanted.rules:
                self._daemon.keep_rules(wanted.rules)
        elif there.frame:
            self._daemon.forget("policy", POLICY)
        for name in sorted(set(there.peers) - set(wanted.peers)):
            self._daemon.forget("ipset", name)
        for name in sorted(set(there.ports) - set(wanted.ports)):
            self._daemon.forget("service", name)
        self._remove_files(set(files.written(wanted)))
        if not wanted.exists and self._daemon.openings().exists:
            others = self._drift()
            if not others.stuck:
                self._again(kernel.TABLE not in self._nft.tables())
                self._put_back(others)

    def _remove_files(self, wanted: Set[str]) -> None:
        """What firewalld leaves of what it removes, and all where it does not run."""
        for folder in files.FOLDERS:
            path = os.path.join(self._folder, folder)
            with suppress(FileNotFoundError):
                for name in os.listdir(path):
                    plain = name[: -len(".old")] if name.endswith(".old") else name
                    mine = f"{folder}/{plain}"
                    if files.is_ours(mine) and (mine not in wanted):
                        os.unlink(os.path.join(path, name))

    # -- reloads ------------------------------------------------------------------------------------

    def _again(self, flushed: bool) -> None:
        """A reload, and a restart where that would lock out or has failed."""
        if not flushed:
            with suppress(EngineError):
                self._daemon.reload()
            if self._works():
                return
        said = self._restart() if has_systemd() else "there is no systemd here that would restart it"
        if not self._works():
            raise EngineError(
                "firewalld does not work on this host after a reload and a restart "
                f"({said or 'journalctl -u firewalld says why'}). Correct that, then run again"
            )

    def _restart(self) -> str:
        """What systemd says of it."""
        done = programs.run(["systemctl", "restart", UNIT], seconds=_SLOW)
        end = time.monotonic() + _READY_WITHIN
        self._daemon.leave()
        while not self._works() and time.monotonic() < end:
            time.sleep(_LOOK_EVERY)
            self._daemon.leave()
        # What a daemon that was killed has left in the kernel is only cleared by a reload.
        if not done.code:
            with suppress(EngineError):
                self._daemon.reload()
        return done.err.strip()

    def _works(self) -> bool:
        with suppress(EngineError):
            tables = self._nft.tables()
            return kernel.TABLE in tables and kernel.BLOCKED not in tables and self._daemon.health().state == "RUNNING"
        return False

    def _drift(self) -> Drift:
        return drift(*self._daemon.configuration())

    def _refuse_stuck(self, others: Drift) -> None:
        if others.stuck:
            raise EngineError(
                "firewalld has to be reloaded for rules that are new, and that would change something else as well: "
                f"{'; '.join(others.stuck)}. Nothing was applied. Reload firewalld, or undo that, then run again"
            )

    def _put_back(self, others: Drift) -> None:
        """What others have at runtime only, which a reload removes. Of interfaces, most stay."""
        there = set(self._drift().commands) if others.commands else set()
        missing = [words for words in others.commands if words not in there]
        if not missing:
            return
        for words in missing:
            programs.run(["firewall-cmd", "--quiet", *words])
        end = time.monotonic() + _READY_WITHIN
        while self._drift() != others and time.monotonic() < end:
            time.sleep(_LOOK_EVERY)
        now = self._drift()
        if now != others:
            lost = sorted(set(others.said) - set(now.said)) or sorted(set(now.said) - set(others.said))
            raise EngineError(
                "firewalld had to be reloaded, and what it had at runtime only could not be restored: "
                f"{'; '.join(lost)}. Make it permanent (firewall-cmd --runtime-to-permanent), then run again"
            )
        self.notes.append(
            "firewalld had to be reloaded. What it has at runtime only was restored, and does not survive the next "
            f"reload or restart: {'; '.join(Drift(tuple(missing)).said)}. firewall-cmd --runtime-to-permanent keeps it"
        )


def quoted(others: Drift) -> List[str]:
    return [" ".join(map(quote, one)) for one in others.commands]
