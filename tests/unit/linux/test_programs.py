# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that gives no answer is ended with all that it started, and a run ends whatever its programs do."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.linux import programs

_RUN_ENDS_WITHIN = 30


def running(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_what_it_says_is_the_answer() -> None:
    done = programs.run(["sh", "-c", "cat; echo wrong >&2; echo $LANGUAGE; exit 3"], "right ", {"LANGUAGE": "c"})
    assert done == programs.Done(3, "right c\n", "wrong\n")


def test_what_it_says_need_not_be_text() -> None:
    assert programs.run(["printf", r"\377"]).out == "\ufffd"


@pytest.mark.parametrize("hangs", ["sleep 60", "kill -STOP $$", "trap '' TERM INT; while :; do sleep 60; done"])
def test_what_hangs_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: str) -> None:
    monkeypatch.setattr(programs, "SECONDS", 0.3)
    start = time.monotonic()
    script = f"sleep 60 & echo $! $$ >{tmp_path}/pids; {hangs}"
    with pytest.raises(programs.Silent, match=r"sh did not answer within 0\.3 s and was ended\. Try it by hand"):
        programs.run(["sh", "-c", script])
    assert time.monotonic() - start < 1.5
    time.sleep(0.05)
    assert not any(running(process) for process in (tmp_path / "pids").read_text().split())


def test_a_child_of_another_session_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "SECONDS", 0.2)
    start = time.monotonic()
    with pytest.raises(programs.Silent):
        programs.run(["sh", "-c", "setsid sleep 3"])
    assert time.monotonic() - start < 1.5


def test_all_programs_of_a_run_share_its_time() -> None:
    start = time.monotonic()
    with programs.within(0.5):
        programs.run(["sleep", "0.2"])
        with pytest.raises(programs.Silent, match=r"sleep did not answer within 0\.\d+ s"):
            programs.run(["sleep", "9"])
        with pytest.raises(programs.Silent, match="true was not asked any more: sleep, which did not answer, took all"):
            programs.run(["true"])
        with programs.within(0.5, 0.2):
            assert programs.run(["true"]).code == 0
            with pytest.raises(programs.Silent, match=r"sleep did not answer within 0\.2 s"):
                programs.run(["sleep", "9"])
    assert programs.run(["true"]).code == 0
    assert time.monotonic() - start < 1.5


def test_a_run_ends_whatever_its_programs_do() -> None:
    lock, holder = 1, 3
    assert lock + programs.RUN + programs.CLEAN_UP + programs._TO_DIE < _RUN_ENDS_WITHIN
    assert programs.CLEAN_UP_EACH < programs.CLEAN_UP
    assert holder + programs.SECONDS < _RUN_ENDS_WITHIN
