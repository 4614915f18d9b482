# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports and addresses are compared by meaning, whatever Windows makes of what is written."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windows.fake.engine import apply, asked, read_it, rule, wanted
from windows.fake.store import Store
from windows.fake.values import addresses as as_windows_keeps
from windows.fake.values import ports as as_windows_keeps_ports

from ansible_collections.portbook.firewall.plugins.module_utils.intervals import Spans
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.rule import same_path, stored
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.texts import (
    ANYWHERE,
    REFUSABLE,
    Addresses,
    Ports,
    complement,
    entries,
    read_addresses,
    read_ports,
    write_addresses,
    write_ports,
)
from ansible_collections.portbook.firewall.plugins.plugin_utils.net.addresses import AddressSet

FEFF_END = (0xFEFF << 112) | ((1 << 112) - 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10.0.0.0/8", "10.0.0.0/255.0.0.0"),
        ("192.0.2.7", "192.0.2.7/255.255.255.255"),
        ("192.0.2.7", "192.0.2.7-192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.0-192.0.2.255"),
        ("192.0.2.0/25,192.0.2.128/25", "192.0.2.0/24"),
        ("192.0.2.1,192.0.2.9", "192.0.2.9,192.0.2.1"),
        ("2001:db8::1", "2001:DB8:0:0:0:0:0:1"),
        ("2001:db8::1", "2001:db8::1-2001:db8::1"),
        ("2001:db8::/126", "2001:db8::-2001:db8::3"),
        ("localsubnet", "LocalSubnet"),
        ("dns,LOCALSUBNET", "LocalSubnet,DNS"),
        ("*", ""),
        ("192.0.2.77/24", "192.0.2.0/24"),
    ],
)
def test_addresses_that_mean_the_same_are_the_same(one: str, other: str) -> None:
    assert read_addresses(one) == read_addresses(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10.0.0.0/8", "10.0.0.0/9"),
        ("192.0.2.7", "*"),
        ("LocalSubnet", "LocalSubnet4"),
        ("LocalSubnet", "*"),
        ("192.0.2.7", "192.0.2.7,DNS"),
        ("0.0.0.0/1,128.0.0.0/1", "*"),
    ],
)
def test_addresses_that_mean_something_else_are_not_the_same(one: str, other: str) -> None:
    assert read_addresses(one) != read_addresses(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("80,443", "443,80"),
        ("1000-1002", "1000,1001,1002"),
        ("80", "80-80"),
        ("RPC,", "RPC"),
        ("rpc-epmap", "RPC-EPMap"),
        ("135,RPC", "RPC,135"),
        ("*", ""),
    ],
)
def test_ports_that_mean_the_same_are_the_same(one: str, other: str) -> None:
    assert read_ports(one) == read_ports(other)


@pytest.mark.parametrize(
    ("one", "other"), [("80", "81"), ("RPC", "RPC-EPMap"), ("RPC-EPMap", "135"), ("80", "*"), ("80", "80,RPC")]
)
def test_ports_that_mean_something_else_are_not_the_same(one: str, other: str) -> None:
    assert read_ports(one) != read_ports(other)


def test_a_word_that_nobody_knows_stays_one() -> None:
    """A rule of a later Windows is then not like any of ours."""
    assert read_ports("NewKeyword").words == {"NewKeyword"}
    assert read_addresses("NewKeyword,192.0.2.1").words == {"NewKeyword"}


V4 = st.integers(1, 2**32 - 1)
V6 = st.one_of(
    st.integers(2, FEFF_END), st.integers(0, 2**20).map(lambda low: (0x20010DB8 << 96) + low), st.just(0xFE80 << 112)
)


def spans_of(numbers: st.SearchStrategy[int], width: int) -> st.SearchStrategy[Spans]:
    one = st.tuples(numbers, st.one_of(st.just(0), st.integers(0, 300), st.integers(0, width)))
    limit = 2**32 - 1 if width < 2**32 else FEFF_END
    return st.lists(one, max_size=5).map(lambda found: Spans.of((low, min(low + more, limit)) for low, more in found))


WORDS = st.frozensets(st.sampled_from(["LocalSubnet", "DNS", "DHCP"]), max_size=2)
ADDRESSES = st.builds(AddressSet, spans_of(V4, 2**31), spans_of(V6, 2**100))


@given(ADDRESSES, WORDS)
def test_what_is_written_reads_back_the_same_after_windows_kept_it(known: AddressSet, words: frozenset[str]) -> None:
    one = Addresses(known, words)
    if known or words:
        assert read_addresses(as_windows_keeps(write_addresses(one), True)) == one


