# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/windows.md shows is what a host gets."""

from __future__ import annotations

from golden.helpers.running import Machine
from pages import CHECKOUT
from pages import printed as on_page
from printed_diff import printed
from windows.fake.bringing import look, site
from windows.fake.store import Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import exchange, shown

PAGE = CHECKOUT / "docs" / "windows.md"


def test_the_listing_of_a_boot_server_is_what_it_gets() -> None:
    clients = {"portbook_peers": {"pxe_client": ["192.0.2.128/25"]}}
    company = site([Machine("boot-1", "twopxe_server", ("192.0.2.10",), "windows", clients)])
    before = look(Store.sample(400), exchange.read_arguments(company.parts["boot-1"]))
    brought = company.bring(Store.sample(400), "boot-1")
    assert on_page(PAGE, "first run").body.splitlines() == printed(shown.sections(before, brought.decision))
