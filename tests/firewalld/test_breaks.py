# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever breaks while a change waits that has cut management access: the host takes back both parts, and the next
run works. By default a few of the breaks, with PORTBOOK_FAULTS=all all of them, for both ways to change firewalld."""

from __future__ import annotations

import time

import pytest
from firewalld.breaks import BREAKS, Break
from firewalld.helpers.bench import ALL, HOLD, SPARE, Bench
from lab.network import STRANGER
from machine.test_way_back import CUTS

pytestmark = [pytest.mark.more, pytest.mark.once]
FEW = {
    "nothing": "at runtime",
    "firewalld is killed": "with a reload",
    "firewall-cmd hangs": "at runtime",
    "all at runtime is made permanent": "with a reload",
}
# Other peers of the same name change what runs; a port that moves is a new service, so that firewalld is reloaded.
CHANGES = {
    "at runtime": {"portbook_peers_more": {"utmstack_agent": [STRANGER]}},
    "with a reload": {"portbook_allow": [{"name": "more", "protocol": "tcp", "ports": 7777, "peers": [STRANGER]}]},
}


CHOSEN = [(one, change) for one in BREAKS for change in CHANGES if ALL or FEW.get(one.name) == change]


@pytest.mark.parametrize(("one", "change"), [pytest.param(*both, id=f"{both[0].name}-{both[1]}") for both in CHOSEN])
def test_it_is_survived(bench: Bench, one: Break, change: str) -> None:
    try:
        played(bench, one, change)
    except BaseException:
        bench.ready()
        raise


def played(bench: Bench, one: Break, change: str) -> None:
    machine, operator = bench.machine, bench.operator
    operator.inventory(portbook_confirm_timeout=HOLD, portbook_posture="strict", **CHANGES[change])
    operator.ssh(CUTS)
    process = operator.start()
    end = time.monotonic() + 60
    while not (bench.waits() and "!= syn" in machine.table()):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    machine.run("sh", "-c", one.happens, check=False)
    assert process.wait(timeout=200) != 0
    time.sleep(HOLD)
    machine.run("sh", "-c", one.undone, check=False)
    end = time.monotonic() + SPARE
    while bench.seen() != bench.before and time.monotonic() < end:
        time.sleep(0.5)
    assert bench.seen() == bench.before
    # A run that notices by itself does not even ask for a new connection.
    machine.outside("nft", "delete", "table", "ip", "cut")
    assert machine.answers_ssh(5), "nobody gets in any more"
    assert not machine.succeeds("test", "-e", "/run/portbook/back")
    bench.plain()
