# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are planned together get what each would get by itself, and work is shared where settings let it be."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.helpers.book import PARTY, book, feature, flow, host, port, windows

from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.settings import HostSettings
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.world import Host, HostInput
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan import kin, planner
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.file import chunks, parts

PROGRAM = {"programs": {"main": {"path": "C:\\acme\\acme.exe", "what": "itself"}}}
BOOK = book(
    {
        "agent": {
            **PROGRAM,
            "ports": {"main": port(6000)},
            "features": {"push": feature(True)},
            "versions": {"known": ["1", "2"], "default": "2"},
        },
        "hub": {
            **PROGRAM,
            "ports": {"main": port(8080), "late": port()},
            "features": {"extra": feature(False)},
            "tunnel": {"networks": ["10.21.0.0/24"], "peers": ["agent"], "what": "VPN", "carried_by": "a.late"},
        },
        "siem": {**PARTY, "ports": {"main": port(514)}},
        "console": PARTY,
        "relay": {},
    },
    {
        "a.talk": flow(
            "agent", "hub", "main", exclusive=True, initiator={"program": "main"}, responder={"program": "main"}
        ),
        "a.late": flow("agent", "hub", "late"),
        "a.extra": flow("agent", "hub", 9000, feature="extra", peer="required"),
        "a.push": flow("agent", "hub", "main", decided_by="initiator", feature="push"),
        "a.old": flow("agent", "hub", 9100, decided_by="initiator", versions=["1"]),
        "a.windows": flow("hub", "agent", 9200, platforms=["windows"]),
        "a.mesh": flow("agent hub", "agent hub", 7000, responder={"owner": "mesh"}, exclusive=True),
        "a.log": flow("agent hub", "siem", "main", protocol="udp"),
        "a.look": flow("console", "hub agent", 8443, responder={"owner": "look"}, exclusive=True),
        # On ports of other flows: what stands behind a guard there that is of an empty group.
        "a.ui": flow("agent", "hub", 8443, responder={"owner": "look"}, exclusive=True),
        "a.relay": flow("agent", "relay", 8080),
        "a.shut": flow("", "hub", 9300, exclusive=True),
    },
)
# Of each variable some values, few enough that hosts often say the same.
SAID: dict[str, list[Any]] = {
    "portbook_realm": ["b", ["main", "b"]],
    "agent_realm": ["b"],
    "hub_realm": [["main", "c"]],
    "portbook_components": [["hub"], ["agent"]],
    "portbook_backend": ["none"],
    "portbook_posture": ["open", "strict", "watch"],
    "hub_posture": ["watch", "strict"],
    "agent_posture": ["open"],
    "portbook_outbound": ["guard", "strict"],
    "portbook_management": [["192.0.2.192/27"]],
    "portbook_management_ports": [[22, 2222]],
    "portbook_trusted_interfaces": [["br0"]],
    "portbook_foreign": ["fail"],
    "portbook_refuse": ["reject"],
    "portbook_log": ["refused"],
    "portbook_cut": [False],
    "portbook_windows_engine": ["community"],
    "portbook_windows_policy": ["warn"],
    "portbook_windows_foreign": ["disable"],
    "portbook_windows_app_rules": ["leave"],
    "portbook_windows_profiles": ["all"],
    "portbook_restore_after_flush": [True],
    "portbook_confirm_timeout": [90],
    "portbook_migrate": [True],
    "portbook_mark": ["0x10/0x10"],
    "agent_version": ["1"],
    "agent_push": [False],
    "hub_extra": [True],
    "agent_port": [6001],
    "hub_port": [8081],
    "hub_late_port": [8500],
    "agent_main_program": ["C:\\b.exe"],
    "hub_main_program": ["", "C:\\c.exe"],
    "portbook_peers": [
        {"siem": ["203.0.113.1"]},
        {"siem": ["203.0.113.2", {"addresses": ["203.0.113.3"], "port": 1514, "realms": ["b"]}]},
        {"siem": [], "console": "any"},
        {"hub": ["198.51.100.1"], "agent": []},
    ],
    "portbook_peers_own": [{"console": ["203.0.113.9"]}, {"siem": ["203.0.113.1"]}],
    "portbook_flows": [
        {"a.talk": {"peers": ["h0", "h1", "h2"], "owner": "ops"}},
        {"a.talk": {"peers": ["h1"]}, "a.mesh": {"peers": [], "log": True}},
        {"a.late": {"state": "enabled", "ports": [8600]}, "a.talk": {"state": "disabled"}},
        {"a.mesh": {"guard": True, "expires": "2026-11-30"}, "a.look": {"expires": "2026-01-01"}},
        {"a.log": {"guard": True, "expires": "2026-11-30"}},
    ],
    "portbook_allow": [
        [{"name": "web", "ports": [80], "peers": ["203.0.113.7"], "expires": "2026-11-30"}],
        [
            {"name": "web", "ports": [80], "peers": "any"},
            {"name": "old", "ports": [1], "peers": "any", "expires": "2026-01-01"},
        ],
    ],
}


