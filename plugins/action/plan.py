# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan all hosts of the inventory once a run, and give each task its host's part."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars

from ansible_collections.portbook.firewall.plugins.plugin_utils.run import needs
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.cache import RunCache
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.head import Head
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.refused import Refused
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.turn import Task, Turn

display = Display()


class ActionModule(ActionBase):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "components": {"type": "list", "elements": "str"},
        "show": {"type": "bool", "default": True},
    }
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        lacking = needs.missing()
        if lacking:
            raise AnsibleActionFail(lacking)
        try:
            return {**result, **self._done(self._turn(task_vars or {}), task_vars or {}, arguments)}
        except Refused as error:
            raise AnsibleActionFail(str(error)) from None

    def _done(self, turn: Turn, task_vars: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
        head = turn.head()
        if head.errors:
            return {"failed": True, **turn.errors(head)}
        components = turn.components(arguments["components"], head)
        return self.with_plan(turn, head, components, bool(arguments["show"]), task_vars)

    def with_plan(
        self, turn: Turn, head: Head, components: list[str] | None, shown: bool, _task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        """What this action does with the host's part of the plan."""
        if head.plan_file:
            turn.write_plan(Path(head.plan_file).expanduser())
        turn.tell_summary(head, "written to")
        part, warnings = turn.part(components)
        if shown:
            turn.show(part, components)
        return {"changed": False, "warnings": warnings, **turn.summary(head, part, components)}

    def _turn(self, task_vars: dict[str, Any]) -> Turn:
        task = Task(
            host=str(task_vars["inventory_hostname"]),
            variables=task_vars,
            id=str(self._task._uuid),
            template=self._templar.template,
            # Filters and tests raise what they like, and ansible-core 2.18 passes it on.
            template_errors=(Exception,),
            extra_variables=lambda: load_extra_vars(self._loader),
            name=str(self._task.get_name()),
            default_connection=str(context.CLIARGS.get("connection") or C.DEFAULT_TRANSPORT),
        )
        return Turn(task, RunCache(C.DEFAULT_LOCAL_TMP, _play_of(self._task)), _Display(bool(self._task.no_log)))


class _Display:
    def __init__(self, secret: bool) -> None:
        self.secret = secret
        self.columns = int(display.columns)

    def text(self, text: str) -> None:
        display.display(text)

    def error(self, text: str) -> None:
        display.display(text, color=C.COLOR_ERROR, stderr=True)

    def warning(self, text: str) -> None:
        display.warning(text)


def _play_of(task: Any) -> str:
    """The play that a task belongs to, by walking up its parents."""
    while getattr(task, "_parent", None) is not None:
        task = task._parent
    return str(getattr(getattr(task, "_play", None), "_uuid", "run"))
