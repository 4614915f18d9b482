# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Over a local connection nothing can confirm that others still get in, so they have to stay."""

from __future__ import annotations

from typing import Any

import pytest
from kernel.helpers.host import ONE, TWO, Host, rule, slice_of

from ansible_collections.portbook.firewall.plugins.module_utils.linux import local as host_local
from ansible_collections.portbook.firewall.plugins.module_utils.linux import management
from ansible_collections.portbook.firewall.plugins.module_utils.linux.request import Applied
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import StateError

ADMIN = "203.0.113.7"
STRICT = {"posture": "strict"}
NOT_CONFIRMED = "not confirmed: local connection"


@pytest.fixture(autouse=True)
def _with_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The namespace of a test has no sshd; the operator of ansible-pull has logged in by ssh himself."""
    monkeypatch.setattr(management, "ssh_ports", lambda: [22])
    monkeypatch.setattr(management, "connected_to", lambda _ports: [])
    monkeypatch.setattr(host_local, "way_in", lambda: (ADMIN, 22))


def local(host: Host, settings: dict[str, Any], slices: dict[str, Any] | None = None, **more: Any) -> Applied:
    return host.apply(slices or ONE, settings=settings, transport="local", **more)


@pytest.mark.parametrize("check", [False, True])
def test_strict_is_refused_with_the_remedy_before_anything_is_touched(host: Host, check: bool) -> None:
    with pytest.raises(StateError) as refused:
        local(host, STRICT, check=check)
    for words in ("tcp 22, which everyone can reach now", "portbook_management", "over ssh"):
        assert words in str(refused.value)
    assert host.all() == ("", {})


def test_a_guard_of_other_ports_is_applied_and_says_that_nothing_confirmed_it(host: Host) -> None:
    applied = local(host, {"posture": "guard"}, hold=20.0, token="t")
    assert (applied.changed, applied.unconfirmed) == (True, NOT_CONFIRMED)
    again = local(host, {"posture": "guard"})
    assert (again.changed, again.unconfirmed) == (False, "")


def test_what_refuses_nothing_needs_no_confirmation(host: Host) -> None:
    assert local(host, {"posture": "open"}, {"one": slice_of(rule(514, refusal="open"))}).unconfirmed == ""


def test_management_addresses_open_the_ports_that_sshd_listens_on(host: Host) -> None:
    applied = local(host, {**STRICT, "management": ["203.0.113.0/24"]})
    assert applied.unconfirmed == NOT_CONFIRMED
    assert "203.0.113.0/24" in host.listing()


def test_whoever_is_connected_now_must_be_among_them(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "connected_to", lambda _ports: ["198.51.100.9"])
    with pytest.raises(StateError, match=r"refused to 198\.51\.100\.9, who can reach it now"):
        local(host, {**STRICT, "management": ["203.0.113.0/24"]})


def test_a_host_that_was_strict_over_ssh_stays_as_it_was(host: Host) -> None:
    """Addresses that were confirmed keep the port of sshd, and whoever runs it locally is no way in."""
    host.apply(ONE, settings=STRICT, transport="ssh")
    before = host.table()
    assert not local(host, STRICT).changed
    assert host.table() == before
    assert local(host, STRICT, {**ONE, "two": slice_of(rule(700, ["192.0.2.99"]), name="two")}).changed
    assert ADMIN in host.listing()


def test_a_management_address_that_is_removed_is_refused(host: Host) -> None:
    local(host, {**STRICT, "management": ["203.0.113.0/24"]})
    with pytest.raises(StateError, match=r"203\.0\.113\.128-203\.0\.113\.255"):
        local(host, {**STRICT, "management": ["203.0.113.0/25"]}, TWO)


def test_ports_by_the_users_word_come_before_those_of_sshd(host: Host) -> None:
    with pytest.raises(StateError, match="tcp 2222, which everyone can reach now"):
        local(host, {**STRICT, "management_ports": [2222]})


def test_without_sshd_there_is_nobody_to_lock_out(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "ssh_ports", list)
    monkeypatch.setattr(host_local, "way_in", lambda: None)
    assert local(host, STRICT).unconfirmed == NOT_CONFIRMED


def test_other_connections_that_are_not_of_the_network_are_asked_as_well(host: Host) -> None:
    with pytest.raises(StateError, match="over the connection docker it cannot be confirmed"):
        host.apply(ONE, settings=STRICT, transport="docker")
