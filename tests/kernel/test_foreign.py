# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of others in the same namespace: what they surely refuse is told before anything is applied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kernel.helpers.commands import nft, tables
from kernel.helpers.host import ONE, PEER, Host, rule, slice_of

from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import StateError
from ansible_collections.portbook.firewall.plugins.module_utils.nftables import legacy_tables

DROP = "type filter hook input priority 0; policy drop;"


def other(*rules: str, family: str = "inet", base: str = DROP, more: str = "") -> None:
    lines = "\n".join(rules)
    nft(f"table {family} other {{\n{more}\nchain input {{\n{base}\n{lines}\n}}\n}}\n")


def outcomes(host: Host, **settings: str) -> set[str]:
    return {one["outcome"] for one in host.apply(ONE, settings=settings).foreign}


def test_a_policy_that_drops_is_reported_before_anything_is_applied(host: Host) -> None:
    other("tcp dport 22 accept")
    with pytest.raises(StateError, match=r"Add to table inet other, chain input, .* \(for one\.0, one\.1\)"):
        host.apply(ONE)
    assert (tables(), host.folder.exists()) == (["other"], False)


def test_check_mode_says_it_too(host: Host) -> None:
    other()
    with pytest.raises(StateError, match="refuse what the plan permits"):
        host.apply(ONE, check=True)


def test_with_foreign_warn_it_is_applied_and_reported(host: Host) -> None:
    other()
    assert outcomes(host, foreign="warn") == {"lost"}
    assert "portbook" in tables()


@pytest.mark.parametrize(
    "rules",
    [
        ["accept"],
        ["meta l4proto { tcp, udp } th dport 514 accept"],
        ["th dport 500-520 accept"],
        ["th dport != 22 accept"],
        ["ct state vmap { established : accept, related : accept, invalid : drop }", "th dport { 22, 514 } accept"],
        ["iif lo accept", "ct state invalid drop", "ct state { new, untracked } accept"],
        ["fib daddr type local accept"],
        ["tcp dport vmap { 22 : accept, 514 : accept }", "udp dport 514 counter log accept"],
        ["ip protocol icmp drop", "meta nfproto ipv4 accept"],
        ["icmp type != echo-request drop", "tcp dport != 514 drop", "udp dport != 514 drop", "accept"],
    ],
)
def test_what_lets_the_flow_pass_is_found(host: Host, rules: list[str]) -> None:
    other(*rules)
    assert outcomes(host) == set()


@pytest.mark.parametrize(
    "open_", [["jump web"], ["goto web"], ["meta l4proto tcp jump web", "meta l4proto udp jump web"]]
)
def test_chains_are_followed(host: Host, open_: list[str]) -> None:
    other(
        *open_,
        more="set ports { type inet_service; flags interval; elements = { 100-600 }; }\n"
        "chain web { th dport @ports accept; }",
    )
    assert outcomes(host) == set()


@pytest.mark.parametrize(
    "rules",
    [
        ["ip saddr 192.0.2.0/24 accept"],
        ["iifname eth0 accept"],
        ["limit rate 5/second accept"],
        ["meta mark 1 accept"],
        ["ip saddr . tcp dport vmap { 192.0.2.10 . 514 : accept }"],
    ],
)
def test_what_is_not_understood_is_applied_and_reported(host: Host, rules: list[str]) -> None:
    other(*rules)
    assert "unknown" in outcomes(host, foreign="warn")
    assert "portbook" in tables()


def test_by_default_what_is_unknown_warns_and_with_fail_it_refuses(host: Host) -> None:
    other("iifname eth0 accept")
    assert outcomes(host) == {"unknown"}
    host.apply({"one": {}})
    with pytest.raises(StateError, match="refuse what the plan permits"):
        host.apply(ONE, settings={"foreign": "fail"})
    assert tables() == ["other"]


def test_a_reject_at_the_end_is_lost(host: Host) -> None:
    other(
        "ct state established accept",
        "reject with icmpx type admin-prohibited",
        base="type filter hook input priority 0;",
    )
    with pytest.raises(StateError, match="refuse what the plan permits"):
        host.apply(ONE)


def test_a_family_that_no_peer_has_does_not_count(host: Host) -> None:
    other(family="ip6")
    assert outcomes(host) == set()


def test_a_family_that_only_some_peers_have_is_unknown(host: Host) -> None:
    other(family="ip6")
    both = {"one": slice_of(rule(514, [PEER, "2001:db8::1"]))}
    assert {one["outcome"] for one in host.apply(both).foreign} == {"unknown"}


