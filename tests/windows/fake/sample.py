# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a server out of the box and a few more, of any number from 101 on."""

from __future__ import annotations

from collections.abc import Callable

from windows.fake.rule import Rule, commit
from windows.fake.values import ALL_PROFILES

SVCHOST = "%SystemRoot%\\system32\\svchost.exe"
CORE = ("@FirewallAPI.dll,-25000", "Core Networking")
FILES = ("@FirewallAPI.dll,-28502", "File and Printer Sharing")
DISCOVERY = ("@FirewallAPI.dll,-32752", "Network Discovery")
DESKTOP = ("@FirewallAPI.dll,-28752", "Remote Desktop")
REMOTE = ("@FirewallAPI.dll,-30002", "Windows Defender Firewall Remote Management")
BRANCH = "BranchCache - "
ICMP6 = (
    *(("Packet Too Big", 2), ("Time Exceeded", 3), ("Parameter Problem", 4), ("Multicast Listener Query", 130)),
    *(("Multicast Listener Report", 131), ("Multicast Listener Done", 132), ("Router Solicitation", 133)),
    *(("Router Advertisement", 134), ("Neighbor Discovery Solicitation", 135)),
    *(("Neighbor Discovery Advertisement", 136), ("Multicast Listener Report v2", 143)),
    ("Destination Unreachable", 1),
)
APPS = ("Start", "Microsoft.Windows.Search", "Microsoft.AAD.BrokerPlugin", "Microsoft.Windows.CloudExperienceHost")
IN, OUT = 1, 2


