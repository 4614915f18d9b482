# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A company of any size: sites with their own realms, and every component of the catalogue somewhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

SITES = 20
_V4 = int(ipaddress.IPv4Address("198.18.0.0"))
# Hosts that stand side by side would be one network in the plan: these are three apart.
_APART = 3
_LINUX = ("utmstack_agent", "utmstack_probe", "utmstack_master", "utmstack_server")
# How many of a hundred hosts play it; each of the others is played once at every site, or once at all.
_MANY = {"utmstack_agent": 45, "stifler_client": 40, "netwrix_agent": 4}
_ONCE_A_SITE = (
    "utmstack_probe",
    "twopxe_server",
    "stifler_beacon",
    "stifler_hosted_cache",
    "netwrix_activity_agent",
    "netwrix_cee",
)

_PARTIES: dict[str, Any] = {
    "utmstack_device": ["203.0.113.0/25", "2001:db8:ffff::/64"],
    "utmstack_console": ["192.0.2.192/27"],
    "stifler_console": ["192.0.2.192/27"],
    "pxe_client": ["203.0.113.128/25"],
    "siem": ["192.0.2.10"],
    "domain_controller": ["192.0.2.42", "192.0.2.43"],
    "sql_server": ["192.0.2.50"],
}


def company(
    size: int, templated: bool, components: Mapping[str, tuple[str, ...]], sites: int = SITES
) -> dict[str, Any]:
    """An inventory as Ansible reads it. `components` are those of the catalogue, with their platforms."""
    hosts: dict[str, Any] = {}
    members: dict[str, dict[str, None]] = {}
    for number, component in enumerate(_parts(size, components, sites)):
        site = number % sites
        name = f"{component.replace('_', '-')}-{number}.site{site}.example"
        hosts[name] = _host(number, site, templated)
        platform = "windows" if _is_windows(component, components) else "linux"
        for group in (component, f"site{site}", platform, *(["everywhere"] if component not in _local() else [])):
            members.setdefault(group, {})[name] = None
    children: dict[str, dict[str, Any]] = {group: {"hosts": names} for group, names in members.items()}
    children["windows"]["vars"] = {"ansible_connection": "psrp"}
    realms = [f"site{site}" for site in range(sites)]
    for site in range(sites):
        children[f"site{site}"]["vars"] = _site(site, templated)
    for component in {*components} - {*_local()}:
        children[component]["vars"] = {f"{component}_realm": realms}
    shared: dict[str, Any] = {"portbook_peers": _PARTIES, "portbook_management": ["192.0.2.192/27"]}
    if templated:
        shared["portbook_addresses"] = ["{{ site_prefix }}.{{ net }}.{{ n }}", "{{ site_prefix6 }}::{{ n6 }}"]
    return {"all": {"vars": shared, "hosts": hosts, "children": children}}


def _local() -> tuple[str, ...]:
    return (*_MANY, *_ONCE_A_SITE)


def _parts(size: int, components: Mapping[str, tuple[str, ...]], sites: int) -> list[str]:
    parts = [one for one in sorted(components) if one not in _local()]
    # Each of a site's own stands at each site, as the number of a host decides on its site.
    parts += [""] * (-len(parts) % sites)
    parts += [one for one in _ONCE_A_SITE for _site in range(sites)]
    usual = [one for one, share in _MANY.items() for _count in range(share)]
    return [
        parts[place] if place < len(parts) and parts[place] else usual[place * 37 % len(usual)]
        for place in range(max(size, len(parts)))
    ]


def _is_windows(component: str, components: Mapping[str, tuple[str, ...]]) -> bool:
    platforms = components[component]
    return "linux" not in platforms if platforms else component not in _LINUX


def _host(number: int, site: int, templated: bool) -> dict[str, Any]:
    place = number * _APART
    if templated:
        return {"net": place // 256, "n": place % 256, "n6": f"{place:x}"}
    return {"portbook_addresses": [str(ipaddress.IPv4Address(_V4 + place)), f"2001:db8:{site:x}::{place:x}"]}


def _site(site: int, templated: bool) -> dict[str, Any]:
    prefixes = {"site_prefix": "198.18", "site_prefix6": f"2001:db8:{site:x}"} if templated else {}
    return {"portbook_realm": f"site{site}", "portbook_posture": "strict" if site == 3 else "guard", **prefixes}
