# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ruleset as nft prints it: every rule with its place, whose it is, and the ports that lead elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.linux.sockets import Socket
from ansible_collections.portbook.firewall.plugins.module_utils.nftables import legacy_tables, listed, owners
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.listed import Chain, Listed
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.published import published

TEXT = """\
# Warning: table ip nat is managed by iptables-nft, do not touch!
table inet mine { # handle 3
\tcomment "a table"
\tset peers { # handle 1
\t\ttype ipv4_addr
\t\tflags interval
\t}

\tmap verdicts { # handle 2
\t\ttype inet_service : verdict
\t}

\tchain input { # handle 4
\t\tcomment "a chain"
\t\ttype filter hook input priority filter - 10; policy drop;
\t\ttcp dport { 22, 80 } counter packets 7 bytes 420 accept comment "{ # handle 99" # handle 5
\t\tip saddr @peers jump { # handle 6
\t\t\taccept # handle 7
\t\t}
\t}
}
table ip nat { # handle 9
\tchain DOCKER { # handle 1
\t\tiifname != "docker0" tcp dport 8080 counter packets 0 bytes 0 dnat to 172.17.0.2:80 # handle 2
\t}
}
"""


def test_every_rule_has_its_place_handle_text_and_counters() -> None:
    found = listed.read(TEXT)
    assert found.tables == (("inet", "mine"), ("ip", "nat"))
    assert found.bases == (listed.Base(Chain("inet", "mine", "input"), "input", "filter - 10", "drop", "filter"),)
    first, *others = found.rules
    assert first.text == 'tcp dport { 22, 80 } counter packets 7 bytes 420 accept comment "{ # handle 99"'
    assert (first.handle, first.packets, first.bytes) == (5, 7, 420)
    assert [(one.chain.name, one.handle, one.packets) for one in others] == [
        ("input", 6, None),
        ("input", 7, None),
        ("DOCKER", 2, 0),
    ]


def test_nothing_is_no_rule() -> None:
    assert listed.read("") == listed.Ruleset((), (), ())


@pytest.mark.parametrize(
    ("chain", "text", "whose"),
    [
        (("ip", "filter", "DOCKER-USER"), "return", "docker"),
        (("ip", "filter", "FORWARD"), "jump DOCKER-USER", "docker"),
        (("ip", "filter", "INPUT"), "jump f2b-sshd", "fail2ban"),
        (("ip6", "filter", "ufw6-user-input"), "accept", "ufw"),
        (("inet", "firewalld", "filter_INPUT"), "accept", "firewalld"),
        (("inet", "netavark", "INPUT"), "accept", "podman"),
        (("ip", "filter", "INPUT"), "tcp dport 22 accept", "iptables"),
        (("inet", "mine", "input"), "accept", "/etc/nftables.conf"),
        (("inet", "other", "input"), "accept", ""),
    ],
)
def test_a_rule_is_known_by_its_names_or_its_file(chain: tuple[str, str, str], text: str, whose: str) -> None:
    files = {("inet", "mine"): "/etc/nftables.conf"}
    assert owners.owner(Listed(Chain(*chain), 1, text), files) == whose


def test_tables_are_looked_for_in_included_files_too(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text('#!/usr/sbin/nft -f\nflush ruleset\ntable inet mine {\n}\ninclude "b.d/*.nft"\n')
    (tmp_path / "b.d").mkdir()
    (tmp_path / "b.d" / "c.nft").write_text("add table ip6 six\nadd rule filter input accept\n")
    found = owners.declared([str(tmp_path / "a.conf"), str(tmp_path / "absent")])
    assert found == {
        ("inet", "mine"): str(tmp_path / "a.conf"),
        ("ip6", "six"): str(tmp_path / "b.d" / "c.nft"),
        ("ip", "filter"): str(tmp_path / "b.d" / "c.nft"),
    }


def test_a_port_that_a_rule_and_a_process_publish_is_shown_once() -> None:
    proxy = ("/usr/bin/docker-proxy", "-proto", "tcp", "-host-ip", "0.0.0.0", "-host-port", "8080")
    proxy += ("-container-ip", "172.17.0.2", "-container-port", "80")
    there = [Socket("tcp", address, 8080, 7, "/usr/bin/docker-proxy", "", proxy) for address in ("0.0.0.0", "::")]
    expected = {"protocol": "tcp", "address": "", "ports": "8080", "to": "172.17.0.2:80", "by": "docker"}
    assert published(listed.read(TEXT).rules, [], there) == [expected]
    assert published([], [], there) == [expected]


def test_ports_are_published_by_iptables_and_by_processes_without_root() -> None:
    saved = "*nat\n-A DOCKER ! -i docker0 -p tcp -m tcp --dport 80:81 -j DNAT --to-destination 172.17.0.2\n"
    saved += "-A DOCKER -j RETURN\n-A POSTROUTING -p udp --dport 53 -j MASQUERADE\nCOMMIT\n"
    lines = [(one.chain, one.text) for one in legacy_tables.saved_rules("ip", saved)]
    found = published(
        [], lines, [Socket("udp", "192.0.2.1", 5353, 9, "/usr/bin/pasta"), Socket("tcp", "::", 22, 3, "/sshd")]
    )
    assert found == [
        {"protocol": "tcp", "address": "", "ports": "80-81", "to": "172.17.0.2", "by": "docker"},
        {"protocol": "udp", "address": "192.0.2.1", "ports": "5353", "to": "", "by": "pasta"},
    ]
