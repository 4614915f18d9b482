# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one task says for all hosts: short for many, what went wrong first, nothing lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.portbook.firewall.plugins.plugin_utils.run import table
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.records import Record, Records
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.summary import WIDTH, BadWord, lines, word

KINDS = ("planned", "unchanged", "changed", "not applied", "refused", "failed", "unreachable")


def said(*records: Record, wanted: str | None = None) -> list[str]:
    return lines(records, wanted, None, lambda _record: None, WIDTH)


def done(host: str, kind: Any = "changed", **more: Any) -> Record:
    return Record(host, kind, ("web",), rules_in=3, **more)


@pytest.mark.parametrize(("given_", "meant"), [(None, None), ("full", "full"), (True, "full"), ("False", "none")])
def test_words_for_how_much_is_shown(given_: object, meant: str | None) -> None:
    assert word(given_) == meant


@pytest.mark.parametrize("wrong", ["all", "", 5, ["full"], "FULL"])
def test_another_word_is_refused_with_those_known(wrong: object) -> None:
    with pytest.raises(BadWord, match="Valid values: full, summary, changes, none"):
        word(wrong)


def test_equal_results_stand_once_and_what_went_wrong_stands_first() -> None:
    records = [done(f"web-{one:03}", text="2 created") for one in range(199)]
    records += [done("web-500", "refused", text="no space left"), done("web-501", "unreachable", text="timed out")]
    head, *rows = said(*records)
    assert head.split() == ["hosts", "components", "planned", "result"]
    assert [row.split("  ")[0] for row in rows] == [
        "web-500",
        "web-501",
        "web-000 and 198 more",
        "201 hosts: 199 changed, 1 unreachable, 1 refused",
    ]


def test_many_different_results_are_cut_with_a_count_of_what_is_left() -> None:
    found = said(*(done(f"web-{one:04}", text=f"{one} created") for one in range(300)))
    assert len(found) <= 60
    assert found[-2] == "and 255 hosts in 255 more rows"
    assert found[-1] == "300 hosts: 300 changed"


def test_a_host_counts_once_with_the_worst_that_happened_to_it() -> None:
    assert (
        said(done("a"), done("a", "failed", text="x"), done("b", "unchanged"))[-1] == "2 hosts: 1 unchanged, 1 failed"
    )


def test_a_check_says_what_would_be() -> None:
    found = said(done("a", text="would create 2", check=True))
    assert found[1].endswith("  would create 2")
    assert found[-1] == "1 host: 1 would be changed"


def test_changes_leave_out_hosts_that_stayed_as_they_were_but_count_them() -> None:
    found = said(done("a", text="2 created"), done("b", "unchanged"), wanted="changes")
    assert not any(line.startswith("b ") for line in found)
    assert found[-1] == "2 hosts: 1 unchanged, 1 changed"


@given(
    st.lists(
        st.builds(
            Record,
            host=st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=300),
            kind=st.sampled_from(KINDS),
            components=st.lists(
                st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=60), max_size=3
            ).map(tuple),
            text=st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=300),
        ),
        max_size=60,
    )
)
def test_whatever_happened_fits_a_terminal(records: list[Record]) -> None:
    assert all(len(line) <= WIDTH for line in said(*records, wanted="summary"))
    assert len(said(*records, wanted="summary")) <= 60


def test_what_was_said_once_is_not_said_again(tmp_path: Path) -> None:
    records = Records(str(tmp_path))
    records.add(done("a", text="é \u2028 \n"))
    assert Records(str(tmp_path)).take() == [done("a", text="é \u2028 \n")]
    records.add(done("b"))
    assert records.take() == [done("b")]
    assert records.take() == []


def test_a_table_aligns_numbers_to_the_right_and_cuts_what_is_too_long() -> None:
    found = table.lines(("host", "n", "what"), [("a", "5", "x" * 200), ("b" * 50, "1,000", "y")], 60)
    assert found[1].startswith("a ")
    assert "      5  x" in found[1]
    assert found[1].endswith("...")
    assert {len(line) <= 60 for line in found} == {True}
