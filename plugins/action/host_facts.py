# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a host has: by the module on Linux, by windows_read on Windows, in one form."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import facts
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import (
    WrongAnswer,
    meaning_of_failure,
)


class ActionModule(ActionBase):
    ARGUMENTS: ClassVar[dict[str, Any]] = {"most": {"type": "int", "default": 100}}
    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        if getattr(getattr(self._connection, "_shell", None), "_IS_WINDOWS", False):
            return {**result, **self._of_windows(max(0, arguments["most"]), task_vars)}
        done = self._execute_module(
            module_name="portbook.firewall.host_facts", module_args=dict(arguments), task_vars=task_vars
        )
        return {**result, **done}

    def _of_windows(self, most: int, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        start = time.monotonic()
        done = self._execute_module(
            module_name="portbook.firewall.windows_read", module_args=facts.arguments(), task_vars=task_vars
        )
        if done.get("failed"):
            return {**done, "msg": meaning_of_failure(str(done.get("msg", "no reason given")))}
        try:
            found = facts.facts(done, most)
        except WrongAnswer as error:
            raise AnsibleActionFail(f"the answer of windows_read {error}") from None
        found["seconds"] = round(time.monotonic() - start, 3)
        return {"changed": False, "ansible_facts": {"portbook": found}}
