# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page tells its reader to type."""

from __future__ import annotations

import re
from pathlib import Path


def commands(page: Path, name: str) -> str:
    found = re.search(rf"<!-- run: {name} -->\n```sh\n(.*?)```", page.read_text(), re.DOTALL)
    assert found, f"{page.name} has no commands for {name}"
    return found[1]