@given(ADDRESSES)
def test_a_set_has_no_more_entries_than_spans(known: AddressSet) -> None:
    assert len(entries(known)) == len(known.v4.items) + len(known.v6.items)


@given(st.lists(st.tuples(st.integers(1, 65535), st.integers(0, 50)), min_size=1, max_size=6), st.booleans())
def test_written_ports_read_back_the_same(given_: list[tuple[int, int]], word: bool) -> None:
    one = Ports(Spans.of((low, min(low + more, 65535)) for low, more in given_), frozenset({"RPC"} if word else ()))
    for comma in (False, True):
        kept = as_windows_keeps_ports(write_ports(one), 6, True, comma)
        assert read_ports(kept or "*") == one


@given(ADDRESSES)
def test_a_complement_and_its_peers_are_everyone_who_may_be_refused(known: AddressSet) -> None:
    others = complement(Addresses(known))
    assert not others & known
    assert others | (known & REFUSABLE) == REFUSABLE


@given(ADDRESSES)
def test_windows_takes_every_complement(known: AddressSet) -> None:
    others = complement(Addresses(known))
    if others:
        assert read_addresses(as_windows_keeps(write_addresses(Addresses(others)), True)).known == others


def test_a_machine_without_an_address_is_never_refused() -> None:
    assert 0 not in complement(Addresses()).v4
    assert 1 in complement(Addresses()).v4


def test_the_complement_of_nobody_reaches_from_the_first_to_the_last_address() -> None:
    assert entries(complement(Addresses())) == [
        "0.0.0.1-255.255.255.255",
        "::2-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ]


def test_link_local_neighbours_are_refused_by_a_complement() -> None:
    assert (0xFE80 << 112) + 1 in complement(Addresses()).v6


# -- a rule for nobody --------------------------------------------------------------------------------


@pytest.mark.parametrize("peers", [Addresses(), Addresses(AddressSet(v6=Spans(((1, 1),))))])
def test_no_peers_are_never_written_as_any_peer(peers: Addresses) -> None:
    """An empty list of addresses would be Windows' default, which is everyone."""
    one = rule()
    with pytest.raises(ValueError, match="without remote addresses"):
        replace(one, traffic=replace(one.traffic, remote=peers)).record()


def test_no_port_is_never_written_as_any_port() -> None:
    one = rule()
    with pytest.raises(ValueError, match="no port"):
        replace(one, traffic=replace(one.traffic, local_ports=Ports())).record()


# -- rules as a whole ---------------------------------------------------------------------------------


APP = "C:\\Program Files\\Some App\\app.exe"


def test_a_rule_reads_back_with_the_same_traffic() -> None:
    store, generator = Store(), random.Random(5)
    rules = [
        rule(
            f"flow-{number}/in/1",
            ",".join(str(generator.randrange(1, 65536)) for _place in range(3)),
            ",".join(f"10.{generator.randrange(256)}.{number}.0/24" for _place in range(4)) + ",2001:db8::7,fd00::/8",
            protocol=generator.choice(["tcp", "udp"]),
            program=APP if number % 2 else "",
            service="AppSvc" if number % 3 else "",
        )
        for number in range(20)
    ]
    assert apply(store, asked(wanted(*rules), posture="open")).decision.changed
    assert {one.rule.name: one.rule.traffic for one in read_it(store).owned} == {one.name: one.traffic for one in rules}


def test_a_path_with_a_variable_reads_back_as_the_host_expands_it() -> None:
    store = Store()
    written = "%ProgramFiles%\\Some App\\app.exe"
    assert read_it(store, programs=[written]).programs[written].path == APP
    one = rule(program=written)
    one = replace(one, traffic=replace(one.traffic, program=same_path(APP)))
    assert apply(store, asked(wanted(one), posture="open")).decision.changed
    assert not apply(store, asked(wanted(one), posture="open")).decision.changed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C:\\Windows\\system32\\svchost.exe", "c:\\windows\\System32\\SVCHOST.EXE"),
        ("C:\\Program Files\\App\\a.exe", "C:\\Program Files\\\\App\\a.exe"),
    ],
)
def test_paths_are_compared_as_windows_does(one: str, other: str) -> None:
    record = {"id": "", "owned": True, "Name": "x", "Grouping": "", "Enabled": True, "Direction": 1, "Action": 1}
    assert (
        stored({**record, "ApplicationName": one}).rule.traffic
        == stored({**record, "ApplicationName": other}).rule.traffic
    )


@settings(max_examples=30)
@given(ADDRESSES)
def test_every_family_alone_is_not_everywhere(known: AddressSet) -> None:
    assert Addresses(known) != ANYWHERE
