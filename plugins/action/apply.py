# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan, and apply the host's part with its own firewall. None is put in another's place."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.utils.display import Display

from ansible_collections.portbook.firewall.plugins.action.plan import ActionModule as PlanModule
from ansible_collections.portbook.firewall.plugins.plugin_utils import plan_file, show
from ansible_collections.portbook.firewall.plugins.plugin_utils.host_request import host_settings, host_slices
from ansible_collections.portbook.firewall.plugins.plugin_utils.run_cache import Head

display = Display()
_CONFIRM_WITHIN = 30
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
            _refuse_other_plan(Path(head.plan_file), head.digest)
        turn.tell_summary(head, "as in")
        slice_, warnings = turn.slice(components)
        self._refuse_other_platform(turn.host, slice_)
        result = {"changed": False, "applied": False, **turn.summary(head, slice_, components), "warnings": warnings}
        backend, platform = slice_["host"]["backend"], slice_["host"]["platform"]
        if backend == "nftables" or (backend == "auto" and platform == "linux"):
            done = self._nftables(turn, head, slice_, components)
            if not done.get("left_to"):
                return {**result, **done}
            backend = done["left_to"]
        if shown:
            turn.show(slice_, components)
        if backend == "none" or not slice_["rules"]:
            return result
        return _not_applied(result, backend, platform, head.unsupported)

    def _remove(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Needs no plan: what is taken away is what the host itself remembers."""
        _validation, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        if self._is_windows():
            return {"changed": False, "warnings": ["nothing to remove: Windows hosts are not applied to yet"]}
        named = arguments["components"]
        request = {
            "state": "absent",
            "slices": {name: {} for name in named or ()},
            "replace": "named" if named else "all",
        }
        done = self._module("portbook.firewall.nftables", request, task_vars)
        if not done.get("failed"):
            display.display(show.applied_text(str(task_vars["inventory_hostname"]), done))
        return done

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

    def _nftables(self, turn: Any, head: Head, slice_: dict[str, Any], components: list[str] | None) -> dict[str, Any]:
        token = secrets.token_hex(8)
        arguments = {
            "slices": host_slices(slice_, components, head.tokens, turn.networks),
            "replace": "all" if components is None else "named",
            "settings": host_settings(slice_),
            "digest": head.digest,
            "backend": slice_["host"]["backend"],
            "came_by_ssh": self._connection.transport == "ssh",
            "hold": _CONFIRM_WITHIN,
            "token": token,
        }
        done = self._module("portbook.firewall.nftables", arguments, turn.task_vars)
        if not done.get("failed") and done.get("held"):
            done = {**done, **self._confirm(token, turn, float(done["seconds"]))}
        if done.get("left_to"):
            return done
        if not done.get("failed"):
            display.display(show.applied_text(turn.host, done))
        return {**done, "applied": not done.get("failed") and not self._task.check_mode}

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
            f"{_CONFIRM_WITHIN} s: {answer.get('msg', 'it no longer waits')}",
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

    def _module(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        done: dict[str, Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
        done.pop("invocation", None)
        return done


def _not_applied(result: dict[str, Any], backend: str, platform: str, unsupported: str) -> dict[str, Any]:
    text = f"not applied: {_name(backend, platform)}. The rules are planned and shown only"
    if unsupported == "fail":
        return {**result, "failed": True, "msg": f"{text} (portbook_unsupported is fail)"}
    return {**result, "warnings": [*result["warnings"], text]}


def _name(backend: str, platform: str) -> str:
    what = "the backend of Windows hosts" if platform == "windows" else f"the backend {backend}"
    return f"{what} comes with a later version"


def _refuse_other_plan(path: Path, digest: str) -> None:
    """What was reviewed is what is applied, or nothing is."""
    remedy = "Make it with portbook.firewall.plan"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        form, kept_digest = kept["format"], kept["digest"]
    except FileNotFoundError:
        raise AnsibleActionFail(f"portbook_plan_file: {path} does not exist. {remedy}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnsibleActionFail(f"portbook_plan_file: {path} is no plan: {error}. {remedy}") from None
    if form != plan_file.FORMAT:
        raise AnsibleActionFail(
            f"portbook_plan_file: {path} has format {form!r}, this version reads {plan_file.FORMAT}. Make it anew"
        )
    if kept_digest != digest:
        raise AnsibleActionFail(
            f"portbook_plan_file: {path} is another plan ({str(kept_digest)[:12]}) than the inventory gives now "
            f"({digest[:12]}). Read the difference, make the plan anew and review it"
        )
