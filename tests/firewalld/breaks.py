# SPDX-License-Identifier: GPL-3.0-or-later
"""What breaks while a change waits that has cut management access, on a host that runs firewalld. A line each."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote

from machine.faults.shell import fill, freed

POLICY = "/etc/firewalld/policies/portbook_in.xml"
_CMD = "/usr/bin/firewall-cmd"
_OURS = "--policy=portbook_in"


@dataclass(frozen=True)
class Break:
    name: str
    happens: str
    undone: str = "true"
    """Before it is looked at what the host has made of it."""


def _instead(program: str, does: str) -> tuple[str, str]:
    """Another program in the place of one, and how it is put back."""
    script = f"#!/bin/sh\n{does}\n"
    put = f"mv {program} {program}.real && printf %s {quote(script)} >{program} && chmod 755 {program}"
    return put, f"mv -f {program}.real {program}"


def _program(name: str, program: str, does: str) -> Break:
    return Break(name, *_instead(program, does))


def _ipset(does: str) -> str:
    return f"for file in /etc/firewalld/ipsets/pb-*.xml; do {does}; done"


_NO_SETS = _ipset('rm -f "$file"')
BREAKS = [
    Break("nothing", "true"),
    # firewalld itself
    Break("firewalld is stopped", "systemctl stop firewalld"),
    Break("firewalld is killed", "systemctl kill --signal=KILL firewalld"),
    Break("firewalld is terminated", "systemctl kill --signal=TERM firewalld"),
    Break("firewalld is restarted", "systemctl restart firewalld"),
    Break("firewalld is killed and started", "systemctl kill --signal=KILL firewalld; systemctl start firewalld"),
    Break("firewalld is reloaded", f"{_CMD} --reload"),
    Break("firewalld is reloaded twice", f"{_CMD} --reload; {_CMD} --reload"),
    Break("firewalld is reloaded completely", f"{_CMD} --complete-reload"),
    Break("firewalld is held for a while", "systemctl kill --signal=STOP firewalld; sleep 3; systemctl kill "
          "--signal=CONT firewalld"),
    Break("firewalld is disabled", "systemctl --quiet disable firewalld", "systemctl --quiet enable firewalld"),
    Break("firewalld is stopped and disabled", "systemctl --quiet disable --now firewalld",
          "systemctl --quiet enable firewalld"),
    Break("panic mode comes and goes", f"{_CMD} --panic-on; sleep 1; {_CMD} --panic-off"),
    Break("D-Bus is gone", "systemctl stop dbus.socket dbus.service",
          "systemctl start dbus.socket dbus.service; systemctl restart firewalld"),
    Break("dbus is restarted", "systemctl restart dbus"),
    Break("dbus is reloaded", "systemctl reload dbus"),
    Break("every Python is killed", "pkill -KILL python3; true"),
    # what takes back
    _program("firewall-cmd fails", _CMD, "exit 1"),
    _program("firewall-cmd hangs", _CMD, "exec sleep 60"),
    _program("firewall-cmd dies", _CMD, "kill -SEGV $$"),
    Break("firewall-cmd is gone", f"mv {_CMD} {_CMD}.real", f"mv {_CMD}.real {_CMD}"),
    Break("the notes are deleted", "rm -rf /run/portbook"),
    Break("systemd reads its units again", "systemctl daemon-reload"),
    Break("systemd starts again", "systemctl daemon-reexec"),
    # the kernel
    Break("everything is flushed", "nft flush ruleset"),
    Break("everything is flushed, and firewalld reloaded", f"nft flush ruleset; {_CMD} --reload"),
    Break("everything is flushed, and firewalld restarted", "nft flush ruleset; systemctl restart firewalld"),
    Break("our table is deleted", "nft delete table inet portbook"),
    Break("firewalld's table is deleted", "nft delete table inet firewalld"),
    Break("nftables.service is restarted", "systemctl restart nftables"),
    Break("our own service is restarted", "systemctl restart portbook-firewall"),
    # somebody at work on ours
    Break("a rule is added at runtime", f"{_CMD} {_OURS} --add-rich-rule='rule service name=\"http\" accept'",
          f"{_CMD} {_OURS} --remove-rich-rule='rule service name=\"http\" accept'"),
    Break("a rule is added permanently",
          f"{_CMD} --permanent {_OURS} --add-rich-rule='rule service name=\"http\" accept'"),
    Break("all at runtime is made permanent", f"{_CMD} --runtime-to-permanent"),
    Break("the policy is deleted permanently", f"{_CMD} --permanent --delete-policy=portbook_in"),
    Break("the policy is deleted, and firewalld reloaded",
          f"{_CMD} --permanent --delete-policy=portbook_in; {_CMD} --reload"),
    Break("the policy's file is deleted", f"rm -f {POLICY}"),
    Break("the policy's file is empty", f": >{POLICY}"),
    Break("the policy's file is cut off", f"truncate -s 100 {POLICY}"),
    Break("the policy's file is no XML, and firewalld is reloaded", f"echo nonsense >{POLICY}; {_CMD} --reload"),
    Break("the sets' files are deleted", _NO_SETS),
    Break("the sets' files are deleted, and firewalld is reloaded", f"{_NO_SETS}; {_CMD} --reload"),
    Break("the sets' files are empty", _ipset(': >"$file"')),
    Break("a peer is added to all sets",
          f"for set in $({_CMD} --get-ipsets); do {_CMD} --ipset=$set --add-entry=203.0.113.99; done",
          f"for set in $({_CMD} --get-ipsets); do {_CMD} --ipset=$set --remove-entry=203.0.113.99; done"),
    # no room
    Break("the disk of firewalld is full", fill("/etc/firewalld"), freed("/etc/firewalld")),
    Break("the disk of firewalld is full, and firewalld is restarted",
          f"{fill('/etc/firewalld')}; systemctl restart firewalld", freed("/etc/firewalld")),
    Break("the disk of the host's folder is full", fill("/var/lib/portbook"), freed("/var/lib/portbook")),
    Break("/run is full", "mount -o remount,size=1k /run", "mount -o remount,size=64m /run"),
    # and on what is not
    Break("the default zone is another one", f"{_CMD} --set-default-zone=work", f"{_CMD} --set-default-zone=public"),
    Break("a port is opened at runtime", f"{_CMD} --add-port=9999/tcp", f"{_CMD} --remove-port=9999/tcp"),
    Break("the folder of the host is deleted", "cp -a /var/lib/portbook /root/kept; rm -rf /var/lib/portbook",
          "[ -e /var/lib/portbook ] || mv /root/kept /var/lib/portbook; rm -rf /root/kept"),
]  # fmt: skip
