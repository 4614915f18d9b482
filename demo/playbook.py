# SPDX-License-Identifier: GPL-3.0-or-later
"""The example's playbook, run as a user would run it; a host's interpreter enters its namespace first."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from . import company

CHECKOUT = Path(__file__).resolve().parent.parent
SITE = "examples/site.yml"
INVENTORIES = ("examples/inventory", "demo/inventory")

# What a host keeps, and what the lab therefore gives each host for itself.
PRIVATE = {"var-lib-portbook": "/var/lib/portbook", "run-portbook": "/run/portbook", "etc-systemd": "/etc/systemd"}


def command(*words: str) -> list[str]:
    inventories = [word for one in INVENTORIES for word in ("-i", one)]
    return [*words, *inventories]


def write_interpreters(lab: Path) -> None:
    for machine in company.MACHINES:
        if not machine.managed:
            continue
        folder = lab / "hosts" / machine.name
        mounts = []
        for name, target in PRIVATE.items():
            (folder / name).mkdir(parents=True)
            if Path(target).is_dir():
                mounts.append(f"mount --bind {shlex.quote(str(folder / name))} {target}")
        inner = " && ".join([*mounts, f'exec {shlex.quote(sys.executable)} "$@"'])
        script = folder / "python"
        script.write_text(
            f'#!/bin/sh\nexec ip netns exec {machine.name} sh -c {shlex.quote(inner)} python "$@"\n',
            encoding="utf-8",
        )
        script.chmod(0o755)


def environment(lab: Path) -> dict[str, str]:
    """Whatever Ansible writes goes where the lab ends with it; the user's own settings play no part."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return kept | {
        "PORTBOOK_DEMO": str(lab),
        "HOME": str(lab / "home"),
        "TMPDIR": str(lab / "tmp"),
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_HOME": str(lab / "home" / ".ansible"),
        "ANSIBLE_LOCAL_TEMP": str(lab / "tmp"),
        "ANSIBLE_REMOTE_TEMP": str(lab / "tmp"),
        "ANSIBLE_FORKS": "8",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(lab: Path, *more: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("ansible-playbook")
    return subprocess.run(
        [*command(str(program), SITE), *more],
        cwd=CHECKOUT,
        env=environment(lab),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        start_new_session=True,
    )
