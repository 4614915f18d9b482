# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections of others that are measured beside ours: from the package ansible, kept under build/."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
_PACKAGE = "ansible==14.5.0"
_PLACE = CHECKOUT / "build" / "rivals"
_POSIX = "ansible_collections/ansible/posix/"


def posix() -> Path:
    """A folder of collections that has ansible.posix."""
    if not (_PLACE / _POSIX).is_dir():
        with tempfile.TemporaryDirectory() as folder:
            asked = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", folder, _PACKAGE]
            subprocess.run([sys.executable, "-m", "pip", *asked], check=True)
            (wheel,) = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(_PLACE, [name for name in archive.namelist() if name.startswith(_POSIX)])
    return _PLACE


def why_not() -> str | None:
    try:
        posix()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{_PACKAGE} cannot be had: {error}"
    return None
