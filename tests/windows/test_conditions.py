# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rule's conditions hold for, each by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from windows.fake.building import Given, allow, holding, tcp
from windows.fake.machine import SYSTEM
from windows.fake.packets import Interface, Machine, Packet, passes

WEB = Packet("in", 6, local_port=443, remote_port=50000)


def matched(rule: Given, machine: Machine | None = None, **packet: Any) -> bool:
    """Whether the rule lets the packet in, which nothing else would."""
    return passes(replace(WEB, **packet), holding(rule), machine)


def test_conditions_that_are_not_set_hold_always() -> None:
    assert matched(allow())
    assert matched(allow(), protocol=47, program=None, local_port=0)


def test_all_conditions_have_to_hold() -> None:
    rule = tcp(443, RemotePorts="50000", RemoteAddresses="198.51.100.7", ApplicationName="C:\\app.exe")
    assert matched(rule)
    for other in ({"local_port": 80}, {"remote_port": 1}, {"remote": "203.0.113.1"}, {"program": "C:\\b.exe"}):
        assert not matched(rule, **other)


# ------------------------------------------------------------------ protocol and ports
def test_protocol_256_is_any() -> None:
    assert all(matched(allow(Protocol=256), protocol=number) for number in (0, 1, 6, 17, 58, 132))


def test_another_protocol_does_not_match() -> None:
    assert not matched(tcp(443), protocol=17)


@pytest.mark.parametrize(("port", "held"), [(79, False), (80, True), (81, False), (8000, True), (8011, False)])
def test_ports_are_a_list_of_ports_and_ranges(port: int, held: bool) -> None:
    assert matched(tcp("80,8000-8010,8012"), local_port=port) is held


def test_local_and_remote_are_of_this_machine_in_both_directions() -> None:
    store = holding(allow(Direction=2, Protocol=6, RemotePorts="443")).profile(4, outbound=0)
    assert passes(Packet("out", 6, local_port=50000, remote_port=443), store)
    assert not passes(Packet("out", 6, local_port=443, remote_port=50000), store)
    assert not matched(tcp(443), local_port=50000, remote_port=443)


RPC = Machine(rpc_ports={"spooler": frozenset({49700}), "": frozenset({49800})}, teredo=3544, iphttps=443)


def test_rpc_is_what_the_right_service_has_open() -> None:
    assert matched(tcp("RPC"), RPC, local_port=49700, service="Spooler")
    assert not matched(tcp("RPC"), RPC, local_port=49700, service="other")
    assert not matched(tcp("RPC"), RPC, local_port=49701, service="Spooler")
    assert matched(tcp("RPC"), RPC, local_port=49800)
    assert matched(tcp("RPC", ServiceName="Spooler"), RPC, local_port=49700, service="spooler")
    assert not matched(tcp("RPC", ServiceName="Spooler"), RPC, local_port=49800)


def test_rpc_of_a_service_that_has_nothing_open_makes_its_rule_idle() -> None:
    assert matched(tcp("RPC,443"), RPC, service="sshd")
    assert not matched(tcp("RPC,443", ServiceName="sshd"), RPC, service="sshd")


def test_the_mapper_is_port_135_of_its_service() -> None:
    assert matched(tcp("RPC-EPMap"), local_port=135, service="RpcSs")
    assert not matched(tcp("RPC-EPMap"), local_port=135, service="other")
    assert not matched(tcp("RPC-EPMap"), Machine(rpc_mapper=False), local_port=135, service="RpcSs")


def test_iphttps_and_teredo_are_what_the_machine_uses() -> None:
    assert matched(tcp("IPHTTPS"), RPC, local_port=443)
    assert matched(allow(Protocol=17, LocalPorts="Teredo"), RPC, protocol=17, local_port=3544)
    assert not matched(tcp("IPHTTPS"), Machine(), local_port=443)
    assert matched(allow(Protocol=17, LocalPorts="mDNS"), protocol=17, local_port=5353)


def test_a_word_and_a_port_are_either() -> None:
    assert matched(tcp("RPC,443"), RPC)
    assert matched(tcp("RPC,443"), RPC, local_port=49800)


