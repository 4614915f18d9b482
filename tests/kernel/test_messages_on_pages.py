# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pages show of a host's answer is what a host with such rules answers."""

from __future__ import annotations

import re

import pytest
from ansible.plugins.callback import CallbackBase
from golden.helpers.book import shipped
from golden.helpers.inventories import UTMSTACK_9
from golden.helpers.rendering import request, same_host
from kernel.helpers.commands import nft, tables
from kernel.helpers.host import Host, rule
from pages import CHECKOUT, printed

from ansible_collections.portbook.firewall.plugins.module_utils.linux import apply as linux_apply
from ansible_collections.portbook.firewall.plugins.module_utils.linux import local
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import StateError

EXISTING = CHECKOUT / "docs" / "existing-firewall.md"
GETTING_STARTED = CHECKOUT / "docs" / "getting-started.md"
DROPS = """
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iif lo accept
  }
}
"""


def test_a_ruleset_that_drops_by_default_is_reported_in_the_words_of_the_page(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page has the first flow and leaves out the others."""
    same_host(monkeypatch)
    nft(DROPS)
    asked = request(UTMSTACK_9.machines, UTMSTACK_9.variables(shipped()), "master1")
    with pytest.raises(StateError) as refused:
        linux_apply.apply(host.state, host.engine, asked)
    words = re.escape(printed(EXISTING, "lost").words).replace(r"\.\.\.", r"utmstack\.[a-z0-9., -]+")
    assert re.fullmatch(words, str(refused.value)), str(refused.value)
    assert tables() == ["filter"]


def test_the_diff_of_a_host_that_becomes_strict_is_that_of_the_page(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "way_in", lambda: ("192.0.2.9", 22))

    def agents(*addresses: str) -> dict[str, object]:
        return {"rules": [beats], "sets": {"utmstack_agent": [*addresses]}}

    beats = {**rule(5044, "utmstack_agent"), "id": "utmstack_master/beats", "flow": "utmstack.agent-beats"}
    host.apply({"utmstack_master": agents("203.0.113.150", "203.0.113.151")})
    became = {"utmstack_master": agents("203.0.113.150", "203.0.113.9")}
    for check in (True, False):
        found = host.apply(became, {"posture": "strict"}, diff=True, check=check, transport="ssh").diff
        assert CallbackBase()._get_diff(found).strip() == printed(GETTING_STARTED, "diff").body.strip()
