# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run with --diff shows of a Windows host: whatever is written there, and nothing of what is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from golden.helpers.running import Machine, shipped_catalog
from hypothesis import given, settings
from hypothesis import strategies as st
from printed_diff import printed
from windows.fake.bringing import HOST, Site, look, remove, site
from windows.fake.emulated import read, write
from windows.fake.engine import apply, asked, foreign, read_it, rule, wanted
from windows.fake.plans import Line, Want, bring
from windows.fake.store import Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import exchange, shown
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.asked import Asked
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.backend import WindowsHost
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide

PEERS = "192.0.2.7,198.51.100.0/24"


def diff(store: Store, what: Asked, verbosity: int = 0) -> list[str]:
    """Of one run, which then is done."""
    found = read_it(store, domain=what.strict_out)
    lines = printed(shown.sections(found, decide(found, what), verbosity)) if decide(found, what).operations else []
    apply(store, what)
    return lines


def web(peers: str = PEERS, guarded: bool = True, posture: str = "guard", outbound: str = "off", **more: Any) -> Asked:
    return asked(wanted(rule(peers=peers), guarded=guarded), posture, outbound, **more)


def changed_by_hand(store: Store, name: str, **properties: Any) -> None:
    (one,) = (each for each in store.rules if each.name == f"portbook/{name}")
    for key, value in properties.items():
        setattr(one, key, value)


def test_a_second_run_shows_nothing() -> None:
    store = Store.of()
    assert diff(store, web())
    assert diff(store, web()) == []


def test_a_peer_that_moves_is_shown_as_two_members_and_no_rule() -> None:
    store = Store.of()
    apply(store, web())
    assert diff(store, web("192.0.2.9,198.51.100.0/24")) == [
        *("newly refused:", "-peers of app: 192.0.2.7"),
        *("newly allowed:", "+peers of app: 192.0.2.9"),
    ]


def test_a_set_that_is_split_over_several_rules_is_one() -> None:
    many = [f"10.{number // 128}.{number % 128 * 2}.1" for number in range(1200)]
    clients = [*many, "192.0.2.130"]

    def company(*more: str) -> Site:
        peers = {"portbook_peers": {"pxe_client": [*clients, *more]}}
        return site([Machine("boot-1", "twopxe_server", ("192.0.2.10",), "windows", peers)])

    store = Store.of()
    company().bring(store, "boot-1")
    after = company("203.0.113.5")
    before = look(store, exchange.read_arguments(after.parts["boot-1"]))
    lines = printed(shown.sections(before, after.bring(store, "boot-1").decision))
    assert lines == ["newly allowed:", "+peers pxe_client: 203.0.113.5"]


def test_from_guard_to_strict_is_shown_by_profile() -> None:
    store = Store().profile(4, inbound=1)
    apply(store, web())
    lines = diff(store, web(posture="strict"))
    assert lines[:3] == [
        "newly refused:",
        "-profile public, inbound traffic without a rule: accepted",
        "+profile public, inbound traffic without a rule: refused",
    ]
    assert "+in icmp from anyone, types 11:*,12:*,3:*,8:* (baseline)" in lines
    assert diff(store, web())[0] == "newly allowed:"


def test_outbound_strict_is_shown_by_profile() -> None:
    store = Store.of()
    lines = diff(store, web(outbound="strict"))
    assert "-profile public, outbound traffic without a rule: accepted" in lines
    assert "+profile public, outbound traffic without a rule: refused" in lines
    assert lines.index("+profile public, outbound traffic without a rule: refused") < lines.index("newly allowed:")


def test_unmanaged_rules_that_are_disabled_are_refused_and_come_back_as_allowed() -> None:
    store = Store.of(foreign(LocalPorts="81"), foreign(LocalPorts="82"), foreign(Name="other", LocalPorts="83"))
    lines = diff(store, web(posture="strict", others="disable"))
    assert {"-unmanaged rule other: enabled", "-unmanaged rule theirs: enabled (2 rules)"} <= {*lines}
    assert lines.index("-unmanaged rule other: enabled") < lines.index("newly allowed:")
    back = diff(store, web())
    assert back.index("newly allowed:") < back.index("+unmanaged rule other: enabled")


def test_a_rule_that_windows_refuses_to_disable_is_not_shown_as_disabled() -> None:
    store = Store.of(foreign(Name="app", LocalPorts="81"), foreign(Name="other", LocalPorts="83"))
    found = read_it(store)
    decision = decide(found, web(posture="strict", others="disable"))
    assert "-unmanaged rule app: enabled" in printed(shown.sections(found, decision))
    assert "-unmanaged rule app: enabled" not in printed(shown.sections(found, decision, stays=frozenset({"app"})))


def test_a_guard_that_a_hand_deleted_refuses_again() -> None:
    store = Store.of()
    apply(store, web())
    store.rules = [one for one in store.rules if one.grouping != "portbook: guard"]
    assert diff(store, web()) == [
        *("newly refused:", "-in tcp 80 from peers of app (app.web)", "+in tcp 80 from peers of app, guarded (app.web)")
    ]


