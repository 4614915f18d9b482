# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read off rules of others, as `nft -j list ruleset` gives them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.nftables.foreign import (
    ALLOWED,
    LOST,
    UNKNOWN,
    Packet,
    judge,
)

TCP, UDP, SIX = Packet("tcp", 514), Packet("udp", 514), Packet("tcp", 514, "ip6")
OUT = Packet("tcp", 514, direction="out")
ACCEPT, DROP, RETURN = {"accept": None}, {"drop": None}, {"return": None}
REJECT = {"reject": {"type": "icmpx", "expr": "admin-prohibited"}}
COUNTER, LOG = {"counter": {"packets": 0, "bytes": 0}}, {"log": {"prefix": "x"}}


def jump(target: str, kind: str = "jump") -> dict[str, Any]:
    return {kind: {"target": target}}


def match(left: dict[str, Any], right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def header(protocol: str, field: str) -> dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": field}}


def port(right: Any, protocol: str = "tcp", op: str = "==") -> dict[str, Any]:
    return match(header(protocol, "dport"), right, op)


def meta(key: str, right: Any, op: str = "==") -> dict[str, Any]:
    return match({"meta": {"key": key}}, right, op)


def state(right: Any, op: str = "in") -> dict[str, Any]:
    return match({"ct": {"key": "state"}}, right, op)


def base(policy: str = "drop", family: str = "inet", hook: str = "input", name: str = "input") -> dict[str, Any]:
    body = {
        "family": family,
        "table": "other",
        "name": name,
        "type": "filter",
        "hook": hook,
        "prio": 0,
        "policy": policy,
    }
    return {"chain": body}


def chain(name: str, *rules: list[Any], family: str = "inet") -> list[dict[str, Any]]:
    return [
        {"chain": {"family": family, "table": "other", "name": name}},
        *({"rule": {"family": family, "table": "other", "chain": name, "expr": rule}} for rule in rules),
    ]


def outcome(*rules: list[Any], packet: Packet = TCP, more: list[Any] | None = None, **of_base: str) -> str:
    """Of a base chain with these rules."""
    family = of_base.get("family", "inet")
    listed = [{"rule": {"family": family, "table": "other", "chain": "input", "expr": rule}} for rule in rules]
    return judge([base(**of_base), *listed, *(more or [])], packet).outcome


@pytest.mark.parametrize(
    ("hook", "found"), [("output", LOST), ("postrouting", LOST), ("input", ALLOWED), ("prerouting", ALLOWED)]
)
def test_on_the_way_out_other_hooks_count(hook: str, found: str) -> None:
    assert outcome(hook=hook, packet=OUT) == found


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([[meta("oifname", "lo"), ACCEPT]], LOST),
        ([[meta("oifname", "lo", "!="), ACCEPT]], ALLOWED),
        ([[meta("oifname", "eth0"), ACCEPT]], UNKNOWN),
        ([[meta("iifname", "eth0"), ACCEPT]], UNKNOWN),
        ([[port(514), ACCEPT]], ALLOWED),
        ([[match({"fib": {"result": "type", "flags": ["daddr"]}}, "local"), ACCEPT]], LOST),
        ([[match(header("ip", "daddr"), "192.0.2.1"), ACCEPT]], UNKNOWN),
        ([[state("new"), ACCEPT]], ALLOWED),
    ],
)
def test_rules_on_the_way_out(rules: list[Any], found: str) -> None:
    assert outcome(*rules, hook="output", packet=OUT) == found


# -- plain rules --------------------------------------------------------------------------------------


def test_without_unmanaged_rules_everything_is_allowed() -> None:
    assert judge([], TCP).outcome == ALLOWED


