# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps firewalld from being asked is said before anything is touched, with what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld import opener
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.daemon import Daemon, Health
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.drift import Configuration
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.objects import Openings, Peers, wanted
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.opener import Opener
from ansible_collections.portbook.firewall.plugins.module_utils.linux import programs
from ansible_collections.portbook.firewall.plugins.module_utils.linux.engine import EngineError
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import Local, Permission
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.kernel import Nft

WELL = Health("2.3.1", "RUNNING", "nftables", panic=False)
PERMISSION = Permission("in", "tcp", ((514, 514),), networks=("192.0.2.1",), peers="senders")


@dataclass
class Asked(Daemon):
    found: Health = WELL
    permanent: Configuration = field(default_factory=Configuration)

    def health(self) -> Health:
        return self.found

    def answers(self) -> bool:
        """So that its unit is asked."""
        return False

    def openings(self, known: Iterable[Peers] = ()) -> Openings:
        return Openings()

    def configuration(self) -> tuple[Configuration, Configuration]:
        return Configuration(), self.permanent


class Tables(Nft):
    def __init__(self) -> None:
        """No nft is needed."""

    def tables(self) -> list[str]:
        return ["firewalld"]


def an_opener(monkeypatch: pytest.MonkeyPatch, unit: str = "", folder: str = "/nowhere", **more: object) -> Opener:
    shown = unit or "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"
    monkeypatch.setattr(opener, "has_systemd", lambda: True)
    monkeypatch.setattr(programs, "run", lambda *_words, **_more: programs.Done(0, shown, ""))
    return Opener(Tables(), Asked(**more), folder)  # type: ignore[arg-type]


def test_one_that_is_well_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    an_opener(monkeypatch).look()


@pytest.mark.parametrize(
    ("health", "said"),
    [
        (replace(WELL, version="0.9.3"), "firewalld is 0.9.3 on this host, and its policies can be used from 1.0 on"),
        (replace(WELL, backend="iptables"), "FirewallBackend is iptables in /nowhere/firewalld.conf"),
        (replace(WELL, panic=True), "firewalld is in panic mode on this host and drops every packet"),
        (replace(WELL, state="FAILED"), "firewalld is in the state FAILED on this host"),
    ],
)
def test_what_is_wrong_with_it_is_said(monkeypatch: pytest.MonkeyPatch, health: Health, said: str) -> None:
    with pytest.raises(EngineError) as found:
        an_opener(monkeypatch, found=health).look()
    assert str(found.value).startswith(said)


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("LoadState=masked\nActiveState=inactive\n", "firewalld.service is masked on this host. Unmask and start it"),
        ("LoadState=not-found\nActiveState=inactive\n", "firewalld is not installed on this host. Install it"),
        (
            "LoadState=loaded\nActiveState=failed\nUnitFileState=enabled\n",
            "firewalld.service is enabled and failed on this host. Start it",
        ),
    ],
)
def test_a_unit_that_does_not_run_is_said(monkeypatch: pytest.MonkeyPatch, unit: str, said: str) -> None:
    with pytest.raises(EngineError) as found:
        an_opener(monkeypatch, unit=unit).look()
    assert str(found.value).startswith(said)
    assert "portbook_backend: nftables" in str(found.value)


def test_what_a_reload_would_begin_for_good_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Configuration(policies={"theirs": {}})
    with pytest.raises(EngineError, match=r"the policy theirs is there permanently only\. Nothing was applied"):
        an_opener(monkeypatch, permanent=waiting).look_at_drift(wanted([PERMISSION], Local()))
    an_opener(monkeypatch, permanent=waiting).look_at_drift(Openings())


def test_a_folder_without_room_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shown = an_opener(monkeypatch, folder=str(tmp_path))
    shown.look_at_folder({"ipsets/pb-1-4.xml": "x" * 1000})
    monkeypatch.setattr("os.statvfs", lambda _path: SimpleNamespace(f_bfree=16, f_frsize=4096, f_files=9, f_ffree=9))
    with pytest.raises(EngineError) as found:
        shown.look_at_folder({"ipsets/pb-1-4.xml": "x" * 1000})
    assert str(found.value) == f"{tmp_path}/policies cannot be written: No space left on device. Free some space there"


def test_no_bindings_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dbus", None)
    with pytest.raises(EngineError, match=r"no bindings for D-Bus .*Install the package python3-dbus"):
        Daemon().health()
