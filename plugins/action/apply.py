# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan, and apply the host's part with its own firewall. None is put in another's place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.utils.display import Display

from ansible_collections.portbook.firewall.plugins.action.plan import ActionModule as PlanModule
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends import no_answer
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.apply import Applying, remove
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.contract import Removal, Unreachable
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.head import Head
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.turn import Turn

display = Display()
_ALONE = "-o ControlMaster=no -o ControlPath=none"


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

    def _target(self, task_vars: dict[str, Any]) -> AnsibleTarget:
        return AnsibleTarget(self, task_vars)


class AnsibleTarget:
    """The host of a task, over the task's connection."""

    def __init__(self, action: ActionModule, task_vars: dict[str, Any]) -> None:
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