class _Sample:
    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.resources: dict[str, str] = {}
        self.seed = 0

    def add(
        self,
        group: tuple[str, str],
        name: str,
        protocol: int,
        direction: int,
        local: str | None = None,
        remote: str | None = None,
        program: str | None = None,
        service: str | None = None,
        enabled: bool = False,
        profiles: int = ALL_PROFILES,
        remote_addresses: str = "*",
        icmp: str | None = None,
        edge: int = 0,
    ) -> None:
        self.seed += 1
        raw, text = group
        key = f"{raw[: raw.index(',') + 1]}-{40000 + self.seed * 3}"
        way = "Inbound" if direction == IN else "Outbound"
        self.resources |= {raw: text, key: name, f"{key}d": f"{way} rule of the group {text}."}
        rule = Rule(
            id=f"FAKE-{self.seed:05d}",
            name=key,
            description=f"{key}d",
            grouping=raw,
            protocol=protocol,
            direction=direction,
            local_ports=local,
            remote_ports=remote,
            application_name=program,
            service_name=service,
            enabled=enabled,
            profiles=profiles,
            remote_addresses=remote_addresses,
            icmp=icmp,
            edge_options=edge,
        )
        commit(rule)
        self.rules.append(rule)

    def in_group(self, group: tuple[str, str]) -> Callable[..., None]:
        return lambda *given, **named: self.add(group, *given, **named)

    # ---------------------------------------------------------------- the groups
    def core(self) -> None:
        add = self.in_group(CORE)
        for text, number in ICMP6:
            for way in (IN, OUT):
                name = f"Core Networking - {text} (ICMPv6-{'In' if way == IN else 'Out'})"
                add(name, 58, way, program="System", enabled=True, icmp=f"{number}:*")
        name = "Core Networking - Destination Unreachable Fragmentation Needed (ICMPv4-In)"
        add(name, 1, IN, program="System", enabled=True, icmp="3:4")
        for way, end in ((IN, "In"), (OUT, "Out")):
            dhcp = "Core Networking - Dynamic Host Configuration Protocol"
            igmp = f"Core Networking - Internet Group Management Protocol (IGMP-{end})"
            add(igmp, 2, way, program="System", enabled=True)
            add(f"{dhcp} (DHCP-{end})", 17, way, "68", "67", SVCHOST, "dhcp", True)
            add(f"{dhcp} for IPv6(DHCPV6-{end})", 17, way, "546", "547", SVCHOST, "dhcp", True)
            add(f"Core Networking - IPv6 (IPv6-{end})", 41, way, program="System", enabled=True)
        add("Core Networking - Teredo (UDP-In)", 17, IN, "Teredo", None, SVCHOST, "iphlpsvc", True)
        add("Core Networking - Teredo (UDP-Out)", 17, OUT, None, None, SVCHOST, "iphlpsvc", True)
        add("Core Networking - IPHTTPS (TCP-In)", 6, IN, "IPHTTPS", None, "System", None, True)
        add("Core Networking - IPHTTPS (TCP-Out)", 6, OUT, None, "IPHTTPS", SVCHOST, "iphlpsvc", True)
        add("Core Networking - DNS (UDP-Out)", 17, OUT, None, "53", SVCHOST, "dnscache", True)
        lsass = "%SystemRoot%\\system32\\lsass.exe"
        add("Core Networking - Group Policy (LSASS-Out)", 6, OUT, None, None, lsass, None, True, 1)
        add("Core Networking - Group Policy (NP-Out)", 6, OUT, None, "445", "System", None, True, 1)

    def branch_cache(self) -> None:
        def group(number: int, text: str) -> tuple[str, str]:
            return f"@peerdistsh.dll,-{number}", BRANCH + text

        retrieval, discovery = group(9000, "Content Retrieval (Uses HTTP)"), group(9001, "Peer Discovery (Uses WSD)")
        server = group(9002, "Hosted Cache Server (Uses HTTPS)")
        client = group(9003, "Hosted Cache Client (Uses HTTPS)")
        near = {"remote_addresses": "LocalSubnet"}
        self.add(retrieval, "BranchCache Content Retrieval (HTTP-In)", 6, IN, "80", None, "SYSTEM")
        self.add(retrieval, "BranchCache Content Retrieval (HTTP-Out)", 6, OUT, None, "80", "SYSTEM")
        discover, peers = self.in_group(discovery), "BranchCache Peer Discovery"
        discover(f"{peers} (WSD-In)", 17, IN, "3702", None, SVCHOST, "PeerDistSvc", **near)
        discover(f"{peers} (WSD-Out)", 17, OUT, None, "3702", SVCHOST, "PeerDistSvc", **near)
        self.add(server, "BranchCache Hosted Cache Server (HTTP-In)", 6, IN, "80,443", None, "SYSTEM")
        self.add(client, "BranchCache Hosted Cache Client (HTTP-Out)", 6, OUT, None, "80,443", "SYSTEM")

    def of_profile(self, bit: int) -> None:
        remote = ("@FirewallAPI.dll,-30267", "Windows Remote Management")
        near = "LocalSubnet" if bit == 4 else "*"
        add = self.in_group(remote)
        add("Windows Remote Management (HTTP-In)", 6, IN, "5985", None, "System", None, True, bit, near)
        add, name, near = self.in_group(FILES), "File and Printer Sharing", "*" if bit == 1 else "LocalSubnet"
        add(f"{name} (SMB-In)", 6, IN, "445", None, "System", None, False, bit, near)
        add(f"{name} (NB-Session-In)", 6, IN, "139", None, "System", None, False, bit, near)
        add(f"{name} (NB-Datagram-Out)", 17, OUT, None, "138", "System", None, False, bit, near)
        spooler = "%SystemRoot%\\system32\\spoolsv.exe"
        add(f"{name} (Spooler Service - RPC)", 6, IN, "RPC", None, spooler, "Spooler", False, bit)
        add(f"{name} (Spooler Service - RPC-EPMAP)", 6, IN, "RPC-EPMap", None, None, "Rpcss", False, bit)
        add(f"{name} (Echo Request - ICMPv4-In)", 1, IN, profiles=bit, icmp="8:*")
        add(f"{name} (Echo Request - ICMPv6-In)", 58, IN, profiles=bit, icmp="128:*")
        add, name = self.in_group(DISCOVERY), "Network Discovery"
        for part, port, service in (
            ("WSD", "3702", "fdphost"),
            ("SSDP", "1900", "Ssdpsrv"),
            ("LLMNR-UDP", "5355", "dnscache"),
        ):
            add(f"{name} ({part}-In)", 17, IN, port, None, SVCHOST, service, False, bit, "LocalSubnet")

    def services(self) -> None:
        compatible = ("@FirewallAPI.dll,-30252", "Windows Remote Management (Compatibility)")
        name = "Windows Remote Management - Compatibility Mode (HTTP-In)"
        self.add(compatible, name, 6, IN, "80", None, "System")
        add = self.in_group(DESKTOP)
        add("Remote Desktop - User Mode (TCP-In)", 6, IN, "3389", None, SVCHOST, "termservice")
        add("Remote Desktop - User Mode (UDP-In)", 17, IN, "3389", None, SVCHOST, "termservice")
        add("Remote Desktop - Shadow (TCP-In)", 6, IN, program="%SystemRoot%\\system32\\RdpSa.exe", edge=2)
        add = self.in_group(REMOTE)
        add(f"{REMOTE[1]} (RPC)", 6, IN, "RPC", None, SVCHOST, "policyagent")
        add(f"{REMOTE[1]} (RPC-EPMAP)", 6, IN, "RPC-EPMap", None, SVCHOST, "RPCSS")
        mdns, trap = ("@FirewallAPI.dll,-37302", "mDNS"), ("@FirewallAPI.dll,-50323", "SNMP Trap")
        self.add(mdns, "mDNS (UDP-In)", 17, IN, "5353", None, SVCHOST, "dnscache", True, 4, "LocalSubnet")
        add, name, program = self.in_group(trap), "SNMP Trap Service (UDP In)", "%SystemRoot%\\system32\\snmptrap.exe"
        add(name, 17, IN, "162", None, program, "SNMPTRAP", profiles=3, remote_addresses="LocalSubnet")

    def packages(self) -> None:
        """Their names cannot be looked up, and some appear once for each user."""
        for user in (1, 2):
            for app in APPS:
                self.seed += 1
                name = (
                    f"@{{{app}_10.0.0.0_neutral_neutral_cw5n1h2txyewy"
                    f"?ms-resource://{app}/resources/PackageDisplayName}}"
                )
                self.rules.append(
                    Rule(
                        id=f"FAKE-APP-{self.seed}",
                        name=name,
                        grouping=name,
                        direction=OUT,
                        enabled=True,
                        profiles=7,
                        local_app_package_id=f"S-1-15-2-{1000 + self.seed}",
                        local_user_owner=f"S-1-5-21-1-2-3-{1000 + user}",
                    )
                )

    def roles(self, until: int) -> None:
        number = 0
        while len(self.rules) < until:
            text = f"Sample Role Service {number + 1}"
            add = self.in_group((f"@%SystemRoot%\\system32\\firewallapi.dll,-{50000 + number * 25}", text))
            for k in range(min(8, until - len(self.rules))):
                protocol, kind = (17, "UDP") if k % 4 == 3 else (6, "TCP")
                inbound = k % 2 == 0
                add(
                    f"{text} ({kind}-{'In' if inbound else 'Out'} {k})",
                    protocol,
                    IN if inbound else OUT,
                    ("RPC" if k == 4 else str(49000 + number * 8 + k)) if inbound else None,
                    None if inbound else str(50000 + k),
                    f"%SystemRoot%\\system32\\role{number}.exe",
                    f"RoleSvc{number}" if k % 3 == 0 else None,
                    number % 3 == 0,
                    1 if k % 5 == 0 else ALL_PROFILES,
                    "LocalSubnet" if k == 6 else "*",
                )
            number += 1


