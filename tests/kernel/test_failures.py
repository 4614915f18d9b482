# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong is said by its cause, and leaves the table and the files as they were."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kernel.helpers.commands import nft, run, tables
from kernel.helpers.host import ONE, TWO, Host, fake_nft, rule, slice_of
from kernel.helpers.processes import become_nobody, drop_net_admin, mount, remount_read_only, told
from kernel.helpers.service_manager import ServiceManager

from ansible_collections.portbook.firewall.plugins.module_utils.linux import programs, way_back
from ansible_collections.portbook.firewall.plugins.module_utils.linux import units as boot
from ansible_collections.portbook.firewall.plugins.module_utils.linux.request import Applied
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import StateError
from ansible_collections.portbook.firewall.plugins.module_utils.nftables import kernel as nft_process
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.kernel import NftError

REAL_ROOT = Path("/proc/self/uid_map").read_text().split()[2] != "1"


def fails(host: Host, do: Callable[[], Any], *causes: str) -> None:
    """In a process of its own; on a host that has rules."""
    host.apply(ONE)
    before, traces = host.all(), sorted(host.traces())
    message = told(do)
    for cause in causes:
        assert cause in message
    assert host.all() == before
    assert sorted(host.traces()) == traces
    assert not host.apply(ONE).changed


def test_nft_is_not_installed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def apply() -> None:
        monkeypatch.setattr(nft_process.shutil, "which", lambda *_words, **_more: None)
        host.nft_path = ""
        host.apply(TWO)

    fails(host, apply, "NftError: nft is not installed on this host. Install the package nftables")


@pytest.mark.skipif(not REAL_ROOT, reason="there is no other user in this namespace")
def test_not_root(host: Host) -> None:
    def apply() -> None:
        become_nobody()
        host.apply(TWO)

    fails(host, apply, "NftError: root is needed to change the firewall. Set become: true, with root as become_user")


def test_root_without_the_right_to_change_networks(host: Host) -> None:
    def apply() -> None:
        drop_net_admin()
        host.apply(TWO)

    fails(host, apply, "NftError: ", "the kernel does not permit it (no CAP_NET_ADMIN here; a container perhaps)")


def test_a_state_folder_that_is_read_only(host: Host) -> None:
    def apply() -> None:
        remount_read_only(host.folder)
        host.apply(TWO)

    fails(host, apply, f"StateError: {host.folder}", "Read-only file system", "root must be able to write there")


def test_a_state_folder_that_cannot_be_made(host: Host) -> None:
    host.folder.write_text("a file where the folder should be")
    with pytest.raises(StateError, match="cannot be written: File exists"):
        host.apply(ONE)
    assert tables() == []


@pytest.mark.parametrize("hold", [0.0, 20.0])
@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 5, 6, 12])
def test_a_disk_that_is_full(host: Host, blocks: int, hold: float) -> None:
    """Wherever the space ends: at the ruleset, the state, or the note of the change that waits."""
    host.folder.mkdir(mode=0o700)
    large = {"one": slice_of(*(rule(port, ["192.0.2.10"]) for port in range(1000, 1012)))}

    def apply() -> None:
        mount(host.folder, f"size={blocks * 4}k", "mode=700")
        before = host.table()
        try:
            host.apply(large, hold=hold, token="t")
        except StateError:
            assert host.table() == before
            assert host.files() == {}
            raise
        assert host.confirm("t") == bool(hold)
        assert sorted(host.files()) == ["state.json", "table.nft"]
        raise OSError("there was enough space")

    message = told(apply)
    full = "StateError" in message and "No space left on device. Free some space" in message
    enough = "there was enough space" in message
    assert full if blocks <= 2 else enough if blocks >= 12 else full or enough, message


def test_a_ruleset_that_nft_refuses(host: Host, tmp_path: Path) -> None:
    def apply() -> None:
        host.nft_path = fake_nft(tmp_path, '[ "$1" = "-c" ] && { echo "Error: syntax error, what" >&2; exit 1; }')
        host.apply(TWO)

    fails(host, apply, "NftError: nft -c refuses the ruleset: Error: syntax error, what")


