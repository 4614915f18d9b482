# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the system answered, in the words of whoever has to repair it: which file or program, why, and what to do."""

from __future__ import annotations

import errno
import os
import re

_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_DRAFT = ".new"
_MOST = 90
"""Characters of what a program said."""
_UNWRITABLE = re.compile(r"['\"]?(/[^\s'\":]+)['\"]?\s*: (Read-only file system|No space left on device)")
_NO_ROOM = re.compile(r"not enough space available on (/[^\s,;]*[^\s,;.])")
_KEPT = "The rules must survive a restart, so root must be able to write there"


def not_written(path: str, error: OSError) -> str:
    what = f"{path[: -len(_DRAFT)] if path.endswith(_DRAFT) else path} cannot be written: {error.strerror or error}"
    if error.errno in _READ_ONLY:
        return f"{what}. {_KEPT}"
    return f"{what}. Free some space there" if error.errno in _FULL else what


def in_words(error: OSError) -> str:
    """Of an error that nobody further down has put into words yet."""
    if error.errno is None or not error.strerror:
        return str(error)
    path = error.filename if isinstance(error.filename, str) else ""
    if error.errno in (*_READ_ONLY, *_FULL):
        return not_written(path or "a file", error)
    return f"{path or 'this host'}: {error.strerror}. Repair that on this host, then run again"


def not_writable(path: str) -> str:
    """Why nothing can be written there, without trying; empty if it can be."""
    place = _nearest(path)
    if os.access(place, os.W_OK):
        return ""
    number = errno.EROFS if os.statvfs(place).f_flag & os.ST_RDONLY else errno.EACCES
    return not_written(path, OSError(number, os.strerror(number)))


def without_room(path: str, size: int) -> str:
    """Why so many bytes more cannot be written there, without trying; empty if they can be."""
    found = os.statvfs(_nearest(path))
    # Some file systems count no files.
    files = found.f_ffree if found.f_files else 1
    if files and found.f_bfree * found.f_frsize >= size:
        return ""
    return not_written(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def _nearest(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def of_systemctl(arguments: str, said: str) -> str:
    failed = f"systemctl {arguments} failed"
    room, path = _NO_ROOM.search(said), _UNWRITABLE.search(said)
    if room:
        return f"{failed}: systemd has not enough space on {room[1]}. Free some space there, 16 MB at least"
    if path:
        number = errno.EROFS if path[2].startswith("Read") else errno.ENOSPC
        return not_written(path[1], OSError(number, path[2]))
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"{failed}: {lines[0][:_MOST] if lines else 'no reason given'}. Try it by hand on this host, then run again"