@pytest.mark.parametrize(
    ("rules", "policy", "found"),
    [
        ([], "accept", ALLOWED),
        ([], "drop", LOST),
        ([[ACCEPT]], "drop", ALLOWED),
        ([[DROP]], "accept", LOST),
        ([[REJECT]], "accept", LOST),
        ([[port(514), ACCEPT]], "drop", ALLOWED),
        ([[port(515), ACCEPT]], "drop", LOST),
        ([[port(514), DROP], [ACCEPT]], "accept", LOST),
        ([[port(515), DROP], [port(22), ACCEPT]], "accept", ALLOWED),
        ([[COUNTER], [LOG], [COUNTER, LOG, ACCEPT]], "drop", ALLOWED),
        ([[RETURN], [ACCEPT]], "drop", LOST),
    ],
)
def test_verdicts_and_policies(rules: list[Any], policy: str, found: str) -> None:
    assert outcome(*rules, policy=policy) == found


def test_the_chain_is_named() -> None:
    assert judge([base()], TCP).where == "table inet other, chain input"


def test_every_base_chain_has_to_let_it_pass() -> None:
    both = [base("accept"), base("drop", name="late")]
    assert judge(both, TCP).outcome == LOST
    assert judge([base("accept", name="a"), base("accept", name="b")], TCP).outcome == ALLOWED


@pytest.mark.parametrize(
    ("hook", "found"), [("input", LOST), ("prerouting", LOST), ("forward", ALLOWED), ("output", ALLOWED)]
)
def test_only_inbound_hooks_count(hook: str, found: str) -> None:
    assert outcome(hook=hook) == found


def test_translation_is_no_refusal() -> None:
    nat = base("accept", "ip", "prerouting")
    nat["chain"]["type"] = "nat"
    assert judge([nat], TCP).outcome == ALLOWED


# -- what a rule looks at -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "op", "inside"),
    [
        (514, "==", True),
        (514, "!=", False),
        (515, "!=", True),
        ({"set": [22, 514]}, "==", True),
        ({"set": [22, 80]}, "==", False),
        ({"set": [22, 80]}, "!=", True),
        ({"range": [500, 520]}, "==", True),
        ({"range": [515, 520]}, "==", False),
        ({"set": [22, {"range": [500, 520]}]}, "==", True),
        ({"set": [{"elem": {"val": 514, "comment": "syslog"}}]}, "==", True),
        (1023, "<", True),
        (514, "<=", True),
        (514, ">", False),
        (513, ">=", True),
    ],
)
def test_ports(right: Any, op: str, inside: bool) -> None:
    assert outcome([port(right, op=op), ACCEPT]) == (ALLOWED if inside else LOST)
    assert outcome([port(right, "th", op), ACCEPT], packet=UDP) == (ALLOWED if inside else LOST)


@pytest.mark.parametrize("op", ["==", "!="])
@pytest.mark.parametrize(
    "expression", [port(53, "udp"), match(header("icmp", "type"), "echo-request"), port(9, "sctp")]
)
def test_a_rule_for_another_header_is_for_others_even_negated(expression: dict[str, Any], op: str) -> None:
    expression["match"]["op"] = op
    assert outcome([expression, DROP], policy="accept") == ALLOWED


