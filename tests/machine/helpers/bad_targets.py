# SPDX-License-Identifier: GPL-3.0-or-later
"""How a machine is made to lack something, and how that is undone: for a shell on it."""

from __future__ import annotations

from shlex import quote

from machine.faults import shell

# The kernel answers as one that has no netlink for packet filters: this is asked before the call is made.
SEALED = """
import ctypes, os, platform, struct, sys

SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
NETLINK_NETFILTER, EPROTONOSUPPORT, ALLOW, ERRNO = 12, 93, 0x7FFF0000, 0x50000
LOAD, EQUAL, RETURN, NUMBER, THIRD_ARGUMENT = 0x20, 0x15, 0x06, 0, 32

steps = [
    (LOAD, 0, 0, NUMBER), (EQUAL, 0, 3, SOCKET), (LOAD, 0, 0, THIRD_ARGUMENT), (EQUAL, 0, 1, NETLINK_NETFILTER),
    (RETURN, 0, 0, ERRNO | EPROTONOSUPPORT), (RETURN, 0, 0, ALLOW),
]
text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))

class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]

libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(22, 2, ctypes.byref(Program(len(steps), ctypes.addressof(text))), 0, 0):
    raise OSError(ctypes.get_errno(), "no filter of system calls")
os.execv(sys.argv[1], sys.argv[1:])
"""
# No older Python is to be had: the machine's own says that it is one, and Ansible believes it.
OLD_PYTHON = 'import sys\nsys.version_info = (3, 6, 8, "final", 0)\nsys.version = "3.6.8 (default)"\n'
WITHOUT_SYSTEMD = """#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mkdir -p /run/sshd
/usr/sbin/sshd
while :; do sleep 1; done
"""
_DROP_IN = "/run/systemd/system/ssh.service.d"
_AGAIN = "systemctl daemon-reload && systemctl restart ssh"


def service_with(lines: str) -> tuple[str, str]:
    """sshd, and all that comes by it."""
    written = f"printf '[Service]\\n%s\\n' {quote(lines)} >{_DROP_IN}/bad.conf"
    return f"mkdir -p {_DROP_IN} && {written} && {_AGAIN}", f"rm -r {_DROP_IN} && {_AGAIN}"


def read_only(folder: str) -> tuple[str, str]:
    return shell.read_only(folder), f"umount {folder}"


def full(folder: str, spare: int = 0) -> tuple[str, str]:
    """With so many bytes left."""
    fill = f"{{ dd if=/dev/zero of={folder}/zz-fill bs=4k 2>/dev/null; truncate -s -{spare} {folder}/zz-fill; }}"
    made = f"test -d {folder} || {{ mkdir -p {folder} && touch /root/made; }}"
    mounted = f"mkdir /root/as-it-was && cp -a {folder}/. /root/as-it-was && mount -t tmpfs -o size=1m tmpfs {folder}"
    breaks = f"{made}; {mounted} && cp -a /root/as-it-was/. {folder} && {fill}"
    return (
        breaks,
        f"umount {folder} && rm -r /root/as-it-was; test ! -e /root/made || {{ rmdir {folder} && rm /root/made; }}",
    )
