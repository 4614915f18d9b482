# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator is shown of a change: single peers and settings, and first of all what is refused that was not."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.plugins.callback import CallbackBase
from hypothesis import given
from hypothesis import strategies as st
from printed_diff import printed

from ansible_collections.portbook.firewall.plugins.module_utils import networks
from ansible_collections.portbook.firewall.plugins.module_utils.access import EVERYBODY, NOBODY, SOME, Effects
from ansible_collections.portbook.firewall.plugins.module_utils.difference import (
    ANYONE,
    MANAGEMENT,
    Rule,
    Setting,
    View,
    section,
    sections,
)

AGENTS = ("10.0.0.9", "10.0.0.10")


def rule(port: int = 5044, peers: Iterable[str] | str = AGENTS, who: str = "agent", **more: Any) -> Rule:
    given_: dict[str, Any] = {
        "id": f"beats/{port}",
        "flow": "acme.beats",
        "direction": "in",
        "protocol": "tcp",
        "spans": ((port, port),),
        "who": peers if isinstance(peers, str) else who,
        "peers": None if isinstance(peers, str) else frozenset(peers),
        "guarded": True,
        **more,
    }
    return Rule(**given_)


def view(*rules: Rule, unnamed: int = EVERYBODY, settings: dict[str, Setting] | None = None, **lists: str) -> View:
    words = {name: frozenset(text.split()) for name, text in lists.items()}
    return View(settings or {}, words, rules, {"in": unnamed, "out": EVERYBODY})


def shown(before: View, after: View, **more: int) -> list[str]:
    return printed(sections(before, after, **more))


def peers(*before_and_after: Iterable[str], **more: Any) -> list[str]:
    before, after = (view(rule(peers=one), **more) for one in before_and_after)
    return shown(before, after)


def test_what_stays_is_not_shown() -> None:
    assert shown(view(rule(), rule(80, ANYONE)), view(rule(80, ANYONE), rule())) == []


# -- peers --------------------------------------------------------------------------------------------


def test_a_peer_that_moves_is_two_members_of_one_set() -> None:
    assert peers(AGENTS, ("10.0.0.9", "10.9.9.9")) == [
        *("newly refused:", "-peers agent: 10.0.0.10"),
        *("newly allowed:", "+peers agent: 10.9.9.9"),
    ]


def test_members_are_in_the_order_of_numbers_and_ipv4_first() -> None:
    more = ("2001:db8::a", "2001:db8::9", "10.0.0.100", "9.0.0.0/24")
    assert peers(("10.0.0.9",), (*AGENTS, *more)) == [
        "newly allowed:",
        "+peers agent: 9.0.0.0/24, 10.0.0.10, 10.0.0.100, 2001:db8::9, 2001:db8::a",
    ]


def test_a_network_that_is_written_as_its_halves_is_the_same() -> None:
    assert peers(("192.0.2.0/25",), ("192.0.2.64/26", "192.0.2.0/26")) == []


def test_of_a_network_that_is_cut_only_what_is_cut_off_is_shown() -> None:
    assert peers(("192.0.2.0/25",), ("192.0.2.0/26", "192.0.2.64/27")) == [
        *("newly refused:", "-peers agent: 192.0.2.96/27")
    ]


def test_a_set_of_many_rules_is_shown_once() -> None:
    before, after = (
        view(*(rule(port, one, flow=f"acme.{port}") for port in range(10))) for one in (AGENTS, ["10.0.0.9"])
    )
    assert shown(before, after) == ["newly refused:", "-peers agent: 10.0.0.10"]


def test_another_name_of_the_same_set_is_no_difference() -> None:
    assert shown(view(rule()), view(rule(who="agent@branch"))) == []


def test_sets_of_one_name_are_distinguished_by_their_flows() -> None:
    other = rule(80, ["10.7.0.1"], flow="acme.web")
    assert shown(view(rule(), other), view(rule(peers=["10.0.0.9"]), other)) == [
        *("newly refused:", "-peers agent (acme.beats): 10.0.0.10")
    ]


def test_a_set_of_twenty_thousand_names_a_few_and_counts_the_rest() -> None:
    many = [f"10.{number // 128}.{number % 128 * 2}.1" for number in range(20000)]
    (line,) = shown(view(), view(rule(peers=many)), most=2)[-1:]
    assert line == "+peers agent: 10.0.0.1, 10.0.2.1 and 19998 more"