def test_a_ruleset_that_the_kernel_refuses(host: Host, tmp_path: Path) -> None:
    def apply() -> None:
        host.nft_path = fake_nft(tmp_path, '[ "$1" = "-f" ] && { echo "Error: Could not process rule" >&2; exit 1; }')
        host.apply(TWO)

    fails(host, apply, "NftError: nft refuses the ruleset: Error: Could not process rule")


def test_an_nft_that_loads_and_then_fails(host: Host, tmp_path: Path) -> None:
    """What it has done is looked at, and not what it says."""
    once = tmp_path / "once"

    def apply() -> None:
        loads = f'[ "$1" = "-f" ] && [ ! -e {once} ] && {{ touch {once}; $NFT "$@"; echo "Error: boom" >&2; exit 1; }}'
        host.nft_path = fake_nft(tmp_path, loads)
        host.apply(TWO)

    fails(host, apply, "NftError: nft refuses the ruleset: Error: boom")


def test_an_nft_that_says_nothing(host: Host, tmp_path: Path) -> None:
    def apply() -> None:
        host.nft_path = fake_nft(tmp_path, "exit 3")
        host.apply(TWO)

    fails(host, apply, "NftError: nft failed: no reason given")


HANGS = {
    "at once": "exec sleep 60",
    "with children": "sleep 60 & wait",
    "when it checks": '[ "$1" = -c ] && exec sleep 60',
    "when it loads, and when it loads what was there": '[ "$1" = -f ] && exec sleep 60',
}


def impatient(patch: pytest.MonkeyPatch) -> None:
    """A twentieth of the real times."""
    for name in ("SECONDS", "RUN", "CLEAN_UP", "CLEAN_UP_EACH"):
        patch.setattr(programs, name, getattr(programs, name) / 20)


@pytest.mark.more
@pytest.mark.parametrize("hold", [0.0, 20.0])
@pytest.mark.parametrize("hangs", HANGS)
def test_an_nft_that_does_not_answer(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: str, hold: float
) -> None:
    host.apply(ONE)
    before = host.all()
    impatient(monkeypatch)
    host.nft_path = fake_nft(tmp_path, HANGS[hangs])
    start = time.monotonic()
    message = told(lambda: host.apply(TWO, hold=hold, token="t"))
    assert (time.monotonic() - start) * 20 < 30
    assert message.startswith("NftStopped: nft did not answer within 0.5 s and was ended. Try it by hand")
    assert host.table() == before[0]
    assert host.files() == before[1]
    assert programs_of(tmp_path / "fake") == []
    waiting = way_back.pending(host.state)
    assert (waiting is not None) == (bool(hold) and "it loads" in hangs), "what could not be put back is tried again"
    if waiting:
        os.kill(waiting["holder"], signal.SIGKILL)


