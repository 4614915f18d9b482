# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of test_odd_windows.py one folder above, for a real PowerShell, which also has to answer as the
emulation does and leave the same store; and what only a real one can show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from windows import test_odd_windows
from windows.fake.host import Host, to_file
from windows.fake.modules import OURS, statements
from windows.fake.store import Store
from windows.pwsh.session import Session

globals().update(statements(test_odd_windows))


def listeners(session: Session, folder: Path, registry: dict[str, Any]) -> list[list[Any]]:
    Store().save(folder / "store.json")
    host = {**to_file(Host(listeners=()), Store()), "HKLM": registry}
    found: list[list[Any]] = session.run("windows_read", folder / "store.json", OURS, host=host)["listeners"]
    return found


def key(path: str, **values: Any) -> dict[str, Any]:
    for part in reversed(path.split("\\")):
        values = {part: values}
    return values


LISTENERS = r"SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener"


def test_a_listener_has_the_port_of_its_transport_unless_it_says_another(session: Session, tmp_path: Path) -> None:
    usual = key(LISTENERS, **{"*+HTTP": {}, "*+HTTPS": {}, "IP:192.0.2.10+HTTPS": {"Port": 443}, "*+X": {"enabled": 0}})
    assert listeners(session, tmp_path, usual) == [["winrm", 5985], ["winrm", 5986], ["winrm", 443]]


def test_a_listener_may_be_there_by_a_policy(session: Session, tmp_path: Path) -> None:
    policy = key(r"SOFTWARE\Policies\Microsoft\Windows\WinRM\Service", AllowAutoConfig=1)
    assert listeners(session, tmp_path, policy) == [["winrm", 5985]]
    assert listeners(session, tmp_path, {}) == []


@pytest.mark.parametrize("unlogged", [True, False])
def test_what_is_too_much_for_the_event_log_stays_out_of_it(unlogged: bool, session: Session, tmp_path: Path) -> None:
    Store().save(tmp_path / "store.json")
    given = {**OURS, "expect": "", "operations": [], "unlogged": unlogged}
    assert session.keeps_quiet("windows_write", tmp_path / "store.json", given) is unlogged
