# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that loads the table again: when it does, and when it leaves it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.nftables import after_flush


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a space in its name."""
    made = tmp_path / "port book"
    made.mkdir()
    return made


def mended(folder: Path, tables: str, loads: str = "exit 0") -> tuple[int, str]:
    """How often it loaded the table, and what it said; `tables` is what nft does when asked for them."""
    nft, log = folder / "nft", folder / "log"
    nft.write_text(f'#!/bin/sh\ncase "$1" in list) {tables} ;; -f) echo load "$2" >>"{log}"; {loads} ;; esac\n')
    nft.chmod(0o755)
    script = folder / after_flush.SCRIPT
    script.write_text(after_flush.script(str(nft), str(folder), "table.nft"))
    done = subprocess.run(["sh", script, "restore"], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    return (log.read_text().count(f"load {folder}/table.nft") if log.exists() else 0), said


def test_a_table_that_is_missing_is_loaded_again_and_that_is_reported(folder: Path) -> None:
    (folder / "table.nft").touch()
    assert mended(folder, "echo table inet other") == (1, "the table inet portbook was missing; it is loaded again\n")


@pytest.mark.parametrize("tables", ["echo table inet portbook", "exit 1"], ids=["is there", "nft cannot say"])
def test_otherwise_nothing_is_loaded(folder: Path, tables: str) -> None:
    (folder / "table.nft").touch()
    assert mended(folder, tables) == (0, "")


def test_a_table_of_nearly_the_same_name_is_another(folder: Path) -> None:
    (folder / "table.nft").touch()
    loaded, _said = mended(folder, "echo table inet portbook2")
    assert loaded == 1


def test_before_the_first_change_is_confirmed_there_is_nothing_to_load(folder: Path) -> None:
    assert mended(folder, "exit 0") == (0, "")


def test_what_cannot_be_loaded_is_tried_three_times(folder: Path) -> None:
    (folder / "table.nft").touch()
    loaded, said = mended(folder, "exit 0", "echo syntax error >&2; exit 1")
    assert (loaded, said.count("cannot be loaded; apply the plan again")) == (3, 1)
