# SPDX-License-Identifier: GPL-3.0-or-later
"""At each call by which a run writes to firewalld, something ends: the module, firewalld, or what it had loaded.
Afterwards the host is as before the run or as after it, management access is there, and the next run works. By default
a few of them, with PORTBOOK_FAULTS=all all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from firewalld.helpers.bench import ALL, HOLD, Bench
from firewalld.helpers.calls import MODULE, Calls
from firewalld.helpers.packets import GUARDED, PEER_ALONE
from lab.network import PEER, STRANGER
from machine.helpers.playbooks import REMOVE, SITE, finished

pytestmark = [pytest.mark.more, pytest.mark.once]
OTHER_PEER = "192.0.2.77"
ENDS = {
    "the module is killed": MODULE,
    "firewalld is killed": "systemctl kill --signal=KILL firewalld",
    "firewalld is stopped": "systemctl stop firewalld",
    "firewalld is restarted": "systemctl restart firewalld",
    "somebody reloads firewalld": "firewall-cmd --reload",
}


@dataclass(frozen=True)
class Operation:
    variables: dict[str, Any]
    playbook: str = SITE
    from_nothing: bool = False


OPERATIONS = {
    "a first apply": Operation({}, from_nothing=True),
    "other peers": Operation({"portbook_peers_more": {"utmstack_agent": [OTHER_PEER]}}),
    "a new port": Operation(
        {"portbook_allow": [{"name": "more", "protocol": "tcp", "ports": 7777, "peers": [OTHER_PEER]}]}
    ),
    "a removal": Operation({}, playbook=REMOVE),
}
FEW = [("a first apply", "firewalld is killed"), ("a new port", "the module is killed")]
CHOSEN = [(name, end) for name in OPERATIONS for end in ENDS] if ALL else FEW


@pytest.fixture(scope="module")
def calls(bench: Bench) -> Iterator[Calls]:
    found = Calls(bench.machine)
    found.install()
    bench.machine.listen(GUARDED)
    yield found
    found.taken()


def begin(bench: Bench, one: Operation) -> tuple[object, ...]:
    """What the host has before the operation."""
    bench.plain()
    # At runtime it keeps what is not needed any more, which the operation would find again.
    bench.daemon.cmd("--reload")
    if one.from_nothing:
        bench.operator.run(REMOVE).ok(changed=True)
    before = seen(bench)
    bench.operator.inventory(portbook_confirm_timeout=HOLD, **one.variables)
    return before


def seen(bench: Bench) -> tuple[object, ...]:
    """Without what differs from run to run."""
    table, files, *rest = bench.seen()
    return table, re.sub(r'"(loaded|token)": [^,}]*', "", str(files)), *rest


def strangers(bench: Bench) -> bool:
    """Whether any gets in; the peer is asked, too, so that somebody listens."""
    found = bench.machine.reached([(PEER, GUARDED), (STRANGER, GUARDED)])
    return (STRANGER, GUARDED) in found


@pytest.mark.parametrize(("name", "end"), CHOSEN)
def test_it_ends_at_each_call(bench: Bench, calls: Calls, name: str, end: str) -> None:
    one = OPERATIONS[name]
    begin(bench, one)
    calls.count()
    bench.operator.run(one.playbook).ok(changed=True)
    every, after = calls.taken(), seen(bench)
    assert every
    for number in range(len(every)) if ALL else sorted({len(every) // 2, len(every) - 1}):
        method = every[number]
        before = begin(bench, one)
        calls.order(number, ENDS[end])
        run = finished(bench.operator.start(one.playbook))
        assert calls.taken()[: number + 1] == every[: number + 1], (method, run.words)
        bench.until_nothing_waits()
        assert bench.machine.answers_ssh(5), (number, method, "nobody gets in any more")
        bench.machine.run("systemctl", "start", "firewalld")
        bench.daemon.wait()
        assert not strangers(bench), (number, method)
        if one.playbook == SITE:
            assert seen(bench) in (before, after), (number, method, run.words)
        bench.operator.run(one.playbook).ok()
        assert seen(bench) == after, (number, method)
        bench.operator.run(one.playbook).ok(changed=False)
        if one.playbook == SITE:
            assert bench.machine.reached([(PEER, GUARDED), (STRANGER, GUARDED)]) == PEER_ALONE
