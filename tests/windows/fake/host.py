# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows host says of itself beside its rule store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from windows.fake.rule import Rule
from windows.fake.state import State
from windows.fake.values import ALL_PROFILES, ANY_PROTOCOL

ROOTS = {
    "group": r"SOFTWARE\Policies\Microsoft\WindowsFirewall",
    "mdm": r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm",
}
LISTENERS = r"SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener"
SSHD = 4242
OVERRIDES = 4
"""Of SecureFlags: who is authenticated by IPsec gets by every block."""
OWN, OWN6 = "192.0.2.10", "2001:db8::10"
FILTERS = 2
PROFILE_WORDS = {1: "Domain", 2: "Private", 4: "Public"}


@dataclass(frozen=True)
class Host:
    services: frozenset[str] | None = frozenset({"dnscache", "dhcp", "Spooler", "rpcss", "sshd"})
    """None where it cannot be told."""
    programs: frozenset[str] = frozenset({"C:\\Windows\\system32\\svchost.exe"})
    """The paths that exist."""
    products: tuple[str | tuple[str, tuple[int, ...]], ...] = ()
    """A name alone is one that filters."""
    policy_rules: tuple[str, ...] | None = None
    """None for what the store's rules of group policy say."""
    mdm_rules: tuple[str, ...] | None = None
    ssh_connection: str = ""
    listeners: tuple[tuple[str, int], ...] = (("winrm", 5985), ("winrm", 5986))
    connections: tuple[tuple[int, str] | tuple[str, int, str, int], ...] = ()
    """Local port and remote address, or both ends whole."""
    domain_name: str = ""
    member: bool | None = False
    domain_addresses: tuple[str, ...] = ()
    sockets: tuple[dict[str, Any], ...] = field(default_factory=tuple)
    powershell: str = "5.1.20348.2700"
    os: str = "10.0.20348.0"


def both_ends(connection: tuple[int, str] | tuple[str, int, str, int]) -> list[Any]:
    if len(connection) == 4:
        return list(connection)
    port, remote = connection
    return [OWN6 if ":" in remote else OWN, port, remote, 50000]


def product(given: str | tuple[str, tuple[int, ...]]) -> dict[str, Any]:
    name, categories = (given, (FILTERS,)) if isinstance(given, str) else given
    return {"name": name, "categories": list(categories)}


def to_file(host: Host, state: State) -> dict[str, Any]:
    """For the fake of a real PowerShell: its registry, services, products and connections."""
    tree: dict[str, Any] = {}
    for kind, root in ROOTS.items():
        _key(tree, root).update(state.policy if kind == "group" else state.mdm)
        rules = policy_texts(host, state)[kind]
        if rules:
            _key(tree, f"{root}\\FirewallRules").update(
                {f"rule {number:03}": text for number, text in enumerate(rules)}
            )
    for number, (kind, port) in enumerate(host.listeners):
        if kind == "winrm":
            _key(tree, f"{LISTENERS}\\address{number}+HTTP")["Port"] = port
    ssh = [port for kind, port in host.listeners if kind == "ssh"]
    return {
        "HKLM": tree,
        "ssh_connection": host.ssh_connection,
        "services": None if host.services is None else sorted(host.services),
        "products": [
            {"DisplayName": one["name"], "RuleCategories": one["categories"]} for one in map(product, host.products)
        ],
        "connections": [both_ends(one) for one in dict.fromkeys(host.connections)],
        "tcp": [{"LocalAddress": "0.0.0.0", "LocalPort": port, "OwningProcess": SSHD} for port in ssh],
        "Win32_Service": [{"Name": "sshd", "ProcessId": SSHD}] if ssh else [],
    }


def policy_texts(host: Host, state: State) -> dict[str, list[str]]:
    given = {"group": host.policy_rules, "mdm": host.mdm_rules}
    found = {}
    for kind, source in (("group", "gpo"), ("mdm", "mdm")):
        own = given[kind]
        found[kind] = [policy_text(rule) for rule in state.rules if rule.source == source] if own is None else list(own)
    return found


def _key(tree: dict[str, Any], path: str) -> dict[str, Any]:
    for part in path.split("\\"):
        tree = tree.setdefault(part, {})
    return tree


def policy_text(rule: Rule) -> str:
    """A rule of group policy as the registry has it."""
    bypass = rule.secure_flags == OVERRIDES
    action = "ByPass" if bypass else "Allow" if rule.action else "Block"
    parts = ["v2.30", f"Action={action}", f"Active={'TRUE' if rule.enabled else 'FALSE'}"]
    parts.append(f"Dir={'In' if rule.direction == 1 else 'Out'}")
    if rule.protocol != ANY_PROTOCOL:
        parts.append(f"Protocol={rule.protocol}")
    if rule.profiles != ALL_PROFILES:
        parts += [f"Profile={word}" for bit, word in PROFILE_WORDS.items() if rule.profiles & bit]
    if rule.icmp:
        parts += [f"ICMP{'4' if rule.protocol == 1 else '6'}={one}" for one in rule.icmp.split(",")]
    parts += _ports("LPort", rule.local_ports) + _ports("RPort", rule.remote_ports)
    parts += _addresses("LA", rule.local_addresses) + _addresses("RA", rule.remote_addresses)
    if rule.interface_types != "All":
        parts += [f"IFType={one}" for one in rule.interface_types.split(",")]
    texts = [("App", rule.application_name), ("Svc", rule.service_name), ("Name", rule.name)]
    texts += [("Desc", rule.description), ("EmbedCtxt", rule.grouping)]
    parts += [f"{key}={text}" for key, text in texts if text]
    parts += ["Security=Authenticate"] if rule.secure_flags else []
    parts += [f"RMauth={rule.remote_machine_authorized_list}"] if rule.remote_machine_authorized_list else []
    parts += ["Edge=TRUE"] if rule.edge_options == 1 else []
    return "|".join(parts) + "|"


def _ports(key: str, ports: str | None) -> list[str]:
    every = ports.split(",") if ports else []
    return [f"{key}2_10={one}" if "-" in one and one[0].isdigit() else f"{key}={one}" for one in every]


def _addresses(key: str, addresses: str) -> list[str]:
    parts = []
    for one in addresses.split(",") if addresses != "*" else []:
        if ":" in one:
            parts.append(f"{key}6={one}")
        elif one[0].isdigit():
            parts.append(f"{key}4={one}")
        else:
            parts += [f"{key}4={one}", f"{key}6={one}"]
    return parts
