# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In systemd's place: what is enabled and what is started are files of the test's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kernel.helpers.host import Host

from ansible_collections.portbook.firewall.plugins.module_utils.linux import timer
from ansible_collections.portbook.firewall.plugins.module_utils.linux import units as boot
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.units import TableUnits

_SYSTEMCTL = """#!/bin/sh
[ "$1" = --quiet ] && shift
word=$1; shift; [ "$1" = --now ] && shift
unit=$1
wants={units}/$(sed -n 's/^WantedBy=//p' {units}/"$unit" 2>/dev/null).wants
case $word in
    enable) mkdir -p "$wants" && ln -sf ../"$unit" "$wants/$unit" ;;
    disable) rm -f {units}/*.wants/"$unit" {started}/"$unit"; rmdir {units}/*.wants 2>/dev/null ;;
    start|restart) [ -e {units}/"$unit" ] && touch {started}/"$unit" ;;
    stop) rm -f {started}/"$unit" ;;
    is-active) [ -e {started}/"$unit" ]; exit ;;
    daemon-reload) ;;
    show) for one in portbook-way-back.timer portbook-way-back.service; do
              [ -e {started}/"$one" ] && echo active || echo inactive
          done ;;
    *) exit 1 ;;
esac
true
"""


# Waits as the timer does, and runs what the service would, until it succeeds.
_SYSTEMD_RUN = """#!/bin/sh
[ -e {started}/refuses ] && {{ echo 'unknown property' >&2; exit 1; }}
for word in "$@"; do
    case $word in --on-active=*) seconds=${{word#*=}} ;; esac
    last=$word
done
name={started}/portbook-way-back
touch $name.timer
(
    sleep "$seconds"
    [ -e $name.timer ] || exit
    touch $name.service
    rm $name.timer
    until sh -c "$last"; do sleep 1; done
    rm -f $name.service
) </dev/null >/dev/null 2>&1 &
"""


class ServiceManager:
    def __init__(self, folder: Path, host: Host, patch: pytest.MonkeyPatch) -> None:
        self.units, self.started, programs = (folder / name for name in ("units", "started", "programs"))
        for one in (self.units, self.started, programs):
            one.mkdir()
        for name, script in (("systemctl", _SYSTEMCTL), ("systemd-run", _SYSTEMD_RUN)):
            path = programs / name
            path.write_text(script.format(units=self.units, started=self.started))
            path.chmod(0o755)
        patch.setattr(timer, "TRANSIENT", str(self.started))
        # The machine's own bus is none of the test's business.
        (programs / "busctl").symlink_to("/bin/true")
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        host.units = TableUnits(str(self.units), str(host.folder))
        patch.setattr(boot, "has_systemd", lambda: True)

    def all(self) -> dict[str, str]:
        """Files by name, with their texts; links, and what runs, by name alone."""
        found = {
            str(path.relative_to(self.units)): path.read_text() if not path.is_symlink() else "link"
            for path in sorted(self.units.rglob("*"))
            if not path.is_dir()
        }
        return {**found, "started": " ".join(sorted(path.name for path in self.started.iterdir()))}
