# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports as people write them, and sets of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.portbook.firewall.plugins.module_utils.intervals import Spans
from ansible_collections.portbook.firewall.plugins.plugin_utils.net.ports import (
    ALL_PORTS,
    NO_PORTS,
    BadPort,
    PortSet,
    parse,
    read,
    span_of,
)

PORTS = st.integers(1, 65535)
SPANS = st.tuples(PORTS, PORTS).map(lambda pair: (min(pair), max(pair)))
WRITTEN = SPANS.flatmap(
    lambda span: st.sampled_from(
        [f"{span[0]}-{span[1]}", f" {span[0]} - {span[1]} "]
        if span[0] != span[1]
        else [span[0], str(span[0]), f"{span[0]}-{span[0]}"]
    )
)
NUMBERS = {"rpc_dynamic": Spans(((49152, 65535),)), "tftp_data": Spans(((1024, 65535),))}
TOKENS = st.lists(st.sampled_from(sorted(NUMBERS)), unique=True).map(lambda names: tuple(sorted(names)))
SETS = st.builds(PortSet, st.lists(SPANS, max_size=5).map(Spans.of), TOKENS)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        (22, ("22",)),
        ("22", ("22",)),
        ("22-22", ("22",)),
        ([22, "22"], ("22",)),
        ([8081, 8080], ("8080-8081",)),
        (["10-20", "15-30", 31], ("10-31",)),
        ([443, 80], ("80", "443")),
        ("1-65535", ("1-65535",)),
    ],
)
def test_ports_of_the_same_meaning_have_one_form(written, canonical):
    assert parse(written).texts == canonical
    assert parse(written) == read(canonical)


@given(st.lists(WRITTEN, min_size=1, max_size=6))
def test_what_was_written_is_what_is_meant(written):
    assert parse(written).spans == Spans.of(map(span_of, written))


@pytest.mark.parametrize("written", [0, 65536, -1, "0", "65536", "0-10", "60000-70000", "999999999"])
def test_a_port_out_of_range_is_refused(written):
    with pytest.raises(BadPort, match="65535"):
        parse(written)


def test_a_reversed_range_is_refused_and_turned_round_in_the_advice():
    with pytest.raises(BadPort, match="write 100-200"):
        parse("200-100")


@pytest.mark.parametrize(
    "written", ["", "http", "80,443", "80:90", "8 0", True, False, None, 80.0, {}, "1e3", "٨٠", "80-", "rpc_dynamic"]
)
def test_what_is_not_a_port_is_refused(written):
    with pytest.raises(BadPort, match="is not a valid port"):
        parse(written)


def test_no_ports_at_all_are_refused_from_people_and_not_from_files():
    with pytest.raises(BadPort, match="empty list"):
        parse([])
    assert read([]) == NO_PORTS


@given(st.one_of(st.text(max_size=12), st.integers(), st.none(), st.floats(), st.booleans()))
def test_whatever_is_written_gives_ports_or_a_reason(written):
    try:
        low, high = span_of(written)
    except BadPort as error:
        assert_says_something(error)
    else:
        assert 1 <= low <= high <= 65535


def assert_says_something(error: BadPort) -> None:
    assert str(error)


@given(SETS)
def test_a_file_gives_back_what_it_was_given(ports):
    assert read(list(ports.texts)) == ports
    assert hash(read(ports.texts)) == hash(ports)


@given(SETS.filter(lambda one: one.spans and not one.tokens))
def test_what_is_written_by_hand_is_read_as_the_same(ports):
    assert parse(ports.written) == ports


def test_numbers_stand_before_tokens():
    ports = PortSet.union([PortSet(tokens=("tftp_data",)), parse([443, 80]), PortSet(tokens=("rpc_dynamic",))])
    assert ports.texts == ("80", "443", "rpc_dynamic", "tftp_data")
    assert str(ports) == "80,443,rpc_dynamic,tftp_data"


@given(st.lists(SETS, max_size=4))
def test_a_union_has_what_each_has_and_no_more(sets):
    union = PortSet.union(sets)
    assert union.covered(NUMBERS) == Spans.of(span for one in sets for span in one.covered(NUMBERS))
    assert set(union.tokens) == {token for one in sets for token in one.tokens}


@given(SETS)
def test_a_host_is_given_every_port_that_a_token_may_turn_out_to_be(ports):
    assert Spans.of(ports.numbered(NUMBERS)) == ports.covered(NUMBERS)
    assert ports.spans <= ports.covered(NUMBERS) <= ALL_PORTS


def test_what_a_host_is_given_has_the_order_of_the_text():
    ports = PortSet.union([PortSet(tokens=("rpc_dynamic",)), parse([135, "137-139"])])
    assert list(ports.numbered(NUMBERS)) == [(135, 135), (137, 139), (49152, 65535)]


@given(SETS)
def test_only_a_set_without_numbers_and_tokens_is_empty(ports):
    assert bool(ports) == bool(ports.texts)


def test_ports_that_are_removed_leave_the_tokens():
    assert read(["80-90", "rpc_dynamic"]) - Spans(((85, 65535),)) == read(["80-84", "rpc_dynamic"])
    assert read(["80", "rpc_dynamic"]).without("rpc_dynamic") == read(["80"])


@pytest.mark.parametrize(
    ("written", "above"),
    [
        (["8080"], ["8081"]),
        (["8080", "9000"], ["8081"]),
        (["8080-8090"], None),
        (["65535"], None),
        (["rpc_dynamic"], None),
    ],
)
def test_the_port_above_is_known_of_a_single_port_alone(written, above):
    assert read(written).above() == (None if above is None else read(above))


def test_the_lowest_port_is_none_where_only_a_connection_shows_it():
    assert (read(["90", "80-81"]).lowest, read(["rpc_dynamic"]).lowest) == (80, None)


def test_each_port_can_be_counted():
    assert parse([443, "80-82"]).numbers == [80, 81, 82, 443]
