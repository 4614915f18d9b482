# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every backend promises, held to each one that is registered, and to one more that only this test has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kernel.helpers.benches import BENCHES, Bench
from kernel.helpers.memory_backend import Memory, OfMemory
from printed_diff import printed
from windows.fake.plans import plain_rule

from ansible_collections.portbook.firewall.plugins.module_utils.shrinking import Inventory
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends import registry
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.contract import Backend, Removal, Request
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.outcome import Outcome
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.variables import PLATFORM_OF
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart, PeerSummary

PEERS = {"few": ["192.0.2.7"], "more": ["192.0.2.7", "198.51.100.0/24", "2001:db8::7"]}
PEERS["other"] = ["192.0.2.7", "2001:db8::7", "203.0.113.9"]
WITH_ONE_MORE = {**BENCHES, "memory": OfMemory}


@pytest.fixture(params=sorted(WITH_ONE_MORE))
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    memory = registry.Registered(lambda _catalog: Memory())
    monkeypatch.setattr(registry, "BACKENDS", {**registry.BACKENDS, "memory": memory})
    return str(request.param)


@pytest.fixture
def bench(name: str, tmp_path: Path) -> Bench:
    return WITH_ONE_MORE[name](tmp_path)


@pytest.fixture
def backend(name: str) -> Backend:
    def no_catalog() -> Any:
        raise AssertionError("a host is brought to its part without the catalogue")

    made = registry.BACKENDS[name].make(no_catalog)
    assert made.name == name
    return made


def part(**peers_of: str) -> HostPart:
    """Each component has one rule, with its peers; the port is made from its name."""
    rules = [
        plain_rule(
            id=f"{component}/in",
            flow=f"acme.{component}",
            component=component,
            ports=(str(1000 + sum(map(ord, component))),),
            peers=peers,
            refusal="guard",
        )
        for component, peers in sorted(peers_of.items())
    ]
    sets = {peers: PeerSummary(peers, len(PEERS[peers]), ()) for peers in peers_of.values()}
    return HostPart("host", components=tuple(sorted(peers_of)), rules=tuple(rules), peers=sets, backend="auto")


ONE, BOTH = part(one="few"), part(one="few", two="more")
CHANGED = part(one="more", two="more")


def apply(backend: Backend, bench: Bench, what: HostPart, only: Iterable[str] | None = None, **more: Any) -> Outcome:
    components = None if only is None else list(only)
    return backend.apply(Request(what, components, "digest", {}, PEERS.__getitem__, **more), bench)


def test_every_registered_backend_has_a_bench() -> None:
    assert set(registry.BACKENDS) == set(BENCHES)


def test_every_registered_backend_can_be_asked_for() -> None:
    assert set(registry.BACKENDS) <= set(PLATFORM_OF)
    assert all(one.chosen_for in ("", PLATFORM_OF[name]) for name, one in registry.BACKENDS.items())


def test_a_second_run_changes_nothing_and_writes_nothing(backend: Backend, bench: Bench) -> None:
    first = apply(backend, bench, BOTH)
    assert (first.failed, first.changed, first.applied) == (False, True, True)
    before = bench.touched()
    again = apply(backend, bench, BOTH)
    assert (again.failed, again.changed) == (False, False)
    assert again.keep
    assert bench.touched() == before


@pytest.mark.parametrize(("first", "then"), [(None, BOTH), (ONE, BOTH), (BOTH, CHANGED), (BOTH, ONE)])
def test_check_writes_nothing_and_predicts_what_apply_then_does(
    backend: Backend, bench: Bench, first: HostPart | None, then: HostPart
) -> None:
    if first:
        apply(backend, bench, first)
    before = bench.touched()
    bench.check = True
    predicted = apply(backend, bench, then)
    assert bench.touched() == before
    bench.check = False
    done = apply(backend, bench, then)
    words = ("changed", "create", "change", "delete", "keep", "left", "failed")
    assert [getattr(predicted, word) for word in words] == [getattr(done, word) for word in words]
    assert (predicted.applied, done.applied) == (False, True)
    assert bench.touched() != before


def shown(backend: Backend, bench: Bench, what: HostPart) -> list[str]:
    """What a run with --diff shows; check mode shows the same before."""
    bench.diff = bench.check = True
    predicted = apply(backend, bench, what).diff
    bench.check = False
    done = apply(backend, bench, what).diff
    assert done == predicted
    return printed(done)


