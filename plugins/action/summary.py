# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say once, for all hosts of the run, what its tasks planned and did."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.portbook.firewall.plugins.plugin_utils.run import summary
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.cache import RunCache
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.records import Records


class ActionModule(ActionBase):
    ARGUMENTS: ClassVar[dict[str, Any]] = {"show": {"type": "raw"}}
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        given = arguments["show"]
        name = "portbook_show" if given is None else "show"
        if given is None:
            given = self._templar.template((task_vars or {}).get(name))
        try:
            wanted = summary.word(given)
        except summary.BadWord as error:
            raise AnsibleActionFail(f"{name} {error}") from None
        lines = summary.of_run(Records(C.DEFAULT_LOCAL_TMP), _cache_of, wanted, int(Display().columns))
        shown = {"msg": lines, "_ansible_verbose_always": True} if lines else {}
        return {**result, "changed": False, **shown}


def _cache_of(play: str) -> RunCache:
    return RunCache(C.DEFAULT_LOCAL_TMP, play)
