# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A collection of our name whose Windows modules are an action of the tests: playbooks call it as they call ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase


def collection(folder: Path, action: str) -> Path:
    """With the action of this Python module, and nothing else in it."""
    plugins = folder / "ansible_collections" / "portbook" / "firewall" / "plugins"
    for name in ("windows_read", "windows_write"):
        for kind, text in (("action", f"from {action} import ActionModule\n"), ("modules", "")):
            (plugins / kind).mkdir(parents=True, exist_ok=True)
            (plugins / kind / f"{name}.py").write_text(text)
    return folder


def environment(action: ActionBase) -> dict[str, str]:
    given: dict[str, str] = {}
    for one in filter(None, action._task.environment):
        given |= {name: str(value) for name, value in action._templar.template(one).items()}
    return given


def arguments(action: ActionBase) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(action._task.args))
    return plain
