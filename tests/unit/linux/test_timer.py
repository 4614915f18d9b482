# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd is asked for a change that waits; and no decision on the host goes by a clock that somebody sets."""

from __future__ import annotations

import ast
import string
import subprocess
from pathlib import Path

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.linux import clock, timer
from ansible_collections.portbook.firewall.plugins.module_utils.linux.session import Connection

FILES = timer.Files("/a b/back", "/k/table", ["/n/pending.json", "/n/$c"], "/n/taking", ["/k/x.next"])
COMMANDS = timer.Commands([["nft", "-f", "/a b/back"], ["nft", "-f", "/k/table"]], ["nft", "x; y"], 10)
TEXT = timer.script("/n", "/k", FILES, COMMANDS, [])
HOST_CODE = Path(timer.__file__).parents[1]
DAY = {"time", "localtime", "gmtime", "ctime", "asctime", "time_ns", "now", "today", "utcnow"}


def test_it_starts_after_monotonic_time_and_never_gives_up() -> None:
    words = timer.command("true", 60)
    assert "--on-active=60.000" in words
    assert not [word for word in words if "calendar" in word.lower() or "CLOCK" in word]
    assert {"--property=Restart=on-failure", "--property=StartLimitIntervalSec=0"} < set(words)


def test_it_starts_at_once_if_its_time_is_over() -> None:
    assert "--on-active=0.100" in timer.command("true", -7)


def test_systemd_is_given_nothing_that_it_would_read_as_another_word_later() -> None:
    given = timer.command(TEXT, 60)[-1]
    assert set(given) <= {*string.ascii_letters, *string.digits, *"+/=|- "}
    echoed = given.replace("| /bin/sh", "")
    assert subprocess.run(["sh", "-c", echoed], text=True, capture_output=True, check=True).stdout == TEXT


def test_the_script_is_one_for_a_shell_and_paths_stay_whole() -> None:
    assert subprocess.run(["sh", "-n"], input=TEXT, text=True, capture_output=True, check=False).stderr == ""
    assert "patient nft -f '/a b/back'" in TEXT
    assert "patient nft 'x; y'" in TEXT
    assert "'/n/$c'" in TEXT


@pytest.mark.parametrize("path", sorted(HOST_CODE.glob("*/*.py")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_time_of_day_is_read_for_messages_alone(path: Path) -> None:
    found = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in DAY
    }
    found = {one for one in found if one.startswith(("time.", "datetime.", "date."))}
    assert found == ({"time.time", "time.localtime"} if path.name == Path(clock.__file__).name else set())


@pytest.mark.parametrize("module", ["datetime", "calendar"])
def test_no_other_clock_is_at_hand(module: str) -> None:
    assert not [path for path in HOST_CODE.glob("*/*.py") if f"import {module}" in path.read_text()]


def test_a_connection_of_the_tick_of_the_load_is_not_new() -> None:
    assert not Connection("192.0.2.1 port 2", 10.0).is_new("192.0.2.1 port 1", 10.0)
    assert Connection("192.0.2.1 port 2", 10.01).is_new("192.0.2.1 port 1", 10.0)
