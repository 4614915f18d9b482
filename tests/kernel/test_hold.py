# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that refuses something waits for a new connection, and is taken back exactly without one."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from kernel.helpers.commands import nft, tables
from kernel.helpers.host import ONE, TWO, Host, fake_nft, rule, slice_of
from kernel.helpers.processes import remount_read_only, settled, told, until

from ansible_collections.portbook.firewall.plugins.module_utils.linux import local as host_local
from ansible_collections.portbook.firewall.plugins.module_utils.linux import on_disk, programs, way_back
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import StateError

SOON, LATER = 0.4, 20.0


def stop(host: Host) -> None:
    """The holder's own end, as if the host had been switched off."""
    waiting = way_back.pending(host.state)
    assert waiting is not None
    os.kill(int(waiting["holder"]), signal.SIGKILL)
    assert until(lambda: settled(host))


def test_without_a_confirmation_the_host_is_as_it_was_to_the_byte(host: Host) -> None:
    host.apply(ONE)
    before, listing = host.all(), host.listing()
    assert host.apply(TWO, hold=SOON, token="t").held
    assert host.table() != before[0]
    assert until(lambda: settled(host))
    assert (host.all(), host.listing()) == (before, listing)
    assert not host.apply(ONE).changed


def test_without_a_confirmation_a_first_change_leaves_nothing(host: Host) -> None:
    assert host.apply(ONE, hold=SOON, token="t").held
    assert tables() == ["portbook"]
    assert until(lambda: not host.folder.exists())
    assert tables() == []


def test_a_confirmed_change_stays(host: Host) -> None:
    host.apply(ONE)
    host.apply(TWO, hold=SOON, token="t")
    new = host.table()
    assert host.confirm("t")
    time.sleep(SOON + 0.4)
    assert host.table() == new
    assert sorted(host.files()) == ["state.json", "table.nft"]
    before = host.traces()
    assert not host.apply(TWO).changed
    assert host.traces() == before


def test_a_change_is_confirmed_by_its_own_token(host: Host) -> None:
    host.apply(ONE, hold=LATER, token="t")
    assert not host.confirm("another")
    assert host.confirm("t")
    assert not host.confirm("another")
    assert not host.confirm("")


def test_a_confirmation_whose_answer_was_lost_may_be_asked_for_again(host: Host) -> None:
    host.apply(ONE, hold=LATER, token="t")
    assert host.confirm("t")
    before = host.all()
    assert host.confirm("t")
    assert host.all() == before
    host.apply(TWO, hold=SOON, token="u")
    assert until(lambda: settled(host))
    assert not host.confirm("u")


def test_nothing_waits_where_nothing_was_held(host: Host) -> None:
    assert not host.confirm("t")


def test_a_change_that_refuses_nothing_is_not_held(host: Host) -> None:
    assert not host.apply({"one": slice_of(rule(514, refusal="open"))}, hold=SOON, token="t").held


def test_an_unchanged_host_is_not_held(host: Host) -> None:
    host.apply(ONE)
    assert not host.apply(ONE, hold=LATER, token="t").held
    assert settled(host)


def test_check_mode_is_not_held(host: Host) -> None:
    assert not host.apply(ONE, hold=LATER, token="t", check=True).held
    assert not host.folder.exists()


@pytest.mark.parametrize("check", [False, True])
def test_the_next_run_waits_for_the_decision(host: Host, check: bool) -> None:
    host.apply(ONE, hold=LATER, token="t")
    held = host.all()
    with pytest.raises(StateError, match="still waits to be confirmed"):
        host.apply(TWO, check=check)
    assert host.all() == held
    stop(host)


def test_files_change_with_the_confirmation_so_that_a_restart_takes_back_too(host: Host) -> None:
    host.apply(ONE)
    before = host.files()
    host.apply(TWO, hold=LATER, token="t")
    assert {name: host.files()[name] for name in before} == before
    stop(host)
    # What a restart would load is the old table; the next run starts from there.
    assert host.apply(TWO).words["create"] == []
    assert host.apply(TWO).words["keep"] == ["one/0", "one/1"]


def test_files_of_a_held_change_are_for_root_alone(host: Host) -> None:
    host.apply(ONE, hold=LATER, token="t")
    assert {stat.S_IMODE(path.stat().st_mode) for path in host.folder.iterdir()} == {0o600}
    stop(host)


