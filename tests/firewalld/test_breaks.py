# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever breaks while a change waits that has cut management access: the host takes back both parts, and the next
run works. By default a few of the breaks, with PORTBOOK_FAULTS=all all of them, for both ways to change firewalld."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from firewalld.breaks import BREAKS, Break
from firewalld.helpers.daemon import Daemon
from lab.laboratory import Laboratory, Spec
from lab.machine import Machine
from lab.network import STRANGER
from machine.helpers.playbooks import Operator
from machine.test_way_back import CUTS, WORKS, state

pytestmark = pytest.mark.more
HOLD, SPARE = 8, 60
"""firewalld may have to be restarted, or firewall-cmd be waited for, by a machine that is slow."""
ALL = os.environ.get("PORTBOOK_FAULTS") == "all"
FEW = {"nothing", "firewalld is killed", "firewall-cmd hangs", "all at runtime is made permanent"}
CHOSEN = BREAKS if ALL else [one for one in BREAKS if one.name in FEW]
# Other peers of the same name change what runs; a port that moves is a new service, so that firewalld is reloaded.
CHANGES = {
    "at runtime": {"portbook_peers_more": {"utmstack_agent": [STRANGER]}},
    "with a reload": {"portbook_allow": [{"name": "more", "protocol": "tcp", "ports": 7777, "peers": [STRANGER]}]},
}


class Bench:
    """A machine that breaks share; each begins from a state that was looked at."""

    def __init__(self, root: Path, key: Path, folder: Path) -> None:
        self._root, self._key, self._folder = root, key, folder
        self._laboratory: Laboratory | None = None
        self._count = 0
        self.ready()

    @property
    def machine(self) -> Machine:
        assert self._laboratory
        return self._laboratory.machines["siem"]

    @property
    def daemon(self) -> Daemon:
        return Daemon(self.machine)

    def ready(self) -> None:
        """Another machine, where the one before was lost."""
        self.close()
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        public = self._key.with_suffix(".pub").read_text()
        self._laboratory = Laboratory([Spec("siem", self._root)], public, folder / "machine.log").__enter__()
        self.machine.run("systemctl", "--quiet", "enable", "--now", "firewalld")
        self.daemon.wait()
        host = (self._root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
        self.operator = Operator(folder, self.machine, self._key, f"{self.machine.address} {host}")
        self.plain()

    def plain(self) -> None:
        self.operator.ssh(WORKS)
        self.operator.inventory(portbook_confirm_timeout=HOLD)
        self.operator.run().ok()
        self.operator.run().ok(changed=False)
        self.before = self.seen()

    def seen(self) -> tuple[object, ...]:
        files = {path: text for path, text in self.daemon.files().items() if "portbook" in path or "/pb-" in path}
        return (*state(self.machine), files, self.daemon.rules(), self.daemon.ipsets())

    def close(self) -> None:
        if self._laboratory:
            self._laboratory.close()


@pytest.fixture(scope="module")
def bench(root: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    opened = Bench(root, key, tmp_path_factory.mktemp("bench"))
    yield opened
    opened.close()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("one", CHOSEN, ids=lambda one: one.name)
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
    while not (machine.succeeds("test", "-e", "/run/portbook/pending.json") and "!= syn" in machine.table()):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    machine.run("sh", "-c", one.happens, check=False)
    assert process.wait(timeout=100) != 0
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
