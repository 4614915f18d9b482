# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has, in one form for all platforms: by the module on Linux, by windows_read on Windows."""

from __future__ import annotations

import time
from typing import Any

from .contract import Target

MODULE, WINDOWS_MODULE = "portbook.firewall.host_facts", "portbook.firewall.windows_read"


def read(target: Target, most: int) -> dict[str, Any]:
    """A module's result, be it a failure."""
    if target.platform != "windows":
        return target.run(MODULE, {"most": most})
    # As in the registry: runs without a Windows host are shorter without it.
    from .windows import facts
    from .windows.store import WrongAnswer, meaning_of_failure

    start = time.monotonic()
    done = target.run(WINDOWS_MODULE, facts.arguments())
    if done.get("failed"):
        return {**done, "msg": meaning_of_failure(str(done.get("msg", "no reason given")))}
    try:
        found = facts.facts(done, most)
    except WrongAnswer as error:
        return {"failed": True, "msg": f"the answer of {WINDOWS_MODULE} {error}"}
    found["seconds"] = round(time.monotonic() - start, 3)
    return {"changed": False, "ansible_facts": {"portbook": found}}
