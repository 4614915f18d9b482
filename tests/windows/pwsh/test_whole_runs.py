# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of test_whole_runs.py one folder above, through a real PowerShell."""

from __future__ import annotations

from windows import test_whole_runs
from windows.fake.modules import statements

globals().update(statements(test_whole_runs))
