# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk to the kernel's nftables by way of nft; every failure says what it was."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..linux import programs
from ..linux.engine import EngineError, EngineStopped
from . import listed
from .pieces import TABLE

_LISTED = f'"$0" -f - && "$0" -s list table inet {TABLE}'


class NftError(EngineError):
    """Of nft, or of what it is given."""


class NftUnreadable(NftError):
    """What it prints."""


class NftStopped(NftError, EngineStopped):
    """By whatever ended nft."""


class Nft:
    def __init__(self, path: Optional[str] = None) -> None:
        found = path or shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin:" + os.environ.get("PATH", ""))
        if found is None:
            raise NftError("nft is not installed on this host. Install the package nftables")
        if os.geteuid() != 0:
            raise NftError("root is needed to change the firewall. Set become: true, with root as become_user")
        self.path = found

    def version(self) -> str:
        return self._run(["--version"]).strip()

    def check(self, text: str) -> None:
        """Whether the kernel would take it, without giving it."""
        self._run(["-c", "-f", "-"], text, "nft -c refuses the ruleset")

    def load(self, text: str) -> None:
        self._run(["-f", "-"], text, "nft refuses the ruleset")

    def table(self, name: str = TABLE) -> Optional[List[Any]]:
        """One of the family inet as the kernel holds it, or None."""
        try:
            return self._objects_of("inet", name)
        except NftStopped:
            raise
        except NftError:
            # nft says in the user's language that there is none.
            if name in self.tables():
                raise
            return None

    def listing(self) -> str:
        """Our table as a script, without counters."""
        return self._run(["-s", "list", "table", "inet", TABLE])

    def listed(self) -> str:
        """Everything that the kernel holds, with handles and counters and without elements of sets."""
        return self._run(listed.COMMAND)

    def listing_of(self, text: str) -> str:
        """How this nft would list our table, if only `text` was loaded: tried where no packet passes. Empty where the
        kernel gives no network namespace."""
        try:
            done = programs.run(["unshare", "--net", "sh", "-c", _LISTED, self.path], text, {"LC_ALL": "C"})
        except OSError:
            return ""
        return "" if done.code else done.out

    def others(self, beside: Sequence[str] = ()) -> List[Any]:
        """Everything that is neither in the collection's table nor in those in addition to it, of the family inet."""
        ours = [("inet", name) for name in (TABLE, *beside)]
        others = [one for one in self._names() if one not in ours]
        if not others:
            return []
        try:
            found = self._objects("list", "ruleset")
        except NftUnreadable:
            found = [one for place in others for one in self._objects_of(*place)]
        flagged = [_table_of(one) for one in found if "flags" in one.get("table", {})]
        # One that is dormant sees no packet.
        without = [*ours, *(place for place in flagged if place not in ours and self._sleeps(*place))]
        return [one for one in found if _table_of(one) not in without]

    def tables(self) -> List[str]:
        return [name for family, name in self._names() if family == "inet"]

    def _names(self) -> List[Tuple[str, str]]:
        """Family and name of each table. As text: nft 1.0.6 has no JSON for the flags of a table."""
        lines = (line.split() for line in self._run(["list", "tables"]).splitlines())
        return [(line[1], line[2]) for line in lines if len(line) == 3 and line[0] == "table"]

    def _objects_of(self, family: str, name: str) -> List[Any]:
        try:
            return self._objects("list", "table", family, name)
        except NftUnreadable:
            text = self._run(["-s", "list", "table", family, name])
            if not _dormant(text):
                raise
            # To compare it with.
            return [{"table": {"family": family, "name": name, "flags": "dormant", "listing": text}}]

    def _sleeps(self, family: str, name: str) -> bool:
        return _dormant(self._run(["-s", "-t", "list", "table", family, name]))

    def _objects(self, *arguments: str) -> List[Any]:
        text = self._run(["-j", *arguments])
        try:
            return [one for one in json.loads(text)["nftables"] if "metainfo" not in one]
        except ValueError:
            raise NftUnreadable(
                f"what nft -j {' '.join(arguments)} prints is not valid JSON on this host. Update nftables, then "
                "run again"
            ) from None

    def _run(self, arguments: Sequence[str], text: str = "", wrong: str = "nft failed") -> str:
        try:
            done = programs.run([self.path, *arguments], text, {"LC_ALL": "C"})
        except programs.Silent as error:
            raise NftStopped(str(error)) from None
        except OSError as error:
            raise NftError(f"{self.path} cannot be started: {error.strerror}. Install the package nftables") from None
        if done.code < 0:
            raise NftStopped(_killed(-done.code))
        if done.code:
            raise NftError(f"{wrong}: {_cause(done.err)}")
        return done.out


def _dormant(table: str) -> bool:
    """By its listing as text."""
    return any(line.startswith("\tflags ") and "dormant" in line for line in table.splitlines())


def _killed(number: int) -> str:
    try:
        name = f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        name = f"signal {number}"
    if number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
        return (
            f"nft was killed by {name}. nft up to 1.0.6 dies of sets that a newer nft wrote, for example from a "
            "container with the host's network. Update nftables on this host, or let that container have a network of "
            "its own or this host's version of nft, and delete the tables that it made; then run again"
        )
    if number == signal.SIGKILL:
        return f"nft was killed by {name}, perhaps because memory ran out (journalctl -k says so). Then run again"
    return f"nft was killed by {name}: somebody ended it. Run again"


def _cause(told: str) -> str:
    if "Operation not permitted" in told:
        return "the kernel does not permit it (no CAP_NET_ADMIN here; a container perhaps). Run it on the host itself"
    if "Protocol not supported" in told or ("cache initialization failed" in told and "Invalid argument" in told):
        return "the kernel has no nf_tables. Load the module nf_tables, or use another backend"
    lines = [line for line in told.strip().splitlines() if line.strip()]
    return "; ".join(lines[:4]) or "no reason given"


def _table_of(one: Dict[str, Any]) -> Tuple[str, str]:
    """Family and name of the table that an object is, or is in."""
    ((kind, body),) = one.items()
    if not isinstance(body, dict):
        return "", ""
    return str(body.get("family")), str(body.get("name" if kind == "table" else "table"))


def meaning(table: Optional[List[Any]]) -> str:
    """A digest of the table less what changes by itself: handles, counters, order of elements."""
    if table is None:
        return ""
    objects = [plain(one) for one in table]
    ordered = sorted(json.dumps(one, sort_keys=True) for one in objects if "rule" not in one)
    rules = [json.dumps(one, sort_keys=True) for one in objects if "rule" in one]
    chains = sorted(rules, key=lambda text: str(json.loads(text)["rule"]["chain"]))
    return hashlib.sha256("\n".join(ordered + chains).encode()).hexdigest()


def plain(value: Any) -> Any:
    """The part of nft's output that does not change by itself."""
    if isinstance(value, dict):
        if set(value) == {"packets", "bytes"}:
            return None
        return {
            key: _elements(inner) if key == "elem" else plain(inner) for key, inner in value.items() if key != "handle"
        }
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value


def _elements(value: Any) -> Any:
    if isinstance(value, list):
        return sorted((plain(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return plain(value)