def test_every_port_of_a_flow_counts(host: Host) -> None:
    other("tcp dport 514 accept")
    two = slice_of(rule(514, [PEER], spans=[[514, 514], [600, 600]]))
    with pytest.raises(StateError, match="refuse what the plan permits"):
        host.apply({"one": two})


OUTWARD = {"one": slice_of(rule(514, [PEER], direction="out", refusal="open"))}
DROP_OUT = "type filter hook output priority 0; policy drop;"


def test_outbound_flows_are_not_judged_by_the_input_hook(host: Host) -> None:
    other()
    assert host.apply(OUTWARD, settings={"outbound": "guard"}).foreign == []


def test_while_outbound_is_off_nobody_asks_who_else_refuses_there(host: Host) -> None:
    other(base=DROP_OUT)
    assert host.apply(OUTWARD).foreign == []


@pytest.mark.parametrize("outbound", ["open", "guard", "strict"])
def test_outbound_flows_are_judged_by_the_output_hook(host: Host, outbound: str) -> None:
    other("tcp dport 22 accept", base=DROP_OUT)
    with pytest.raises(StateError, match=r"Add to table inet other, chain input, .* \(for one\.0\)"):
        host.apply(OUTWARD, settings={"outbound": outbound})
    assert (tables(), host.folder.exists()) == (["other"], False)


def test_an_outbound_flow_that_others_permit_is_found(host: Host) -> None:
    other("oif lo accept", "tcp dport 514 accept", base=DROP_OUT)
    assert host.apply(OUTWARD, settings={"outbound": "strict"}).foreign == []


# -- iptables-legacy ----------------------------------------------------------------------------------


@pytest.fixture
def legacy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """As on a kernel that has its tables; the programs print what a test gives them."""

    def given(saved: str | None, name: str = "iptables-legacy-save", tables: str = "nat\nfilter\n") -> None:
        names, programs = tmp_path / "ip_tables_names", tmp_path / "programs"
        names.write_text(tables)
        programs.mkdir()
        monkeypatch.setattr(legacy_tables, "_NAMES", {"ip": str(names)})
        monkeypatch.setattr(legacy_tables, "_PATH", str(programs))
        if saved is not None:
            version = "(nf_tables)" if name.endswith("nft-save") else "(legacy)"
            program = programs / name.replace("-nft", "")
            program.write_text(
                f"#!/bin/sh\n[ -z \"$1\" ] || {{ echo v1.8.9 '{version}'; exit; }}\ncat <<'X'\n{saved}\nX\n"
            )
            program.chmod(0o755)

    return given


DROPS = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT"


@pytest.mark.parametrize("program", ["iptables-legacy-save", "iptables-save"])
def test_rules_of_iptables_legacy_are_judged(host: Host, legacy: Callable[..., None], program: str) -> None:
    legacy(DROPS, program)
    with pytest.raises(StateError, match=r"table ip filter \(iptables-legacy\), chain INPUT, in front"):
        host.apply(ONE)
    assert (tables(), host.folder.exists()) == ([], False)


def test_rules_of_iptables_legacy_that_permit_are_found(host: Host, legacy: Callable[..., None]) -> None:
    legacy(
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -m multiport -p tcp --dports 1:514 -j ACCEPT\n"
        "-A INPUT -p udp -j ACCEPT\nCOMMIT"
    )
    assert host.apply(ONE).foreign == []


@pytest.mark.parametrize(("saved", "program"), [(None, ""), ("*filter\nCOMMIT", "iptables-nft-save")])
def test_rules_of_iptables_legacy_that_nobody_can_read_are_unknown(
    host: Host, legacy: Callable[..., None], saved: str | None, program: str
) -> None:
    legacy(saved, program)
    found = host.apply(ONE).foreign
    assert {one["outcome"] for one in found} == {"unknown"}
    assert found[0]["where"] == "iptables-legacy rules are loaded (ip: filter) and cannot be read here"
    assert "portbook" in tables()


def test_where_that_is_to_fail_the_error_says_why_they_are_unknown(host: Host, legacy: Callable[..., None]) -> None:
    legacy(None)
    with pytest.raises(
        StateError, match=r"may refuse .* iptables-legacy rules are loaded .* here: one\.0, one\.1\. Or"
    ):
        host.apply(ONE, settings={"foreign": "fail"})


def test_tables_that_only_rewrite_are_no_matter(host: Host, legacy: Callable[..., None]) -> None:
    legacy(None, tables="nat\n")
    assert host.apply(ONE).foreign == []


def test_our_own_table_is_no_unmanaged_rule(host: Host) -> None:
    host.strict(ONE)
    assert host.strict({"two": slice_of(rule(600, [PEER]), name="two")}).foreign == []
