# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What firewalld is asked to open: one policy, named sets of peers, services of ports, and never a refusal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.objects import FRAME, Openings, wanted
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import GUARD, Local, Permission


def permission(*networks: str, port: int = 514, peers: str = "senders", **more: Any) -> Permission:
    given = {"direction": "in", "protocol": "tcp", "spans": ((port, port),), "networks": networks, **more}
    return Permission(**given, peers=peers)


def opened(*permissions: Permission, **local: Any) -> Openings:
    return wanted(permissions, Local(**local))


def test_each_family_has_a_set_and_a_rule_of_its_own() -> None:
    found = opened(permission("192.0.2.1", "192.0.2.0/31", "2001:db8::/64"))
    names = sorted(one.name for one in found.ipsets)
    assert [name[-2:] for name in names] == ["-4", "-6"]
    assert found.rules == {
        f'rule family="ipv4" source ipset="{names[0]}" service name="pb-tcp-514" accept',
        f'rule family="ipv6" source ipset="{names[1]}" service name="pb-tcp-514" accept',
    }
    assert found.frame == FRAME


def test_entries_are_collapsed_since_firewalld_takes_no_overlaps() -> None:
    (one,) = opened(permission("192.0.2.0", "192.0.2.1", "192.0.2.0/24", "192.0.3.0/24")).ipsets
    assert one.entries == {"192.0.2.0/23"}


def test_a_set_keeps_its_name_when_its_peers_change() -> None:
    before, after = (opened(permission(address)) for address in ("192.0.2.1", "192.0.2.2"))
    assert before.rules == after.rules
    assert before.ipsets != after.ipsets


def test_what_follows_the_tilde_of_a_name_is_no_part_of_it() -> None:
    plain, told_apart = (
        opened(permission("192.0.2.1", peers=name)) for name in ("senders", "senders~0123456789abcdef")
    )
    assert plain.rules == told_apart.rules


def test_two_contents_of_one_name_are_two_sets() -> None:
    found = opened(permission("192.0.2.1"), permission("192.0.2.2", port=515))
    assert {one.entries for one in found.ipsets} == {frozenset(["192.0.2.1"]), frozenset(["192.0.2.2"])}
    assert len({one.name for one in found.ipsets}) == 2


def test_rules_of_the_same_peers_and_ports_are_one() -> None:
    assert len(opened(permission("192.0.2.1"), permission("192.0.2.1", flow="another")).rules) == 1


def test_everybody_needs_no_set() -> None:
    everyone = replace(permission(), networks=None)
    assert opened(everyone).rules == {'rule service name="pb-tcp-514" accept'}
    found = opened(permission("0.0.0.0/0"))
    assert found.rules == {'rule family="ipv4" service name="pb-tcp-514" accept'}
    assert not found.ipsets


def test_a_flow_without_peers_lets_nobody_in() -> None:
    found = opened(permission())
    assert not found.exists


def test_what_leaves_is_none_of_its_business() -> None:
    assert not opened(permission("192.0.2.1", direction="out")).exists


@pytest.mark.parametrize("refusal", ["open", "guard", "watch"])
def test_a_guard_is_opened_like_anything_else_and_refuses_nothing(refusal: str) -> None:
    found = opened(permission("192.0.2.1", refusal=refusal))
    assert found == opened(permission("192.0.2.1"))
    assert all(rule.endswith(" accept") for rule in found.rules)


def test_ports_are_a_service_named_after_them() -> None:
    found = opened(permission("192.0.2.1", spans=((80, 80), (443, 443), (8000, 8009), (8010, 8010))))
    (service,) = found.services
    assert service.name == "pb-tcp-80_443_8000-8010"
    assert service.ports == {("80", "tcp"), ("443", "tcp"), ("8000-8010", "tcp")}
    many = opened(permission("192.0.2.1", spans=tuple((port, port) for port in range(1, 99, 2))))
    (service,) = many.services
    assert len(service.name) < 32


def test_protocols_without_ports_go_by_number() -> None:
    (rule,) = opened(permission("192.0.2.1", protocol="vrrp", spans=())).rules
    assert rule.endswith('protocol value="112" accept')
    (rule,) = opened(replace(permission(protocol="icmpv6", spans=()), networks=None)).rules
    assert rule == 'rule family="ipv6" protocol value="58" accept'


def test_what_is_sent_to_groups_is_let_in_for_groups_alone() -> None:
    (rule,) = opened(permission("192.0.2.1", cast="multicast", protocol="udp")).rules
    assert 'destination address="224.0.0.0/4"' in rule


def test_broadcasts_of_who_has_no_address_yet_are_heard() -> None:
    one = permission(cast="broadcast", protocol="udp", local_subnet=True, refusal=GUARD, peers="local_subnet")
    found = opened(one, subnets=("192.0.2.0/24",))
    assert {one.family: sorted(one.entries) for one in found.ipsets} == {
        "ipv4": ["0.0.0.0", "192.0.2.0/24"],
        "ipv6": ["::", "fe80::/10"],
    }


def test_the_management_access_is_opened_where_it_could_be_cut() -> None:
    found = opened(way_in=("192.0.2.9", "2001:db8::9"), way_in_ports=(22,))
    assert {one.what for one in found.ipsets} == {"management"}
    assert len(found.rules) == 2
    assert not opened(way_in=(), way_in_ports=()).exists
