# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back after a reboot, and after the distribution's own nftables.service has flushed everything: units of ours."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from typing import Dict, List

UNIT = "portbook-firewall.service"
_UNITS = "/etc/systemd/system"
_DROP_IN = f"{_UNITS}/nftables.service.d/portbook.conf"
_UNIT_TEXT = """# Made by the Ansible collection portbook.firewall; changes are overwritten.
[Unit]
Description=Firewall table of portbook
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
After=nftables.service local-fs.target
Conflicts=shutdown.target
RequiresMountsFor={folder}
ConditionPathExists={ruleset}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={nft} -f {ruleset}
ExecReload={nft} -f {ruleset}

[Install]
WantedBy=sysinit.target
"""
# The distribution's file begins with a flush, so ours is loaded again in the same step.
_DROP_IN_TEXT = """# Made by the Ansible collection portbook.firewall; changes are overwritten.
[Service]
ExecStartPost=-{nft} -f {ruleset}
ExecReload=-{nft} -f {ruleset}
"""


def has_systemd() -> bool:
    return os.path.isdir("/run/systemd/system")


def firewalld() -> str:
    """running, enabled (though not running) or absent."""
    if not has_systemd():
        return "absent"
    if _asks("is-active", "firewalld"):
        return "running"
    return "enabled" if _asks("is-enabled", "firewalld") else "absent"


def _asks(*question: str) -> bool:
    done = subprocess.run(  # pylint: disable=ansible-bad-function
        ["systemctl", "--quiet", *question], stderr=subprocess.DEVNULL, check=False
    )
    return done.returncode == 0


def wanted(nft: str, folder: str, ruleset: str) -> Dict[str, str]:
    values = {"nft": nft, "folder": folder, "ruleset": ruleset}
    return {f"{_UNITS}/{UNIT}": _UNIT_TEXT.format(**values), _DROP_IN: _DROP_IN_TEXT.format(**values)}


def differs(files: Dict[str, str]) -> List[str]:
    return [path for path, text in files.items() if _read(path) != text]


def install(files: Dict[str, str]) -> None:
    for path in differs(files):
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(files[path])
        os.replace(f"{path}.new", path)
    _systemctl("daemon-reload")
    _systemctl("enable", UNIT)


def enabled() -> bool:
    return os.path.lexists(f"{_UNITS}/sysinit.target.wants/{UNIT}")


def remove(files: Dict[str, str]) -> None:
    _systemctl("disable", UNIT)
    for path in files:
        if os.path.exists(path):
            os.unlink(path)
    with suppress(OSError):
        os.rmdir(os.path.dirname(_DROP_IN))
    _systemctl("daemon-reload")


def outlive_session(process: int) -> None:
    """logind can be told to end all that a user has started when he leaves (KillUserProcesses): be no part of it."""
    manager = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
    scope = (f"portbook-way-back-{process}.scope", "fail", "1", "PIDs", "au", "1", str(process), "0")
    if has_systemd():
        # Without the bus there is no logind either.
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(  # pylint: disable=ansible-bad-function
                ["busctl", "--system", "call", *manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", *scope],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=5,
                check=False,
            )


def _systemctl(*arguments: str) -> None:
    done = subprocess.run(  # pylint: disable=ansible-bad-function
        ["systemctl", "--quiet", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        check=False,
    )
    if done.returncode:
        raise OSError(f"systemctl {' '.join(arguments)} failed: {done.stderr.strip()}")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""
