# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task is refused with."""

from __future__ import annotations


class Refused(ValueError):
    """Why the task cannot go on, and what would be right."""
