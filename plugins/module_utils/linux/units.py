# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back after a reboot, and after somebody has flushed everything: units of ours."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Dict, List

from ..nftables import after_flush
from ..nftables.ruleset import TABLE
from . import on_disk, programs
from .state import FOLDER, NEXT, STATE

UNIT = "portbook-firewall.service"
_UNITS = "/etc/systemd/system"
_LOADS = f"{_UNITS}/{UNIT}"
_DROP_IN = f"{_UNITS}/nftables.service.d/portbook.conf"
_SCRIPT = f"{FOLDER}/{after_flush.SCRIPT}"
_RESTORES = f"{_UNITS}/{after_flush.UNIT}"
_OURS = (_LOADS, _DROP_IN, _SCRIPT, _RESTORES)
# Without default dependencies no target waits by itself. There is no word of nftables.service: where that comes after
# sysinit.target, as on Fedora, it would be a cycle, and it loads ours again in any case.
# What had not been confirmed when the host went down is void: files that were to be, and, where nothing ever was
# confirmed, these units. Without a word to systemd it would go on to start what it has read already.
_UNIT_TEXT = """# Made by the Ansible collection portbook.firewall; changes are overwritten.
[Unit]
Description=Firewall table of portbook
DefaultDependencies=no
Wants=network-pre.target
Before=sysinit.target network-pre.target shutdown.target
After=local-fs.target
Conflicts=shutdown.target
RequiresMountsFor={folder}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStartPre=-/bin/rm -f {ruleset}{next} {state}{next}
ExecStart=/bin/sh -c '\\
    if [ -e {ruleset} ]; then exec {nft} -f {ruleset}; fi; \\
    if [ -e {state} ]; then exit; fi; \\
    rm -f {files} {wants}; \\
    {{ rmdir {drop_ins} {folder}; {nft} delete table inet {table}; }} 2>/dev/null; \\
    systemctl daemon-reload; \\
    systemctl --no-block stop {units}'
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
    return programs.run(["systemctl", "--quiet", *question]).code == 0


def wanted(nft: str, ruleset: str, restore: bool = False) -> Dict[str, str]:
    """Paths and texts of the files of a host with rules; `ruleset` is the name of the table's file."""
    values = {
        "nft": nft,
        "folder": FOLDER,
        "ruleset": f"{FOLDER}/{ruleset}",
        "state": f"{FOLDER}/{STATE}",
        "next": NEXT,
        "table": TABLE,
        "files": " ".join(_OURS),
        "wants": " ".join(_wants()),
        "drop_ins": os.path.dirname(_DROP_IN),
        "units": f"{after_flush.UNIT} {UNIT}",
    }
    files = {_LOADS: _UNIT_TEXT.format(**values), _DROP_IN: _DROP_IN_TEXT.format(**values)}
    if restore:
        files[_SCRIPT] = after_flush.script(nft, FOLDER, ruleset)
        files[_RESTORES] = after_flush.unit(FOLDER)
    return files


def _wants() -> List[str]:
    """The links that `systemctl enable` makes."""
    return [f"{_UNITS}/sysinit.target.wants/{UNIT}", f"{_UNITS}/multi-user.target.wants/{after_flush.UNIT}"]


def differs(files: Dict[str, str]) -> List[str]:
    """Files that are not as wanted, those of ours that are not wanted included."""
    there = present()
    return [path for path in _OURS if files.get(path) != there.get(path)]


def present() -> Dict[str, str]:
    """What is there of ours."""
    return {path: _read(path) for path in _OURS if os.path.lexists(path)}


def bring(files: Dict[str, str]) -> None:
    """Exactly these files of ours, and their units at work."""
    changed = differs(files)
    if _RESTORES not in files:
        _systemctl_if_there(_RESTORES, "disable", "--now", after_flush.UNIT)
    if _LOADS not in files:
        _systemctl_if_there(_LOADS, "disable", UNIT)
    for path in _OURS:
        for left in (f"{path}.new", *(() if path in files else (path,))):
            with suppress(FileNotFoundError):
                os.unlink(left)
    for path in changed:
        if path in files:
            _write(path, files[path])
    if _DROP_IN not in files:
        with suppress(OSError):
            os.rmdir(os.path.dirname(_DROP_IN))
    _systemctl("daemon-reload")
    if _LOADS in files:
        _systemctl("enable", UNIT)
    if _RESTORES in files:
        _systemctl("enable", after_flush.UNIT)
        _systemctl("restart" if {_SCRIPT, _RESTORES} & set(changed) else "start", after_flush.UNIT)
    for folder in sorted({os.path.dirname(one) for one in (*_OURS, *_wants())} | {_UNITS}):
        on_disk.sync(folder)


def at_work(files: Dict[str, str]) -> bool:
    """Whether units are as their files: on at every start, and running if they have something to watch."""
    loads, restores = _wants()
    if _LOADS in files and not os.path.lexists(loads):
        return False
    if _RESTORES not in files:
        return True
    return os.path.lexists(restores) and _asks("is-active", after_flush.UNIT)


def as_wanted(files: Dict[str, str]) -> bool:
    return not differs(files) and at_work(files)


def stop_restoring() -> None:
    """Before the table goes for good."""
    _systemctl_if_there(_RESTORES, "stop", after_flush.UNIT)


def outlive_session(process: int) -> None:
    """logind can be told to end all that a user has started when he leaves (KillUserProcesses): be no part of it."""
    manager = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
    scope = (f"portbook-way-back-{process}.scope", "fail", "1", "PIDs", "au", "1", str(process), "0")
    if has_systemd():
        # Without the bus there is no logind either.
        with suppress(OSError):
            programs.run(["busctl", "--system", "call", *manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", *scope])


def _systemctl_if_there(path: str, *arguments: str) -> None:
    if os.path.lexists(path):
        _systemctl(*arguments)


def _systemctl(*arguments: str) -> None:
    done = programs.run(["systemctl", "--quiet", *arguments])
    if done.code:
        raise OSError(f"systemctl {' '.join(arguments)} failed: {done.err.strip()}")


def _write(path: str, text: str) -> None:
    on_disk.make_folder(os.path.dirname(path), 0o755)
    on_disk.write(path, f"{path}.new", text, 0o644)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
