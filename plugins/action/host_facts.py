# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a host has: by the module on Linux, by windows_read on Windows, in one form."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.portbook.firewall.plugins.action.plan import AnsibleTarget
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends import host_facts
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.contract import Unreachable


class ActionModule(ActionBase):
    ARGUMENTS: ClassVar[dict[str, Any]] = {"most": {"type": "int", "default": 100}}
    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        try:
            return {**result, **host_facts.read(AnsibleTarget(self, task_vars or {}), max(0, arguments["most"]))}
        except Unreachable as error:
            raise AnsibleConnectionFailure(str(error)) from None
