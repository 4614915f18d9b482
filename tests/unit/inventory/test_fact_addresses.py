# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses of a host's facts other hosts can use, today and tomorrow."""

from __future__ import annotations

import pytest

from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.hostvars import fact_addresses


def interface(four: str | None = None, *sixes: str, **more: object) -> dict[str, object]:
    ipv6 = [
        {"address": address, "prefix": "64", "scope": "link" if address.startswith("fe80") else "global"}
        for address in sixes
    ]
    return {"ipv6": ipv6, **({"ipv4": {"address": four}} if four else {}), **more}


def linux(**interfaces: dict[str, object]) -> dict[str, object]:
    return {"interfaces": list(interfaces), **{name.replace("-", "_"): one for name, one in interfaces.items()}}


def test_addresses_of_all_interfaces_and_families_count():
    facts = linux(eth0=interface("192.0.2.1", "2001:db8::1"), eth1=interface("10.0.0.1"))
    assert fact_addresses(facts) == ("10.0.0.1", "192.0.2.1", "2001:db8::1")


def test_secondary_addresses_count():
    eth0 = interface("192.0.2.1", ipv4_secondaries=[{"address": "192.0.2.7"}])
    assert fact_addresses(linux(eth0=eth0)) == ("192.0.2.1", "192.0.2.7")


def test_loopback_and_link_local_are_left_out():
    facts = linux(
        lo=interface("127.0.0.1", "::1", type="loopback"),
        eth0=interface("192.0.2.1", "fe80::1"),
        eth1=interface("169.254.7.7"),
    )
    assert fact_addresses(facts) == ("192.0.2.1",)


@pytest.mark.parametrize("name", ["docker0", "br-5f2a", "veth12ab", "virbr0"])
def test_container_interfaces_are_left_out(name):
    facts = linux(**{name: interface("172.17.0.1"), "eth0": interface("192.0.2.1")})
    assert fact_addresses(facts) == ("192.0.2.1",)


def test_bridges_are_left_out_whatever_they_are_called():
    facts = linux(lan=interface("172.30.0.1", type="bridge"), eth0=interface("192.0.2.1"))
    assert fact_addresses(facts) == ("192.0.2.1",)


@pytest.mark.parametrize(
    "prefix",
    [
        "2001:db8:1:2:",
        "2001:db8::",
    ],
)
def test_temporary_ipv6_addresses_are_left_out(prefix):
    stable, temporary = f"{prefix}211:22ff:fe33:4455", f"{prefix}a1b2:c3d4:e5f6:1234"
    assert fact_addresses(linux(eth0=interface(None, stable, temporary))) == (stable,)


def test_windows_facts_give_their_list():
    facts = {"ip_addresses": ["192.0.2.1", "fe80::1", "2001:db8::1"]}
    assert fact_addresses(facts) == ("192.0.2.1", "2001:db8::1")


@pytest.mark.parametrize("facts", [None, {}, {"interfaces": ["eth0"]}, "x"])
def test_facts_without_addresses_give_none(facts):
    assert fact_addresses(facts) == ()
