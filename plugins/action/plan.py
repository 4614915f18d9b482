# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan all hosts of the inventory once a run, and give each task its host's part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends import no_answer
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.contract import Unreachable
from ansible_collections.portbook.firewall.plugins.plugin_utils.run import needs
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.cache import RunCache
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.compared import Compared
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.head import Head
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.records import Records
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.refused import Refused
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.summary import BadWord, word
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.turn import Task, Turn

display = Display()
_ALONE = "-o ControlMaster=no -o ControlPath=none"


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
        self, turn: Turn, head: Head, components: list[str] | None, show: str | None, task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        """What this action does with the host's part of the plan."""
        if head.plan_file:
            turn.write_plan(Path(head.plan_file).expanduser(), head)
        part, warnings = turn.part(components)
        found = turn.found(head, part, components)
        done = self._compared(turn, head, part, components, task_vars) if head.compare else None
        turn.record("planned", part, components, show, digest=head.digest, compared=done)
        more = {"compared": done.data()} if done else {}
        return {"changed": False, "warnings": warnings, **found, **more}

    def _compared(
        self, turn: Turn, head: Head, part: HostPart, components: list[str] | None, task_vars: dict[str, Any]
    ) -> Compared:
        asked = str(self._templar.template(task_vars.get("ansible_connection")) or self._task.connection)
        if self._connection.transport == "local" and asked.rpartition(".")[2] != "local":
            # Of a connection that is kept by a process of its own, a task that says it needs none is given another.
            return Compared("not compared", f"over its connection {asked}, no module can be run")
        # Few runs ask for it.
        from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.compare import compare

        self._task.check_mode = self._task.diff = True
        return compare(turn, head, self._target(task_vars), part, components)

    def _target(self, task_vars: dict[str, Any]) -> AnsibleTarget:
        return AnsibleTarget(self, task_vars)

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


class AnsibleTarget:
    """The host of a task, over the task's connection."""

    def __init__(self, action: ActionBase, task_vars: dict[str, Any]) -> None:
        self._action, self._task_vars = action, task_vars
        self._connection = action._connection
        self._renewed = False
        self.host = str(task_vars["inventory_hostname"])
        self.transport = str(self._connection.transport)
        self.check = bool(action._task.check_mode)
        self.diff = bool(action._task.diff)
        self.verbosity = int(display.verbosity)

    @property
    def port(self) -> int:
        try:
            port = self._connection.get_option("port")
        except KeyError:
            port = None
        usual = {"winrm": 5986, "psrp": 5986}.get(self.transport, 22)
        return int(port or self._action._play_context.port or usual)

    @property
    def platform(self) -> str:
        """Not every shell has the word."""
        shell = getattr(self._connection, "_shell", None)
        return "windows" if getattr(shell, "_IS_WINDOWS", False) else "linux"

    def run(self, module: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            done: dict[str, Any] = self._action._execute_module(
                module_name=module, module_args=dict(arguments), task_vars=self._task_vars
            )
        except AnsibleConnectionFailure as error:
            if self._renewed:
                # What lies there cannot be tidied up; trying to would hide what is said here.
                self._connection._shell.tmpdir = None
            raise Unreachable(str(error)) from error
        except AnsibleError as error:
            return {"failed": True, "msg": no_answer.of_error(str(error))}
        done.pop("invocation", None)
        return done

    def reconnect(self, alone: bool = False) -> None:
        self._renewed = True
        if hasattr(self._connection, "reset"):
            self._connection.reset()
        if alone and self.transport == "ssh":
            # Of an option that is given twice, ssh takes the first.
            given = self._connection.get_option("ssh_args") or ""
            self._connection.set_option("ssh_args", f"{_ALONE} {given}")

    def note(self, text: str) -> None:
        display.vv(text)