def _by_hand() -> list[Rule]:
    """What an administrator added, two of one name among it, and what a group policy says."""
    agent = "C:\\Program Files\\Agent\\agent.exe"
    own = "10.20.0.5/255.255.255.255"
    some = "192.168.0.1-192.168.0.5,2001:db8::/32"
    rules = [
        Rule("", "Backup agent", application_name=agent, protocol=6, local_ports="10050", remote_addresses=own),
        Rule("", "Duplicate name", protocol=6, local_ports="8080"),
        Rule("", "Duplicate name", protocol=17, local_ports="8080", action=0),
        Rule("", "Règle à accents \N{EN DASH} 規則", '"quoted" <tag> & more', protocol=6, remote_addresses=some),
        Rule("", "Policy: allow monitoring", protocol=6, local_ports="9182", source="gpo"),
        Rule("", "Policy: block telnet", protocol=6, local_ports="23", action=0, source="gpo"),
    ]
    rules[3].local_ports = "8443,9000-9010"
    for number, rule in enumerate(rules, 1):
        rule.id, rule.enabled = f"{{00000000-0000-4000-8000-{number:012d}}}", True
    return rules


def sample_rules(number: int) -> tuple[list[Rule], dict[str, str]]:
    """The rules, and what their `@file,-n` names say."""
    sample = _Sample()
    sample.core()
    sample.branch_cache()
    for bit in (1, 2, 4):
        sample.of_profile(bit)
    sample.services()
    sample.packages()
    sample.roles(number - 6)
    return sample.rules + _by_hand(), sample.resources