@st.composite
def inventories(draw: st.DrawFn) -> list[HostInput]:
    count = draw(st.integers(2, 7))
    few = draw(st.lists(st.sampled_from(sorted(SAID)), max_size=5, unique=True))
    said = st.fixed_dictionaries({}, optional={name: st.sampled_from(SAID[name]) for name in few})
    return [
        draw(st.sampled_from((host, windows)))(
            f"h{number}",
            draw(st.sampled_from(("agent", "agent", "hub", "agent hub", "siem", "console"))),
            f"192.0.2.{1 + 2 * number}",
            **draw(said),
        )
        for number in range(count)
    ]


@contextmanager
def each_host_by_itself() -> Iterator[None]:
    def kins_of(hosts: Iterable[Host]) -> list[kin.Kin]:
        return [one for host in hosts for one in kin.kins_of([host])]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "kins_of", kins_of)
        patch.setattr(planner, "alike", lambda _flow, kins: kins)
        yield


def planned(hosts: list[HostInput], groups: str) -> tuple[list[str], str]:
    """All that is told and written."""
    outcome = BOOK.compute(*hosts, groups=groups)
    told = [*map(str, outcome.errors), *map(str, outcome.warnings)]
    plan = outcome.plan
    return told, "".join((*chunks(plan, outcome.digest), *map(str, parts(plan, outcome.digest)))) if plan else ""


def same_together_and_alone(hosts: list[HostInput], groups: str) -> bool:
    """Whether there is a plan."""
    together = planned(hosts, groups)
    with each_host_by_itself():
        alone = planned(hosts, groups)
    assert together == alone
    return bool(alone[1])


@settings(max_examples=80)
@given(inventories(), st.sampled_from(("", "siem", "console relay", "siem console hub agent relay")))
def test_planning_hosts_together_gives_each_what_it_would_get_alone(hosts: list[HostInput], groups: str) -> None:
    same_together_and_alone(hosts, groups)


@pytest.mark.parametrize("name", SAID)
def test_hosts_of_which_only_some_say_a_word_get_what_they_would_get_alone(name: str) -> None:
    """Each variable with each of its values, where a group is empty and where it is not there."""
    plays = ("agent", "hub", "agent", "hub", "agent hub", "agent", "hub", "agent hub")
    for value in SAID[name]:
        for beside in ({}, {"portbook_posture": "strict", "portbook_outbound": "guard"}):
            hosts = [
                (windows if number in (2, 3) else host)(
                    f"h{number}",
                    group,
                    f"192.0.2.{1 + 2 * number}",
                    **{**beside, **({name: value} if number % 4 else {})},
                )
                for number, group in enumerate(plays)
            ]
            assert same_together_and_alone(hosts, "")
            assert same_together_and_alone(hosts, "siem console relay")


def test_every_setting_is_among_those_that_are_tried() -> None:
    """A new setting has to be tried above, since who plans hosts together has to know whether planning reads it."""
    unset = BOOK.compute(host("h0", "agent", "192.0.2.1")).world
    assert unset is not None
    reached: set[str] = set()
    for name, values in SAID.items():
        for value in values:
            world = BOOK.compute(host("h0", "agent", "192.0.2.1", **{name: value})).world
            assert world is not None
            reached.update(
                one.name
                for one in dataclasses.fields(HostSettings)
                if getattr(world.hosts[0].settings, one.name) != getattr(unset.hosts[0].settings, one.name)
            )
    assert reached == {one.name for one in dataclasses.fields(HostSettings)}


def views(monkeypatch: pytest.MonkeyPatch, *hosts: HostInput) -> int:
    """How many times a flow is looked at from one of its ends."""
    seen = []
    view = planner._Planner._view
    with monkeypatch.context() as patch:
        patch.setattr(planner._Planner, "_view", lambda *given: (seen.append(1), view(*given))[1])
        assert BOOK.plan(*hosts, host("s", "hub", "192.0.2.250")).hosts
    return len(seen)


@pytest.mark.parametrize("name", ["portbook_allow", "portbook_management", "portbook_peers"])
def test_hosts_are_distinguished_only_where_a_flow_reads_what_they_differ_in(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def own(number: int) -> dict[str, Any]:
        address = [f"203.0.113.{number}"]
        return {
            "portbook_allow": {name: [{"name": "web", "ports": [80], "peers": address}]},
            "portbook_management": {name: address},
            "portbook_peers": {name: {"console": address}},
        }[name]

    alike = [host(f"a{number}", "agent", f"192.0.2.{number}") for number in range(1, 60, 2)]
    different = [host(f"a{number}", "agent", f"192.0.2.{number}", **own(number)) for number in range(1, 60, 2)]
    more = views(monkeypatch, *different) - views(monkeypatch, *alike)
    # The one flow of the console, from the agents' end.
    assert more == (len(alike) - 1 if name == "portbook_peers" else 0)
