# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can log in before and after a change that nobody can confirm over the network."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.linux import management
from ansible_collections.portbook.firewall.plugins.module_utils.linux.management import Access, locked_out
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import Permission

OPEN = Access((), False, ())
ADMIN, OTHER = "203.0.113.7", "198.51.100.9"


def permission(port: int, networks: Iterable[str] | None, refusal: str = "guard", **more: object) -> Permission:
    values: dict[str, object] = {
        "direction": "in",
        "protocol": "tcp",
        "spans": ((port, port),),
        "source_spans": (),
        "networks": None if networks is None else tuple(networks),
        "local_subnet": False,
        "cast": "unicast",
        "refusal": refusal,
        "container_spans": (),
        "flow": "acme.ssh",
        "logged": False,
        **more,
    }
    return Permission(**values)  # type: ignore[arg-type]


def strict(*always: str, permissions: Iterable[Permission] = ()) -> Access:
    return Access(tuple(permissions), True, always)


def test_strict_without_an_address_for_ssh_locks_everyone_out() -> None:
    (text,) = locked_out([22], OPEN, strict(), [], [])
    assert text == "tcp 22, which everyone can reach now, would be refused to everyone"


def test_what_refuses_nothing_there_locks_nobody_out() -> None:
    guard = Access((permission(514, [ADMIN]),), False, ())
    assert locked_out([22], OPEN, guard, [], [OTHER]) == []
    assert locked_out([22], OPEN, OPEN, [], [OTHER]) == []


def test_management_addresses_are_a_word_for_who_must_get_in() -> None:
    assert locked_out([22], OPEN, strict("203.0.113.0/24"), ["203.0.113.0/24"], [ADMIN]) == []


def test_whoever_is_connected_now_must_be_among_them() -> None:
    (text,) = locked_out([22], OPEN, strict("203.0.113.0/24"), ["203.0.113.0/24"], [ADMIN, OTHER])
    assert text == f"tcp 22 would be refused to {OTHER}, who can reach it now"


def test_a_port_that_stays_open_to_everyone_locks_nobody_out() -> None:
    assert locked_out([22], OPEN, strict(permissions=[permission(22, None)]), [], [OTHER]) == []


def test_who_got_in_before_gets_in_after() -> None:
    before = strict(ADMIN, OTHER)
    assert locked_out([22], before, strict(ADMIN, OTHER, "192.0.2.1"), [], []) == []
    assert OTHER in locked_out([22], before, strict(ADMIN), [ADMIN], [])[0]


def test_a_guard_on_the_port_of_ssh_counts_as_well() -> None:
    guard = Access((permission(22, [ADMIN]),), False, ())
    assert locked_out([22], OPEN, guard, [], [])
    watched = Access((permission(22, [ADMIN], refusal="watch"),), False, ())
    assert locked_out([22], OPEN, watched, [], []) == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0100007F", "127.0.0.1"),
        ("0A0200C0", "192.0.2.10"),
        ("B80D0120000000000000000001000000", "2001:db8::1"),
        ("0000000000000000FFFF00000A0200C0", "192.0.2.10"),
    ],
)
def test_addresses_as_the_kernel_writes_them(text: str, address: str) -> None:
    assert management._address(text) == address


@contextmanager
def listening() -> Iterator[tuple[socket.socket, int]]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server, server.getsockname()[1]


def test_ports_are_those_that_the_programs_of_ssh_listen_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/proc/self/comm", encoding="utf-8") as file:  # noqa: PTH123
        own = file.read().strip()
    monkeypatch.setattr(management, "_socket_units", list)
    with listening() as (_server, port):
        monkeypatch.setattr(management, "_SSH_SERVERS", (own,))
        assert port in management.ssh_ports()
        monkeypatch.setattr(management, "_SSH_SERVERS", ("no-such-program",))
        assert management.ssh_ports() == []


def test_a_socket_of_systemds_counts_if_somebody_listens_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "_SSH_SERVERS", ())
    with listening() as (_server, port):
        monkeypatch.setattr(management, "_socket_units", lambda: [port, port + 1])
        assert management.ssh_ports() == [port]


def test_who_is_connected_over_loopback_comes_from_nowhere() -> None:
    with listening() as (_server, port):  # noqa: SIM117
        with closing(socket.create_connection(("127.0.0.1", port))):
            assert management.connected_to([port]) == []
            assert any(found[0] == port for found in management._sockets(management.CONNECTED))
