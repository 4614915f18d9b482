# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine `community` makes of a plan means what our own modules make of it, where it can do it at all."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from golden.helpers.running import Machine, shipped_catalog
from windows.fake.bringing import CONTROLLER, WINRM, Site, headed, site
from windows.fake.building import holding, tcp
from windows.fake.execute import on
from windows.fake.host import Host
from windows.fake.longer import LONGER
from windows.fake.packets import Packet, interesting_packets, truth
from windows.fake.store import Faults, Store
from windows.fake.worlds import add

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.backend import WindowsHost

HOSTS = ("pxe", "hub", "client", "manager", "agent")


REACHED = Host(services=None, listeners=(("winrm", WINRM),), connections=((WINRM, CONTROLLER),))


@cache
def company(clients: str = "192.0.2.128/25") -> Site:
    everywhere = {
        "portbook_management": [CONTROLLER],
        "portbook_peers": {"pxe_client": [clients]},
    }

    def host(name: str, component: str, address: str, **variables: Any) -> Machine:
        return Machine(name, component, (address,), "windows", variables)

    return site(
        [
            host("pxe", "twopxe_server", "192.0.2.10"),
            host("hub", "stifler_server", "192.0.2.11"),
            host("client", "stifler_client", "192.0.2.12"),
            host("other", "stifler_client", "198.51.100.12"),
            host("manager", "netwrix_enterprise_manager", "192.0.2.20"),
            host("agent", "netwrix_agent", "192.0.2.21"),
        ],
        everywhere,
    )


