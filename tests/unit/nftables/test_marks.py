# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks: how they are rendered, who else uses their bits, and what rules that ask for them make of a packet."""

from __future__ import annotations

from typing import Any

import pytest
from unit.nftables.test_foreign import ACCEPT, DROP, base, chain, jump, match, meta, outcome, state
from unit.nftables.test_legacy_tables import outcome as outcome_of_iptables
from unit.nftables.test_ruleset import ONE, OUT, Table

from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import (
    ALLOWED,
    LOST,
    UNKNOWN,
    Chain,
    Local,
    Mark,
    Permission,
)
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.foreign import Packet, judge
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.judging import judged
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.legacy_tables import parsed
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.mark_users import users

MARK = Mark(0x10, 0x30)
MARKED = Packet("tcp", 514, mark=MARK)
FORWARDED = Packet("tcp", 80, direction="forward", mark=MARK)
BITS = {"meta": {"key": "mark"}}
CONNECTION = {"ct": {"key": "mark"}}


def bits(mask: int, right: Any, op: str = "==") -> dict[str, Any]:
    return match({"&": [BITS, mask]}, right, op)


def set_(value: Any, key: Any = None) -> dict[str, Any]:
    return {"mangle": {"key": key or BITS, "value": value}}


# -- rendered -----------------------------------------------------------------------------------------


def test_only_the_bits_of_the_mask_are_set() -> None:
    assert Table(ONE, mark=MARK).chain("permitted") == ["meta mark set meta mark & 0xffffffcf | 0x00000010"]
    assert Table(ONE, mark=Mark(1, 0xFFFFFFFF)).chain("permitted") == ["meta mark set 0x00000001"]


def test_marks_are_put_on_in_front_of_destination_nat_and_behind_what_refuses() -> None:
    assert Table(ONE, OUT, mark=MARK).hooks() == [
        *("prerouting priority -110", "postrouting priority 90"),
        *("prerouting priority -109", "output priority -9", "forward priority -9"),
    ]


def test_while_outbound_is_off_only_what_comes_in_is_marked() -> None:
    assert Table(OUT, mark=MARK, outbound=False).hooks() == ["postrouting priority 90", "prerouting priority -109"]


def test_what_containers_send_is_marked_and_nothing_from_networks_of_the_administrators() -> None:
    table = Table(OUT, mark=MARK, local=Local(trusted=(), own_bridges=("br0",)))
    assert table.hooks()[-1] == "forward priority -9"
    assert table.chain("marking_containers")[1:] == [
        "ct state established accept",
        'meta iifkind "bridge" goto mark_out_containers',
    ]
    first, *rules = table.chain("mark_out_containers")
    assert first == "iifname @own_bridges return"
    assert 'iifname "docker*" goto mark_out' in rules
    assert {rule.rpartition('" ')[2] for rule in rules} == {"goto mark_out"}


def test_ports_with_the_same_peers_share_a_chain() -> None:
    same = Permission("in", "udp", ((600, 610),), networks=ONE.networks)
    everybody = Permission("in", "tcp", ((80, 80),))
    first, second, third = Table(ONE, same, everybody, mark=MARK).elements("map", "mark_in_ports")
    assert first == "tcp . 80 : goto permitted"
    assert second.partition(" : ")[2] == third.partition(" : ")[2] != "goto permitted"


# -- who else uses the bits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        (set_(1), "sets 0xffffffff"),
        (set_({"|": [BITS, 0x11]}), "sets 0x11"),
        (set_({"^": [BITS, 0x11]}), "sets 0x11"),
        (set_({"&": [BITS, 0xFFFFFF00]}), "sets 0xff"),
        (set_({"|": [{"&": [BITS, 0xFFFFFFDF]}, 0x1]}), "sets 0x21"),
        (set_({"|": [{"&": [BITS, 0xFFFFFF00]}, {"&": [CONNECTION, 0xFF]}]}), "sets 0xff"),
        (set_(CONNECTION), "sets 0xffffffff"),
        (set_({"map": {"key": {"payload": {}}, "data": "@m"}}), "sets 0xffffffff"),
        (set_(BITS, CONNECTION), "reads 0xffffffff"),
        (set_({"&": [BITS, 0xFF]}, CONNECTION), "reads 0xff"),
        (set_({"|": [BITS, 0xFFFFFF00]}, CONNECTION), "reads 0xff"),
        (bits(0xFF, 3), "reads 0xff"),
        (bits(0x30, 0x20), "reads 0x30"),
        (bits(0x10, 0), "reads 0x10"),
        (meta("mark", {"range": [1, 32]}), "reads 0xffffffff"),
        (match({"concat": [{"payload": {}}, BITS]}, "@s"), "reads 0xffffffff"),
        ({"vmap": {"key": BITS, "data": {"set": [[1, DROP]]}}}, "reads 0xffffffff"),
        ({"vmap": {"key": BITS, "data": "@m"}}, "reads 0xffffffff"),
        ({"xt": {"type": "target", "name": "CONNMARK"}}, "sets 0xffffffff"),
    ],
)
def test_whoever_uses_them_is_named(expression: Any, what: str) -> None:
    assert users(chain("other", [expression, ACCEPT]), MARK) == [f"table inet other, chain other {what}"]