def test_a_guard_that_a_hand_changed_is_named() -> None:
    store = Store.of()
    apply(store, web())
    changed_by_hand(store, "guard/in/tcp-80", remote_addresses="203.0.113.1")
    assert diff(store, web()) == [
        "other changes:",
        "-rule portbook/guard/in/tcp-80: changed by hand",
        "+rule portbook/guard/in/tcp-80: as planned",
    ]


def test_a_guard_whose_peers_change_was_not_changed_by_hand() -> None:
    store = Store.of()
    apply(store, web())
    assert "by hand" not in str(diff(store, web("192.0.2.9")))


def test_a_rule_that_a_hand_disabled_is_allowed_again() -> None:
    store = Store.of()
    apply(store, web())
    changed_by_hand(store, "app.web/in/1", enabled=False)
    assert diff(store, web()) == [
        "newly allowed:",
        "-in tcp 80 from peers of app, guarded, disabled (app.web)",
        "+in tcp 80 from peers of app, guarded (app.web)",
        "+peers of app: 192.0.2.7, 198.51.100.0/24",
    ]


def test_a_description_that_a_hand_changed_is_shown() -> None:
    store = Store.of()
    apply(store, web())
    changed_by_hand(store, "app.web/in/1", description="mine")
    assert diff(store, web()) == [
        "other changes:",
        "-description of rule portbook/app.web/in/1: mine",
        "+description of rule portbook/app.web/in/1: why",
    ]


def test_what_shows_in_no_other_way_is_named() -> None:
    """That a port is guarded for anyone is remembered, and nobody is refused."""
    store = Store.of()
    apply(store, web("*", guarded=False))
    assert diff(store, web("*")) == [
        *("other changes:", "-rule portbook/memory/1: as it was", "+rule portbook/memory/1: written again")
    ]


def test_a_removal_shows_what_goes() -> None:
    store = Store.of(foreign(Name="WinRM", LocalPorts="5986"))
    apply(store, web())
    before = look(store, exchange.removal_arguments())
    lines = printed(shown.sections(before, remove(store).decision))
    assert "-in tcp 80 from peers of app, guarded (app.web)" in lines
    assert "-peers of app: 192.0.2.7, 198.51.100.0/24" in lines
    assert not [line for line in lines if line.startswith("+")]


def test_single_operations_are_shown_to_who_asks_for_details() -> None:
    store = Store.of()
    assert "operations:" not in diff(Store.of(), web(), 1)
    lines = diff(store, web(), 2)
    made = [line for line in lines[lines.index("operations:") :] if line.startswith("+create portbook/app.web/in/1: ")]
    assert len(made) == 1
    assert "LocalPorts=80" in made[0]
    gone = diff(store, asked(), 2)
    assert {"+disable portbook/app.web/in/1", "+delete portbook/app.web/in/1"} <= {*gone}


def test_the_host_passes_its_details_on() -> None:
    answered: Mapping[str, Any] = {"verbosity": 2, "diff": True, "check": True}
    store = Store.of()

    def run(module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return (read if module.endswith("read") else write)(store, arguments, host=HOST)

    host = WindowsHost("host", run, 5986, "winrm", catalog=shipped_catalog, **answered)
    clients = {"portbook_peers": {"pxe_client": ["192.0.2.128/25"]}}
    company = site([Machine("boot-1", "twopxe_server", ("192.0.2.10",), "windows", clients)])
    done = host.bring(company.parts["boot-1"], None, company.tokens, company.networks)
    assert [one["after_header"] for one in done["diff"]] == ["newly refused", "newly allowed", "operations"]


LINES = st.lists(
    st.builds(
        Line,
        component=st.sampled_from(("app", "db")),
        ports=st.sampled_from((("80",), ("80-90",), ("443", "8000"))),
        peers=st.sampled_from((("192.0.2.7",), ("192.0.2.0/24", "2001:db8::/64"), "any", "local_subnet")),
        guarded=st.booleans(),
    ),
    max_size=3,
)


@settings(max_examples=60)
@given(LINES, LINES, st.sampled_from(("open", "guard", "strict")), st.sampled_from(("open", "guard", "strict")))
def test_whatever_changes_is_shown_and_then_nothing_is(old: list[Line], new: list[Line], first: str, then: str) -> None:
    store = Store.of(foreign(LocalPorts="81"), foreign(Name="WinRM", LocalPorts="5986"))
    bring(store, Want(tuple(old), first))
    for lines, posture in ((old, first), (new, then)):
        want = Want(tuple(lines), posture)
        found = look(store, exchange.read_arguments(want.part()))
        brought = bring(store, want)
        shown_lines = printed(shown.sections(found, brought.decision))
        assert bool(shown_lines) == bool(brought.operations)
