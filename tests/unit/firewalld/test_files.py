# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The permanent configuration is read as it is written, and what somebody has changed there is another one."""

from __future__ import annotations

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld import files
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.objects import Openings, wanted
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.text import RELOAD, Text, parsed
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import Local, Permission

PERMISSIONS = [
    Permission("in", "tcp", ((514, 514), (600, 610)), networks=("192.0.2.1", "2001:db8::/64"), peers="senders & <co>"),
    Permission("in", "udp", ((514, 514),), networks=None),
    Permission("in", "udp", ((5353, 5353),), networks=None, cast="multicast"),
    Permission("in", "esp", networks=("198.51.100.0/24",), peers="gateways"),
]
OPENINGS = wanted(PERMISSIONS, Local(way_in=("192.0.2.9",), way_in_ports=(22,)))
FILES = files.written(OPENINGS)


def test_all_is_read_as_it_was_written() -> None:
    assert len(OPENINGS.rules) > 5
    assert files.read(FILES) == OPENINGS


def test_nothing_is_no_file() -> None:
    assert files.written(Openings()) == {}
    assert files.read({}) == Openings()


EDITS = {
    "another rule": ("<accept/>", "<drop/>"),
    "a priority": ('priority="-100"', 'priority="5"'),
    "a target": ('target="CONTINUE"', 'target="ACCEPT"'),
    "another zone": ('<ingress-zone name="ANY"/>', '<ingress-zone name="public"/>'),
    "a port of the policy's own": ("<egress-zone", '<port port="9" protocol="tcp"/><egress-zone'),
    "a limit": ("<accept/>", '<accept><limit value="1/m"/></accept>'),
    "an entry": ("<entry>192.0.2.1</entry>", "<entry>192.0.2.0/24</entry>"),
    "another kind of set": ("hash:net", "hash:ip"),
    "a timeout": ("</ipset>", '<option name="timeout" value="9"/></ipset>'),
    "a port": ('<port port="514" protocol="tcp"/>', '<port port="515" protocol="tcp"/>'),
    "a port that it comes from": ("</service>", '<source-port port="9" protocol="tcp"/></service>'),
    "what is no XML": ("</policy>", ""),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_was_edited_is_another_one(edit: str) -> None:
    old, new = EDITS[edit]
    edited = {path: text.replace(old, new) for path, text in FILES.items()}
    assert edited != FILES, "or this proves nothing"
    assert files.read(edited) != OPENINGS


def test_layout_and_order_mean_nothing() -> None:
    other = {path: text.replace("\n", "\n  ") for path, text in reversed(FILES.items())}
    assert files.read(other) == OPENINGS


def test_files_of_others_are_not_of_the_collection() -> None:
    assert files.is_ours("policies/portbook_in.xml")
    assert files.is_ours("ipsets/pb-0123456789ab-4.xml")
    for path in (
        "policies/pb-x.xml",
        "zones/pb-x.xml",
        "services/http.xml",
        "ipsets/pb-x.xml.old",
        "policies/mine.xml",
    ):
        assert not files.is_ours(path)


def test_one_text_holds_both_and_nft_sees_its_own_only() -> None:
    text = Text("table inet x\n", FILES, ("--state", "--policy=p '--add-rich-rule=a \"b\"'"), RELOAD)
    assert parsed(str(text)) == text
    assert all(line.startswith("#") for line in str(text).splitlines()[1:])
    assert parsed(str(Text("table inet x\n"))) == Text("table inet x\n")