@pytest.mark.parametrize(
    "expression",
    [
        bits(0x30, 0x10),
        bits(0x30, 0x10, "!="),
        bits(0x30, 0, "!="),
        bits(0x30, {"set": [0x10, 0]}),
        meta("mark", 0x10),
        {"vmap": {"key": {"&": [BITS, 0x30]}, "data": {"set": [[0x10, ACCEPT]]}}},
        bits(0xFF00, 0x100),
        set_({"|": [BITS, 0x100]}),
        set_({"|": [{"&": [BITS, 0xFFFF00FF]}, 0x100]}),
        set_({"&": [BITS, 0xFF00]}, CONNECTION),
        set_(1, CONNECTION),
        match(CONNECTION, 0x10),
        {"xt": {"type": "match", "name": "conntrack"}},
    ],
)
def test_whoever_asks_for_the_mark_or_uses_other_bits_is_not(expression: Any) -> None:
    assert users(chain("other", [expression, ACCEPT]), MARK) == []


def test_a_mark_that_is_proposed_is_one_for_which_nobody_asks() -> None:
    assert users(chain("other", [bits(0x30, 0x10), ACCEPT]), MARK, asking=True)


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ("-j MARK --set-xmark 0x10/0x10", "sets 0x10"),
        ("-j MARK --set-xmark 0x1/0xffffffff", "sets 0xffffffff"),
        ("-j MARK --set-xmark 0x10/0x0", "sets 0x10"),
        ("-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff", "sets 0xff"),
        ("-j CONNMARK --restore-mark --nfmask 0xff00 --ctmask 0xff00", ""),
        ("-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff", "reads 0xff"),
        ("-j CONNMARK --set-xmark 0x10/0xffffffff", ""),
        ("-p tcp -j TPROXY --on-port 1 --on-ip 0.0.0.0 --tproxy-mark 0x10/0x10", "sets 0x10"),
        ("-m mark ! --mark 0x1/0x11 -j DROP", "reads 0x11"),
        ("-m mark ! --mark 0x10/0x30 -j DROP", ""),
        ("-m connmark --mark 0x10 -j ACCEPT", ""),
    ],
)
def test_rules_of_iptables_say_the_same_in_other_words(rule: str, what: str) -> None:
    for table in ("mangle", "nat"):
        found = users(parsed("ip", f"*{table}\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING {rule}\nCOMMIT\n"), MARK)
        assert found == ([f"table ip {table} (iptables-legacy), chain PREROUTING {what}"] if what else [])


# -- judged -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (bits(0x30, 0x10), ALLOWED),
        (bits(0x10, 0x10), ALLOWED),
        (bits(0x20, 0), ALLOWED),
        (bits(0x30, 0, "!="), ALLOWED),
        (bits(0x30, {"set": [0x10, 0x20]}), ALLOWED),
        (bits(0x30, 0x20), LOST),
        (bits(0x30, 0x10, "!="), LOST),
        (meta("mark", 0x20), LOST),
        (meta("mark", 0x20, "!="), ALLOWED),
        (bits(0xFF, 0x11), UNKNOWN),
        (meta("mark", 0x10), UNKNOWN),
        (bits(0x40, 0x40), UNKNOWN),
        (meta("mark", {"range": [1, 32]}), UNKNOWN),
    ],
)
def test_a_rule_that_asks_for_the_mark(question: Any, found: str) -> None:
    assert outcome([question, ACCEPT], packet=MARKED) == found
    assert outcome([question, ACCEPT], packet=Packet("tcp", 514)) == UNKNOWN


def test_a_verdict_map_may_ask_for_it() -> None:
    asks = {"vmap": {"key": {"&": [BITS, 0x30]}, "data": {"set": [[0x20, DROP], [0x10, ACCEPT]]}}}
    assert outcome([asks], packet=MARKED) == ALLOWED


@pytest.mark.parametrize(
    ("hook", "priority", "found"),
    [("prerouting", -150, UNKNOWN), ("prerouting", -100, ALLOWED), ("input", -200, ALLOWED)],
)
def test_in_front_of_the_collection_nothing_is_marked_yet(hook: str, priority: int, found: str) -> None:
    one = base(hook=hook)
    one["chain"]["prio"] = priority
    rule = {"rule": {"family": "inet", "table": "other", "chain": "input", "expr": [bits(0x30, 0x10), ACCEPT]}}
    seen = judge([one, rule], MARKED)
    assert seen.outcome == found
    assert [one.accepts for one in seen.chains] == ([""] if found == UNKNOWN else [])


