# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories that cost the most for their size, each worse than the company in one way."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from company import company

Components = Mapping[str, tuple[str, ...]]
_REALMS = 50
_NETWORKS = 5_000
# Every second /28 of 10.0.0.0/8, so that no two of them are one network.
_FIRST, _APART = int(ipaddress.IPv4Address("10.0.0.0")), 32
_DEPTH = ("rack", "row", "building", "country")
# Racks of ten hosts, rows of ten racks and so on; the site of the company's own hosts is beside them.
_WIDTH = 10


def many_realms(size: int, components: Components) -> dict[str, Any]:
    return company(size, False, components, _REALMS)


def many_networks(size: int, components: Components) -> dict[str, Any]:
    """The same list for all hosts."""
    found = company(size, False, components)
    networks = [str(ipaddress.IPv4Network((_FIRST + place * _APART, 28))) for place in range(_NETWORKS)]
    found["all"]["vars"]["portbook_peers"] = {**found["all"]["vars"]["portbook_peers"], "siem": networks}
    return found


def values_of_their_own(size: int, components: Components) -> dict[str, Any]:
    """No two hosts say the same."""
    found = company(size, False, components)
    for place, own in enumerate(found["all"]["hosts"].values()):
        address = str(ipaddress.IPv4Address(_FIRST + place * _APART))
        own["portbook_allow"] = [
            {"name": f"app-{place}", "ports": [10_000 + place % 50_000], "peers": [address], "why": "its own"}
        ]
        own["portbook_peers_own"] = {"siem": [address]}
    return found


def deep_groups(size: int, components: Components) -> dict[str, Any]:
    """Five deep, with templates at each level that the hosts' own variables fill."""
    found = company(size, True, components)
    top = found["all"]
    names = list(top["hosts"])
    groups: dict[str, Any] = {f"rack{at // _WIDTH}": {"hosts": {}} for at in range(0, len(names), _WIDTH)}
    for at, name in enumerate(names):
        groups[f"rack{at // _WIDTH}"]["hosts"][name] = None
    for depth, kind in enumerate(_DEPTH):
        for number, group in enumerate(groups.values()):
            group["vars"] = {
                f"{kind}_number": number,
                f"portbook_management_{kind}": [f"192.0.2.{{{{ {kind}_number % 200 }}}}"],
            }
        if depth + 1 < len(_DEPTH):
            above: dict[str, Any] = {}
            for at, (name, group) in enumerate(groups.items()):
                inner = above.setdefault(f"{_DEPTH[depth + 1]}{at // _WIDTH}", {"children": {}})
                inner["children"][name] = group
            groups = above
    top["children"]["world"] = {"children": groups, "vars": {"portbook_log": "{{ 'refused' if n else 'off' }}"}}
    return found


WORST: dict[str, Callable[[int, Components], dict[str, Any]]] = {
    f"{_REALMS} realms": many_realms,
    f"{_NETWORKS:,} peer networks for all": many_networks,
    "values of their own for every host": values_of_their_own,
    "groups five deep, with templates": deep_groups,
}