def test_peers_of_a_port_that_is_open_to_all_are_refused_nothing() -> None:
    before, after = (view(rule(peers=one, guarded=False)) for one in (AGENTS, ["10.0.0.9"]))
    assert shown(before, after) == ["other changes:", "-peers agent: 10.0.0.10"]


def test_a_peer_that_another_rule_still_lets_in_is_refused_nothing() -> None:
    other = rule(5044, ["10.0.0.0/24"], "office", id="office", flow="acme.office", guarded=False)
    before, after = (view(rule(peers=one), other) for one in (AGENTS, ["10.0.0.9"]))
    assert shown(before, after) == ["other changes:", "-peers agent: 10.0.0.10"]


# -- rules --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        pytest.param(
            view(),
            view(rule()),
            [
                *("newly refused:", "+in tcp 5044 from agent, guarded (acme.beats)"),
                *("newly allowed:", "+peers agent: 10.0.0.9, 10.0.0.10"),
            ],
            id="a new guard refuses everyone else",
        ),
        pytest.param(
            view(rule()),
            view(),
            [
                *("newly allowed:", "-in tcp 5044 from agent, guarded (acme.beats)"),
                *("other changes:", "-peers agent: 10.0.0.9, 10.0.0.10"),
            ],
            id="a guard that goes lets everyone in",
        ),
        pytest.param(
            view(rule(guarded=False)),
            view(rule()),
            [
                "newly refused:",
                "-in tcp 5044 from agent (acme.beats)",
                "+in tcp 5044 from agent, guarded (acme.beats)",
            ],
            id="an open port becomes guarded",
        ),
        pytest.param(
            view(rule(notes=("watched",), guarded=False)),
            view(rule()),
            [
                "newly refused:",
                "-in tcp 5044 from agent, watched (acme.beats)",
                "+in tcp 5044 from agent, guarded (acme.beats)",
            ],
            id="a watched port becomes guarded",
        ),
        pytest.param(
            view(),
            view(rule(80, ANYONE, guarded=False)),
            ["newly allowed:", "+in tcp 80 from anyone (acme.beats)"],
            id="a new permission",
        ),
        pytest.param(
            view(rule(80, ANYONE, guarded=False)),
            view(),
            ["other changes:", "-in tcp 80 from anyone (acme.beats)"],
            id="a permission that goes where all is accepted",
        ),
        pytest.param(
            view(rule(80, ANYONE, guarded=False), unnamed=NOBODY),
            view(unnamed=NOBODY),
            ["newly refused:", "-in tcp 80 from anyone (acme.beats)"],
            id="a permission that goes where the rest is refused",
        ),
        pytest.param(
            view(rule(80, ANYONE, guarded=False), unnamed=SOME),
            view(unnamed=SOME),
            ["newly refused:", "-in tcp 80 from anyone (acme.beats)"],
            id="a permission that goes where only rules of others let something in",
        ),
        pytest.param(
            view(rule(notes=("logged",))),
            view(rule()),
            [
                "other changes:",
                "-in tcp 5044 from agent, guarded, logged (acme.beats)",
                "+in tcp 5044 from agent, guarded (acme.beats)",
            ],
            id="logging refuses nobody",
        ),
        pytest.param(
            view(rule(80, ANYONE, guarded=False), unnamed=NOBODY),
            view(rule(80, ANYONE, guarded=False, narrowed=("program C:\\a.exe",)), unnamed=NOBODY),
            [
                "newly refused:",
                "-in tcp 80 from anyone (acme.beats)",
                "+in tcp 80 from anyone, program C:\\a.exe (acme.beats)",
            ],
            id="a permission of one program only",
        ),
    ],
)
def test_a_change_of_rules_is_shown_by_what_it_does(before: View, after: View, lines: list[str]) -> None:
    assert shown(before, after) == lines


def test_a_rule_that_has_another_id_and_says_the_same_is_the_same() -> None:
    assert shown(view(rule()), view(rule(id="other"))) == []


