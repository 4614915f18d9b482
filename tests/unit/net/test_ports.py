# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.portbook.firewall.plugins.plugin_utils.net.ports import (
    BadPort,
    figures,
    span_of,
    spans_of,
    texts,
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
    assert figures(written) == canonical


@given(st.lists(WRITTEN, min_size=1, max_size=6))
def test_canonical_ports_mean_what_was_written_and_stay_as_they_are(written):
    canonical = figures(written)
    assert spans_of(canonical) == spans_of(written)
    assert figures(list(canonical)) == canonical
    assert tuple(texts(spans_of(canonical))) == canonical


@pytest.mark.parametrize("written", [0, 65536, -1, "0", "65536", "0-10", "60000-70000", "999999999"])
def test_a_port_out_of_range_is_refused(written):
    with pytest.raises(BadPort, match="65535"):
        span_of(written)


def test_a_reversed_range_is_refused_and_turned_round_in_the_advice():
    with pytest.raises(BadPort, match="write 100-200"):
        span_of("200-100")


@pytest.mark.parametrize(
    "written", ["", "http", "80,443", "80:90", "8 0", True, False, None, 80.0, {}, "1e3", "٨٠", "80-"]
)
def test_what_is_no_port_is_refused(written):
    with pytest.raises(BadPort, match="is no port"):
        span_of(written)


def test_no_ports_at_all_are_refused():
    with pytest.raises(BadPort, match="empty list"):
        figures([])


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
