# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan, and apply the host's part with its own firewall. None is put in another's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure

from ansible_collections.portbook.firewall.plugins.action.plan import ActionModule as PlanModule
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.apply import Applying, remove
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.contract import Removal, Unreachable
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.head import Head
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.turn import Turn


class ActionModule(PlanModule):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        **PlanModule.ARGUMENTS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
    _requires_connection = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            if self._task.args.get("state") == "absent":
                return self._remove(task_vars or {})
            return super().run(tmp, task_vars)
        except Unreachable as error:
            raise AnsibleConnectionFailure(str(error)) from None

    def with_plan(
        self, turn: Turn, head: Head, components: list[str] | None, show: str | None, task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        if head.plan_file:
            turn.refuse_other_plan(Path(head.plan_file).expanduser(), head.digest)
        turn.remember_role_variables(components)
        return Applying(turn, head, self._target(task_vars)).run(components, show)

    def _remove(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Needs no plan: what is removed is what the host itself remembers."""
        _validation, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        engine = str(self._templar.template(task_vars.get("portbook_windows_engine", "native")))
        turn, target = self._turn(task_vars), self._target(task_vars)
        return remove(Removal(arguments["components"], None, engine), target, turn)