class Bench:
    """One host's store, and the calls that reached it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.calls: list[str] = []
        self.ends_at = 0

    def run(self, module: str, args: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(module.rpartition(".")[2])
        if len(self.calls) == self.ends_at:
            return {"failed": True, "msg": "it ended"}
        return on(self.store, module, args, host=REACHED)

    def host(self) -> WindowsHost:
        return WindowsHost("host", self.run, 5986, "winrm", check=False, diff=False, catalog=shipped_catalog)

    def bring(
        self, name: str, engine: str, company_: Site, only: list[str] | None = None, **head: Any
    ) -> dict[str, Any]:
        part = headed(company_.parts[name], windows_engine=engine, **head)
        return self.host().bring(part, only, company_.tokens, company_.networks)

    def remove(self, engine: str) -> dict[str, Any]:
        return self.host().remove(None, engine)

    def rules(self) -> list[str]:
        return sorted(str(rule.name) for rule in self.store.rules if str(rule.grouping).startswith("portbook"))


def same_meaning(one: Store, other: Store) -> bool:
    packets = interesting_packets(one, other, Store.sample(400))
    assert len(packets) > 100
    return truth(packets, one) == truth(packets, other)


def brought(name: str, engine: str, store: Store, **head: Any) -> Bench:
    bench = Bench(store)
    done = bench.bring(name, engine, company(), **head)
    assert not done.get("failed"), done
    return bench


@pytest.mark.parametrize("posture", ["open", "guard"])
@pytest.mark.parametrize("name", HOSTS)
def test_community_means_what_the_native_one_means(name: str, posture: str) -> None:
    native = brought(name, "native", Store.sample(400), posture=posture, outbound="open")
    theirs = brought(name, "community", Store.sample(400), posture=posture, outbound="open")
    assert same_meaning(native.store, theirs.store)


@pytest.mark.parametrize("name", HOSTS)
def test_community_is_strict_where_nobody_else_has_permissions(name: str) -> None:
    head = {"posture": "strict", "outbound": "strict"}
    assert same_meaning(
        brought(name, "native", Store(), **head).store, brought(name, "community", Store(), **head).store
    )


def test_the_comparison_can_fail() -> None:
    native = brought("pxe", "native", Store.sample(400), posture="guard")
    theirs = brought("pxe", "community", Store.sample(400), posture="guard")
    theirs.store.rules = [rule for rule in theirs.store.rules if rule.name != "portbook/guard/in/tcp-8050"]
    theirs.store.rules += holding(tcp(8050)).rules
    assert not same_meaning(native.store, theirs.store)


def test_unmanaged_rules_stay_as_they_are() -> None:
    bench = brought("pxe", "community", Store.sample(400))
    others = [rule for rule in bench.store.rules if not str(rule.grouping).startswith("portbook")]
    assert others == Store.sample(400).rules


def test_a_second_run_changes_nothing() -> None:
    bench = brought("hub", "community", Store.sample(400))
    assert bench.bring("hub", "community", company())["changed"] is False


def test_stale_rules_go_when_the_plan_changes() -> None:
    bench = brought("hub", "community", Store.sample(400), outbound="open")
    everything = bench.rules()
    bench.bring("hub", "community", company(), outbound="off", posture="watch")
    assert not [name for name in bench.rules() if "/guard/" in name or "/out/" in name]
    bench.bring("hub", "community", company(), outbound="open")
    assert bench.rules() == everything


def test_new_peers_replace_the_old_ones() -> None:
    bench = brought("pxe", "community", Store.sample(400))
    bench.bring("pxe", "community", company("192.0.2.64/26"))
    fresh = Bench(Store.sample(400))
    fresh.bring("pxe", "native", company("192.0.2.64/26"))
    assert same_meaning(bench.store, fresh.store)


def test_whoever_manages_the_host_is_let_in_at_every_moment_and_guards_hold() -> None:
    """The old rule went before the new one came: with strict, the call after that found no way in."""
    bench = brought("pxe", "community", Store(), posture="strict")
    moments: list[tuple[bool, bool]] = []
    run = bench.run

    def watched(module: str, args: dict[str, Any]) -> dict[str, Any]:
        done = run(module, args)
        came = [
            Packet("in", 6, CONTROLLER, "192.0.2.10", WINRM, 50000, program="System"),
            Packet("in", 6, "203.0.113.99", "192.0.2.10", 8050, 50000, program="System"),
        ]
        moments.append(tuple(truth(came, bench.store)))  # type: ignore[arg-type]
        return done

    bench.run = watched  # type: ignore[method-assign]
    add(
        bench.store,
        {"Name": "theirs", "Enabled": True, "Action": 1, "Direction": 1, "LocalPorts": "8050", "Protocol": 6},
    )
    both = [CONTROLLER, "198.51.100.201"]
    assert bench.bring("pxe", "community", company("192.0.2.64/26"), posture="strict", management=both)["changed"]
    assert set(moments) == {(True, False)}
    assert not [name for name in bench.rules() if name.endswith("/new")]


@pytest.mark.longer
def test_a_run_that_ends_at_any_call_is_repaired_by_the_next() -> None:
    """At each fourth one in `make test`."""
    old, new = company(), company("192.0.2.64/26")
    both = [CONTROLLER, "198.51.100.201"]
    before, fresh = brought("pxe", "community", Store()).store, Bench(Store())
    fresh.bring("pxe", "community", old)
    fresh.bring("pxe", "community", new, management=both)
    number = 0
    while True:
        number += 1 if LONGER > 1 else 4
        bench = Bench(before.copy())
        bench.ends_at = number
        ended = bench.bring("pxe", "community", new, management=both).get("failed")
        bench.ends_at = 0
        bench.calls.clear()
        bench.bring("pxe", "community", new, management=both)
        assert bench.rules() == fresh.rules(), number
        assert same_meaning(bench.store, fresh.store)
        if not ended:
            break
    assert number > 10


def test_a_mark_that_is_enabled_lets_nobody_in_and_refuses_nobody() -> None:
    """W2, the engine's own: `netsh advfirewall firewall set rule name=all new enable=yes`."""
    bench = brought("pxe", "community", Store.sample(400))
    enabled = bench.store.copy()
    marks = [rule for rule in enabled.rules if str(rule.name).startswith("portbook/mark/")]
    for rule in marks:
        rule.enabled = True
    packets = [one for one in interesting_packets(bench.store, enabled) if one.remote != "255.255.255.255"]
    assert marks
    assert truth(packets, bench.store) == truth(packets, enabled)


def test_remove_leaves_nothing_of_the_collection() -> None:
    bench = brought("client", "community", Store.sample(400), outbound="open")
    bench.remove("community")
    assert bench.rules() == []
    assert bench.store.to_json() == Store.sample(400).to_json()


def test_there_is_a_call_for_each_rule() -> None:
    community = brought("pxe", "community", Store.sample(400))
    assert set(community.calls) == {"win_firewall_rule"}
    assert len(community.calls) > len(community.rules())


def test_each_run_says_what_it_cannot_do() -> None:
    done = Bench(Store()).bring("pxe", "community", company())
    assert "engine community: unmanaged rules and policies are not checked" in done["warnings"][0]


def test_without_management_addresses_it_refuses_to_refuse() -> None:
    bench = Bench(Store())
    done = bench.bring("pxe", "community", company(), management=[])
    assert done["failed"]
    assert "Set portbook_management to the addresses of your controllers" in done["msg"]
    assert bench.calls == []


def test_a_call_that_fails_says_what_stays() -> None:
    bench = Bench(Store.sample(400))
    bench.store.faults = Faults(deny=True)
    done = bench.bring("pxe", "community", company())
    assert done["failed"]
    assert "What was changed before stays (nothing)" in done["msg"]
