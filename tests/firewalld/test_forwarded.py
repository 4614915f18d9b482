# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that are forwarded, by firewalld or by Docker, are guarded like all others, StrictForwardPorts or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker.containers import WANTED, Docker
from docker.events import again
from firewalld.helpers.daemon import Daemon
from firewalld.helpers.packets import GUARDED, OTHER, PEER_ALONE, asked
from lab import roots
from lab.laboratory import Laboratory, Spec
from lab.machine import Machine
from lab.network import PEER6
from machine.helpers.playbooks import Operator

pytestmark = pytest.mark.more
# A container's own address is in another zone, to which firewalld forwards nothing from outside.
_OWN = "own address, peer"
_CONFIGURATION = "/etc/firewalld/firewalld.conf"


def _restart_of_firewalld(docker: Docker, daemon: Daemon) -> None:
    """Docker hears of it and makes its zone and its rules again."""
    docker.machine.run("systemctl", "restart", "firewalld")
    daemon.wait()


_HAPPENS: dict[str, Callable[[Docker, Daemon], None]] = {
    "StrictForwardPorts is no again": lambda _docker, _daemon: None,
    "Docker is restarted": lambda docker, _daemon: docker.restart(),
    "docker compose down and up": lambda docker, _daemon: again(docker),
    "firewalld is restarted": _restart_of_firewalld,
}


def strict(daemon: Daemon, word: str) -> bool:
    """Whether this firewalld knows it."""
    machine = daemon.machine
    if not machine.succeeds("grep", "-q", "^StrictForwardPorts=", _CONFIGURATION):
        return word == "no"
    machine.run("sed", "-i", f"s/^StrictForwardPorts=.*/StrictForwardPorts={word}/", _CONFIGURATION)
    daemon.cmd("--reload")
    return True


@pytest.mark.usefixtures("listening")
def test_a_port_that_an_administrator_forwards_is_guarded(machine: Machine, operator: Operator, daemon: Daemon) -> None:
    forward = f"port={GUARDED}:proto=tcp:toport={OTHER}"
    daemon.cmd("--permanent", "--zone=public", f"--add-forward-port={forward}")
    daemon.cmd("--reload")
    assert {port for _source, port in asked(machine)} == {GUARDED}, "without a guard everybody gets in"
    operator.run().ok(changed=True)
    for word in ("no", "yes"):
        if strict(daemon, word):
            assert asked(machine) == PEER_ALONE, word
            operator.run().ok(changed=False)


class TestDocker:
    @pytest.fixture
    def root(self) -> Path:
        return roots.ready("docker", "firewalld")

    @pytest.fixture
    def machine(self, root: Path, key: Path, tmp_path: Path) -> Iterator[Machine]:
        public = key.with_suffix(".pub").read_text()
        with Laboratory([Spec("siem", root, containers=True)], public, tmp_path / "machine.log") as laboratory:
            started = laboratory.machines["siem"]
            Daemon(started).start()
            yield started

    def test_published_ports_are_guarded_through_reloads_of_firewalld(
        self, machine: Machine, operator: Operator, daemon: Daemon
    ) -> None:
        machine.listen(9000)
        docker = Docker(machine)
        docker.compose("up", "-d")
        assert docker.cells()["published, stranger"], "without rules everybody gets in, or this proves nothing"
        operator.inventory(portbook_peers_more={"utmstack_agent": [PEER6]})
        operator.run().ok(changed=True)
        wanted = {**WANTED, _OWN: docker.cells()[_OWN]}
        assert docker.cells() == wanted
        for word in ("no", "yes"):
            if strict(daemon, word):
                found = docker.cells()
                refused = {name for name, reached in wanted.items() if not reached}
                assert not [name for name in refused if found[name]], word
                operator.run().ok(changed=False)
        assert strict(daemon, "no")
        for what, happens in _HAPPENS.items():
            happens(docker, daemon)
            assert docker.cells() == wanted, what
        operator.run().ok(changed=False)
