# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode, diff mode and platforms, for all modules; each adds how far it supports them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in check mode and report what would change without changing the host.
  diff_mode:
    description: Returns details on what has changed, or would change in check mode, when in diff mode.
  platform:
    description: Platforms of the target hosts.
"""
