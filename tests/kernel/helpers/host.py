# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host as the module sees it: a namespace, a folder for its state, and nft."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernel.helpers.commands import run, tables
from printed_diff import printed

from ansible_collections.portbook.firewall.plugins.module_utils.linux import apply as linux_apply
from ansible_collections.portbook.firewall.plugins.module_utils.linux.request import Applied, Request
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import HostState
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.engine import Nftables
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.kernel import Nft, meaning
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.units import TableUnits
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart


def rule(port: int | tuple[int, int] | None, peers: Iterable[str] | str = "any", **more: Any) -> dict[str, Any]:
    """As the action plugin gives it; the addresses stand in place of a set's name until `slice_of` names it."""
    low, high = port if isinstance(port, tuple) else (port, port)
    return {
        "direction": "in",
        "protocol": "tcp",
        "peers": peers if isinstance(peers, str) else tuple(peers),
        "cast": "unicast",
        "refusal": "guard",
        "log": False,
        "spans": [] if port is None else [[low, high]],
        "source_spans": [],
        "container_spans": [],
        **more,
    }


def slice_of(*rules: dict[str, Any], name: str = "one") -> dict[str, Any]:
    sets: dict[str, list[str]] = {}
    found = []
    for number, one in enumerate(rules):
        peers = one["peers"]
        if isinstance(peers, tuple):
            peers = f"s{number}"
            sets[peers] = list(one["peers"])
        found.append({"id": f"{name}/{number}", "flow": f"{name}.{number}", **one, "peers": peers})
    return {"rules": found, "sets": sets}


def by_posture(settings: dict[str, Any]) -> dict[str, Any]:
    """Postures in the words that the host is given."""
    given = {name: value for name, value in settings.items() if name not in ("posture", "outbound")}
    postures = {name: value for name, value in settings.items() if name not in given}
    if postures:
        part = HostPart("host", **postures)
        given |= {"verdicts": dict(part.verdicts), "directions": list(part.directions)}
    return given


PEER, OTHER = "192.0.2.10", "192.0.2.11"
ONE = {"one": slice_of(rule(514, [PEER]), rule(514, [PEER], protocol="udp"))}
TWO = {"one": slice_of(rule(514, [OTHER]), rule((600, 610), ["198.51.100.0/24", "2001:db8::/64"], protocol="udp"))}


@dataclass
class Host:
    folder: Path
    nft_path: str = field(default_factory=lambda: shutil.which("nft") or "nft")
    units: TableUnits = field(default_factory=TableUnits)

    @property
    def state(self) -> HostState:
        return HostState(str(self.folder), str(self.notes))

    @property
    def notes(self) -> Path:
        """In place of /run/portbook."""
        return self.folder.with_name(f"{self.folder.name}-run")

    @property
    def engine(self) -> Nftables:
        return Nftables(Nft(self.nft_path), self.units)

    def apply(self, slices: dict[str, Any], settings: dict[str, Any] | None = None, **request: Any) -> Applied:
        asked = Request(slices=slices, settings=by_posture(settings or {}), **request)
        return linux_apply.apply(self.state, self.engine, asked)

    def diff(self, slices: dict[str, Any], settings: dict[str, Any] | None = None, **request: Any) -> list[str]:
        """What applying it shows, as Ansible prints it: a title, and lines that go and come."""
        return printed(self.apply(slices, settings, diff=True, **request).diff)

    def strict(self, slices: dict[str, Any], **settings: Any) -> Applied:
        return self.apply(slices, settings={"posture": "strict", **settings})

    def confirm(self, token: str) -> bool:
        return not self.why_not(token)

    def why_not(self, token: str) -> str:
        return linux_apply.confirm(self.state, self.engine, token)

    def table(self) -> str:
        """What the kernel's table means, counters and handles apart; empty if there is none."""
        return meaning(Nft().table())

    def listing(self) -> str:
        return run("nft", "-s", "list", "table", "inet", "portbook") if "portbook" in tables() else ""

    def files(self) -> dict[str, str]:
        if not self.folder.is_dir():
            return {}
        return {path.name: path.read_text() for path in sorted(self.folder.iterdir())}

    def traces(self) -> dict[str, tuple[int, int, int]]:
        """Changes with every write to the folder or to a file in it."""
        found = {".": self.folder.stat()} | {path.name: path.stat() for path in self.folder.iterdir()}
        return {name: (one.st_ino, one.st_mtime_ns, one.st_ctime_ns) for name, one in found.items()}

    def all(self) -> tuple[str, dict[str, str]]:
        return self.table(), self.files()

    def counting(self, folder: Path) -> Path:
        """From now on, every nft that is started leaves a line in the file."""
        log, wrapper = folder / "nft.log", folder / "counting" / "nft"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\necho "$*" >> "{log}"\nexec {shutil.which("nft")} "$@"\n')
        wrapper.chmod(0o700)
        self.nft_path = str(wrapper)
        return log


def fake_nft(folder: Path, body: str) -> str:
    """A script in front of the real nft, which is $NFT there."""
    path = folder / "fake" / "nft"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\nNFT={shutil.which("nft")}\n{body}\nexec $NFT "$@"\n')
    path.chmod(0o755)
    return str(path)
