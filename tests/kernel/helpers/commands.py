# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program in the namespace that the process is in."""

from __future__ import annotations

import json
import subprocess
from typing import Any


def run(*words: str, text: str | None = None) -> str:
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


def nft(text: str) -> None:
    run("nft", "-f", "-", text=text)


def listed(*what: str) -> list[Any]:
    return list(json.loads(run("nft", "-j", "list", *what))["nftables"])


def tables() -> list[str]:
    return [one["table"]["name"] for one in listed("tables") if "table" in one]
