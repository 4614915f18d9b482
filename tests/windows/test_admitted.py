# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a connection before anything is written is what the model makes of it afterwards."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from windows.fake.bringing import CONTROLLER, HOST, WINRM
from windows.fake.building import holding
from windows.fake.engine import asked, foreign, read_it, rule, wanted
from windows.fake.host import Host
from windows.fake.longer import LONGER
from windows.fake.machine import Direction
from windows.fake.packets import Judge, Machine, Packet
from windows.fake.plans import Want, bring, machine
from windows.fake.rule import commit, from_json
from windows.fake.store import Store
from windows.fake.worlds import PEERS, WANTS, stores

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.admitted import (
    SSHD,
    SYSTEM,
    Answer,
    Attempt,
    Firewall,
    after,
)
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import Store as Read
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.way_in import Watch, ports

pytestmark = pytest.mark.longer

EXAMPLES = settings(
    max_examples=30 * LONGER,
    derandomize=LONGER == 1,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
HERE = machine(7)
REMOTES = (*(one for one in PEERS if "/" not in one and one != "255.255.255.255"), CONTROLLER, "10.2.0.7", "fe80::7")
PORTS = (80, 82, 135, 443, 5986, 8007, 50001, 60000)
OPENSSH = "C:\\Windows\\System32\\OpenSSH\\sshd.exe"
PROGRAMS = (("", "C:\\App\\app.exe"), ("", "C:\\other.exe"), (SYSTEM, "System"), (SSHD, OPENSSH))


def tried() -> list[tuple[Attempt, list[Packet]]]:
    """Each connection with the packets that would open it, one for each network of the host."""
    found = []
    ways: tuple[Direction, ...] = ("in", "out")
    for remote, port, (program, path), way in product(REMOTES, PORTS, PROGRAMS, ways):
        ends = (port, 51000) if way == "in" else (51000, port)
        packets = [
            Packet(way, 6, remote, _own(one.addresses, remote), *ends, one.name, path) for one in HERE.interfaces
        ]
        attempts = Attempt(way, packets[0].local, ends[0], remote, ends[1], program)
        found.append((attempts, packets))
    return found


def _own(addresses: tuple[str, ...], remote: str) -> str:
    return next(one for one in addresses if (":" in one) == (":" in remote))


TRIED = tried()


def wrong(found: Read, store: Store, here: Machine = HERE) -> list[str]:
    """Where the answer is sure and the model says otherwise."""
    firewall, judge = Firewall(found), Judge(store, here)
    told = []
    for attempt, packets in TRIED:
        for bit, packet in zip((1, 2, 4), packets, strict=True):
            verdict = firewall.verdict(replace(attempt, local=packet.local), bit)
            passes = judge.passes(packet)
            if verdict.answer is not Answer.MAYBE and (verdict.answer is Answer.YES) != passes:
                told.append(f"{verdict} and {'passes' if passes else 'is lost'}: {packet}")
    return told


@st.composite
def worlds(draw: st.DrawFn) -> Store:
    """With a policy, and with rules that have conditions of every kind."""
    store = draw(stores(most=6))
    names = ("EnableFirewall", "DefaultInboundAction", "DefaultOutboundAction", "AllowLocalPolicyMerge")
    said = st.fixed_dictionaries({}, optional=dict.fromkeys(names, st.integers(0, 1)))
    store.policy = {key: draw(said) for key in ("DomainProfile", "PrivateProfile", "PublicProfile")}
    if draw(st.integers(0, 3)) == 0:
        store.profile(draw(st.sampled_from([1, 2, 4])), block_all=True)
    more: list[dict[str, Any]] = [
        {"InterfaceTypes": "Wireless"},
        {"Interfaces": ["Wi-Fi"]},
        {"LocalAddresses": "10.2.0.10"},
        {"ApplicationName": OPENSSH},
        {"LocalUserOwner": "S-1-5-21-1"},
        {"LocalAppPackageId": "S-1-15-2-1"},
        {"RemotePorts": "51000", "Protocol": 6},
        {"SecureFlags": 1, "Action": 1},
        {"Source": "gpo"},
        {"Source": "gpo", "Protocol": 6, "LocalPorts": "80-443"},
    ]
    for number, given_ in enumerate(draw(st.lists(st.sampled_from(more), max_size=3))):
        action = {"Action": draw(st.sampled_from([0, 1]))} | given_
        one = from_json({"Id": f"more-{number}", "Name": "more", "Enabled": True, "Direction": 1, **action})
        commit(one)
        store.rules.append(one)
    return store


@EXAMPLES
@given(worlds())
def test_a_sure_answer_is_the_models(store: Store) -> None:
    assert wrong(read_it(store), store) == []


@EXAMPLES
@given(stores(most=5), st.one_of(st.none(), WANTS), WANTS)
def test_what_operations_would_leave_is_what_they_leave(world: Store, first: Want | None, want: Want) -> None:
    store = world.copy()
    if first is not None:
        bring(store, first)
    before = read_it(store)
    brought = bring(store, want)
    note(f"{brought.operations}")
    assert wrong(after(before, brought.operations), store) == []


def test_most_answers_are_sure() -> None:
    """Else the property says little."""
    store = Store.sample(400)
    firewall = Firewall(read_it(store))
    answers = [firewall.verdict(attempt, 4).answer for attempt, _packets in TRIED]
    assert answers.count(Answer.YES) > len(answers) / 4
    assert answers.count(Answer.NO) > len(answers) / 8


# -- the connection that Ansible uses -----------------------------------------------------------------
WEB = wanted(rule(peers="192.0.2.7"), guarded=True)
REACHED: dict[str, Any] = foreign(
    Name="Windows Remote Management (HTTP-In)", LocalPorts="5985", ApplicationName="System"
)


def listening(*listeners: tuple[str, int], **more: Any) -> Host:
    return replace(HOST, listeners=listeners, **more)


def test_the_ports_are_those_that_the_host_listens_on() -> None:
    found = read_it(Store(), listening(("winrm", 5985), ("ssh", 22)))
    assert ports(found, "winrm", (), 5986) == (5985,)
    assert ports(found, "psrp", (), 5986) == (5985,)
    assert ports(found, "ssh", (), 2222) == (22,)
    assert ports(found, "aws_ssm", (), 22) == (22, 5985)
    assert ports(found, "winrm", (4433,), 5986) == (4433,)
    assert ports(read_it(Store(), listening()), "winrm", (), 5986) == (5986,)


@pytest.mark.parametrize("management", [(), (CONTROLLER,)])
def test_a_port_that_nobody_came_in_by_is_refused_with_management_or_without(management: tuple[str, ...]) -> None:
    """W1 as it was: WinRM's rules disabled, way in on the wrong port, everything else refused, and no word."""
    here = listening(("winrm", 5985), connections=((5985, CONTROLLER),))
    what = asked(WEB, ports=(5986,), posture="strict", others="disable", management=management)
    found = decide(read_it(holding(REACHED), here), what)
    assert found.operations == []
    (error,) = found.errors
    assert f"the connection that Ansible uses ({CONTROLLER} to tcp 5985) would not be allowed again" in error
    assert "no rule lets it in, and the profile public refuses what no rule names" in error


def test_the_port_of_sshd_is_not_opened_by_rules_of_other_programs() -> None:
    """Nor closed by them."""
    here = listening(("ssh", 22), connections=(), ssh_connection=f"{CONTROLLER} 50000 192.0.2.10 22")
    store = holding(foreign(Name="sshd", LocalPorts="22", ApplicationName=OPENSSH))
    others = [foreign(Name="theirs", Action=action, ApplicationName="C:\\theirs.exe") for action in (0, 1)]
    store.rules += holding(*others).rules
    cut = Watch(read_it(store, here), after(read_it(store, here), []), (22,)).cut(refuses=True)
    assert cut == ""
    found = read_it(store, here)
    (sshd,) = [one for one in found.rules if one.rule.name == "sshd"]
    without = after(found, [{"op": "disable", "id": sshd.id}])
    assert "no rule lets it in" in Watch(found, without, (22,)).cut(refuses=False)


def test_the_rule_that_would_refuse_it_is_named() -> None:
    no = foreign(Name="no", Grouping="Theirs", Action=0, LocalPorts="5985-5986")
    found = decide(read_it(holding(no), HOST), asked(WEB, foreign="warn", management=(CONTROLLER,)))
    assert found.operations == []
    assert "would not be allowed again: the rule 'no' (Theirs) refuses it" in found.errors[0]


def test_a_block_that_may_concern_it_and_begins_to_act_is_refused() -> None:
    """Who is in the local subnet only Windows knows."""
    near = foreign(Name="near", Action=0, RemoteAddresses="LocalSubnet")
    off = holding(near).profile(4, enabled=False)
    found = decide(read_it(off), asked(WEB, foreign="warn", profiles="all"))
    assert "the rule 'near' may refuse it" in found.errors[0]
    acting = decide(read_it(holding(near)), asked(WEB, foreign="warn"))
    assert acting.errors == []


def test_every_connection_to_winrm_may_be_ansibles() -> None:
    here = listening(("winrm", 5985), ("winrm", 5986), connections=((5986, CONTROLLER), (5985, "203.0.113.9")))
    found = decide(read_it(Store(), here), asked(WEB, ports=(5986,)))
    assert "(203.0.113.9 to tcp 5985) would not be allowed again" in found.errors[0]
    assert decide(read_it(Store(), here), asked(WEB, ports=(5985, 5986))).errors == []


def test_a_posture_that_refuses_nothing_is_no_worse_than_before() -> None:
    no = foreign(Name="no", Action=0, LocalPorts="5985-5986")
    open_ = asked(wanted(rule()), posture="open", foreign="warn")
    assert decide(read_it(holding(no)), open_).errors == []
    assert decide(read_it(Store()), open_).errors == []


def test_going_back_to_open_keeps_management_access_that_only_the_collection_permitted() -> None:
    store = Store()
    bring(store, Want(posture="guard"))
    found = decide(read_it(store), asked(wanted(rule()), posture="open"))
    assert "would not be allowed again: no rule lets it in" in found.errors[0]


# -- what else is in use -------------------------------------------------------------------------------
def test_connections_that_would_not_be_allowed_again_are_reported_with_examples() -> None:
    others = [(1433, "192.0.2.50"), (445, "192.0.2.51"), (3389, "192.0.2.52"), (80, "192.0.2.7")]
    here = replace(HOST, connections=((WINRM, CONTROLLER), *others))
    store = holding(foreign(Name="everything", Protocol=256))
    found = decide(read_it(store, here), asked(WEB, posture="strict", others="disable"))
    (text,) = [one for one in found.warnings if "established" in one]
    assert text.startswith("3 established connections would not be allowed again: ")
    assert "from 192.0.2.50 to tcp 1433" in text
    assert "192.0.2.7" not in text


def test_what_the_host_opened_itself_is_tried_as_such() -> None:
    out = ("192.0.2.10", 50123, "192.0.2.60", 443)
    here = replace(HOST, connections=((WINRM, CONTROLLER), out))
    assert not [
        one for one in decide(read_it(Store(), here), asked(WEB, posture="strict")).warnings if "established" in one
    ]
    (text,) = [
        one
        for one in decide(read_it(Store(), here), asked(WEB, posture="guard", outbound="strict")).warnings
        if "established" in one
    ]
    assert text == "1 established connection would not be allowed again: to 192.0.2.60 tcp 443"


def test_nothing_is_reported_where_nothing_is_written() -> None:
    here = replace(HOST, connections=((WINRM, CONTROLLER), (1433, "192.0.2.50")))
    store = holding(foreign(Name="everything", Protocol=256))
    found = read_it(store, here)
    assert Watch(found, found, (WINRM,)).others() == []