def programs_of(folder: Path) -> list[int]:
    """Whoever was started from there and is still at work."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("hangs", ["*", "daemon-reload", "enable", "is-active", "restart"])
def test_a_systemctl_that_does_not_answer(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: str
) -> None:
    manager = ServiceManager(tmp_path, host, monkeypatch)
    restore = {"settings": {"restore_after_flush": True}}
    host.apply(ONE, **restore)
    before = host.all(), manager.all()
    program = tmp_path / "programs" / "systemctl"
    works = program.read_text()
    program.write_text(f'#!/bin/sh\ncase "$2" in {hangs}) sleep 60 ;; esac\n{works}')
    if hangs != "is-active":
        (host.folder / "restore.sh").write_text("changed, so that there is something to do")
    impatient(monkeypatch)
    start = time.monotonic()
    message = told(lambda: host.apply(TWO, **restore))
    assert (time.monotonic() - start) * 20 < 30
    assert "systemctl did not answer within 0.5 s and was ended" in message
    assert programs_of(program) == []
    program.write_text(works)
    host.apply(ONE, **restore)
    assert (host.all(), manager.all()) == before


@pytest.mark.parametrize("refuses", ["*", "daemon-reload", "enable", "disable|daemon-reload"])
@pytest.mark.parametrize("holds", [False, True])
def test_a_systemctl_that_refuses_leaves_units_as_they_were(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: str, holds: bool
) -> None:
    """As a full /run does: neither a file of a first apply stays, nor does a link go with a removal that fails."""
    manager = ServiceManager(tmp_path, host, monkeypatch)
    if holds:
        host.apply(ONE)
    before = host.all(), manager.all()
    program = tmp_path / "programs" / "systemctl"
    works = program.read_text()
    program.write_text(f'#!/bin/sh\ncase "$2" in {refuses}) echo "Refusing to do that" >&2; exit 1 ;; esac\n{works}')
    again = {"restore_after_flush": True}
    message = told(lambda: host.apply(TWO, settings=again) if holds else host.apply(ONE))
    assert re.search(r"systemctl .* failed: Refusing to do that\. Try it by hand on this host, then run again", message)
    assert (host.all(), manager.all()) == before
    if holds and refuses != "enable":
        message = told(lambda: host.apply({}, replace_all=True, removes=True))
        assert "failed: Refusing to do that" in message
        assert (host.all(), manager.all()) == before


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("SEGV", r"signal 11 \(SIGSEGV\)\. nft up to 1\.0\.6 dies of sets that a newer nft wrote.*Update nftables"),
        ("KILL", r"signal 9 \(SIGKILL\), perhaps because memory ran out"),
        ("TERM", r"signal 15 \(SIGTERM\): somebody ended it"),
    ],
)
def test_an_nft_that_is_killed(host: Host, tmp_path: Path, number: str, why: str) -> None:
    host.nft_path = fake_nft(tmp_path, f"kill -{number} $$")
    with pytest.raises(NftError, match=f"nft was killed by {why}"):
        host.apply(ONE)


def test_an_nft_that_dies_of_a_load_may_have_done_it(host: Host, tmp_path: Path) -> None:
    def apply() -> None:
        once = f'[ "$1" = -f ] && [ ! -e {tmp_path}/once ] && touch {tmp_path}/once'
        host.nft_path = fake_nft(tmp_path, f'{once} && {{ $NFT "$@"; kill -SEGV $$; }}')
        host.apply(TWO)

    fails(host, apply, "nft was killed by signal 11")


def test_an_nft_that_is_removed_while_we_are_at_work(host: Host, tmp_path: Path) -> None:
    def apply() -> None:
        host.nft_path = fake_nft(tmp_path, '[ "$1" = -c ] && rm "$0"')
        host.apply(TWO)

    fails(host, apply, "cannot be started: No such file or directory. Install the package nftables")


NO_NF_TABLES = (
    "src/mnl.c:60: Unable to initialize Netlink socket: Protocol not supported",
    "netlink: Error: cache initialization failed: Invalid argument",
)


@pytest.mark.parametrize("told_by_nft", NO_NF_TABLES)
def test_a_kernel_without_nf_tables(host: Host, tmp_path: Path, told_by_nft: str) -> None:
    def apply() -> None:
        host.nft_path = fake_nft(tmp_path, f'echo "{told_by_nft}" >&2; exit 1')
        host.apply(TWO)

    fails(host, apply, "NftError: ", "the kernel has no nf_tables. Load the module nf_tables, or use another backend")


def test_a_host_that_never_had_rules_stays_without_a_trace(host: Host, tmp_path: Path) -> None:
    host.nft_path = fake_nft(tmp_path, f'echo "{NO_NF_TABLES[0]}" >&2; exit 1')
    with pytest.raises(NftError, match="the kernel has no nf_tables"):
        host.apply(ONE)
    assert not host.folder.exists()


def test_causes_are_found_in_every_language(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    host.nft_path = fake_nft(tmp_path, 'echo "locale: $LC_ALL" >&2; exit 1')
    with pytest.raises(NftError, match=r"locale: C$"):
        host.apply(ONE)


def test_reading_the_table_back_fails_after_it_was_loaded(host: Host, tmp_path: Path) -> None:
    def apply() -> None:
        host.nft_path = fake_nft(
            tmp_path,
            f'[ "$1" = "-f" ] && touch {tmp_path}/loaded\n'
            f'[ "$1" = "-j" ] && [ -e {tmp_path}/loaded ] && {{ echo "Error: what" >&2; exit 1; }}',
        )
        host.apply(TWO)

    fails(host, apply, "NftError: nft failed: Error: what")


def test_units_that_cannot_be_written(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found before the kernel is touched."""

    def refuse(_units: boot.Units, _files: dict[str, str]) -> None:
        raise OSError("systemctl enable failed: Read-only file system")

    def apply() -> None:
        monkeypatch.setattr(boot, "has_systemd", lambda: True)
        monkeypatch.setattr(boot.Units, "bring", refuse)
        host.apply(TWO)

    fails(host, apply, "OSError: systemctl enable failed")


