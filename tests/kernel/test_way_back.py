# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where there is systemd, it takes a change back, and needs nothing of ours for it; a confirmation stops it first."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kernel.helpers.commands import nft, tables
from kernel.helpers.host import ONE, TWO, Host, fake_nft
from kernel.helpers.processes import settled, told, until
from kernel.helpers.service_manager import ServiceManager

from ansible_collections.portbook.firewall.plugins.module_utils.linux import on_disk, programs, session, timer, way_back
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import StateError

SOON, LATER = 0.6, 20.0
WITHIN = 9


@pytest.fixture
def manager(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> ServiceManager:
    return ServiceManager(tmp_path, host, monkeypatch)


def by_process(host: Host) -> bool:
    waiting = way_back.pending(host.state)
    return bool(waiting and "holder" in waiting)


def nothing_waits(host: Host) -> bool:
    return settled(host) and not host.notes.exists()


def taken_back(host: Host) -> bool:
    return until(lambda: nothing_waits(host), WITHIN)


def test_without_a_confirmation_all_is_as_it_was(host: Host, manager: ServiceManager) -> None:
    host.apply(ONE)
    before, listing, units = host.all(), host.listing(), manager.all()
    host.apply(TWO, hold=SOON, token="t")
    assert not by_process(host)
    assert host.table() != before[0]
    assert taken_back(host)
    assert (host.all(), host.listing(), manager.all()) == (before, listing, units)
    assert not host.apply(ONE).changed


def test_a_first_change_leaves_nothing(host: Host, manager: ServiceManager) -> None:
    host.apply(ONE, hold=SOON, token="t")
    assert tables() == ["portbook"]
    assert taken_back(host)
    assert (tables(), host.folder.exists(), manager.all()) == ([], False, {"started": ""})


def test_a_confirmation_stops_the_timer(host: Host, manager: ServiceManager) -> None:
    host.apply(ONE, hold=SOON, token="t")
    assert timer.TIMER in manager.all()["started"]
    assert host.confirm("t")
    assert manager.all()["started"] == ""
    before = host.all()
    time.sleep(SOON + 0.4)
    assert (host.all(), host.notes.exists()) == (before, False)


def test_a_timer_that_does_not_stop_means_that_nothing_is_confirmed(
    host: Host, manager: ServiceManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.apply(ONE)
    before = host.all()
    host.apply(TWO, hold=SOON, token="t")
    monkeypatch.setattr(timer, "stop", lambda: False)
    assert host.why_not("t") == "it no longer waits"
    assert taken_back(host)
    assert host.all() == before


def test_a_confirmation_that_cannot_be_written_is_none(
    host: Host, manager: ServiceManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer was stopped for it, and runs again."""
    host.apply(ONE)
    before = host.all()
    host.apply(TWO, hold=2, token="t")

    def fail(_old: str, _new: str) -> None:
        assert manager.all()["started"] == ""
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(on_disk, "replace", fail)
    with pytest.raises(StateError, match="Read-only file system"):
        host.confirm("t")
    assert manager.all()["started"] == timer.TIMER
    assert not settled(host)
    assert taken_back(host)
    assert host.all() == before


LOST: dict[str, Callable[[Host], object]] = {
    "the text": lambda host: (host.notes / "back").unlink(),
    "the notes": lambda host: shutil.rmtree(host.notes),
    "what the notes say": lambda host: [path.write_text("") for path in host.notes.iterdir()],
}


@pytest.mark.parametrize("lost", LOST)
def test_whatever_is_lost_the_table_that_a_start_would_load_comes_back(
    host: Host, manager: ServiceManager, lost: str
) -> None:
    host.apply(ONE)
    before = host.all()
    host.apply(TWO, hold=SOON, token="t")
    LOST[lost](host)
    assert not settled(host), "the timer runs, whatever became of the notes"
    assert taken_back(host)
    assert host.all() == before


def test_with_notes_and_folder_lost_a_change_that_cuts_goes(host: Host, manager: ServiceManager) -> None:
    host.apply(ONE)
    host.apply(TWO, hold=SOON, token="t")
    shutil.rmtree(host.notes)
    shutil.rmtree(host.folder)
    assert taken_back(host)
    assert tables() == []
    assert host.apply(ONE).changed


@pytest.mark.more
def test_a_text_that_nft_never_takes_costs_the_table_and_not_management_access(
    host: Host, manager: ServiceManager, tmp_path: Path
) -> None:
    """As an nft that dies of what a newer one wrote: all that it loads from files is refused."""
    host.apply(ONE)
    host.nft_path = fake_nft(tmp_path, f'[ -e {tmp_path}/old ] && [ "$1" = -f ] && kill -SEGV $$')
    host.apply(TWO, hold=SOON, token="t")
    (tmp_path / "old").touch()
    assert taken_back(host)
    assert tables() == []


@pytest.mark.more
@pytest.mark.parametrize("fails", ["echo busy >&2; exit 1", "exec sleep 60", "kill -SEGV $$", "chmod -x $0; exit 1"])
def test_it_is_tried_until_it_succeeds(
    host: Host, manager: ServiceManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    host.apply(ONE)
    before = host.all()
    monkeypatch.setattr(programs, "SECONDS", 1.0)
    host.nft_path = fake_nft(tmp_path, f"[ -e {tmp_path}/broken ] && {{ {fails}; }}")
    host.apply(TWO, hold=SOON, token="t")
    (tmp_path / "broken").touch()
    time.sleep(SOON + 6)
    assert host.table() != before[0]
    assert not settled(host)
    (tmp_path / "broken").unlink()
    Path(host.nft_path).chmod(0o755)
    assert taken_back(host)
    assert host.all() == before


def test_a_change_that_fails_is_taken_back_at_once_and_the_timer_with_it(
    host: Host, manager: ServiceManager, tmp_path: Path
) -> None:
    host.apply(ONE)
    before, units = host.all(), manager.all()
    once = tmp_path / "once"
    host.nft_path = fake_nft(tmp_path, f'[ "$1" = "-f" ] && [ ! -e {once} ] && {{ touch {once}; exit 1; }}')
    assert "nft refuses the ruleset" in told(lambda: host.apply(TWO, hold=LATER, token="t"))
    assert nothing_waits(host)
    assert (host.all(), manager.all()) == (before, units)


def test_where_systemd_takes_no_such_timer_a_process_holds(host: Host, manager: ServiceManager) -> None:
    host.apply(ONE)
    before = host.all()
    (manager.started / "refuses").touch()
    host.apply(TWO, hold=SOON, token="t")
    assert by_process(host)
    assert taken_back(host)
    assert host.all() == before


def test_a_timer_that_somebody_stopped_by_hand_holds_up_no_run(host: Host, manager: ServiceManager) -> None:
    host.apply(ONE)
    host.apply(TWO, hold=LATER, token="t")
    (manager.started / timer.TIMER).unlink()
    assert settled(host)
    assert not host.confirm("t")
    host.apply(TWO)
    assert not host.apply(TWO).changed
    assert not host.notes.exists()


# -- a process, where there is no systemd -----------------------------------------------------------


@pytest.mark.parametrize("lost", LOST)
def test_a_process_takes_back_whatever_became_of_its_note(host: Host, lost: str) -> None:
    host.apply(ONE)
    before = host.all()
    host.apply(TWO, hold=SOON, token="t")
    assert by_process(host)
    if lost == "the text":
        (host.notes / "pending.json").write_text("{")
    else:
        LOST[lost](host)
    assert until(lambda: host.all() == before, 3)


def test_a_process_takes_back_with_its_folder_missing(host: Host) -> None:
    host.apply(ONE)
    before = host.table()
    host.apply(TWO, hold=SOON, token="t")
    shutil.rmtree(host.folder)
    assert until(lambda: host.table() == before, 3)


def test_a_process_that_was_released_takes_nothing_back(host: Host) -> None:
    host.apply(ONE, hold=SOON, token="t")
    assert host.confirm("t")
    nft("delete table inet portbook\n")
    time.sleep(SOON + 0.6)
    assert tables() == []


# -- who may confirm, and who waits for whom --------------------------------------------------------

MANAGED = {"management": ["192.0.2.50"], "management_ports": [22]}
SAME = "192.0.2.50 port 50001"


@pytest.mark.parametrize(
    ("client", "after", "accepted"),
    [
        ("192.0.2.50 port 50002", 1.0, True),
        ("198.51.100.7 port 50001", 1.0, True),
        (SAME, 1.0, False),
        ("192.0.2.50 port 50002", -60.0, False),
        ("", None, True),
        ("", -60.0, False),
        ("192.0.2.50 port 50002", None, True),
    ],
)
def test_only_a_connection_that_began_after_the_rules_were_there_confirms(
    host: Host, monkeypatch: pytest.MonkeyPatch, client: str, after: float | None, accepted: bool
) -> None:
    monkeypatch.setattr(session, "own", lambda: session.Connection(SAME, 1.0))
    host.apply(ONE, hold=LATER, token="t", transport="ssh", settings=MANAGED)
    loaded = host.state.read("state.json.next")["loaded"]
    began = None if after is None else loaded + after
    monkeypatch.setattr(session, "own", lambda: session.Connection(client, began))
    if accepted:
        assert host.confirm("t")
    else:
        with pytest.raises(way_back.OldConnection, match="open before the rules were loaded"):
            host.confirm("t")
        monkeypatch.setattr(session, "own", lambda: session.Connection("192.0.2.50 port 50003", loaded + 2))
        assert host.confirm("t"), "a new one is welcome"


def test_a_connection_that_is_not_by_ssh_is_not_judged(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "own", lambda: session.Connection(SAME, 1.0))
    host.apply(ONE, hold=LATER, token="t")
    assert host.confirm("t")


def test_the_next_run_learns_whose_change_waits_and_until_when(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "own", lambda: session.Connection(SAME, 1.0))
    host.apply(ONE, hold=LATER, token="t")
    clock = r"until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, (1[89]|20) s from now"
    with pytest.raises(StateError, match=rf"applied by ssh from {SAME}, still waits to be confirmed: {clock}"):
        host.apply(TWO)
    assert host.confirm("t")
