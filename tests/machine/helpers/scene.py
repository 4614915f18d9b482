# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that the plan was applied to, beside an administrator's own rules: what packets and files say of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.machine import Machine
from lab.network import PEER6
from machine.helpers import beside
from machine.helpers.playbooks import Operator, Run
from machine.helpers.truth import GUARDED, Truth, cells_of, differs


@dataclass
class Scene:
    machine: Machine
    operator: Operator
    truth: Truth = field(init=False)
    let_in: set[str] = field(init=False)
    """Cells of guarded ports that are to be open."""
    probes: dict[str, Callable[[], bool]] = field(default_factory=dict)
    """More cells, all of which are to be open."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Variables of the host."""
    agents: list[str] = field(default_factory=lambda: [PEER6])
    """Peers of the guarded port, beside the one by IPv4 that every inventory has."""

    def __post_init__(self) -> None:
        self.truth = Truth(self.machine)
        self.agents += self.truth.tunnel()["peer in the tunnel"]
        self.let_in = cells_of("peer", "peer in the tunnel")
        self.probes["host to itself"] = self.reaches_itself
        beside.own_ruleset(self.machine)

    def run(self, playbook: str = "") -> Run:
        """With the settings as they are now."""
        more = {"utmstack_agent": self.agents, **self.settings.get("portbook_peers_more", {})}
        self.operator.inventory(**{**self.settings, "portbook_peers_more": more})
        return self.operator.run(playbook) if playbook else self.operator.run()

    def wrong(self, everybody: bool = False) -> dict[str, bool]:
        """The cells that are not as they should be; empty, if all is well."""
        found = {**self.truth.cells(), **{name: probe() for name, probe in self.probes.items()}}
        wanted = {**self.truth.wanted(self.let_in), **dict.fromkeys(self.probes, True)}
        return differs(found, dict.fromkeys(found, True) if everybody else wanted)

    def unmanaged(self) -> dict[str, str]:
        return beside.unmanaged(self.machine)

    def has_table(self) -> bool:
        return self.machine.table() != ""

    def wait_for_table(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.has_table() and time.monotonic() < end:
            time.sleep(0.02)

    def reaches_itself(self) -> bool:
        tried = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()"
        own = (self.machine.address, self.machine.address6)
        return all(self.machine.succeeds("python3", "-c", tried, one, str(GUARDED)) for one in own)
