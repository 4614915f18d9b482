# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan, and apply the host's part. No backend can be applied yet, and none is put in another's place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.portbook.firewall.plugins.action.plan import ActionModule as PlanModule
from ansible_collections.portbook.firewall.plugins.plugin_utils import plan_file
from ansible_collections.portbook.firewall.plugins.plugin_utils.run_cache import Head


class ActionModule(PlanModule):
    def with_slice(self, turn: Any, head: Head, components: list[str] | None, shown: bool) -> dict[str, Any]:
        if head.plan_file:
            _refuse_other_plan(Path(head.plan_file).expanduser(), head.digest)
        turn.tell_summary(head, "as in")
        slice_, warnings = turn.slice(components)
        if shown:
            turn.show(slice_, components)
        result = {"changed": False, "applied": False, **turn.summary(head, slice_, components)}
        backend = slice_["host"]["backend"]
        if backend == "none" or not slice_["rules"]:
            return {**result, "warnings": warnings}
        missing = _name(backend, slice_["host"]["platform"])
        text = f"not applied: {missing} comes with a later version. The rules are planned and shown only"
        if head.unsupported == "fail":
            return {**result, "warnings": warnings, "failed": True, "msg": f"{text} (portbook_unsupported is fail)"}
        return {**result, "warnings": [*warnings, text]}


def _name(backend: str, platform: str) -> str:
    if backend != "auto":
        return f"the backend {backend}"
    return (
        "the backend of Windows hosts"
        if platform == "windows"
        else "the backend of Linux hosts (nftables or firewalld)"
    )


def _refuse_other_plan(path: Path, digest: str) -> None:
    """What was reviewed is what is applied, or nothing is."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        form, kept_digest = kept["format"], kept["digest"]
    except FileNotFoundError:
        raise AnsibleActionFail(
            f"portbook_plan_file: {path} does not exist. Make it with portbook.firewall.plan"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnsibleActionFail(
            f"portbook_plan_file: {path} is no plan: {error}. Make it with portbook.firewall.plan"
        ) from None
    if form != plan_file.FORMAT:
        raise AnsibleActionFail(
            f"portbook_plan_file: {path} has format {form!r}, this version reads {plan_file.FORMAT}. Make it anew"
        )
    if kept_digest != digest:
        raise AnsibleActionFail(
            f"portbook_plan_file: {path} is another plan ({str(kept_digest)[:12]}) than the inventory "
            f"gives now ({digest[:12]}). "
            "Read the difference, make the plan anew and review it"
        )
