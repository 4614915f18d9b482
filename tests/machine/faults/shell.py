# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts for a shell on a machine that break something, and mend it."""

from __future__ import annotations

from shlex import quote

LIB, RUN, ETC = "/var/lib/portbook", "/run/portbook", "/etc/systemd/system"
NFT, CTL = "/usr/sbin/nft", "/usr/bin/systemctl"
ASKS_PASSWORD = "echo 'deploy ALL=(ALL) ALL' >/etc/sudoers.d/deploy && echo deploy:right | chpasswd"
ASKS_NO_PASSWORD = "echo 'deploy ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/deploy"


def instead(program: str, does: str) -> str:
    """From now on the program does something else; the real one is beside it, as `.real`."""
    script = quote(f"#!/bin/sh\n{does}\n")
    return (
        f"cp -a {program} {program}.real && printf %s {script} >{program}.new && chmod 755 {program}.new "
        f"&& mv {program}.new {program}"
    )


def only(program: str, condition: str, does: str) -> str:
    """The same where the condition holds."""
    return instead(program, f'{condition} && {{ {does}; }}\nexec {program}.real "$@"')


def restored(program: str) -> str:
    return f"mv {program}.real {program}"


def read_only(folder: str) -> str:
    return f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"


def writable(folder: str) -> str:
    return f"umount -l {folder}"


def fill(folder: str) -> str:
    """A small disk of its own with the same files, to the last byte."""
    return (
        f"cp -a {folder} /run/copy && mount -t tmpfs -o size=64k,mode=700 tmpfs {folder} "
        f"&& cp -a /run/copy/. {folder}/ && rm -rf /run/copy && {{ cat /dev/zero >{folder}/zeros 2>/dev/null; true; }}"
    )


def freed(folder: str) -> str:
    """As large as before, with what was written meanwhile."""
    return (
        f"rm -f {folder}/zeros; cp -a {folder} /run/copy; umount -l {folder}; find {folder} -mindepth 1 -delete; "
        f"cp -a /run/copy/. {folder}/; rm -rf /run/copy"
    )


def once(condition: str) -> str:
    """It holds only the first time."""
    return f"{condition} && [ ! -e /run/was ] && touch /run/was"


def again(what: str, after: float, seconds: float) -> str:
    """In the background, as often as it can be done in that time."""
    loop = quote(f"while :; do {what}; sleep 0.025; done")
    return f"(sleep {after}; timeout {seconds} sh -c {loop}) </dev/null >/dev/null 2>&1 &"


def down_for(seconds: float) -> str:
    """The machine's link; it loses its routes by that."""
    return (
        "route=$(ip route show default); ip link set host0 down; "
        f'sleep {seconds}; ip link set host0 up; [ -z "$route" ] || ip route replace $route'
    )


def renumbered() -> str:
    """The machine gets another address of its network, and keeps the old one in mind."""
    return (
        "route=$(ip route show default); old=$(ip -o -4 address show dev host0 | tr -s ' ' | cut -d ' ' -f 4); "
        'echo "$old $route" >/run/old-address; ip address del $old dev host0; '
        'ip address add ${old%.*}.77/${old#*/} dev host0; [ -z "$route" ] || ip route replace $route'
    )


def numbered_back() -> str:
    return (
        "read old route </run/old-address; ip -4 address flush dev host0; ip address add $old dev host0; "
        '[ -z "$route" ] || ip route replace $route; rm /run/old-address'
    )
