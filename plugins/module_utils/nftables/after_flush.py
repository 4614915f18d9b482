# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back after a flush by hand: a service that hears of deleted tables and loads the collection's again. Pure."""

from __future__ import annotations

import shlex

from .pieces import TABLE

UNIT = "portbook-restore.service"
SCRIPT = "restore.sh"
_UNIT_TEXT = """# Made by the Ansible collection portbook.firewall; changes are overwritten.
[Unit]
Description=Load the table inet portbook again after a flush by hand
After=portbook-firewall.service

[Service]
ExecStart=/bin/sh {script}
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
"""
# nft 1.1 does not understand `monitor destroy tables`.
# Who replaces the table in one transaction is heard of, too, but then there is a table. Who holds the lock is at work.
# What cannot be loaded is tried three times, then not before the next deletion.
_SCRIPT_TEXT = """#!/bin/sh
# Made by the Ansible collection portbook.firewall; changes are overwritten.
# Runs as {unit}: if somebody has deleted the table, it is loaded again.
nft={nft}
folder={folder}

# Runs wait for the lock meanwhile, so one that hangs is ended.
ask() {{ timeout -k 1 10 "$nft" "$@"; }}

restore() {{
    tables=$(ask list tables inet) || return 0
    if printf '%s\\n' "$tables" | grep -qx 'table inet {table}'; then return 0; fi
    [ -e "$folder/{ruleset}" ] || return 0
    for attempt in 1 2 3; do
        if ask -f "$folder/{ruleset}"; then
            echo 'the table inet {table} was missing; it is loaded again'
            return 0
        fi
        sleep 0.2
    done
    echo 'the table inet {table} is missing and cannot be loaded; apply the plan again' >&2
}}

look() {{
    sleep 0.1
    flock -w 60 "$folder" /bin/sh "$0" restore
}}

if [ "$1" = restore ]; then
    restore
else
    "$nft" monitor tables | {{
        look
        while read -r event; do
            case $event in add*) ;; *) look ;; esac
        done
    }}
fi
"""


def unit(folder: str) -> str:
    return _UNIT_TEXT.format(script=f"{folder}/{SCRIPT}")


def script(nft: str, folder: str, ruleset: str) -> str:
    """`ruleset` is the name of the table's file in the folder."""
    return _SCRIPT_TEXT.format(
        unit=UNIT, nft=shlex.quote(nft), folder=shlex.quote(folder), ruleset=ruleset, table=TABLE
    )
