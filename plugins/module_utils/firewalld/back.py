# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shell that brings firewalld back, and needs no file of this collection: before its own start, or while it runs.
Pure."""

from __future__ import annotations

from shlex import quote

from .files import POLICY_FILE
from .kernel import BLOCKED, TABLE
from .objects import PREFIX

FOLDER = "/etc/firewalld"
SCRIPT = "firewalld.sh"

# What is kept in comments of the text replaces the collection's files; as awk writes them, so that a file is whole
# or not there.
_FILES = """
files_back() {{
    cd {folder} || return
    for file in {policy} ipsets/{prefix}*.xml services/{prefix}*.xml; do
        [ -e "$file" ] || continue
        grep -qxF "#+ $file" "$1" 2>/dev/null || rm -f "$file" "$file.old"
    done
    sed -n 's/^#+ //p' "$1" 2>/dev/null | while IFS= read -r file; do
        mkdir -p "${{file%/*}}"
        awk -v file="$file" '
            substr($0, 1, 3) == "#+ " {{ here = substr($0, 4) == file; next }}
            here && substr($0, 1, 3) == "#| " {{ print substr($0, 4) }}' "$1" >"$file.new" ||
            {{ rm -f "$file.new"; return 1; }}
        if cmp -s "$file.new" "$file"; then rm -f "$file.new"; else mv -f "$file.new" "$file"; fi
    done
}}
"""
_BOOT = """#!/bin/sh
# Made by the Ansible collection portbook.firewall; changes are overwritten.
# Restores what was confirmed before firewalld starts, even if the host stopped in the middle of a change.
{files}
files_back {kept}
exit 0
"""
# A reload after somebody has flushed everything would leave firewalld 1.3 with a table that drops all; and the table of
# one that was killed is only cleared by a reload after the start.
_RUNTIME = r"""
there() {{ {nft} list table inet {table} && ! {nft} list table inet {blocked}; }} >/dev/null 2>&1
reload() {{ there && firewall-cmd --quiet --reload && there; }} 2>/dev/null
restart() {{ restarted=1; systemctl restart firewalld && firewall-cmd --quiet --reload && there; }} 2>/dev/null
commands() {{
    sed -n 's/^#! //p' "$1" | {{
        wrong=0
        while IFS= read -r line; do eval "firewall-cmd --quiet $line" </dev/null || wrong=1; done
        return $wrong
    }}
}} >/dev/null 2>&1
runtime_back() {{
    way=$(sed -n 's/^#\* //p' "$1")
    if [ "$way" = files ]; then return 0; fi
    if [ "$way" = commands ] && there && commands "$1" && there; then return 0; fi
    reload || restart || return
    if [ "$way" = reload ]; then commands "$1"; fi
    return 0
}}
"""
# Without firewalld there is nothing to bring back at runtime. One that fails is tried until it works: all that refuses
# is out of the way by then.
_LOAD = """
restarted=
{nft} -f "$1" || exit 1
[ -d {folder} ] || exit 0
files_back "$1"
until runtime_back "$1"; do
    case $(systemctl show --property=LoadState --value firewalld 2>/dev/null) in loaded) ;; *) exit 0 ;; esac
    sleep 2
done
# Its start stops nftables.service, which flushes everything.
[ -z "$restarted" ] || {nft} -f "$1"
"""
_REMOVE = """
{deletion}
[ -d {folder} ] || exit 0
files_back /dev/null
reload || restart || exit 0
"""


def boot(kept: str, folder: str = FOLDER) -> str:
    """`kept` is the text that was confirmed; without it, nothing of this collection is left."""
    return _BOOT.format(files=_files(folder), kept=quote(kept))


def load(nft: str, folder: str = FOLDER) -> str:
    """With the path of a text as its argument."""
    return _files(folder) + _runtime(nft) + _LOAD.format(nft=quote(nft), folder=quote(folder))


def remove(nft: str, deletion: str, folder: str = FOLDER) -> str:
    one_line = f"{quote(nft)} {quote('; '.join(deletion.splitlines()))}"
    return _files(folder) + _runtime(nft) + _REMOVE.format(deletion=one_line, folder=quote(folder))


def _files(folder: str) -> str:
    return _FILES.format(folder=quote(folder), policy=POLICY_FILE, prefix=PREFIX)


def _runtime(nft: str) -> str:
    return _RUNTIME.format(nft=quote(nft), table=TABLE, blocked=BLOCKED)
