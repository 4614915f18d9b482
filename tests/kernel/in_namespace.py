# SPDX-License-Identifier: GPL-3.0-or-later
"""Run Python in a network namespace of its own, as root or in a user namespace: no rule of the machine is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

ENTER = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
_MODULES = "ansible_collections.portbook.firewall.plugins.module_utils"


def run(code: str, data: Any = None, timeout: float = 120) -> Any:
    """What the code puts into `result`; it has `data`, and the collection's folder on its path."""
    script = (
        "import json, sys\n"
        f"sys.path[:0] = {[os.environ['ANSIBLE_COLLECTIONS_PATH']]!r}\n"
        "import subprocess\n"
        "subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)\n"
        "data = json.load(sys.stdin)\n"
        f"{code}\n"
        "print('RESULT' + json.dumps(result))\n"
    )
    done = subprocess.run(
        [*ENTER, sys.executable, "-c", script],
        input=json.dumps(data),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[-1][len("RESULT") :])
