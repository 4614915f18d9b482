# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Under which addresses others see a host."""

from __future__ import annotations

import pytest
from unit.helpers.book import SIMPLE, Resolver, host

SERVER = host("s1", "server", "192.0.2.1")
NAMES = {"web.example": ("192.0.2.30", "2001:db8::30"), "c1": ("192.0.2.31",)}


def seen(*clients, resolver=None, **more):
    plan = SIMPLE.plan(*clients, SERVER, resolver=resolver or Resolver(NAMES), **more)
    return plan.peers(plan.rule("s1"))


def refused(client, **more):
    (error,) = SIMPLE.errors(client, SERVER, resolver=Resolver(NAMES), **more)
    return error


def test_ansible_host_is_the_address_if_it_is_one():
    assert seen(host("c1", "client", "2001:db8::7")) == ["2001:db8::7"]


def test_ansible_host_is_resolved_if_it_is_a_name():
    assert seen(host("c1", "client", "web.example")) == ["192.0.2.30", "2001:db8::30"]


def test_the_inventory_name_is_resolved_without_ansible_host():
    assert seen(host("c1", "client")) == ["192.0.2.31"]


def test_an_inventory_name_may_be_an_address():
    assert seen(host("192.0.2.44", "client")) == ["192.0.2.44"]


def test_an_inventory_name_that_begins_like_a_number_is_a_name():
    resolver = Resolver({"01-web": ("192.0.2.45",)})
    assert seen(host("01-web", "client"), resolver=resolver) == ["192.0.2.45"]


def test_portbook_addresses_speak_before_all_others():
    client = host("c1", "client", "192.0.2.11", portbook_addresses=["10.0.0.7", "web.example", "2001:db8::9"])
    assert seen(client) == ["10.0.0.7", "192.0.2.30", "2001:db8::9", "2001:db8::30"]


def test_portbook_addresses_may_be_one_word():
    assert seen(host("c1", "client", portbook_addresses="10.0.0.7")) == ["10.0.0.7"]


def test_all_names_are_resolved_in_one_call_and_each_once():
    resolver = Resolver({**NAMES, "lab.example": ("198.51.100.5",)})
    peers = {"client": ["lab.example", "web.example"]}
    SIMPLE.plan(
        host("c1", "client"),
        host("c2", "client", "web.example"),
        host("c3", "client", "web.example"),
        host("s1", "server", "192.0.2.1", portbook_peers=peers),
        host("s2", "server", "192.0.2.2", portbook_peers=peers),
        resolver=resolver,
    )
    assert resolver.asked == [["c1", "lab.example", "web.example"]]


def test_nothing_is_resolved_where_all_are_addresses():
    resolver = Resolver()
    seen(host("c1", "client", "192.0.2.11"), resolver=resolver)
    assert resolver.asked == []


def test_hosts_that_play_no_part_need_no_address():
    assert seen(host("c1", "client"), host("bystander.nowhere", "webservers")) == ["192.0.2.31"]


def test_facts_are_never_asked_unless_a_variable_says_so():
    assert seen(host("c1", "client", "192.0.2.11", facts=("10.1.1.1",))) == ["192.0.2.11"]


def test_facts_give_the_addresses_where_a_variable_says_so():
    said = {"portbook_addresses_from": "facts"}
    plan = SIMPLE.plan(
        host("c1", "client", "192.0.2.11", facts=("10.1.1.1", "2001:db8::5"), **said),
        host("c2", "client", portbook_addresses="10.7.7.7", facts=("10.1.1.2",), **said),
        host("s1", "server", "192.0.2.1", facts=("10.1.1.9",), **said),
    )
    assert plan.peers(plan.rule("s1")) == ["10.1.1.1", "10.7.7.7", "2001:db8::5"]
    assert plan.peers(plan.rule("c1")) == ["10.1.1.9"]


@pytest.mark.parametrize("facts", [None, ()])
def test_a_host_without_facts_says_to_gather_them(facts):
    said = {"portbook_addresses_from": "facts"}
    (error,) = SIMPLE.errors(
        host("c1", "client", "192.0.2.11", facts=facts, **said),
        host("s1", "server", facts=("10.1.1.9",), **said),
    )
    assert error.startswith("c1: portbook_addresses_from is facts")
    assert "Gather facts" in error
    assert "portbook_addresses" in error


@pytest.mark.parametrize("written", ["127.0.0.1", "::1", "169.254.3.3", "fe80::1", "0.0.0.0"])
def test_an_address_that_no_other_host_can_use_is_refused(written):
    error = refused(host("c1", "client", written))
    assert error == (
        f"c1: ansible_host is {written}, which other hosts cannot reach. "
        "Set portbook_addresses on the host: the addresses by which other hosts connect to it"
    )


def test_a_zone_is_refused():
    assert "c1: ansible_host is 'fe80::1%eth0', which an address with a zone" in refused(
        host("c1", "client", "fe80::1%eth0")
    )


def test_localhost_as_an_address_is_refused_by_what_it_resolves_to():
    (error,) = SIMPLE.errors(host("c1", "client", "localhost"), SERVER, names={"localhost": ("127.0.0.1", "::1")})
    assert "c1: its address names localhost, which resolves to 127.0.0.1, ::1 only" in error
    assert "Set portbook_addresses on the host" in error


def test_loopback_next_to_a_good_address_is_left_out():
    assert seen(host("c1", "client"), resolver=Resolver({"c1": ("127.0.1.1", "192.0.2.31", "fe80::1")})) == [
        "192.0.2.31"
    ]


def test_a_host_whose_name_does_not_resolve_is_refused():
    error = refused(host("c9.nowhere", "client"))
    assert error.startswith("c9.nowhere: its address names c9.nowhere, which does not resolve")
    assert "no such name" in error
    assert "Set portbook_addresses on the host" in error


def test_a_peers_name_that_does_not_resolve_names_host_variable_and_name():
    client = host("c1", "client", "192.0.2.11", portbook_peers={"server": ["nas.nowhere"]})
    error = refused(client)
    assert error.startswith("c1: portbook_peers.server names nas.nowhere, which does not resolve")
    assert "Correct the name or write an address" in error


def test_a_bad_address_of_a_host_is_refused_once():
    assert "c1: ansible_host is '300.0.0.1', which is not a valid address" in refused(host("c1", "client", "300.0.0.1"))
