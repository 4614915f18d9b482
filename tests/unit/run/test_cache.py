# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One plan for all workers: what an earlier plan left is never read as the later one's."""

from __future__ import annotations

from dataclasses import replace

from unit.helpers.book import SIMPLE, host

from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.model import Plan
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.cache import RunCache
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.head import Head

HEAD = Head("1", "c1", (), (), 1, 1, 1, "warn", None, (), frozenset(), "f", {})


def test_a_host_that_is_no_longer_planned_has_no_part(tmp_path):
    cache = RunCache(str(tmp_path), "a play")
    plan = SIMPLE.compute(host("c1", "client", "192.0.2.11"), host("s1", "server", "192.0.2.1")).plan
    assert plan is not None
    cache.keep(HEAD, plan)
    assert cache.part("c1") is not None
    cache.keep(replace(HEAD, digest="2"), Plan(plan.peers, {"s1": plan.hosts["s1"]}))
    assert cache.part("c1") is None
    assert cache.part("s1") is not None


def test_the_number_of_files_does_not_grow_with_hosts_and_peer_sets(tmp_path):
    """Making thousands of them took longer than planning."""
    counts = []
    for number in (2, 20):
        clients = [
            host(f"c{one}", "client", f"192.0.2.{1 + 2 * one}", portbook_realm=f"r{one}") for one in range(number)
        ]
        servers = [
            host(f"s{one}", "server", f"192.0.2.{101 + 2 * one}", portbook_realm=f"r{one}") for one in range(number)
        ]
        plan = SIMPLE.compute(*clients, *servers).plan
        assert plan is not None
        assert len(plan.peers) == 2 * number
        cache = RunCache(str(tmp_path), f"a play of {number}")
        cache.keep(HEAD, plan)
        for one in plan.peers.values():
            assert cache.networks(one.digest) == list(one.networks)
        counts.append(len(list(cache.plan_path.parent.iterdir())))
    assert counts[0] == counts[1]


def test_who_read_a_part_of_an_earlier_plan_still_gets_its_peers(tmp_path):
    cache = RunCache(str(tmp_path), "a play")
    earlier, later = (
        SIMPLE.compute(host("c1", "client", at), host("s1", "server", "192.0.2.1")).plan
        for at in ("192.0.2.11", "192.0.2.13")
    )
    assert earlier is not None
    assert later is not None
    cache.keep(HEAD, earlier)
    cache.keep(replace(HEAD, digest="2"), later)
    for plan in (earlier, later):
        for one in plan.peers.values():
            assert cache.networks(one.digest) == list(one.networks)


def test_what_guests_were_planned_is_read_as_such_and_void_with_the_next_plan(tmp_path):
    cache = RunCache(str(tmp_path), "a play")
    plan = SIMPLE.compute(host("c1", "client", "192.0.2.11"), host("s1", "server", "192.0.2.1")).plan
    assert plan is not None
    cache.keep(HEAD, plan)
    assert cache.guest("server", "s1") is None
    cache.keep_guests("server", Plan(plan.peers, {"s1": plan.hosts["s1"]}), HEAD.digest)
    assert cache.guest("server", "s1") is not None
    assert cache.guest("server", "c1") is None
    assert cache.guest("client", "s1") is None
    cache.keep(replace(HEAD, digest="2"), plan)
    assert cache.guest("server", "s1") is None