# ------------------------------------------------------------------ addresses
@pytest.mark.parametrize("remote", ["198.51.100.7", "203.0.113.5", "203.0.113.9", "2001:db8:1::7"])
def test_a_list_of_addresses_is_any_of_them(remote: str) -> None:
    assert matched(allow(RemoteAddresses="198.51.100.0/24,203.0.113.5-203.0.113.9,2001:db8:1::/48"), remote=remote)


@pytest.mark.parametrize("remote", ["198.51.99.255", "198.51.101.0", "203.0.113.4", "203.0.113.10", "2001:db8:2::"])
def test_and_of_nothing_else(remote: str) -> None:
    assert not matched(allow(RemoteAddresses="198.51.100.0/24,203.0.113.5-203.0.113.9,2001:db8:1::/48"), remote=remote)


def test_addresses_of_ipv4_hold_for_no_ipv6() -> None:
    assert not matched(allow(RemoteAddresses="0.0.0.0-255.255.255.255"), remote="2001:db8::1", local="2001:db8::10")


def test_local_addresses_are_the_machine_s() -> None:
    assert matched(allow(LocalAddresses="192.0.2.10"))
    assert not matched(allow(LocalAddresses="198.51.100.7"))
    assert not matched(allow(LocalAddresses="LocalSubnet"))


def test_local_subnet_changes_with_the_interfaces() -> None:
    near = allow(RemoteAddresses="LocalSubnet")
    assert matched(near, remote="192.0.2.200")
    assert matched(near, remote="2001:db8::99", local="2001:db8::10")
    assert matched(near, remote="fe80::1", local="fe80::2")
    assert not matched(near, remote="198.51.100.7")
    moved = Machine((Interface(subnets=("198.51.100.0/24",)),))
    assert matched(near, moved, remote="198.51.100.7")
    assert not matched(near, moved, remote="192.0.2.200")


def test_local_subnet_4_and_6_are_half_of_it() -> None:
    assert matched(allow(RemoteAddresses="LocalSubnet4"), remote="192.0.2.200")
    assert not matched(allow(RemoteAddresses="LocalSubnet4"), remote="2001:db8::99", local="2001:db8::10")
    assert not matched(allow(RemoteAddresses="LocalSubnet6"), remote="192.0.2.200")


SERVERS = {"DNS": "dns", "DHCP": "dhcp", "WINS": "wins", "DefaultGateway": "gateways"}


@pytest.mark.parametrize("word", SERVERS)
def test_servers_are_those_in_use_now(word: str) -> None:
    def machine(server: str) -> Machine:
        given: dict[str, Any] = {SERVERS[word]: (server,)}
        return Machine(**given)

    assert matched(allow(RemoteAddresses=word), machine("198.51.100.7"))
    assert not matched(allow(RemoteAddresses=word), machine("198.51.100.8"))


def test_words_of_isolation_need_isolation() -> None:
    rule = allow(RemoteAddresses="Intranet")
    assert not matched(rule)
    assert matched(rule, Machine(isolation={"Intranet": ("198.51.100.0/24",)}))


# ------------------------------------------------------------------ interfaces
WIRED, RADIO = Interface(), Interface("Wi-Fi", kind="Wireless")
BOTH = Machine((WIRED, RADIO))


def test_interface_types_and_names_have_both_to_hold() -> None:
    assert matched(allow(InterfaceTypes="Wireless,Lan", Interfaces=["wi-fi"]), BOTH, interface="Wi-Fi")
    assert not matched(allow(InterfaceTypes="Wireless"), BOTH)
    assert not matched(allow(Interfaces=["Wi-Fi"]), BOTH)
    assert not matched(allow(InterfaceTypes="Lan", Interfaces=["Wi-Fi"]), BOTH, interface="Wi-Fi")


# ------------------------------------------------------------------ ICMP
def icmp(rule: Given, kind: int, code: int, version: int = 4) -> bool:
    ends = ("198.51.100.7", "192.0.2.10") if version == 4 else ("2001:db8::1", "2001:db8::10")
    protocol = 1 if version == 4 else 58
    return matched(
        rule, protocol=protocol, icmp=(kind, code), remote=ends[0], local=ends[1], local_port=0, remote_port=0
    )


