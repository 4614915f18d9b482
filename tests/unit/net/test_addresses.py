# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses as people write them, and sets of them, against the ipaddress module."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.portbook.firewall.plugins.plugin_utils.net.addresses import (
    EVERYWHERE,
    AddressSet,
    BadAddress,
    is_name,
    parse,
    reachable,
)

# Few bits, so that networks meet each other.
V4 = st.integers(24, 32).flatmap(
    lambda prefix: st.integers(0, 2 ** (prefix - 24) - 1).map(
        lambda number: f"{ipaddress.ip_address((192 << 24) + (number << (32 - prefix)))}/{prefix}"
    )
)
V6 = st.integers(120, 128).flatmap(
    lambda prefix: st.integers(0, 2 ** (prefix - 120) - 1).map(
        lambda number: f"{ipaddress.ip_address((0x20010DB8 << 96) + (number << (128 - prefix)))}/{prefix}"
    )
)
WRITTEN = st.lists(st.one_of(V4, V6), max_size=6)


def members(written: list[str]) -> set[ipaddress._BaseAddress]:
    return {address for text in written for address in ipaddress.ip_network(text)}


def united(written: list[str]) -> AddressSet:
    return AddressSet.union(parse(text) for text in written)


@given(WRITTEN)
def test_networks_of_both_families_are_collapsed_to_the_fewest(written):
    fewest = [
        str(network) if network.num_addresses > 1 else str(network.network_address)
        for version in (4, 6)
        for network in ipaddress.collapse_addresses(
            one for one in map(ipaddress.ip_network, written) if one.version == version
        )
    ]
    assert united(written).networks() == fewest


@given(WRITTEN, WRITTEN)
def test_address_sets_unite_intersect_and_subtract_like_sets(left, right):
    one, other = united(left), united(right)
    assert members((one | other).networks()) == members(left) | members(right)
    assert members((one & other).networks()) == members(left) & members(right)
    assert members((one - other).networks()) == members(left) - members(right)
    assert (one <= other) == (members(left) <= members(right))
    assert bool(one) == bool(members(left))
    assert one <= EVERYWHERE


@given(WRITTEN, st.randoms(use_true_random=False))
def test_the_order_in_which_addresses_are_written_does_not_count(written, random):
    shuffled = list(written)
    random.shuffle(shuffled)
    assert united(shuffled) == united(written)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10.0.0.0/8", "10.0.0.0/255.0.0.0"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("192.0.2.0-192.0.2.255", "192.0.2.0/24"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8:0:0:0:0:0:1"),
        ("2001:db8::1/128", "2001:db8::1"),
    ],
)
def test_addresses_of_the_same_meaning_are_equal(one, other):
    assert parse(one) == parse(other)


def test_a_range_is_a_set_of_the_fewest_networks():
    assert parse("192.0.2.1-192.0.2.4").networks() == ["192.0.2.1", "192.0.2.2/31", "192.0.2.4"]


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("192.0.2.1/24", "host bits; write the network as 192.0.2.0/24 or the one host as 192.0.2.1"),
        ("2001:db8::1/64", "write the network as 2001:db8::/64 or the one host as 2001:db8::1"),
        ("192.0.2.0/33", "prefix that is neither a number from 0 to 32"),
        ("2001:db8::/129", "prefix that is neither a number from 0 to 128"),
        ("192.0.2.0/", "prefix"),
        ("192.0.2.9-192.0.2.1", "reversed; write 192.0.2.1-192.0.2.9"),
        ("192.0.2.1-2001:db8::1", "from one address family to the other"),
        ("fe80::1%eth0", "zone"),
        ("300.0.0.1", "is not a valid address"),
        ("192.0.2", "is not a valid address"),
        ("010.0.0.1", "is not a valid address"),
        ("1.2.3.4.5", "is not a valid address"),
        ("2001:db8:::1", "is not a valid address"),
    ],
)
def test_a_wrong_address_says_what_would_be_right(written, advice):
    with pytest.raises(BadAddress) as error:
        parse(written)
    assert advice in str(error.value)


@pytest.mark.parametrize(
    "written",
    ["127.0.0.1", "127.5.0.0/16", "169.254.7.7", "0.0.0.0", "::1", "::", "fe80::1", "fe80::/10"],
)
def test_addresses_that_no_other_host_can_use_are_not_reachable(written):
    assert not reachable(parse(written))


def test_reachable_keeps_what_is_good():
    assert reachable(united(["127.0.0.1/32", "192.0.2.1/32", "::1/128"])) == parse("192.0.2.1")


@pytest.mark.parametrize("name", ["db1", "db1.example.com", "a_b.example", "2pxe1", "01-dc", "10-gw.example.com", "x."])
def test_host_names_are_taken_for_names(name):
    assert is_name(name)


@pytest.mark.parametrize(
    "written", ["192.0.2.1", "192.0.2", "192.0.2.0/24", "192.0.2.1-192.0.2.9", "1", "2001:db8::1", "a b", ""]
)
def test_what_looks_like_an_address_is_not_looked_up_as_a_name(written):
    assert not is_name(written)


@given(st.text(max_size=24))
def test_whatever_is_written_gives_addresses_or_a_reason(written):
    try:
        assert parse(written)
    except BadAddress as error:
        assert_says_something(error)


def assert_says_something(error: BadAddress) -> None:
    assert str(error)
