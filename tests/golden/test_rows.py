# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of the four documents is accounted for."""

from __future__ import annotations

import pytest
from golden.helpers import accounts
from golden.helpers.book import shipped


def test_each_document_has_the_rows_and_flows_that_were_counted() -> None:
    assert accounts.counts(shipped()) == []


def test_rows_and_flows_are_those_of_the_reference_where_it_lies_next_to_the_checkout() -> None:
    theirs = accounts.vendor_rows()
    if theirs is None:
        # Nothing to compare with: the numbers kept in the catalogue have to do.
        assert accounts.counts(shipped()) == []
    else:
        assert accounts.compared(shipped(), theirs) == []
        assert len(theirs) == accounts.ROWS


def test_every_row_can_be_found_in_its_document() -> None:
    assert accounts.locators(shipped()) == []


def test_every_row_became_a_flow_or_has_a_reason_why_not() -> None:
    assert accounts.fates(shipped()) == []


def test_flows_of_documents_have_rows_and_our_additions_have_none() -> None:
    assert accounts.origins(shipped()) == []


def test_our_additions_are_off_by_default_where_a_document_speaks_of_the_version() -> None:
    assert accounts.additions(shipped()) == []


def test_an_erratum_generates_something_else_than_is_printed() -> None:
    assert accounts.errata(shipped()) == []


@pytest.mark.parametrize("name", sorted(shipped().documents))
def test_a_document_says_where_it_is_and_of_which_version(name: str) -> None:
    document = shipped().documents[name]
    assert document["title"].strip()
    assert document["address"].strip()
    assert document["version"].strip()