def test_the_holder_survives_the_module_and_its_session(host: Host) -> None:
    host.apply(ONE)
    before = host.all()
    module = os.fork()
    if module == 0:
        try:
            os.setsid()
            host.apply(TWO, hold=SOON, token="t")
            os.killpg(os.getpgid(0), signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(module, 0)
    waiting = way_back.pending(host.state)
    assert waiting is not None
    holder = int(waiting["holder"])
    assert os.getsid(holder) != module
    assert {str(Path(f"/proc/{holder}/fd/{number}").readlink()) for number in (0, 1, 2)} == {"/dev/null"}
    assert host.table() != before[0]
    assert until(lambda: settled(host))
    assert host.all() == before


def started(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]


@pytest.mark.parametrize("name", ["pending.json", "taking-back.json"])
@pytest.mark.parametrize("holder", [1, "this", 0, -1, 2**22 + 1, "x", None])
def test_a_note_that_names_a_process_which_is_no_holder_waits_for_nobody(host: Host, name: str, holder: Any) -> None:
    host.apply(ONE)
    holder = os.getpid() if holder == "this" else holder
    since = started(holder) if holder in (1, os.getpid()) else "1"
    note(host, name, {"token": "t", "holder": holder, "started": since, "seconds": 9, "boot": way_back._boot()})
    assert settled(host)
    assert not host.confirm("t")
    assert not host.apply(ONE).changed
    assert not host.notes.exists()


def note(host: Host, name: str, content: Any) -> Path:
    host.notes.mkdir(mode=0o700, exist_ok=True)
    (host.notes / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return host.notes / name


def test_a_note_of_another_boot_waits_for_nobody(host: Host) -> None:
    host.apply(ONE)
    host.apply(TWO, hold=SOON, token="t")
    waiting = way_back.pending(host.state)
    assert waiting is not None
    note(host, "pending.json", {**waiting, "boot": "8a7f0d6e-0000-4000-8000-000000000000"})
    assert settled(host)
    assert not host.confirm("t")
    assert host.apply(TWO).changed
    applied = host.all()
    time.sleep(SOON + 0.4)
    assert host.all() == applied, "without its note the holder does not take back what came after it"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "[" * 99999, '{"token": "t", "holder": "x", "started": "1"}'])
def test_a_broken_note_of_a_held_change_waits_for_nobody(host: Host, text: str) -> None:
    host.apply(ONE)
    note(host, "pending.json", text)
    assert not host.confirm("t")
    assert not host.apply(ONE).changed


def test_notes_are_for_root_alone_and_go_with_the_hold(host: Host) -> None:
    for confirmed in (True, False):
        host.apply(ONE if confirmed else TWO, hold=SOON, token="t")
        assert stat.S_IMODE(host.notes.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in host.notes.iterdir()} == {0o600}
        assert host.confirm("t") if confirmed else until(lambda: settled(host))
        assert until(lambda: not host.notes.exists())


def test_a_confirmation_that_cannot_be_written_is_none(host: Host) -> None:
    host.apply(ONE)
    before = host.all()
    host.apply(TWO, hold=SOON, token="t")

    def confirm() -> None:
        remount_read_only(host.folder)
        host.confirm("t")

    assert "Read-only file system" in told(confirm)
    assert not settled(host)
    assert until(lambda: settled(host))
    assert host.all() == before


