# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What time it is. All decisions go by clocks that nobody sets; the time of day is for the reader of a message only."""

from __future__ import annotations

import time


def since_boot() -> float:
    """By the clock that the kernel writes the start of processes with."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def in_words(seconds: float) -> str:
    """The time of day so many seconds from now."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() + seconds))