def test_two_runs_at_once_and_the_second_learns_who_is_the_first(host: Host) -> None:
    host.apply(ONE)
    before = host.all()
    ready, go = os.pipe(), os.pipe()
    first = os.fork()
    if first == 0:
        try:
            with host.state.lock():
                os.write(ready[1], b"!")
                os.read(go[0], 1)
        finally:
            os._exit(0)
    os.read(ready[0], 1)
    try:
        since = r"at work since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(\d+ s\)(, by ssh from \S+)?"
        with pytest.raises(
            StateError,
            match=rf"another run is active on this host: process {first}, started as .*, {since}\. Wait for it",
        ):
            host.apply(TWO)
        assert host.all() == before
        assert host.apply(TWO, check=True).changed
    finally:
        os.write(go[1], b"!")
        os.waitpid(first, 0)
    assert host.apply(TWO).changed


def test_the_second_of_two_runs_learns_where_the_first_came_from(host: Host) -> None:
    """Also if sudo took that out of its own environment: it stands in an ancestor's."""
    host.apply(ONE)
    holds = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX); print(flush=True); "
    words = [
        "env",
        "SSH_CONNECTION=192.0.2.77 40000 192.0.2.1 22",
        "sh",
        "-c",
        'env -u SSH_CONNECTION "$@"; true',
        "sh",
    ]
    words += [sys.executable, "-c", f"{holds}sys.stdin.read()", str(host.folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with pytest.raises(StateError, match=r"at work since .*, by ssh from 192\.0\.2\.77\. Wait for it"):
            host.apply(TWO)
        first.communicate(b"")
    assert host.apply(TWO).changed


WRONG = {
    "settings": [
        "what",
        [],
        {"verdicts": {"in": 1}},
        {"management_ports": ["x"]},
        {"refuse": "what"},
        {"management": ["x"]},
    ],
    "slices": [[], "x", {"one": []}, {"one": {"rules": [{}]}}, {"one": {"rules": "x"}}, {"one": {"rules": [[]]}}],
    "way_in": [None, ["no address"], "192.0.2.1", [1], {}],
    "applied": [None, [], "x", {"text": 1}],
    "token": [1, None, []],
    "digest": [1, None, []],
}


@pytest.mark.more
@pytest.mark.parametrize("next_", ["apply", "other component", "remove", "remove one"])
@pytest.mark.parametrize(("key", "value"), [(key, one) for key, values in WRONG.items() for one in values], ids=str)
def test_a_state_of_wrong_types_blocks_nobody(host: Host, key: str, value: Any, next_: str) -> None:
    host.strict(ONE, management=["192.0.2.9"])
    whole = host.all()
    path = host.folder / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    assert not host.confirm("t")
    requests: dict[str, Callable[..., Applied]] = {
        "apply": lambda **more: host.apply(ONE, settings={"posture": "strict", "management": ["192.0.2.9"]}, **more),
        "other component": lambda **more: host.apply({"two": TWO["one"]}, **more),
        "remove": lambda **more: host.apply({}, replace_all=True, removes=True, **more),
        "remove one": lambda **more: host.apply({"one": {}}, removes=True, **more),
    }
    for more in ({"check": True}, {}):
        done = requests[next_](**more)
        assert done.changed
        (warning,) = done.warnings
        assert warning.startswith(f"{path} was not readable ({key}")
        assert "apply again what comes from other playbooks" in warning
    if next_ == "apply":
        assert host.all() == whole
    if "remove" in next_:
        assert host.all() == ("", {})
    again = requests[next_]()
    assert (again.changed, again.warnings) == (False, [])


@pytest.mark.parametrize("request_", [{}, {"check": True}, {"removes": True, "replace_all": True}])
def test_a_host_that_a_newer_version_knows_is_left_to_it(host: Host, request_: dict[str, Any]) -> None:
    host.apply(ONE)
    (host.folder / "state.json").write_text('{"format": 3, "slices": {"one": "in words of its own"}}')
    before = host.all()
    with pytest.raises(
        StateError, match=r"state\.json has format 3, this version .* knows 2: it was written by a newer version"
    ):
        host.apply({} if "removes" in request_ else TWO, **request_)
    assert host.all() == before


def test_a_run_that_was_killed_holds_nothing(host: Host) -> None:
    host.apply(ONE)
    first = os.fork()
    if first == 0:
        with host.state.lock():
            os.kill(os.getpid(), 9)
    os.waitpid(first, 0)
    assert host.apply(TWO).changed


def test_management_access_is_not_known(host: Host) -> None:
    with pytest.raises(StateError, match=r"the controller's address was not found .* portbook_management_ports"):
        host.apply(ONE, transport="ssh")
    assert (tables(), host.folder.exists()) == ([], False)


@pytest.mark.parametrize(
    ("management", "ports", "applied"),
    [([], [], False), (["192.0.2.9"], [], False), ([], [22], False), (["192.0.2.9"], [22], True)],
)
def test_management_access_is_reported_by_addresses_and_ports(
    host: Host, management: list[str], ports: list[int], applied: bool
) -> None:
    settings = {"posture": "strict", "management": management, "management_ports": ports}
    message = told(lambda: host.apply(ONE, settings=settings, transport="ssh"))
    assert (message == "") == applied
    assert (host.table() != "") == applied


def test_what_refuses_nothing_needs_no_management_access(host: Host) -> None:
    assert host.apply({"one": slice_of(rule(514, refusal="open"))}, transport="ssh").changed


def test_a_local_connection_needs_no_management_access(host: Host) -> None:
    assert host.strict(ONE).changed


DORMANT = """
table inet own {
    flags dormant
    chain input {
        type filter hook input priority filter
        tcp dport 514 drop
    }
}
add table ip beside
"""


def test_a_table_of_others_that_is_dormant_refuses_nothing(host: Host) -> None:
    """nft 1.0.6 prints no JSON of it, nor of a ruleset that has it."""
    nft(DORMANT)
    before = run("nft", "-s", "list", "table", "inet", "own")
    assert host.apply(ONE).changed
    assert not host.apply(ONE).changed
    assert run("nft", "-s", "list", "table", "inet", "own") == before


def test_our_table_that_somebody_made_dormant_is_replaced(host: Host) -> None:
    host.apply(ONE)
    before = host.table()
    nft("add table inet portbook { flags dormant; }")
    assert host.table() != before
    assert host.apply(ONE).changed
    assert host.table() == before
    assert not host.apply(ONE).changed


def test_json_that_cannot_be_read_says_so(host: Host, tmp_path: Path) -> None:
    host.apply(ONE)
    host.nft_path = fake_nft(tmp_path, 'case " $* " in *" -j "*) echo half of; exit 0;; esac')
    with pytest.raises(NftError, match=r"what nft -j list table inet portbook prints is not valid JSON on this host"):
        host.apply(TWO)