@pytest.mark.parametrize(
    ("expression", "packet", "found"),
    [
        (meta("l4proto", "tcp"), TCP, ALLOWED),
        (meta("l4proto", "tcp"), UDP, LOST),
        (meta("l4proto", 6), TCP, ALLOWED),
        (meta("l4proto", {"set": ["tcp", "udp"]}), UDP, ALLOWED),
        (match(header("ip", "protocol"), "tcp"), TCP, ALLOWED),
        (match(header("ip", "protocol"), "tcp"), SIX, LOST),
        (match(header("ip6", "nexthdr"), "tcp"), SIX, ALLOWED),
        (meta("nfproto", "ipv4"), TCP, ALLOWED),
        (meta("nfproto", "ipv6"), TCP, LOST),
        (meta("nfproto", "ipv6"), SIX, ALLOWED),
        (meta("iifname", "lo"), TCP, LOST),
        (meta("iif", "lo", "!="), TCP, ALLOWED),
        (meta("iifname", "eth0"), TCP, UNKNOWN),
        (meta("iifname", {"set": ["lo", "eth0"]}), TCP, UNKNOWN),
        (state("new"), TCP, ALLOWED),
        (state(["established", "related"]), TCP, LOST),
        (state({"set": ["new", "established"]}), TCP, ALLOWED),
        (state("invalid", "!="), TCP, ALLOWED),
        (match({"fib": {"result": "type", "flags": ["daddr"]}}, "local"), TCP, ALLOWED),
        (match({"fib": {"result": "type", "flags": ["daddr"]}}, "broadcast"), TCP, LOST),
        (match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, False), TCP, UNKNOWN),
        (match(header("ip", "saddr"), "192.0.2.1"), TCP, UNKNOWN),
        (match(header("ip", "saddr"), "192.0.2.1"), SIX, LOST),
        (meta("mark", 1), TCP, UNKNOWN),
        (match({"&": [header("tcp", "flags"), "syn"]}, "syn"), TCP, UNKNOWN),
        (match({"ct": {"key": "status"}}, "dnat"), TCP, UNKNOWN),
        (port("ssh"), TCP, LOST),
        (port({"&": [1, 2]}), TCP, UNKNOWN),
        ({"limit": {"rate": 5, "per": "second"}}, TCP, UNKNOWN),
        ({"what": {"is": "this"}}, TCP, UNKNOWN),
        ("text", TCP, UNKNOWN),
    ],
)
def test_other_matches(expression: Any, packet: Packet, found: str) -> None:
    """A rule that accepts what it matches, in front of a policy that drops."""
    assert outcome([expression, ACCEPT], packet=packet) == found


def test_all_matches_of_a_rule_count() -> None:
    assert outcome([state("new"), port(514), meta("l4proto", "tcp"), ACCEPT]) == ALLOWED
    assert outcome([state("new"), port(22), meta("mark", 1), ACCEPT]) == LOST


def test_what_is_not_understood_matters_only_if_it_makes_a_difference() -> None:
    assert outcome([meta("mark", 1), ACCEPT], policy="accept") == ALLOWED
    assert outcome([meta("mark", 1), DROP]) == LOST
    assert outcome([meta("mark", 1), DROP], [ACCEPT]) == UNKNOWN


@pytest.mark.parametrize(
    "statement",
    [{"queue": {"num": 0}}, {"synproxy": None}, {"tproxy": {"port": 1}}, {"xt": None}, {"flow": {"op": "add"}}],
)
def test_a_statement_that_is_not_understood_may_do_anything(statement: dict[str, Any]) -> None:
    assert outcome([statement], policy="accept") == UNKNOWN
    assert outcome([port(22), statement], policy="accept") == ALLOWED


# -- named sets and maps ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("elements", "found"), [([514], ALLOWED), ([{"range": [1, 600]}], ALLOWED), ([22], LOST), ([], LOST)]
)
def test_named_sets(elements: list[Any], found: str) -> None:
    named = {"set": {"family": "inet", "table": "other", "name": "ports", "type": "inet_service", "elem": elements}}
    assert outcome([port("@ports"), ACCEPT], more=[named]) == found


def test_a_set_without_elements_is_empty() -> None:
    named = {"set": {"family": "inet", "table": "other", "name": "ports", "type": "inet_service"}}
    assert outcome([port("@ports"), ACCEPT], more=[named]) == LOST


def vmap(key: dict[str, Any], *pairs: list[Any]) -> dict[str, Any]:
    return {"vmap": {"key": key, "data": {"set": list(pairs)}}}


STATE = {"ct": {"key": "state"}}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        (vmap(STATE, ["established", ACCEPT], ["invalid", DROP]), LOST),
        (vmap(STATE, ["established", ACCEPT], ["new", ACCEPT]), ALLOWED),
        (vmap(header("tcp", "dport"), [22, DROP], [514, ACCEPT]), ALLOWED),
        (vmap(header("tcp", "dport"), [{"range": [500, 520]}, jump("web")]), ALLOWED),
        (vmap(header("udp", "dport"), [514, ACCEPT]), LOST),
        (vmap(header("tcp", "dport"), [514, {"continue": None}]), LOST),
        (vmap({"meta": {"key": "iifname"}}, ["eth0", jump("web")]), UNKNOWN),
        (
            vmap({"concat": [header("ip", "saddr"), header("tcp", "dport")]}, [{"concat": ["192.0.2.1", 514]}, ACCEPT]),
            UNKNOWN,
        ),
    ],
)
def test_verdict_maps(expression: dict[str, Any], found: str) -> None:
    assert outcome([expression], more=chain("web", [ACCEPT])) == found


