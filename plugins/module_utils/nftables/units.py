# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What brings the table back after a restart, and after somebody has flushed everything. Pure."""

from __future__ import annotations

import os
from typing import Dict

from ..linux import state
from ..linux.units import FOLDER, Service, Units
from . import after_flush
from .pieces import TABLE

UNIT = "portbook-firewall.service"
# Without default dependencies no target waits by itself. There is no word of nftables.service: where that comes after
# sysinit.target, as on Fedora, it would be a cycle, and it loads the collection's table again in any case.
# What had not been confirmed when the host went down is void: files that were to be, and, where nothing ever was
# confirmed, these units. Without a word to systemd it would go on to start what it has read already. The service
# must not fail by that, be it stopped before the shell has ended, or one of the units be forgotten already.
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
{before}ExecStart=/bin/sh -c '\\
    if [ -e {ruleset} ]; then exec {nft} -f {ruleset}; fi; \\
    if [ -e {state} ]; then exit; fi; \\
    trap "" TERM; \\
    rm -f {files} {wants}; \\
    {{ rmdir {drop_ins} {folder}; {nft} delete table inet {table}; }} 2>/dev/null; \\
    systemctl daemon-reload; \\
    systemctl --no-block stop {units}; \\
    exit 0'
ExecReload={nft} -f {ruleset}

[Install]
WantedBy=sysinit.target
"""
# The distribution's file begins with a flush, so the collection's table is loaded again in the same step.
_DROP_IN_TEXT = """# Made by the Ansible collection portbook.firewall; changes are overwritten.
[Service]
ExecStartPost=-{nft} -f {ruleset}
ExecReload=-{nft} -f {ruleset}
"""


# One that has to stop for it has stopped before: a flush that came later would take the table.
_STARTS_TEXT = """# Made by the Ansible collection portbook.firewall; changes are overwritten.
[Unit]
After=nftables.service

[Service]
ExecStartPost=-{nft} -f {ruleset}
"""


class TableUnits:
    """`folder` is systemd's, `kept` the one in which the host keeps the table's file; `before` is a script there that
    runs before the table is loaded at a start of the host, and `beside` is a service whose start may flush it:
    firewalld's stops nftables.service, which flushes everything."""

    def __init__(self, folder: str = FOLDER, kept: str = state.FOLDER, before: str = "", beside: str = "") -> None:
        self._kept = kept
        self._starts = f"{folder}/{beside}.d/portbook.conf" if beside else ""
        self.before_path = f"{kept}/{before}" if before else ""
        self._loads, self._restores = f"{folder}/{UNIT}", f"{folder}/{after_flush.UNIT}"
        self._drop_in = f"{folder}/nftables.service.d/portbook.conf"
        self._script = f"{kept}/{after_flush.SCRIPT}"
        self.units = Units(
            files=(
                *(self._loads, self._drop_in, self._script, self._restores),
                *filter(None, [self.before_path, self._starts]),
            ),
            services=(
                Service(UNIT, self._loads, "sysinit.target"),
                Service(after_flush.UNIT, self._restores, "multi-user.target", restarts_for=(self._script,)),
            ),
            drop_ins=tuple(os.path.dirname(path) for path in (self._drop_in, self._starts) if path),
        )

    def kept_path(self, name: str) -> str:
        return f"{self._kept}/{name}"

    def files(self, nft: str, restore: bool) -> Dict[str, str]:
        """Paths and texts of the files of a host with rules."""
        values = {
            "nft": nft,
            "folder": self._kept,
            "ruleset": f"{self._kept}/{state.RULESET}",
            "state": f"{self._kept}/{state.STATE}",
            "next": state.NEXT,
            "table": TABLE,
            "before": f"ExecStartPre=-/bin/sh {self.before_path}\n" if self.before_path else "",
            "files": " ".join(self.units.files),
            "wants": " ".join(one.link for one in self.units.services),
            "drop_ins": " ".join(self.units.drop_ins),
            "units": f"{after_flush.UNIT} {UNIT}",
        }
        files = {self._loads: _UNIT_TEXT.format(**values), self._drop_in: _DROP_IN_TEXT.format(**values)}
        if self._starts:
            files[self._starts] = _STARTS_TEXT.format(**values)
        if restore:
            files[self._script] = after_flush.script(nft, self._kept, state.RULESET)
            files[self._restores] = after_flush.unit(self._kept)
        return files
