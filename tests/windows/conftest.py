# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules at a host: emulated here, and in a real PowerShell as well in the folder pwsh."""

from __future__ import annotations

import pytest
from windows.fake.modules import Modules, Start


@pytest.fixture
def start() -> Start:
    return Modules