@pytest.mark.parametrize(
    ("chain_", "line"),
    [
        (base(), "meta mark and 0x30 == 0x10 accept"),
        (parsed("ip", "*filter\n:INPUT DROP [0:0]\n")[0], "iptables -A INPUT -m mark --mark 0x10/0x30 -j ACCEPT"),
        (
            parsed("ip6", "*mangle\n:INPUT DROP [0:0]\n", "")[0],
            "ip6tables -t mangle -A INPUT -m mark --mark 0x10/0x30 -j ACCEPT",
        ),
    ],
)
def test_the_rule_to_add_is_in_the_words_of_who_made_the_chain(chain_: Any, line: str) -> None:
    packet = Packet("tcp", 514, "ip6" if "ip6tables" in line else "ip", mark=MARK)
    assert [one.accepts for one in judge([chain_], packet).chains] == [line]


def test_all_chains_that_refuse_are_named() -> None:
    one = Permission("in", "tcp", ((514, 514), (600, 600)), networks=("192.0.2.1", "2001:db8::1"))
    chains = [base(), base(name="late"), *parsed("ip", "*filter\n:INPUT DROP [0:0]\n")]
    found = judged(chains, one, MARK, MARK)
    assert (found.outcome, [one.where.rpartition("chain ")[2] for one in found.chains]) == (
        LOST,
        ["input", "late", "INPUT"],
    )
    assert judged([base("accept")], one, None, None).chains == ()


def test_the_mark_that_is_proposed_is_no_mark_that_packets_carry() -> None:
    one = Permission("in", "tcp", ((514, 514),))
    proposed = Chain("table inet other, chain input", "meta mark and 0x30 == 0x10 accept", mark=MARK)
    assert judged([base()], one, None, MARK).chains == (proposed,)
    asks = {"rule": {"family": "inet", "table": "other", "chain": "input", "expr": [bits(0x30, 0x10), ACCEPT]}}
    assert judged([base(), asks], one, None, MARK).outcome == UNKNOWN


# -- forwarded to a container ---------------------------------------------------------------------------

PUBLISHED = Permission("in", "tcp", ((8080, 8080),), container_spans=((80, 80),))


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([], LOST),
        ([[bits(0x30, 0x10), ACCEPT]], ALLOWED),
        ([[match({"ct": {"key": "status"}}, "dnat", "in"), ACCEPT]], ALLOWED),
        ([[match({"payload": {"protocol": "tcp", "field": "dport"}}, 80), ACCEPT]], ALLOWED),
        ([[match({"payload": {"protocol": "tcp", "field": "dport"}}, 8080), ACCEPT]], LOST),
        ([[meta("oifname", "docker0"), ACCEPT]], UNKNOWN),
        ([[state("established"), ACCEPT]], LOST),
        ([[match({"fib": {"result": "type", "flags": ["daddr"]}}, "local"), ACCEPT]], LOST),
        # The engine lets pass what it publishes; what DOCKER-USER says is the administrator's.
        ([[jump("DOCKER-FORWARD")]], ALLOWED),
        ([[jump("DOCKER-USER")], [jump("DOCKER-FORWARD")]], ALLOWED),
    ],
)
def test_a_published_port_has_to_get_past_chains_at_forward(rules: list[Any], found: str) -> None:
    assert outcome(*rules, packet=FORWARDED, hook="forward", more=chain("DOCKER-USER")) == found


def test_docker_user_may_refuse() -> None:
    refuses = chain("DOCKER-USER", [DROP])
    rules = [[jump("DOCKER-USER")], [jump("DOCKER-FORWARD")]]
    assert outcome(*rules, packet=FORWARDED, hook="forward", more=refuses) == LOST


def test_chains_at_forward_count_for_published_ports_alone() -> None:
    forward = base(hook="forward")
    assert judged([forward], PUBLISHED, MARK, MARK).outcome == LOST
    assert judged([forward], ONE, MARK, MARK).outcome == ALLOWED
    assert judged([base()], PUBLISHED, MARK, MARK).outcome == LOST


def test_tables_of_container_engines_are_not_judged_at_forward() -> None:
    theirs = base(hook="forward")
    theirs["chain"]["table"] = "docker-bridges"
    assert judged([theirs], PUBLISHED, MARK, MARK).outcome == ALLOWED


# -- more of iptables -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("-m mark --mark 0x10/0x30 -j ACCEPT", ALLOWED),
        ("-m mark --mark 0x20/0x30 -j ACCEPT", LOST),
        ("-m connmark --mark 0x10/0x30 -j ACCEPT", UNKNOWN),
        ("-m addrtype --dst-type LOCAL -j ACCEPT", ALLOWED),
        ("-m addrtype --dst-type BROADCAST -j ACCEPT", LOST),
        ("-m addrtype --src-type LOCAL -j ACCEPT", UNKNOWN),
        ("-m conntrack --ctstate DNAT -j ACCEPT", UNKNOWN),
    ],
)
def test_rules_of_iptables_are_judged_by_mark_and_kind_of_address(rule: str, found: str) -> None:
    assert outcome_of_iptables(f"-A INPUT {rule}", packet=MARKED) == found