def test_icmp_is_compared_by_type_and_code() -> None:
    rule = allow(Protocol=1, Icmp="3:4,8:*")
    assert icmp(rule, 3, 4)
    assert not icmp(rule, 3, 3)
    assert icmp(rule, 8, 0)
    assert icmp(rule, 8, 7)
    assert not icmp(rule, 0, 0)


def test_icmp_without_types_is_all() -> None:
    assert icmp(allow(Protocol=1), 13, 0)
    assert icmp(allow(Protocol=58), 135, 0, version=6)


def test_protocol_1_is_ipv4_only_and_58_ipv6_only() -> None:
    assert not icmp(allow(Protocol=1), 8, 0, version=6)
    assert not icmp(allow(Protocol=58), 8, 0)
    assert not matched(allow(Protocol=58), protocol=58, remote="198.51.100.7")


def test_no_icmp_comes_in_by_itself() -> None:
    assert not icmp(tcp(443), 8, 0)


# ------------------------------------------------------------------ program, service, package
def test_the_program_is_the_whole_path_without_case_and_expanded() -> None:
    rule = allow(ApplicationName="%SystemRoot%\\system32\\svchost.exe")
    assert matched(rule, program="c:\\windows\\System32\\SVCHOST.EXE")
    assert not matched(rule, program="svchost.exe")
    moved = Machine(environment={"systemroot": "D:\\Win"})
    assert matched(rule, moved, program="D:\\Win\\system32\\svchost.exe")


def test_system_is_the_kernel() -> None:
    assert matched(allow(ApplicationName="SYSTEM"), program=SYSTEM)
    assert not matched(allow(ApplicationName="System"))


def test_a_path_that_no_process_has_never_matches() -> None:
    assert not matched(allow(ApplicationName="C:\\gone.exe"))


def test_a_rule_without_service_holds_for_any_process() -> None:
    assert matched(allow(), service="sshd")
    assert matched(allow(), service=None)


def test_a_service_holds_for_its_process_only() -> None:
    assert matched(allow(ServiceName="SSHD"), service="sshd")
    assert not matched(allow(ServiceName="sshd"), service="other")
    assert not matched(allow(ServiceName="sshd"))


def test_the_asterisk_is_any_service_and_no_other_process() -> None:
    assert matched(allow(ServiceName="*"), service="sshd")
    assert not matched(allow(ServiceName="*"))


def test_program_and_service_have_both_to_hold() -> None:
    rule = allow(ApplicationName="C:\\app.exe", ServiceName="sshd")
    assert matched(rule, service="sshd")
    assert not matched(rule, service="sshd", program="C:\\b.exe")
    assert not matched(rule)


def test_a_short_name_that_no_service_has_matches_nothing() -> None:
    assert not matched(allow(ServiceName="misspelt"), service="sshd")


def test_without_a_socket_no_rule_for_a_program_matches() -> None:
    assert not matched(tcp(443, ApplicationName="C:\\app.exe"), program=None)
    assert matched(tcp(443), program=None)


def test_a_package_s_rule_holds_for_that_package_and_that_user() -> None:
    rule = allow(LocalAppPackageId="S-1-15-2-1", LocalUserOwner="S-1-5-21-1")
    assert matched(rule, app="S-1-15-2-1", user="S-1-5-21-1")
    assert not matched(rule, app="S-1-15-2-2", user="S-1-5-21-1")
    assert not matched(rule, app="S-1-15-2-1", user="S-1-5-21-2")
    assert not matched(rule)


def test_a_list_of_users_holds_for_those_users() -> None:
    rule = allow(LocalUserAuthorizedList="D:(A;;CC;;;S-1-5-21-1)(A;;CC;;;S-1-5-21-2)")
    assert matched(rule, user="S-1-5-21-2")
    assert not matched(rule, user="S-1-5-21-3")
    assert matched(allow(LocalUserAuthorizedList="D:(A;;CC;;;WD)"), user="S-1-5-21-3")
