# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Windows host refuses what an inventory that lacks hosts would take away, as a Linux host does."""

from __future__ import annotations

from typing import Any

import pytest
from windows.fake.engine import apply, asked, foreign, read_it, rule, wanted
from windows.fake.store import Store

from ansible_collections.portbook.firewall.plugins.module_utils.shrinking import Inventory
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decision import Decision
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.removal import decide_removal
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.wanted import Wanted

WHOLE = Inventory(hosts=9, members={"app": 1, "db": 3})
ONE, FOUR, TEN = "192.0.2.10", "192.0.2.10-192.0.2.13", "192.0.2.10-192.0.2.19"


def web(peers: str, guarded: bool = True, **more: Any) -> dict[str, Wanted]:
    return wanted(rule(peers=peers, **more), guarded=guarded)


def with_db(peers: str = TEN) -> dict[str, Wanted]:
    return web(peers) | wanted(rule("app.sql/in/1", "1433", TEN, component="db"), guarded=True)


def host(*before: dict[str, Wanted], **more: Any) -> Store:
    store = Store()
    for one in before:
        apply(store, asked(one, **more))
    return store


def decided(store: Store, after: dict[str, Wanted], inventory: Inventory = WHOLE, **more: Any) -> Decision:
    return decide(read_it(store), asked(after, inventory=inventory, **more))


def refused(decision: Decision) -> str:
    assert decision.operations == []
    assert decision.errors[0].startswith("nothing was changed. With the inventory of this run")
    return "; ".join(decision.losses)


def test_most_peers_of_a_guarded_port_stay() -> None:
    assert "6 of 10 IPv4 addresses" in refused(decided(host(web(TEN)), web(FOUR)))
    assert decided(host(web(TEN)), web("192.0.2.10-192.0.2.15")).losses == []
    assert decided(host(web(TEN, guarded=False)), web(ONE, guarded=False)).losses == []


def test_in_strict_a_port_without_a_guard_is_cut_as_well() -> None:
    assert refused(decided(host(web(TEN, False), posture="strict"), web(ONE, False), posture="strict"))


@pytest.mark.parametrize("peers", ["*", "LocalSubnet", f"{TEN},0.0.0.0", f"{TEN},255.255.255.255"])
def test_words_and_addresses_of_nobody_are_no_peers_to_lose(peers: str) -> None:
    assert decided(host(web(peers)), web(TEN)).losses == []
    assert decided(host(web(TEN)), web(peers)).losses == []


def test_a_component_stays_if_its_group_is_missing() -> None:
    assert "its 1 rule of db" in refused(decided(host(with_db()), web(TEN), Inventory(4, {"app": 1})))


def test_a_component_goes_if_its_group_has_others_and_the_result_names_it() -> None:
    decision = decided(host(with_db()), web(TEN))
    assert (decision.losses, decision.left) == ([], {"db": 1})


def test_a_component_that_is_not_spoken_of_is_not_lost() -> None:
    decision = decided(host(with_db()), web(TEN), Inventory(1), replace_all=False)
    assert (decision.losses, decision.left) == ([], {})


def test_all_rules_are_not_lost_to_an_inventory_without_the_host() -> None:
    store = host(with_db())
    before = store.copy()
    decision = decide_removal(read_it(store), None, Inventory(hosts=1))
    assert "all that it holds: 2 rules (app: 1, db: 1)" in refused(decision)
    assert store.rules == before.rules


def test_who_decides_gets_it() -> None:
    store = host(with_db())
    assert decide_removal(read_it(store), None).errors == []
    assert decide_removal(read_it(store), None, Inventory(9, emptied=True)).left == {"app": 1, "db": 1}
    assert decide(read_it(store), asked(web(ONE))).errors == []


def test_what_belongs_to_no_component_is_also_something_to_lose() -> None:
    store = host(web(TEN, False) | {"db": Wanted()}, {}, posture="strict")
    assert "rules of portbook that belong to no component" in refused(
        decide_removal(read_it(store), None, Inventory(hosts=1))
    )


def test_outbound_rules_go_with_the_mode_that_asks_for_them() -> None:
    out = wanted(rule("app.up/out/1", "514", TEN, direction="out"), guarded=True)
    assert decided(host(out, outbound="guard"), {}, outbound="off").losses == []
    assert refused(decided(host(out, outbound="guard"), {}, outbound="guard"))


def test_a_host_that_has_only_unmanaged_rules_has_nothing_to_lose() -> None:
    decision = decide_removal(read_it(Store.of(foreign())), None, Inventory(hosts=1))
    assert (decision.errors, decision.operations) == ([], [])
