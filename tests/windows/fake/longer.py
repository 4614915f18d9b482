# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many times as many examples as usual a property is tried with: PORTBOOK_FUZZ=20 before a release."""

from __future__ import annotations

import os

LONGER = int(os.environ.get("PORTBOOK_FUZZ", "1"))
