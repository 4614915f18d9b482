# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small inventory for each product and version: all its components and parties, addresses of both families."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from golden.helpers.book import Book, words
from golden.helpers.running import Machine

BRANCH = ["198.51.100.0/24", "2001:db8:1::/64"]


@dataclass(frozen=True, eq=False)
class Inventory:
    name: str
    product: str
    machines: tuple[Machine, ...]
    version: str | None = None
    peers: Mapping[str, Any] = field(default_factory=dict)
    """portbook_peers of all hosts."""

    def variables(self, book: Book) -> dict[str, Any]:
        """What group_vars/all would say."""
        versions = {
            f"{name}_version": self.version
            for name, one in book.components.items()
            if self.version and self.version in one.get("versions", {}).get("known", [])
        }
        return {**versions, **({"portbook_peers": dict(self.peers)} if self.peers else {})}


def _machine(
    number: int, name: str, component: str, platform: str = "linux", *, rules: bool = True, **variables: Any
) -> Machine:
    addresses = (f"192.0.2.{number}", f"2001:db8::{number}")
    return Machine(name, component, addresses, platform, variables, rules)


WINDOWS = "windows"

TWOPXE = Inventory(
    "2pxe-3",
    "2pxe",
    (
        _machine(11, "pxeserver", "twopxe_server", WINDOWS),
        _machine(12, "ipxe", "ipxe_anywhere", WINDOWS),
        _machine(21, "client", "pxe_client"),
        _machine(22, "distribution", "content_source", WINDOWS),
        _machine(23, "dhcp", "dhcp_server", WINDOWS),
        _machine(24, "router", "dhcp_relay"),
        _machine(25, "adminpc", "ipxe_console", WINDOWS),
        _machine(26, "sql", "sql_server", WINDOWS),
    ),
    version="3",
    peers={"pxe_client": BRANCH, "stifler_client": ["203.0.113.0/24"]},
)

STIFLER = Inventory(
    "stifler-2",
    "stifler",
    (
        _machine(11, "server", "stifler_server", WINDOWS),
        _machine(12, "client1", "stifler_client", WINDOWS),
        _machine(13, "client2", "stifler_client", WINDOWS),
        _machine(14, "beacon1", "stifler_beacon", WINDOWS),
        _machine(15, "beacon2", "stifler_beacon"),
        _machine(16, "cache", "stifler_hosted_cache", WINDOWS),
        _machine(21, "browser", "stifler_console", WINDOWS),
        _machine(22, "distribution", "content_source", WINDOWS, rules=False),
        _machine(23, "dc", "domain_controller", WINDOWS, rules=False),
        _machine(24, "sql", "sql_server", WINDOWS, rules=False),
    ),
    version="2",
    peers={"pxe_client": BRANCH, "stifler_internet": "any"},
)

_UTMSTACK_PARTIES = (
    _machine(31, "device", "utmstack_device"),
    _machine(32, "analyst", "utmstack_console", WINDOWS),
    _machine(33, "adminpc", "utmstack_admin", WINDOWS),
)
_UTMSTACK_AGENTS = (
    _machine(21, "agent1", "utmstack_agent"),
    _machine(22, "agent2", "utmstack_agent", WINDOWS),
)

UTMSTACK_9 = Inventory(
    "utmstack-9",
    "utmstack",
    (
        _machine(11, "master1", "utmstack_master"),
        _machine(12, "master2", "utmstack_master"),
        _machine(13, "probe1", "utmstack_probe"),
        _machine(14, "probe2", "utmstack_probe"),
        *_UTMSTACK_AGENTS,
        *_UTMSTACK_PARTIES,
    ),
    version="9",
    peers={"utmstack_device": BRANCH},
)

_UTMSTACK_SERVERS = (
    _machine(11, "server1", "utmstack_server"),
    _machine(12, "server2", "utmstack_server"),
    *_UTMSTACK_AGENTS,
    *_UTMSTACK_PARTIES,
    _machine(34, "sender", "utmstack_log_sender"),
    _machine(35, "gravityzone", "utmstack_gravityzone"),
    _machine(36, "federation", "utmstack_federation"),
)

NETWRIX = (
    _machine(11, "em", "netwrix_enterprise_manager", WINDOWS),
    _machine(12, "agent", "netwrix_agent", WINDOWS),
    _machine(13, "console", "netwrix_console", WINDOWS),
    _machine(14, "sql", "netwrix_database", WINDOWS),
    _machine(15, "reporting", "netwrix_threat_manager_reporting", WINDOWS),
    _machine(16, "threatmanager", "netwrix_threat_manager", WINDOWS),
    _machine(17, "activity", "netwrix_activity_agent", WINDOWS),
    _machine(18, "activityconsole", "netwrix_activity_console", WINDOWS),
    _machine(19, "cee1", "netwrix_cee", WINDOWS),
    _machine(20, "cee2", "netwrix_cee", netwrix_cee_rpc=False),
    _machine(31, "siem", "siem"),
    _machine(32, "dc", "domain_controller", WINDOWS),
    _machine(33, "browser", "netwrix_threat_manager_console", WINDOWS),
    _machine(34, "reader", "netwrix_activity_api_client"),
    _machine(35, "action", "netwrix_action_service", WINDOWS),
    _machine(36, "postgres", "netwrix_threat_manager_database", WINDOWS),
    _machine(41, "vnx", "nas_celerra_vnx"),
    _machine(42, "isilon", "nas_isilon"),
    _machine(43, "unity", "nas_unity"),
    _machine(44, "nasuni", "nas_nasuni"),
    _machine(45, "netapp7", "nas_netapp_7mode"),
    _machine(46, "netappc", "nas_netapp_cluster"),
    _machine(47, "panzura", "nas_panzura"),
    _machine(48, "powerstore", "nas_powerstore"),
    _machine(49, "ctera", "nas_ctera"),
    _machine(50, "nutanix", "nas_nutanix"),
    _machine(51, "qumulo", "nas_qumulo"),
)

INVENTORIES = (
    TWOPXE,
    STIFLER,
    UTMSTACK_9,
    *(
        Inventory(f"utmstack-{version}", "utmstack", _UTMSTACK_SERVERS, version, {"utmstack_device": BRANCH})
        for version in ("10", "11")
    ),
    *(Inventory(f"netwrix-{version}", "netwrix", NETWRIX, version) for version in ("7.4", "7.5", "8.0")),
)


def features(book: Book) -> dict[str, bool]:
    """Every feature's variable and its default."""
    return {
        f"{_prefix(name, one)}_{feature}": raw["default"]
        for name, one in book.components.items()
        for feature, raw in one.get("features", {}).items()
    }


def unknown_ports(book: Book) -> dict[str, int]:
    """Ports that no document knows, with figures that a site may have given them."""
    found: dict[str, int] = {}
    for name, one in book.components.items():
        for port, raw in one.get("ports", {}).items():
            if "next_to" not in raw and raw["default"] is None:
                variable = f"{_prefix(name, one)}_port" if port == "main" else f"{_prefix(name, one)}_{port}_port"
                found[variable] = 6514 + len(found)
    return found


def _prefix(name: str, raw: Mapping[str, Any]) -> str:
    return f"portbook_{name}" if raw.get("party") else name


def talks_to_itself(book: Book, component: str) -> bool:
    return any(component in flow["from"] and component in flow["to"] for flow in book.flows.values())


def played_by(flow: Mapping[str, Any]) -> set[str]:
    return {*words(flow["from"]), *words(flow["to"])}
