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