def test_a_confirmation_that_is_written_by_half_is_none(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A boot loads the table's file, whatever the other says."""
    host.apply(ONE)
    before = host.all()
    host.apply(TWO, hold=SOON, token="t")
    replace = on_disk.replace

    def fail(old: str, new: str) -> None:
        if new.endswith("state.json"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        replace(old, new)

    monkeypatch.setattr(on_disk, "replace", fail)
    with pytest.raises(StateError, match="Input/output error"):
        host.confirm("t")
    assert until(lambda: settled(host))
    assert host.all() == before


def test_a_hold_that_ends_while_a_confirmation_fails_is_taken_back(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.apply(ONE)
    before = host.all()
    host.apply(TWO, hold=SOON, token="t")

    def fail_late(_old: str, _new: str) -> None:
        time.sleep(SOON + 0.4)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(on_disk, "replace", fail_late)
    with pytest.raises(StateError, match="Input/output error"):
        host.confirm("t")
    assert until(lambda: settled(host) and not host.notes.exists())
    assert host.all() == before


FLUSHES = {
    "flushed": "flush ruleset\n",
    "deleted": "delete table inet portbook\n",
    "changed": "flush chain inet portbook inbound\n",
    "replaced": "",
}


@pytest.mark.parametrize("happened", FLUSHES)
def test_only_what_the_kernel_holds_is_confirmed(host: Host, tmp_path: Path, happened: str) -> None:
    host.apply(ONE)
    before, old = host.all(), (host.folder / "table.nft").read_text()
    host.apply(TWO, hold=SOON, token="t")
    # As nftables.service and portbook-restore.service do.
    nft(FLUSHES[happened] or old)
    assert "the kernel does not hold the table that was to be confirmed" in host.why_not("t")
    assert host.files().keys() >= before[1].keys()
    assert {name: host.files()[name] for name in before[1]} == before[1]
    assert not host.confirm("t"), "asked again"
    assert until(lambda: settled(host))
    assert host.all() == before
    assert not host.confirm("t")


def test_a_first_change_that_was_flushed_is_not_confirmed(host: Host) -> None:
    host.apply(ONE, hold=SOON, token="t")
    nft("flush ruleset\n")
    assert not host.confirm("t")
    assert until(lambda: settled(host))
    assert (tables(), host.folder.exists()) == ([], False)


@pytest.mark.parametrize("gone", [["table.nft.next"], ["state.json.next"], ["table.nft.next", "state.json.next"]])
@pytest.mark.parametrize("first", [True, False])
def test_without_its_files_a_change_is_not_confirmed(host: Host, first: bool, gone: list[str]) -> None:
    if not first:
        host.apply(ONE)
    before = host.all()
    host.apply(TWO, hold=SOON, token="t")
    for name in gone:
        (host.folder / name).unlink()
    if first and len(gone) == 2:
        host.folder.rmdir()
    assert "were removed or cannot be read" in host.why_not("t")
    assert until(lambda: settled(host))
    assert until(lambda: host.all() == before)


def test_what_was_committed_stays_confirmed_whatever_comes_after(host: Host) -> None:
    host.apply(ONE, hold=LATER, token="t")
    assert host.confirm("t")
    nft("flush ruleset\n")
    assert host.confirm("t")


ONCE = '[ "$1" = -f ] && [ ! -e {0}/once ] && touch {0}/once && {1}'
LATE = {
    "nft is slow": "sleep 1",
    "the module is paused before it loads": "{ kill -STOP $PPID; sleep 1; kill -CONT $PPID; }",
    "the module is paused after it loaded": (
        '{ $NFT "$@"; (sleep 1; kill -CONT $PPID) </dev/null >/dev/null 2>&1 & kill -STOP $PPID; exit 0; }'
    ),
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("late", LATE)
def test_a_load_that_comes_after_the_hold_is_taken_back_at_once(
    host: Host, tmp_path: Path, late: str, first: bool
) -> None:
    if not first:
        host.apply(ONE)
    before = host.all()
    host.nft_path = fake_nft(tmp_path, ONCE.format(tmp_path, LATE[late]))
    assert "the change was not in place within the 0.4 s" in told(lambda: host.apply(TWO, hold=SOON, token="t"))
    assert settled(host)
    assert host.all() == before
    assert not host.confirm("t")


def test_a_hold_that_ended_before_the_load_loads_nothing(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.apply(ONE)
    before, listing = host.all(), host.listing()
    log = host.counting(tmp_path)
    monkeypatch.setattr(way_back, "waits", lambda *_words: False)
    with pytest.raises(StateError, match="Find out what kept it"):
        host.apply(TWO, hold=LATER, token="t")
    # What is loaded is what was there.
    assert [line for line in log.read_text().splitlines() if line.startswith("-f")] == []
    assert settled(host)
    assert (host.all(), host.listing()) == (before, listing)


def test_a_table_that_is_missing_right_after_the_load_is_a_failure(host: Host, tmp_path: Path) -> None:
    for hold in (0.0, LATER):
        host.apply(ONE)
        before = host.all()
        (tmp_path / "once").unlink(missing_ok=True)
        flushed = '{ $NFT "$@"; $NFT flush ruleset; exit 0; }'
        host.nft_path = fake_nft(tmp_path, ONCE.format(tmp_path, flushed))
        message = told(lambda hold=hold: host.apply(TWO, hold=hold, token="t"))
        assert "the table inet portbook was removed right after it was loaded" in message
        assert settled(host)
        assert host.all() == before


def test_a_confirmation_that_comes_while_it_is_taken_back_is_none(host: Host, tmp_path: Path) -> None:
    host.apply(ONE)
    before = host.all()
    host.nft_path = fake_nft(tmp_path, f"[ -e {tmp_path}/slow ] && sleep 0.5")
    host.apply(TWO, hold=SOON, token="t")
    (tmp_path / "slow").touch()
    assert until((host.notes / "taking-back.json").exists)
    assert not host.confirm("t")
    with pytest.raises(StateError, match="still waits"):
        host.apply(TWO)
    assert until(lambda: settled(host))
    assert host.all() == before


def test_a_table_that_nft_lists_but_does_not_read_is_taken_back_from_the_file(host: Host, tmp_path: Path) -> None:
    host.apply(ONE)
    before = host.all()
    # As an old nft that cannot read its own listing.
    host.nft_path = fake_nft(tmp_path, '[ "$1 $2" = "-s list" ] && { echo "table inet portbook { what }"; exit 0; }')
    host.apply(TWO, hold=SOON, token="t")
    assert until(lambda: settled(host))
    assert host.all() == before


@pytest.mark.parametrize("fails", ["echo busy >&2; exit 1", "exec sleep 60", "kill -SEGV $$", "chmod -x $0; exit 1"])
def test_taking_back_is_tried_until_it_succeeds(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    host.apply(ONE)
    before = host.all()
    monkeypatch.setattr(programs, "SECONDS", 0.3)
    host.nft_path = fake_nft(tmp_path, f"[ -e {tmp_path}/broken ] && {{ {fails}; }}")
    host.apply(TWO, hold=SOON, token="t")
    (tmp_path / "broken").touch()
    time.sleep(SOON + 1)
    assert host.table() != before[0]
    (tmp_path / "broken").unlink()
    Path(host.nft_path).chmod(0o755)
    assert until(lambda: settled(host), 3)
    assert host.all() == before


@pytest.mark.parametrize("times", [1, 2])
def test_an_nft_that_fails_for_a_moment_costs_no_table(host: Host, tmp_path: Path, times: int) -> None:
    """Not even if it works again between two texts that are tried."""
    host.apply(ONE)
    before = host.all()
    left = tmp_path / "left"
    fails = f'left=$(cat {left}); [ "$left" = 0 ] || {{ echo $((left - 1)) >{left}; echo busy >&2; exit 1; }}'
    host.nft_path = fake_nft(tmp_path, f'if [ -e {left} ] && [ "$1" = "-f" ]; then {fails}; fi')
    host.apply(TWO, hold=SOON, token="t")
    left.write_text(str(times))
    assert until(lambda: settled(host), 3)
    assert left.read_text().strip() == "0"
    assert host.all() == before


def test_a_change_that_fails_after_it_was_held_is_taken_back_at_once(host: Host, tmp_path: Path) -> None:
    host.apply(ONE)
    before = host.all()
    host.nft_path = fake_nft(
        tmp_path, f'[ "$1" = "-f" ] && [ ! -e {tmp_path}/once ] && {{ touch {tmp_path}/once; echo boom >&2; exit 1; }}'
    )
    assert "nft refuses the ruleset: boom" in told(lambda: host.apply(TWO, hold=LATER, token="t"))
    assert settled(host)
    assert host.all() == before


def test_management_addresses_are_kept_once_confirmed_and_a_second_controller_is_no_change(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = {}

    def come_from(address: str, token: str, confirm: bool) -> bool:
        monkeypatch.setattr(host_local, "way_in", lambda: (address, 22))
        done = host.apply(ONE, settings={"posture": "strict"}, transport="ssh", hold=SOON, token=token)
        if done.changed:
            assert host.confirm(token) if confirm else until(lambda: settled(host))
        ways[token] = host.state.read()["way_in"]
        return done.changed

    assert come_from("192.0.2.50", "a", True)
    assert come_from("192.0.2.51", "b", True)
    assert not come_from("192.0.2.50", "c", True)
    assert come_from("192.0.2.52", "d", False)
    assert ways["d"] == ["192.0.2.50", "192.0.2.51"]
    for number in (53, 54, 55):
        assert come_from(f"192.0.2.{number}", str(number), True)
    assert ways["55"] == ["192.0.2.51", "192.0.2.53", "192.0.2.54", "192.0.2.55"]