def test_all_ports_of_a_rule_stand_in_its_line() -> None:
    wide = rule(guarded=False, spans=((1, 2), (5, 5)), direction="out", protocol="udp", peers=ANYONE)
    assert shown(view(), view(wide)) == ["newly allowed:", "+out udp 1-2,5 to anyone (acme.beats)"]


# -- settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("more", "title"), [(1, "newly refused"), (0, "other changes"), (-1, "newly allowed")])
def test_a_setting_stands_where_it_belongs(more: int, title: str) -> None:
    before, after = (view(settings={"inbound": Setting(text, more * way)}) for way, text in enumerate(("old", "new")))
    assert shown(before, after) == [f"{title}:", "-inbound: old", "+inbound: new"]


def test_single_words_of_a_list_are_shown() -> None:
    assert shown(view(interfaces="docker0 lan9 lan10"), view(interfaces="docker0 wan")) == [
        *("newly refused:", "-interfaces: lan10, lan9"),
        *("newly allowed:", "+interfaces: wan"),
    ]


def test_management_access_is_no_set_of_peers_by_its_words() -> None:
    before, after = (view(rule(22, one, MANAGEMENT)) for one in (["192.0.2.1"], ["192.0.2.1", "192.0.2.2"]))
    assert shown(before, after) == ["newly allowed:", "+management access: 192.0.2.2"]


def test_sections_stand_in_the_order_of_danger() -> None:
    before = view(rule(), settings={"log": Setting("off"), "inbound": Setting("accepted")})
    after = view(rule(peers=("10.0.0.11",)), settings={"log": Setting("all"), "inbound": Setting("refused", 1)})
    titles = [one["before_header"] for one in sections(before, after)]
    assert titles == ["newly refused", "newly allowed", "other changes"]


def test_equal_sections_are_left_out() -> None:
    assert section("ruleset", ["a"], ["a"]) == []


PAGE = Path(__file__).resolve().parents[2] / "docs" / "getting-started.md"


def test_the_example_of_the_guide_is_what_ansible_prints() -> None:
    def host(agent: str, verdict: Setting, *more: Rule, unnamed: int) -> View:
        peers = rule(peers=[agent], who="utmstack_agent")
        return view(peers, *more, settings={"inbound traffic without a rule": verdict}, unnamed=unnamed)

    ssh = rule(22, ["192.0.2.9"], MANAGEMENT, id=MANAGEMENT, flow="", guarded=False)
    found = sections(
        host("203.0.113.151", Setting("accepted"), unnamed=EVERYBODY),
        host("203.0.113.9", Setting("refused", 1), ssh, unnamed=NOBODY),
    )
    text = re.sub("\\x1b\\[[0-9;]*m", "", CallbackBase()._get_diff(found)).rstrip()
    assert f"```text\n{text}\n```" in PAGE.read_text("utf-8")


# -- for any two views --------------------------------------------------------------------------------

NETWORK = st.tuples(st.integers(0, 40), st.integers(29, 32)).map(
    lambda one: ipaddress.ip_network((one[0] + 0xC0000200, one[1]), strict=False)
)


def collapsed(found: Iterable[Any]) -> frozenset[str]:
    texts = (str(one) for one in ipaddress.collapse_addresses(found))
    return frozenset(text.removesuffix("/32") for text in texts)


SETS = st.lists(NETWORK, max_size=5).map(collapsed)
ALL = set(range(0xC0000100, 0xC0000300))
RULES = st.dictionaries(st.integers(1, 4), st.tuples(SETS, st.booleans(), st.sampled_from("ab")), max_size=4)
VIEWS = st.builds(
    lambda rules, unnamed: view(
        *(
            rule(port, members, who, flow=f"acme.{port}", guarded=guarded)
            for port, (members, guarded, who) in rules.items()
        ),
        unnamed=unnamed,
    ),
    RULES,
    st.sampled_from((NOBODY, SOME, EVERYBODY)),
)


def numbers(texts: Iterable[str]) -> set[int]:
    return {int(address) for text in texts for address in ipaddress.ip_network(text)}


