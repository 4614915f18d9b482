# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read all hosts' variables as the plan action does, and tell how long it took. Only the bench has this."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.load import load
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.hostvars import Reader
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.names import Names
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        assert task_vars is not None
        names = Names(load([], Problems()), Problems())
        reader = Reader(names.ours, (Exception,))
        start, worked = time.monotonic(), time.process_time()
        inputs = reader.inputs(task_vars["hostvars"], task_vars["groups"])
        seconds, worked = time.monotonic() - start, time.process_time() - worked
        return {
            "changed": False,
            "bench_seconds": round(seconds, 3),
            "bench_processor": round(worked, 3),
            "bench_hosts": len(inputs),
        }
