# SPDX-License-Identifier: GPL-3.0-or-later
"""What other programs have on a machine beside us: rules and files, as fail2ban, ufw and libvirt write them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from lab.machine import Machine

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "existing-firewall.md").read_text(encoding="utf-8")
SSH = 22
# What an administrator has: a set, a counter, a chain at a hook of ours, and nothing that refuses our packets.
OWN_RULESET = """#!/usr/sbin/nft -f
flush ruleset
table inet mine {
    set banned {
        type ipv4_addr
        flags interval
        elements = { 203.0.113.0/24 }
    }
    chain input {
        type filter hook input priority filter; policy accept;
        ip saddr @banned counter drop
        tcp dport 25 reject
    }
    chain early {
        type filter hook prerouting priority -110; policy accept;
        tcp dport 9 counter
    }
}
table ip mine_nat {
    chain leaving {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "ppp*" masquerade
    }
}
"""


def shown(what: str) -> str:
    """The lines of the page behind this comment."""
    return PAGE.partition(f"<!-- tried: {what} -->\n```")[2].partition("\n")[2].partition("```")[0]


def own_ruleset(machine: Machine) -> None:
    """Of an administrator, in the distribution's file, loaded at each start."""
    machine.write("/etc/nftables.conf", OWN_RULESET, "755")
    machine.run("systemctl", "--quiet", "enable", "nftables")
    machine.run("systemctl", "restart", "nftables")


def banning(machine: Machine, action: str, port: int, address: str) -> Callable[[str], None]:
    """What bans and unbans the address, by the real fail2ban with one of its actions."""
    machine.write("/etc/fail2ban/filter.d/siem.conf", "[Definition]\nfailregex = ^ban <HOST>$\n")
    jail = f"[siem]\nenabled = true\nport = {port}\nfilter = siem\nlogpath = /var/log/siem\nbackend = polling\n"
    machine.write("/etc/fail2ban/jail.d/defaults-debian.conf", f"[DEFAULT]\nbanaction = {action}\n{jail}")
    machine.write("/var/log/siem", "")
    machine.run("systemctl", "restart", "fail2ban")
    end = time.monotonic() + 20
    while not machine.succeeds("fail2ban-client", "status", "siem") and time.monotonic() < end:
        time.sleep(0.1)

    def do(word: str) -> None:
        machine.run("fail2ban-client", "set", "siem", word, address)

    return do


def ufw(machine: Machine, kind: str = "nft", *allowed: str) -> None:
    for program in ("iptables", "ip6tables"):
        machine.run("update-alternatives", "--set", program, f"/usr/sbin/{program}-{kind}")
    for one in (f"{SSH}/tcp", *allowed):
        machine.run("ufw", "allow", one)
    machine.run("ufw", "--force", "enable")
    machine.run("systemctl", "--quiet", "enable", "ufw")


# -- libvirt ----------------------------------------------------------------------------------------