def test_named_verdict_maps() -> None:
    named = {"map": {"family": "inet", "table": "other", "name": "ports", "elem": [[514, ACCEPT]]}}
    assert outcome([{"vmap": {"key": header("tcp", "dport"), "data": "@ports"}}], more=[named]) == ALLOWED


# -- chains -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "inner", "after", "found"),
    [
        ("jump", [[ACCEPT]], [DROP], ALLOWED),
        ("jump", [[port(22), ACCEPT]], [ACCEPT], ALLOWED),
        ("jump", [[RETURN], [ACCEPT]], [DROP], LOST),
        ("jump", [], [ACCEPT], ALLOWED),
        ("goto", [[port(22), ACCEPT]], [ACCEPT], LOST),
        ("goto", [[ACCEPT]], [DROP], ALLOWED),
        ("jump", [[meta("mark", 1), RETURN], [ACCEPT]], [DROP], UNKNOWN),
        ("jump", [[meta("mark", 1), ACCEPT]], [DROP], UNKNOWN),
    ],
)
def test_jumps_come_back_and_gotos_do_not(kind: str, inner: list[Any], after: list[Any], found: str) -> None:
    assert outcome([jump("web", kind)], after, more=chain("web", *inner)) == found


def test_a_jump_that_may_or_may_not_be_taken() -> None:
    assert outcome([meta("mark", 1), jump("web")], more=chain("web", [ACCEPT])) == UNKNOWN
    assert outcome([meta("mark", 1), jump("web")], [ACCEPT], more=chain("web", [ACCEPT])) == ALLOWED


def test_chains_that_call_each_other_are_not_followed_for_ever() -> None:
    more = [*chain("a", [jump("b")]), *chain("b", [jump("a")])]
    assert outcome([jump("a")], more=more) == UNKNOWN


@pytest.mark.parametrize("name", ["DOCKER-USER", "docker_gwbridge", "LIBVIRT_INP", "netavark_input", "KUBE-FIREWALL"])
def test_chains_of_container_engines_judge_other_traffic(name: str) -> None:
    assert outcome([jump(name)], policy="accept", more=chain(name, [DROP])) == ALLOWED


# -- families -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "packet", "found"),
    [
        ("ip", TCP, LOST),
        ("ip", SIX, ALLOWED),
        ("ip6", TCP, ALLOWED),
        ("ip6", SIX, LOST),
        ("inet", SIX, LOST),
        ("bridge", TCP, ALLOWED),
        ("arp", TCP, ALLOWED),
    ],
)
def test_a_chain_judges_its_own_family(family: str, packet: Packet, found: str) -> None:
    assert outcome(family=family, packet=packet) == found


# -- iptables over nftables ---------------------------------------------------------------------------


def xt(kind: str, name: str) -> dict[str, Any]:
    return {"xt": {"type": kind, "name": name}}


@pytest.mark.parametrize(
    ("rule", "policy", "found"),
    [
        ([xt("match", "multiport"), COUNTER, ACCEPT], "drop", UNKNOWN),
        ([xt("match", "comment"), COUNTER, ACCEPT], "accept", ALLOWED),
        ([COUNTER, xt("target", "REJECT")], "accept", LOST),
        ([port(514), COUNTER, xt("target", "REJECT")], "accept", LOST),
        ([port(22), COUNTER, xt("target", "REJECT")], "accept", ALLOWED),
        ([COUNTER, xt("target", "LOG")], "accept", ALLOWED),
        ([COUNTER, xt("target", "NFQUEUE")], "accept", UNKNOWN),
        ([xt("match", "state"), COUNTER], "accept", ALLOWED),
    ],
)
def test_extensions_of_iptables(rule: list[Any], policy: str, found: str) -> None:
    assert outcome(rule, policy=policy, family="ip") == found
