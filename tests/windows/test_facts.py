# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a Windows host have the form of those of a Linux host, and a plan is compared with both alike."""

from __future__ import annotations

import json
from typing import Any

import facts_page
import pytest
from playbook_runs import play
from windows.fake.emulated import read
from windows.fake.host import Host
from windows.fake.store import Store
from windows.test_playbooks import READ, Windows, windows

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import facts
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import WrongAnswer

__all__ = ["windows"]

PLAN = "portbook.firewall.plan"
SOCKETS: tuple[dict[str, Any], ...] = (
    {"protocol": "udp", "address": "::1", "port": 69, "pid": 4, "program": "", "services": []},
    {
        "protocol": "tcp",
        "address": "0.0.0.0",
        "port": 8050,
        "pid": 8,
        "program": "C:\\2pxe\\2pxe.exe",
        "services": ["2PXE"],
    },
)
SHOWN = "found.ansible_facts.portbook"
FACTS = play(
    {"portbook.firewall.host_facts": {"most": 0}, "register": "found"}, {"ansible.builtin.debug": {"var": SHOWN}}
)


def facts_of(windows: Windows) -> dict[str, Any]:
    run = windows.run(FACTS, keep=False, options=["--limit", "pxe"]).ok()
    (found,) = (data[SHOWN] for _word, _host, data in run.results if SHOWN in data)
    return dict(found)


def test_a_host_without_rules_of_the_collection_has_those_of_others_and_its_sockets() -> None:
    store = Store.sample(40)
    answer = json.loads(json.dumps(read(store, facts.arguments(), Host(sockets=SOCKETS, products=("Other",)))))
    found = {**facts.facts(answer, 0), "seconds": 0.0}
    assert facts_page.wrong(found) == []
    assert facts_page.lacking(found, "ours.rules", "unmanaged.chains", "published", "hits") == []
    assert (found["backend"], found["ours"]["kernel"]) == ("", "none")
    assert [(one["protocol"], one["port"], one["loopback"], one["units"]) for one in found["listening"]] == [
        ("tcp", 8050, False, ["2PXE"]),
        ("udp", 69, True, []),
    ]
    enabled = [rule for rule in store.rules if rule.enabled]
    assert found["unmanaged"]["count"] == len(enabled) == sum(one["rules"] for one in found["unmanaged"]["tables"])
    assert {"mpssvc", "profile domain", "profile public", "Other"} <= {one["name"] for one in found["services"]}
    assert "does not count" in found["not_read"]["hits"]


def test_lists_are_cut_and_counted() -> None:
    answer = json.loads(json.dumps(read(Store.sample(40), facts.arguments(), Host())))
    whole, cut = facts.facts(answer, 0), facts.facts(answer, 3)
    assert cut["unmanaged"]["rules"] == whole["unmanaged"]["rules"][:3]
    assert cut["left_out"]["unmanaged.rules"] == whole["unmanaged"]["count"] - 3


def test_an_answer_of_another_version_is_refused() -> None:
    with pytest.raises(WrongAnswer, match="two versions of the collection are installed"):
        facts.facts({"format": 1}, 0)


@pytest.mark.more
def test_after_a_run_the_facts_have_every_rule_of_the_collection_and_reading_is_one_call(windows: Windows) -> None:
    windows.bring().ok()
    before = windows.hosts.store("pxe").to_json()
    windows.hosts.forget_calls()
    found = facts_of(windows)
    assert windows.hosts.calls() == [READ]
    assert windows.hosts.store("pxe").to_json() == before
    assert (
        facts_page.wrong(found),
        facts_page.lacking(found, "unmanaged.chains", "published", "hits", "listening"),
    ) == ([], [])
    rules = found["ours"]["rules"]
    assert {one["component"] for one in rules} == {"twopxe_server", "ipxe_anywhere"}
    assert {one["refusal"] for one in rules} == {"guard", "open"}
    assert all(one["peers"] == "any" or found["ours"]["peers"][one["peers"]] for one in rules)
    assert "192.0.2.128/25" in {network for networks in found["ours"]["peers"].values() for network in networks}
    assert not [one for one in found["unmanaged"]["rules"] if one["table"].startswith("portbook")]


def test_a_plan_is_compared_with_the_host_and_nothing_is_written(windows: Windows) -> None:
    before = windows.hosts.store("pxe").to_json()
    options = ["--limit", "pxe"]
    first = windows.run(PLAN, keep=False, options=options, portbook_compare=True).ok()
    assert "pxe would create " in first.words
    assert first.recap["pxe"]["changed"] == 0
    assert windows.hosts.store("pxe").to_json() == before
    assert set(windows.hosts.calls()) == {READ}
    windows.bring().ok()
    again = windows.run(PLAN, keep=False, options=options, portbook_compare=True).ok()
    assert "1 host compared, nothing changed: 1 as planned" in again.words
