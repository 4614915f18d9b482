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
from ansible.utils.vars import load_extra_vars

from ansible_collections.portbook.firewall.plugins.plugin_utils.run import needs
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.cache import RunCache
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.head import Head
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.records import Records
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.refused import Refused
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.summary import BadWord, word
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.turn import Task, Turn


class ActionModule(ActionBase):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "components": {"type": "list", "elements": "str"},
        "show": {"type": "raw"},
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
        turn = self._turn(task_vars or {})
        try:
            done = self._done(turn, task_vars or {}, arguments)
        except Refused as error:
            turn.record("refused", text=str(error))
            raise AnsibleActionFail(str(error)) from None
        return {**result, **done, "warnings": [*turn.warnings, *done.get("warnings", ())]}

    def _done(self, turn: Turn, task_vars: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            show = word(arguments["show"])
        except BadWord as error:
            raise Refused(f"{turn.host}: show {error}") from None
        head = turn.head()
        if head.errors:
            return {"failed": True, **turn.errors(head)}
        components = turn.components(arguments["components"], head)
        return self.with_plan(turn, head, components, show, task_vars)

    def with_plan(
        self, turn: Turn, head: Head, components: list[str] | None, show: str | None, _task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        """What this action does with the host's part of the plan."""
        if head.plan_file:
            turn.write_plan(Path(head.plan_file).expanduser(), head)
        part, warnings = turn.part(components)
        turn.record("planned", part, components, show, digest=head.digest)
        return {"changed": False, "warnings": warnings, **turn.found(head, part, components)}

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
            check=bool(self._task.check_mode),
        )
        return Turn(task, RunCache(C.DEFAULT_LOCAL_TMP, _play_of(self._task)), Records(C.DEFAULT_LOCAL_TMP))


def _play_of(task: Any) -> str:
    """The play that a task belongs to, by walking up its parents."""
    while getattr(task, "_parent", None) is not None:
        task = task._parent
    return str(getattr(getattr(task, "_play", None), "_uuid", "run"))