def test_a_first_run_shows_who_is_refused_before_who_is_let_in(backend: Backend, bench: Bench) -> None:
    first = shown(backend, bench, ONE)
    rule, members = "+in tcp 1322 from few, guarded (acme.one)", "+peers few: 192.0.2.7"
    assert first[0] == "newly refused:"
    assert first.index(rule) < first.index("newly allowed:") < first.index(members)


def test_each_change_is_shown_and_what_stays_is_not(backend: Backend, bench: Bench) -> None:
    apply(backend, bench, BOTH)
    assert shown(backend, bench, BOTH) == []
    more = "198.51.100.0/24, 2001:db8::7"
    assert shown(backend, bench, CHANGED) == ["newly allowed:", f"+peers more (acme.one): {more}"]
    assert shown(backend, bench, BOTH) == ["newly refused:", f"-peers few: {more}"]
    assert shown(backend, bench, part(one="few", two="other")) == [
        *("newly refused:", "-peers other: 198.51.100.0/24"),
        *("newly allowed:", "+peers other: 203.0.113.9"),
    ]


def test_a_guard_that_goes_is_shown_as_what_is_open(backend: Backend, bench: Bench) -> None:
    apply(backend, bench, BOTH)
    open_ = replace(ONE, rules=tuple(replace(rule, refusal="open") for rule in ONE.rules), posture="open")
    lines = shown(backend, bench, open_)
    assert "newly allowed:" in lines
    assert "-in tcp 1322 from few, guarded (acme.one)" in lines
    assert "+in tcp 1322 from few (acme.one)" in lines


def test_there_is_no_diff_where_none_is_asked_for(backend: Backend, bench: Bench) -> None:
    assert apply(backend, bench, ONE).diff is None


def test_components_add_up_in_any_order(backend: Backend, bench: Bench, name: str, tmp_path: Path) -> None:
    apply(backend, bench, BOTH)
    for number, order in enumerate((("one", "two"), ("two", "one"))):
        other = WITH_ONE_MORE[name](tmp_path / str(number)) if name != "nftables" else bench
        backend.remove(Removal(None), other)
        for component in order:
            assert not apply(backend, other, BOTH, [component]).failed
        assert other.ours() == bench.ours()


def test_what_is_removed_is_of_the_collection_alone(backend: Backend, bench: Bench) -> None:
    nothing, others = bench.ours(), bench.others()
    apply(backend, bench, ONE)
    alone = bench.ours()
    apply(backend, bench, BOTH)
    assert backend.remove(Removal(["two"]), bench).changed
    assert bench.ours() == alone
    assert backend.remove(Removal(None), bench).changed
    assert bench.ours() == nothing
    assert not backend.remove(Removal(None), bench).changed
    assert bench.others() == others


def test_others_are_left_alone(backend: Backend, bench: Bench) -> None:
    others = bench.others()
    for what in (ONE, BOTH, CHANGED):
        apply(backend, bench, what)
        assert bench.others() == others


def test_a_failure_at_any_step_leaves_the_old_or_the_new_and_the_next_run_brings_the_new(
    backend: Backend, bench: Bench
) -> None:
    apply(backend, bench, BOTH)
    old = bench.ours()
    apply(backend, bench, CHANGED)
    new = bench.ours()
    assert old != new
    failures = 0
    for step in range(1, 30):
        apply(backend, bench, BOTH)
        assert bench.ours() == old
        bench.fail_at(step)
        done = apply(backend, bench, CHANGED)
        bench.fail_at(0)
        failures += done.failed
        assert bench.ours() in ((old, new) if done.failed else (new,))
        assert not apply(backend, bench, CHANGED).failed
        assert bench.ours() == new
    assert failures >= bench.writes


@pytest.mark.parametrize("name", sorted(BENCHES), indirect=True)
def test_a_short_inventory_is_refused_before_anything_is_touched(backend: Backend, bench: Bench) -> None:
    """By all that remember whose rules they hold."""
    apply(backend, bench, BOTH)
    before = bench.touched()
    short = Inventory(hosts=1, members={"one": 1})
    refused = apply(backend, bench, ONE, inventory=short)
    assert (refused.failed, refused.changed) == (True, False)
    assert refused.losses == ("its 1 rule of two, of which the inventory has no host",)
    assert backend.remove(Removal(None, short), bench).losses
    assert bench.touched() == before
    left = apply(backend, bench, ONE, inventory=Inventory(hosts=9, members={"one": 1, "two": 4}))
    assert left.left == {"two": 1}
