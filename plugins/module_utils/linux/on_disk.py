# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders that are there after a power cut: contents before their names, and names before it is said."""

from __future__ import annotations

import errno
import os
from typing import Optional


def read(path: str) -> Optional[str]:
    """None, if it is not there or cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def write(path: str, draft: str, text: str, mode: int) -> None:
    """Whole or not at all; `draft` is a name in the same folder."""
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    replace(draft, path)


def replace(old: str, new: str) -> None:
    os.replace(old, new)
    sync(os.path.dirname(new))


def make_folder(path: str, mode: int) -> None:
    parent = os.path.dirname(path)
    if os.path.isdir(path) or parent == path:
        return
    make_folder(parent, 0o755)
    os.makedirs(path, mode=mode, exist_ok=True)
    sync(parent)


def sync(folder: str) -> None:
    """The names in a folder; one that is not there has none."""
    try:
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        os.fsync(number)
    except OSError as error:
        # File systems that keep no folders (FUSE, network) say so.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(number)
