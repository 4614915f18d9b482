# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel and systemd say of sockets and services, in the words of the facts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.linux import services, sockets
from ansible_collections.portbook.firewall.plugins.module_utils.linux.sockets import Socket

LISTEN = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0"
PEERED = "   1: 0100007F:1F90 0200007F:A000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0"
UDP6 = "  2: 00000000000000000000000001000000:0045 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 4713 2 0 0"


@pytest.mark.skipif(sys.byteorder != "little", reason="the lines are of a machine with little endian")
def test_addresses_are_read_as_the_kernel_prints_them() -> None:
    (one,) = sockets.parsed([LISTEN, PEERED, "", "cut off"], "tcp", "0A")
    assert (one.address, one.port, one.inode) == ("127.0.0.1", 8080, "4711")
    (one,) = sockets.parsed([UDP6], "udp", "07")
    assert (one.address, one.port) == ("::1", 69)


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/ssh.service\n", "ssh.service"),
        ("0::/user.slice/user-0.slice/user@0.service/app.slice/demo.service\n", "demo.service"),
        ("0::/system.slice/docker-0a1b.scope\n", "docker-0a1b.scope"),
        ("12:pids:/system.slice/cron.service\n1:name=systemd:/system.slice/cron.service\n", "cron.service"),
        ("0::/\n", ""),
        ("", ""),
    ],
)
def test_the_unit_is_the_innermost_of_the_control_group(cgroup: str, unit: str) -> None:
    assert sockets.unit_of(cgroup) == unit


def test_what_systemd_listens_for_has_the_socket_unit() -> None:
    listed = "[::]:22       ssh.socket      ssh.service\n/run/dbus/bus dbus.socket dbus.service\n"
    listed += "0.0.0.0:80 web.socket web.service\n"
    assert sockets.socket_units(listed) == {22: "ssh.socket", 80: "web.socket"}


def test_a_socket_whose_process_cannot_be_seen_is_there_without_one(tmp_path: Path) -> None:
    net = tmp_path / "net"
    net.mkdir()
    for name in ("tcp", "tcp6", "udp", "udp6"):
        (net / name).write_text("head\n")
    (net / "tcp").write_text(f"head\n{LISTEN}\n")
    found, why_not = sockets.listening(str(tmp_path))
    assert ([(one.port, one.pid, one.program) for one in found], why_not) == ([(8080, 0, "")], "")


def test_processes_that_there_was_no_time_for_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        (tmp_path / str(number)).mkdir()
    monkeypatch.setattr(sockets, "SECONDS", -1)
    assert sockets.listening(str(tmp_path))[1] == "3 of 3 processes were not read within -1 s"


@pytest.mark.parametrize(
    ("address", "own"), [("127.0.0.53", True), ("::1", True), ("0.0.0.0", False), ("fe80::1", False)]
)
def test_loopback_is_what_nobody_else_can_reach(address: str, own: bool) -> None:
    assert Socket("tcp", address, 1).loopback is own


def test_services_that_are_not_installed_are_left_out_and_masked_ones_are_not() -> None:
    shown = (
        "Id=ufw.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\n"
        "Id=docker.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n\n"
        "Id=firewalld.service\nLoadState=masked\nActiveState=inactive\nUnitFileState=masked\n"
    )
    assert [(one.name, one.active, one.enabled) for one in services.parsed(shown)] == [
        ("firewalld", "inactive", "masked"),
        ("ufw", "active", "enabled"),
    ]
