# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many packets at once, and two stores told apart by what they let pass."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from windows.fake.building import allow, block, holding, tcp
from windows.fake.packets import Interface, Judge, Machine, Packet, interesting_packets, truth
from windows.fake.store import Store

MACHINE = Machine(
    (
        Interface("Ethernet", 1),
        Interface("Ethernet 2", 2),
        Interface("Wi-Fi", 4, "Wireless", ("198.51.100.10",), ("198.51.100.0/24",)),
    ),
    rpc_ports={"spooler": frozenset({49700}), "roleservice": frozenset({49800})},
    iphttps=443,
    teredo=3544,
)


def differ(one: Store, other: Store, more: int = 500) -> bool:
    packets = interesting_packets(one, other, machine=MACHINE, more=more)
    return truth(packets, one, MACHINE) != truth(packets, other, MACHINE)


def test_a_hundred_thousand_packets_are_judged_in_seconds() -> None:
    store = Store.sample(400)
    chance = random.Random(1)
    packets = [
        Packet(
            "in" if chance.random() < 0.5 else "out",
            chance.choice((6, 17)),
            f"198.51.100.{chance.randrange(256)}",
            local_port=chance.randrange(65536),
            remote_port=chance.randrange(65536),
            interface=chance.choice(MACHINE.interfaces).name,
        )
        for _number in range(100_000)
    ]
    start = time.monotonic()
    assert any(truth(packets, store, MACHINE))
    assert time.monotonic() - start < 10


def test_looking_up_by_port_finds_what_looking_at_every_rule_finds() -> None:
    store = Store.sample(200)
    judge = Judge(store, MACHINE)
    for packet in interesting_packets(store, machine=MACHINE, more=1000):
        inbound, bit = packet.direction == "in", MACHINE.interface(packet.interface).profile
        every = [rule for rule in judge.enforced(inbound, bit, packet.protocol) if rule.matches(packet, MACHINE)]
        best = min(((not rule.bypass, rule.allow) for rule in every), default=None)
        found = judge.decisive(packet, inbound, bit)
        assert (None if found is None else (not found.bypass, found.allow)) == best


BASE: dict[str, Any] = {
    **tcp("80,443,8000-8010"),
    "RemoteAddresses": "10.1.0.0/255.255.0.0,192.168.7.1-192.168.7.9",
    "LocalAddresses": "192.0.2.10/255.255.255.255",
    "ApplicationName": "C:\\app.exe",
    "ServiceName": "app",
    "Profiles": 3,
    "InterfaceTypes": "Lan",
}


@pytest.mark.parametrize(
    "change",
    [
        {"LocalPorts": "80,443,8000-8011"},
        {"LocalPorts": "80,443,8001-8010"},
        {"LocalPorts": "80,8000-8010"},
        {"LocalPorts": None},
        {"RemotePorts": "50000"},
        {"RemoteAddresses": "10.1.0.0/255.254.0.0,192.168.7.1-192.168.7.9"},
        {"RemoteAddresses": "10.1.0.0/255.255.0.0,192.168.7.1-192.168.7.10"},
        {"RemoteAddresses": "*"},
        {"RemoteAddresses": "LocalSubnet"},
        {"LocalAddresses": "*"},
        {"ApplicationName": "C:\\app2.exe"},
        {"ApplicationName": None},
        {"ServiceName": None},
        {"ServiceName": "*"},
        {"Profiles": 1},
        {"Profiles": 7, "InterfaceTypes": "All"},
        {"InterfaceTypes": "Wireless"},
        {"Interfaces": ["Ethernet"]},
        {"Protocol": 17},
        {"Protocol": 256, "LocalPorts": None},
        {"Direction": 2, "Action": 0},
        {"Enabled": False},
        {"SecureFlags": 1},
        {"EdgeOptions": 1},
        {"LocalAppPackageId": "S-1-15-2-1"},
        {"LocalUserOwner": "S-1-5-21-1"},
    ],
)
def test_one_change_of_a_rule_is_noticed(change: dict[str, Any]) -> None:
    assert differ(holding(BASE), holding({**BASE, **change}), more=0)


def test_a_block_is_noticed_where_it_overlaps_an_allow() -> None:
    wide, narrow = tcp("1-65535"), block(Protocol=6, RemoteAddresses="10.0.0.0/8")
    assert differ(holding(wide), holding(wide, narrow))


def test_icmp_types_are_noticed() -> None:
    assert differ(holding(allow(Protocol=1, Icmp="8:*")), holding(allow(Protocol=1, Icmp="8:0")))
    assert differ(holding(allow(Protocol=58, Icmp="128:*")), holding(allow(Protocol=58)))


@pytest.mark.parametrize(
    "settings", [{"enabled": False}, {"inbound": 1}, {"outbound": 0}, {"excluded_interfaces": ("Ethernet 2",)}]
)
def test_a_changed_setting_of_a_profile_is_noticed(settings: dict[str, Any]) -> None:
    assert differ(holding(BASE), holding(BASE).profile(2, **settings))


def test_names_order_and_rules_that_add_nothing_are_no_difference() -> None:
    one = holding(BASE, tcp(22))
    other = holding({**tcp(22), "Name": "ssh"}, {**BASE, "Grouping": "web"}, tcp(22, RemoteAddresses="10.0.0.0/8"))
    assert not differ(one, other, more=3000)


def test_one_rule_split_in_two_is_no_difference() -> None:
    halves = [{**BASE, "LocalPorts": ports} for ports in ("80,443", "8000-8010")]
    assert not differ(holding(BASE), holding(*halves), more=3000)
