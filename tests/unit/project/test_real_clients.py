# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of real clients has the tables that the tests of that name assert, and they are about the port book."""

from __future__ import annotations

import pytest
from clients.helpers.page import PAGE, flows, page, results
from clients.helpers.table import TABLE, Row
from golden.helpers import book as books

BOOK = books.read(books.FOLDER)
NAMED_BY_THE_ISSUE = {
    *("2pxe.tftp-request", "2pxe.tftp-data", "2pxe.dhcp", "2pxe.proxydhcp"),
    *("utmstack.syslog-udp", "utmstack.syslog-tcp", "utmstack.netflow", "utmstack.probe-vpn", "utmstack.web-console"),
    *("stifler.beacon.iperf-tcp", "stifler.beacon.iperf-udp", "bc.wsd.probe"),
}


def test_the_page_has_the_tables(update: bool) -> None:
    if update:
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "pytest tests/unit/project/test_real_clients.py --update writes it"
    )


@pytest.mark.parametrize("table", [flows(), results()], ids=["flows", "results"])
def test_no_cell_is_empty_and_no_table_is_wide(table: str) -> None:
    _head, _line, *rows = [line.strip("|").split("|") for line in table.splitlines()]
    assert len(rows) == len(TABLE)
    assert all(cell.strip() for row in rows for cell in row)
    assert all(len(row) <= 6 for row in rows)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_the_row_of_the_document_leads_to_the_flow(row: Row) -> None:
    assert row.flow in BOOK.flows
    assert row.flow in BOOK.rows[row.row]["flows"]


def test_every_kind_of_traffic_that_is_hard_for_a_firewall_is_there() -> None:
    assert {row.flow for row in TABLE} >= NAMED_BY_THE_ISSUE