@given(VIEWS, VIEWS)
def test_what_is_shown_of_a_set_applied_to_what_was_gives_what_is(before: View, after: View) -> None:
    lines = [line for line in shown(before, after) if line[1:].startswith("peers ")]
    olds, news = ({one.id: one for one in both.rules} for both in (before, after))
    for id_ in {*olds, *news}:
        old, new = (numbers(side[id_].peers or ()) if id_ in side else set() for side in (olds, news))
        if not (id_ in olds and id_ in news):
            continue
        flow = news[id_].flow
        named = [line for line in lines if line[1:].split(": ")[0] in (f"peers {news[id_].who}", of(lines, flow))]
        gone = {one for line in named if line[0] == "-" for one in numbers(line.split(": ")[1].split(", "))}
        come = {one for line in named if line[0] == "+" for one in numbers(line.split(": ")[1].split(", "))}
        assert (old - gone) | come == new
        assert gone <= old
        assert not come & old


def of(lines: list[str], flow: str) -> str:
    """The name of a set that is told apart by its flows."""
    return next((line[1:].split(": ")[0] for line in lines if flow in line.split(": ")[0]), "")


@given(VIEWS, VIEWS)
def test_there_is_nothing_to_show_exactly_if_all_is_the_same(before: View, after: View) -> None:
    def meaning(one: View) -> object:
        lines = [(rule.line(""), frozenset(numbers(rule.peers or ()))) for rule in one.rules]
        return sorted(lines, key=repr)

    assert (shown(before, after) == []) == (meaning(before) == meaning(after))


@given(VIEWS, VIEWS)
def test_who_lost_or_gained_access_is_who_may_no_longer_or_may_now(before: View, after: View) -> None:
    effects = Effects(before.unnamed, after.unnamed)
    contents = [one.peers or frozenset() for both in (before, after) for one in both.rules]
    for number, (is_new, one) in enumerate(
        (new, one) for new, both in enumerate((before, after)) for one in both.rules
    ):
        effects.add((bool(is_new), one.id), one, number)
    effects.judge(contents)
    for is_new, one in ((new, one) for new, both in enumerate((before, after)) for one in both.rules):
        old, new = through(before, one.spans), through(after, one.spans)
        assert effects.of((bool(is_new), one.id)) == (bool(old - new), bool(new - old))


def through(one: View, spans: object) -> set[int]:
    """Addresses; 0 and 1 stand for those that no rule names: all of them, or those whom others let in, too."""
    here = [rule for rule in one.rules if rule.spans == spans]
    level = NOBODY if any(rule.guarded for rule in here) else one.unnamed["in"]
    named = {address for rule in here for address in numbers(rule.peers or ())}
    return set(range(level)) | (named if level < EVERYBODY else ALL)


@given(SETS, SETS)
def test_differences_of_networks_are_those_of_their_addresses(one: frozenset[str], other: frozenset[str]) -> None:
    gone, come = ([*networks.written(found)] for found in networks.difference(one, other))
    assert (numbers(gone), numbers(come)) == (numbers(one) - numbers(other), numbers(other) - numbers(one))
    for found in (gone, come):
        assert frozenset(found) == collapsed(map(ipaddress.ip_network, found))


@pytest.mark.parametrize("text", ["192.0.2.7", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0", "2001:db8::7"])
def test_a_network_is_written_as_it_was_read(text: str) -> None:
    found = networks.addresses([text])
    assert (list(networks.written(found)), networks.count(found)) == ([text], 1)


def test_a_range_is_written_as_networks() -> None:
    found = networks.addresses(["192.0.2.3-192.0.2.8", "2001:db8::1-2001:db8::2"])
    assert list(networks.written(found)) == [*("192.0.2.3", "192.0.2.4/30", "192.0.2.8", "2001:db8::1", "2001:db8::2")]


def test_a_change_of_a_large_set_takes_no_time() -> None:
    """Much less than the half second that is allowed here."""
    many = [f"10.{number // 128}.{number % 128 * 2}.1" for number in range(20000)]
    contents = frozenset(many), frozenset([*many[1:], "192.0.2.1"])
    sides = [view(*(replace(rule(port, id=str(port)), peers=one) for port in range(50))) for one in contents]
    start = time.process_time()
    assert shown(*sides) == [
        *("newly refused:", "-peers agent: 10.0.0.1"),
        *("newly allowed:", "+peers agent: 192.0.2.1"),
    ]
    assert time.process_time() - start < 0.5