GUEST, GUESTS = "192.168.122.10", "192.168.122.0/24"
_BRIDGE = f"""
ip link add virbr0 type bridge
ip address add 192.168.122.1/24 dev virbr0
ip link set virbr0 up
ip netns add guest
ip link add vnet0 type veth peer name eth0 netns guest
ip link set vnet0 master virbr0 up
ip -n guest link set lo up
ip -n guest address add {GUEST}/24 dev eth0
ip -n guest link set eth0 up
ip -n guest route add default via 192.168.122.1
"""
_NFT = f"""
table ip libvirt_network {{
    chain forward {{
        type filter hook forward priority filter; policy accept;
        counter jump guest_cross
        counter jump guest_input
        counter jump guest_output
    }}
    chain guest_output {{
        ip saddr {GUESTS} iif "virbr0" counter accept
        iif "virbr0" counter reject
    }}
    chain guest_input {{
        oif "virbr0" ip daddr {GUESTS} ct state established,related counter accept
        oif "virbr0" counter reject
    }}
    chain guest_cross {{
        iif "virbr0" oif "virbr0" counter accept
    }}
    chain guest_nat {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {GUESTS} ip daddr 224.0.0.0/24 counter return
        ip saddr {GUESTS} ip daddr 255.255.255.255 counter return
        meta l4proto tcp ip saddr {GUESTS} ip daddr != {GUESTS} counter masquerade to :1024-65535
        meta l4proto udp ip saddr {GUESTS} ip daddr != {GUESTS} counter masquerade to :1024-65535
        ip saddr {GUESTS} ip daddr != {GUESTS} counter masquerade
    }}
}}
"""
_IPTABLES = f"""*filter
:LIBVIRT_INP - [0:0]
:LIBVIRT_OUT - [0:0]
:LIBVIRT_FWO - [0:0]
:LIBVIRT_FWI - [0:0]
:LIBVIRT_FWX - [0:0]
-A INPUT -j LIBVIRT_INP
-A OUTPUT -j LIBVIRT_OUT
-A FORWARD -j LIBVIRT_FWX
-A FORWARD -j LIBVIRT_FWI
-A FORWARD -j LIBVIRT_FWO
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 53 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 67 -j ACCEPT
-A LIBVIRT_OUT -o virbr0 -p udp -m udp --dport 68 -j ACCEPT
-A LIBVIRT_FWX -i virbr0 -o virbr0 -j ACCEPT
-A LIBVIRT_FWI -d {GUESTS} -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A LIBVIRT_FWI -o virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWO -s {GUESTS} -i virbr0 -j ACCEPT
-A LIBVIRT_FWO -i virbr0 -j REJECT --reject-with icmp-port-unreachable
COMMIT
*nat
:LIBVIRT_PRT - [0:0]
-A POSTROUTING -j LIBVIRT_PRT
-A LIBVIRT_PRT -s {GUESTS} -d 224.0.0.0/24 -j RETURN
-A LIBVIRT_PRT -s {GUESTS} -d 255.255.255.255/32 -j RETURN
-A LIBVIRT_PRT -s {GUESTS} ! -d {GUESTS} -p tcp -j MASQUERADE --to-ports 1024-65535
-A LIBVIRT_PRT -s {GUESTS} ! -d {GUESTS} -j MASQUERADE
COMMIT
"""


def libvirt(machine: Machine, backend: str) -> None:
    """A virtual network with one guest, and its rules as the backend `nftables` or `iptables` writes them."""
    machine.run("sh", "-euc", _BRIDGE)
    # The machine itself may not.
    machine.outside("sysctl", "-qw", "net.ipv4.ip_forward=1", place=machine.name, check=True)
    if backend == "nftables":
        machine.run("nft", "-f", "-", text=_NFT)
    else:
        machine.run("iptables-nft-restore", "--noflush", text=_IPTABLES)


def guest_reaches(machine: Machine, address: str, port: int) -> bool:
    tried = f"import socket; socket.create_connection(({address!r}, {port}), 2).close()"
    return machine.succeeds("ip", "netns", "exec", "guest", "python3", "-c", tried)


# -- all of it --------------------------------------------------------------------------------------

_FILES = "find /etc -xdev -type f ! -name '*portbook*' -exec sha256sum {} + | sort -k2"


def unmanaged(machine: Machine) -> dict[str, str]:
    """Each table that is not ours, and each file of the host's settings, to the byte, less what packets count."""
    ruleset = machine.run("nft", "--stateless", "list", "ruleset")
    tables = re.findall(r"^(table \S+ \S+) \{\n(.*?)^\}$", ruleset, re.MULTILINE | re.DOTALL)
    files = (line.split(maxsplit=1) for line in machine.run("sh", "-c", _FILES).splitlines())
    # What banned addresses are left for changes by the second.
    found = {name: re.sub(r" expires \w+", "", text) for name, text in tables if name != "table inet portbook"}
    return {**found, **{name: digest for digest, name in files}}
