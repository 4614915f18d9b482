# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell that takes back, with programs in place of nft, firewalld and systemd that note what they are asked."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld import back, files
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.objects import wanted
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.text import (
    COMMANDS,
    FILES_ONLY,
    RELOAD,
    Text,
)
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import Local, Permission

FILES = files.written(
    wanted([Permission("in", "tcp", ((514, 514),), networks=("192.0.2.1",), peers="senders")], Local())
)
LOADS, RELOADS, RESTARTS = "nft -f", "firewall-cmd --quiet --reload", "systemctl restart firewalld"


@dataclass
class Shell:
    folder: Path

    def __post_init__(self) -> None:
        self.etc, self.bin, self.log = (self.folder / name for name in ("etc", "bin", "log"))
        self.bin.mkdir()
        for one in files.FOLDERS:
            (self.etc / one).mkdir(parents=True)
        self.program("nft", '[ "$*" != "list table inet firewalld_policy_drop" ]')
        self.program("firewall-cmd", "true")
        self.program("systemctl", "echo loaded")

    def program(self, name: str, does: str) -> None:
        path = self.bin / name
        path.write_text(f'#!/bin/sh\n[ "$2" = table ] || echo "{name} $*" >>{self.log}\n{does}\n')
        path.chmod(0o755)

    def run(self, script: str, *arguments: str) -> list[str]:
        """What the programs were asked."""
        self.log.write_text("")
        environment = {**os.environ, "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"}
        subprocess.run(["/bin/sh", "-c", script, "sh", *arguments], env=environment, check=True, timeout=30)
        return self.log.read_text().splitlines()

    def back(self, text: Text) -> list[str]:
        path = self.folder / "text"
        path.write_text(str(text))
        asked = self.run(back.load("nft", str(self.etc)), str(path))
        return [one.replace(str(path), "TEXT") for one in asked]

    def held(self) -> dict[str, str]:
        paths = (path for path in self.etc.rglob("*") if path.is_file())
        return {path.relative_to(self.etc).as_posix(): path.read_text() for path in paths}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_what_was_done_at_runtime_is_undone_there(shell: Shell) -> None:
    line = "--policy=portbook_in '--remove-rich-rule=rule service name=\"a b\" accept'"
    asked = shell.back(Text("table inet x\n", FILES, (line,), COMMANDS))
    removed = 'firewall-cmd --quiet --policy=portbook_in --remove-rich-rule=rule service name="a b" accept'
    assert asked == [f"{LOADS} TEXT", removed]
    assert shell.held() == FILES


def test_a_reload_comes_before_what_others_had(shell: Shell) -> None:
    asked = shell.back(Text("table inet x\n", FILES, ("--zone=public --add-port=9/tcp",), RELOAD))
    assert asked == [f"{LOADS} TEXT", RELOADS, "firewall-cmd --quiet --zone=public --add-port=9/tcp"]


def test_a_firewalld_that_did_not_run_is_left_alone(shell: Shell) -> None:
    assert shell.back(Text("table inet x\n", {}, (), FILES_ONLY)) == [f"{LOADS} TEXT"]


def test_what_a_start_of_the_host_loads_brings_firewalld_back_to_its_files(shell: Shell) -> None:
    """It says nothing of a way, and is what is left when the notes are gone."""
    assert shell.back(Text("table inet x\n", FILES)) == [f"{LOADS} TEXT", RELOADS]
    assert shell.held() == FILES


def test_what_fails_at_runtime_is_followed_by_a_reload_and_a_restart(shell: Shell) -> None:
    shell.program("firewall-cmd", f'[ "$(grep -c restart {shell.log})" != 0 ]')
    asked = shell.back(Text("table inet x\n", FILES, ("--state",), COMMANDS))
    again = f"{LOADS} TEXT"
    assert asked == [f"{LOADS} TEXT", "firewall-cmd --quiet --state", RELOADS, RESTARTS, RELOADS, again]


def test_after_a_flush_firewalld_is_restarted_and_not_reloaded(shell: Shell) -> None:
    shell.program("nft", f'[ "$2" != table ] || [ "$4 $(grep -c restart {shell.log})" = "firewalld 1" ]')
    again = f"{LOADS} TEXT"
    assert shell.back(Text("table inet x\n", FILES, (), RELOAD)) == [f"{LOADS} TEXT", RESTARTS, RELOADS, again]


def test_files_of_the_collection_that_are_not_in_the_text_go_and_those_of_others_stay(shell: Shell) -> None:
    for path in ("policies/portbook_in.xml", "ipsets/pb-old-4.xml", "ipsets/pb-old-4.xml.old", "services/theirs.xml"):
        (shell.etc / path).write_text("x\n")
    shell.back(Text("table inet x\n"))
    assert set(shell.held()) == {"services/theirs.xml"}


def test_a_file_that_is_as_it_was_is_not_written(shell: Shell) -> None:
    shell.back(Text("table inet x\n", FILES))
    before = {path: path.stat().st_mtime_ns for path in shell.etc.rglob("*.xml")}
    shell.back(Text("table inet x\n", FILES))
    assert {path: path.stat().st_mtime_ns for path in shell.etc.rglob("*.xml")} == before


def test_a_start_of_the_host_begins_with_what_was_confirmed(shell: Shell) -> None:
    kept = shell.folder / "kept"
    script = back.boot(str(kept), str(shell.etc))
    (shell.etc / "policies/portbook_in.xml").write_text("tried, and never confirmed\n")
    assert shell.run(script) == []
    assert shell.held() == {}
    kept.write_text(str(Text("table inet x\n", FILES)))
    assert shell.run(script) == []
    assert shell.held() == FILES


def test_a_host_without_firewalld_has_nothing_to_bring_back(shell: Shell) -> None:
    text = shell.folder / "text"
    text.write_text("table inet x\n")
    assert shell.run(back.load("nft", str(shell.folder / "nowhere")), str(text)) == [f"{LOADS} {text}"]


def test_removal_takes_the_table_and_the_files(shell: Shell) -> None:
    (shell.etc / "policies/portbook_in.xml").write_text("x\n")
    asked = shell.run(back.remove("nft", "table inet p\ndelete table inet p\n", str(shell.etc)))
    assert asked == ["nft table inet p; delete table inet p", RELOADS]
    assert shell.held() == {}
