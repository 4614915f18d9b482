# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A setting of the host that a role lays over its part gives what the inventory would have given."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import product
from typing import Any

import pytest
from unit.helpers.book import PARTY, Planned, book, flow, host, port

from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.variables import GLOBAL, POSTURES
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan import overlay
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.file import parts
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.role_variables import read

BOOK = book(
    {
        "client": {},
        "probe": {},
        "server": {"ports": {"main": port(8080), "web": port(443), "wide": port("30000-30063")}},
        "console": PARTY,
    },
    {
        "acme.own": flow("client", "server", "main", exclusive=True),
        "acme.shared": flow("client", "server", 445),
        "acme.common": flow("client", "server", 8088),
        "acme.web": flow("client", "server", "web", exclusive=True),
        "acme.wide": flow("client", "server", "wide", exclusive=True),
        "acme.rpc": flow("client", "server", 135, "rpc_dynamic"),
        "acme.back": flow("server", "client", 9100, exclusive=True),
        "acme.probes": flow("probe", "server", 8088, "main", exclusive=True),
        "acme.ui": flow("console", "server", 8077, exclusive=True),
        "acme.asked": flow("client", "server", 8078),
        "acme.spared": flow("client", "server", 8079, exclusive=True),
    },
)
FLOWS = {"acme.asked": {"guard": True}, "acme.spared": {"guard": False}}


def planned(groups: str = "", **variables: Any) -> Planned:
    always = {"portbook_flows": FLOWS, "portbook_peers": {"console": ["203.0.113.0/24"]}}
    return BOOK.plan(
        host("s1", "server", "192.0.2.1", **always, **variables),
        host("c1", "client", "192.0.2.11"),
        groups=groups,
    )


def part(plan: Planned) -> HostPart:
    assert plan.outcome.plan is not None
    return next(HostPart.of(json.loads(text)) for name, text in parts(plan.outcome.plan, plan.digest) if name == "s1")


def meaning(one: HostPart) -> dict[str, Any]:
    """All of a part but whose plan it is of."""
    return {key: value for key, value in asdict(one).items() if key != "digest"}


def laid_over(one: HostPart, variables: dict[str, Any]) -> HostPart:
    own = {name: GLOBAL[name].default for name in overlay.OF_THE_HOST}
    own.update({"portbook_posture": one.posture, "portbook_outbound": one.outbound})
    own.update({f"{name}_posture": posture for name, posture in one.postures.items()})
    given = read("s1", variables, own, ("server", "client"), lambda: BOOK.catalog)
    return given.laid_over(one)


@pytest.mark.parametrize("groups", ["", "probe"], ids=["", "an empty group"])
@pytest.mark.parametrize(("before", "after"), list(product(POSTURES, POSTURES)))
def test_a_posture_laid_over_is_the_posture_planned(groups: str, before: str, after: str):
    there = part(planned(groups, portbook_posture=before))
    wanted = part(planned(groups, portbook_posture=after))
    assert meaning(laid_over(there, {"portbook_posture": after})) == meaning(wanted)


@pytest.mark.parametrize(("of_host", "of_component"), list(product(POSTURES, POSTURES)))
def test_a_components_posture_laid_over_is_the_one_planned(of_host: str, of_component: str):
    there = part(planned(portbook_posture=of_host))
    wanted = part(planned(portbook_posture=of_host, server_posture=of_component))
    assert meaning(laid_over(there, {"server_posture": of_component})) == meaning(wanted)


@pytest.mark.parametrize("outbound", ["open", "guard", "strict"])
def test_outbound_laid_over_is_the_one_planned(outbound: str):
    there = part(planned())
    assert meaning(laid_over(there, {"portbook_outbound": outbound})) == meaning(
        part(planned(portbook_outbound=outbound))
    )


def test_the_other_settings_laid_over_are_those_planned():
    variables = {"portbook_log": "all", "portbook_refuse": "reject", "portbook_cut": "no"}
    assert meaning(laid_over(part(planned()), variables)) == meaning(part(planned(**variables)))


def test_a_guard_that_a_role_asks_for_does_not_rest_on_an_empty_group():
    there = part(planned("probe", portbook_posture="open"))
    rules = {rule.flow: rule for rule in laid_over(there, {"portbook_posture": "guard"}).rules}
    assert rules["acme.own"].empty_groups == ("probe",)
    assert not rules["acme.own"].guarded
    assert rules["acme.ui"].guarded


def test_what_is_laid_over_has_a_digest_of_its_own():
    there = part(planned())
    digests = {
        there.digest,
        laid_over(there, {"portbook_posture": "strict"}).digest,
        laid_over(there, {"portbook_posture": "open"}).digest,
        laid_over(there, {"portbook_posture": "open", "portbook_log": "all"}).digest,
    }
    assert len(digests) == 4


def test_what_the_host_has_anyway_changes_nothing():
    there = part(planned())
    assert laid_over(there, {"portbook_posture": "guard", "portbook_cut": "yes"}) == there
