# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan, and apply the host's part with its own firewall. None is put in another's place."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.utils.display import Display

from ansible_collections.portbook.firewall.plugins.action.plan import ActionModule as PlanModule
from ansible_collections.portbook.firewall.plugins.action.plan import Turn
from ansible_collections.portbook.firewall.plugins.module_utils.shrinking import Inventory
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.host_part import (
    host_inventory,
    host_settings,
    host_slices,
)
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.backend import WindowsHost
from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.model import VendorRule
from ansible_collections.portbook.firewall.plugins.plugin_utils.run import show
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.cache import Head

display = Display()
_CONFIRM_WITHIN = 30
_APPLIED = ("auto", "nftables", "windows")
_ASKABLE = ("ssh", "paramiko", "paramiko_ssh", "local", "winrm", "psrp")
_CONFIRM_SPARE = 3
_CONFIRM_PAUSE = 1


class ActionModule(PlanModule):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        **PlanModule.ARGUMENTS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
    _requires_connection = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        if self._task.args.get("state") == "absent":
            return self._remove(task_vars or {})
        return super().run(tmp, task_vars)

    def with_slice(self, turn: Any, head: Head, components: list[str] | None, shown: bool) -> dict[str, Any]:
        if head.plan_file:
            turn.refuse_other_plan(Path(head.plan_file).expanduser(), head.digest)
        turn.tell_summary(head, "as in")
        slice_, warnings = turn.slice(components)
        self._refuse_other_platform(turn.host, slice_)
        result = {"changed": False, "applied": False, **turn.summary(head, slice_, components), "warnings": warnings}
        inventory = None if head.shrink or head.plan_file else host_inventory(slice_, head, turn.emptied())
        backend, platform = slice_["host"]["backend"], slice_["host"]["platform"]
        if backend == "nftables" or (backend == "auto" and platform == "linux"):
            done = self._nftables(turn, head, slice_, components, inventory)
            if not done.get("left_to"):
                return {**result, **done}
            backend = done["left_to"]
        if backend == "windows" or (backend == "auto" and platform == "windows"):
            windows = self._windows(turn.host, turn.task_vars, head.vendor_rules)
            done = windows.bring(slice_, components, head.tokens, turn.networks, inventory)
            return {**result, **_warned(_told(turn.host, done), warnings)}
        if components is None and platform == "unknown" and turn.backend() in _APPLIED:
            done = self._take_away(turn.host, turn.task_vars, inventory)
            result = {**result, **_warned(done, warnings)}
            if done.get("failed"):
                return result
        if shown and not result["changed"]:
            turn.show(slice_, components)
        if backend == "none" or not slice_["rules"]:
            return result
        return _not_applied(result, backend, head.unsupported)

    def _take_away(self, host: str, task_vars: dict[str, Any], inventory: Inventory | None) -> dict[str, Any]:
        """What a host of which the inventory says nothing any more still holds; it refuses unless that was decided.
        It may be one that was never ours, a switch say: that it cannot be asked is no failure."""
        if self._connection.transport not in _ASKABLE:
            return {}
        try:
            done = self._removed(task_vars, None, inventory)
            wrong = str(done["msg"]) if done.get("failed") and not done.get("losses") else ""
        except (AnsibleActionFail, AnsibleConnectionFailure) as error:
            done, wrong = {}, str(error)
        if not wrong:
            return _told(host, done) if done.get("changed") else done
        return {
            "warnings": [
                f"{host}: the inventory gives it no component, and whether it holds rules from before cannot be told: "
                f"{wrong.splitlines()[0]}. portbook_backend: none leaves it alone"
            ]
        }

    def _remove(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Needs no plan: what is taken away is what the host itself remembers."""
        _validation, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        named = arguments["components"]
        return _told(str(task_vars["inventory_hostname"]), self._removed(task_vars, named, None))

    def _removed(
        self, task_vars: dict[str, Any], named: list[str] | None, inventory: Inventory | None
    ) -> dict[str, Any]:
        """Without an inventory somebody has asked for it."""
        if self._is_windows():
            engine = self._templar.template(task_vars.get("portbook_windows_engine", "native"))
            windows = self._windows(str(task_vars["inventory_hostname"]), task_vars)
            return windows.remove(named, str(engine), inventory)
        request: dict[str, Any] = {
            "state": "absent",
            "slices": {name: {} for name in named or ()},
            "replace": "named" if named else "all",
            **({} if inventory is None else {"inventory": inventory.data()}),
        }
        return self._module("portbook.firewall.nftables", request, task_vars)

    def _refuse_other_platform(self, host: str, slice_: dict[str, Any]) -> None:
        """The plan goes by the inventory; here is the connection itself."""
        platform, real = slice_["host"]["platform"], "windows" if self._is_windows() else "linux"
        if slice_["rules"] and platform in ("linux", "windows") and platform != real:
            raise AnsibleActionFail(
                f"{host}: the inventory says {platform}, this connection speaks to {real}. "
                "Set ansible_connection (and ansible_shell_type for ssh to Windows) in the inventory"
            )

    def _is_windows(self) -> bool:
        """Not every shell has the word."""
        return bool(getattr(getattr(self._connection, "_shell", None), "_IS_WINDOWS", False))

    def _nftables(
        self,
        turn: Any,
        head: Head,
        slice_: dict[str, Any],
        components: list[str] | None,
        inventory: Inventory | None,
    ) -> dict[str, Any]:
        token = secrets.token_hex(8)
        arguments = {
            "slices": host_slices(slice_, components, head.tokens, turn.networks),
            "replace": "all" if components is None else "named",
            "settings": host_settings(slice_),
            "digest": head.digest,
            "backend": slice_["host"]["backend"],
            "transport": self._connection.transport,
            "hold": _CONFIRM_WITHIN,
            "token": token,
            **({} if inventory is None else {"inventory": inventory.data()}),
        }
        done = self._module("portbook.firewall.nftables", arguments, turn.task_vars)
        if not done.get("failed") and done.get("held"):
            done = {**done, **self._confirm(token, turn, float(done["seconds"]))}
        if done.get("left_to"):
            return done
        return {**_told(turn.host, done), "applied": not done.get("failed") and not self._task.check_mode}

    def _confirm(self, token: str, turn: Any, seconds: float) -> dict[str, Any]:
        """Over a new connection: an old one would prove nothing. One that fails is tried again while there is time."""
        last = time.monotonic() + _CONFIRM_WITHIN - seconds - _CONFIRM_SPARE
        while True:
            answer = self._confirmed(token, turn)
            # The host's own word is the last one.
            if "confirmed" in answer or time.monotonic() + _CONFIRM_PAUSE > last:
                break
            display.vv(f"{turn.host}: not confirmed yet: {answer.get('msg', '')}")
            time.sleep(_CONFIRM_PAUSE)
        if answer.get("confirmed"):
            return {"held": False}
        return {
            "failed": True,
            "msg": f"{turn.host}: the change was not confirmed over a new connection, so the host takes it back within "
            f"{_CONFIRM_WITHIN} s: {answer.get('msg') or answer.get('why_not') or 'it no longer waits'}",
        }

    def _confirmed(self, token: str, turn: Any) -> dict[str, Any]:
        shell = self._connection._shell
        try:
            if hasattr(self._connection, "reset"):
                self._connection.reset()
            return self._module("portbook.firewall.nftables", {"state": "confirm", "token": token}, turn.task_vars)
        except AnsibleConnectionFailure as error:
            # What lies there cannot be tidied up; trying to would hide what is said here.
            shell.tmpdir = None
            return {"msg": str(error)}

    def _windows(self, host: str, task_vars: dict[str, Any], vendors: tuple[VendorRule, ...] = ()) -> WindowsHost:
        return WindowsHost(
            host,
            lambda module, arguments: self._module(module, arguments, task_vars),
            port=self._port(),
            over_network=self._connection.transport != "local",
            check=self._task.check_mode,
            diff=self._task.diff,
            catalog=lambda: Turn(self, task_vars).catalog(),
            vendors=vendors,
        )

    def _port(self) -> int:
        """That Ansible uses, as the controller knows it."""
        try:
            port = self._connection.get_option("port")
        except KeyError:
            port = None
        usual = {"winrm": 5986, "psrp": 5986}.get(self._connection.transport, 22)
        return int(port or self._play_context.port or usual)

    def _module(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        done: dict[str, Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
        done.pop("invocation", None)
        return done


def _told(host: str, done: dict[str, Any]) -> dict[str, Any]:
    if not done.get("failed"):
        display.display(show.applied_text(host, done))
    return done


def _warned(done: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    return {**done, "warnings": [*warnings, *done.get("warnings", ())]}


def _not_applied(result: dict[str, Any], backend: str, unsupported: str) -> dict[str, Any]:
    text = f"not applied: the backend {backend} comes with a later version. The rules are planned and shown only"
    if unsupported == "fail":
        return {**result, "failed": True, "msg": f"{text} (portbook_unsupported is fail)"}
    return {**result, "warnings": [*result["warnings"], text]}
