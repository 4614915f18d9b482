# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where two texts of our table differ, be they as we write them or as nft lists them."""

from __future__ import annotations

from ansible_collections.portbook.firewall.plugins.module_utils.nftables.listing import difference

OURS = """table inet portbook
delete table inet portbook
table inet portbook {
  set p4_1 {
    type ipv4_addr
    elements = { 192.0.2.1, 192.0.2.2 }
  }
  chain inbound {
    type filter hook prerouting priority -110; policy accept;
    iif lo accept
    meta l4proto icmp icmp type { echo-request, echo-reply } accept
    jump refused
  }
}
"""
LISTED = """table inet portbook {
\tset p4_1 {
\t\ttype ipv4_addr
\t\telements = { 192.0.2.2,
\t\t\t     192.0.2.1 }
\t}

\tchain inbound {
\t\ttype filter hook prerouting priority -110; policy accept;
\t\tiif lo accept
\t\tmeta l4proto icmp icmp type { echo-request, echo-reply } accept
\t\tjump refused
\t}
}
"""


def test_how_a_text_is_laid_out_is_no_difference() -> None:
    assert difference(OURS, LISTED) == ([], [])


def test_of_a_set_single_elements_are_shown() -> None:
    assert difference(LISTED, LISTED.replace("192.0.2.1 }", "192.0.2.3 }")) == (
        ["set p4_1: 192.0.2.1"],
        ["set p4_1: 192.0.2.3"],
    )


def test_of_a_chain_all_lines_are_shown_since_their_order_counts() -> None:
    turned = LISTED.replace("\t\tiif lo accept\n", "").replace("jump refused\n", "jump refused\n\t\tiif lo accept\n")
    before, after = difference(LISTED, turned)
    assert sorted(before) == sorted(after)
    assert (before[1], after[-1]) == ("chain inbound: iif lo accept", "chain inbound: iif lo accept")


def test_what_comes_or_goes_is_shown_whole_and_chains_first() -> None:
    nothing, all_ = difference("", OURS)
    assert nothing == []
    assert (all_[0], all_[-1]) == (
        "chain inbound: type filter hook prerouting priority -110; policy accept;",
        "set p4_1: 192.0.2.2",
    )
