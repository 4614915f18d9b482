# SPDX-License-Identifier: GPL-3.0-or-later
"""How an operator and a machine know each other by ssh."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make(path: Path, comment: str = "operator") -> Path:
    """The operator's; the public part lies beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path], check=True)
    return path


def known_host(root: Path, *names: str) -> str:
    """A line of known_hosts: all machines that start from a root have its key."""
    return f"{','.join(names)} {(root / 'etc/ssh/ssh_host_ed25519_key.pub').read_text().strip()}\n"
