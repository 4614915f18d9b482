# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store that a real PowerShell leaves is, rule by rule, the one that the emulation leaves.

Every Windows component is brought from posture to posture, and all of ours is removed at the end: the same arguments
go to our real modules and to their emulation, each with a store of its own. Usually each component has a few postures,
spread so that all together have every one; PORTBOOK_PWSH_CROSS asks for every posture with every outbound mode.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from golden.test_truth_table import Scenario
from windows.fake.bringing import HOST, WINRM, headed, look
from windows.fake.emulated import read, write
from windows.fake.host import to_file
from windows.fake.modules import content, told
from windows.fake.store import Store
from windows.fake.truth_table import sited, windows_hosts
from windows.fake.worlds import REMOTE_MANAGEMENT, add
from windows.pwsh.session import CROSS, Session

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import exchange
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decision import Decision
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.removal import decide_removal
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import Store as Read
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.wanted import Renderer

POSTURES = [*itertools.product(("guard", "strict", "open"), ("off", "open", "guard", "strict"))]
"""How a host is held, inbound and outbound."""
HOSTS = windows_hosts(Scenario("on"))


def postures(number: int) -> list[tuple[str, str]]:
    if CROSS:
        return POSTURES
    return [POSTURES[(number + step) % len(POSTURES)] for step in (0, 5)]


class Both:
    """One host's store twice: in a file for the real modules, and in the emulation."""

    def __init__(self, session: Session, folder: Path, name: str) -> None:
        self._session, self._file, self._name = session, folder / "store.json", name
        self.emulated = Store.sample(101)
        add(self.emulated, REMOTE_MANAGEMENT)
        self.emulated.save(self._file)
        self.steps = 0

    def bring(self, posture: str, outbound: str) -> Decision:
        # The mode decides which rules there are.
        site = sited(Scenario("on"), outbound)
        part = headed(site.parts[self._name], posture=posture, outbound=outbound, windows_foreign="disable")
        ports = part.management_ports.numbers or [WINRM]
        found = self._read(exchange.read_arguments(part))
        renderer = Renderer(site.tokens, site.networks, found.programs)
        decision = decide(found, exchange.asked(part, None, renderer, ports, over_network=True))
        assert decision.errors == []
        self._write(found, decision)
        return decision

    def remove(self) -> None:
        found = self._read(exchange.removal_arguments())
        self._write(found, decide_removal(found, None))

    def ours(self) -> int:
        return sum(str(rule.grouping).startswith("portbook") for rule in self.emulated.rules)

    def _read(self, arguments: dict[str, Any]) -> Read:
        real = self._session.run("windows_read", self._file, arguments, host=to_file(HOST, self.emulated))
        model = json.loads(json.dumps(read(self.emulated, arguments, HOST)))
        assert told(real) == told(model)
        self.steps += 1
        return look(self.emulated, arguments)

    def _write(self, found: Read, decision: Decision) -> None:
        if decision.operations:
            arguments = json.loads(json.dumps(exchange.write_arguments(found, decision)))
            self._fail(arguments)
            real = self._session.run("windows_write", self._file, arguments)
            model = json.loads(json.dumps(write(self.emulated, arguments, host=HOST)))
            assert not model.get("failed"), model
            assert told(real) == told(model)
            self.steps += 1
        assert content(Store.load(self._file)) == content(self.emulated)

    def _fail(self, arguments: dict[str, Any]) -> None:
        """At the last rule that is made: all that was done before is taken back."""
        made = [one["rule"]["Name"] for one in arguments["operations"] if one["op"] in ("create", "change")]
        if not made:
            return
        before, fault = content(self.emulated), f"^Add .*{re.escape(made[-1])}$"
        real = self._session.run("windows_write", self._file, arguments, fault)
        self.emulated.with_faults(fail_match=fault)
        model = json.loads(json.dumps(write(self.emulated, arguments, host=HOST)))
        self.emulated.with_faults()
        assert real["failed"]
        assert real["undone"]
        assert told(real) == told(model)
        assert content(Store.load(self._file)) == content(self.emulated) == before
        self.steps += 1


def test_all_postures_are_tried_and_every_component() -> None:
    assert {one for number in range(len(HOSTS)) for one in postures(number)} == set(POSTURES)
    assert len({name.rpartition("-")[0] for name in HOSTS}) >= 15


@pytest.mark.parametrize("name", HOSTS)
def test_a_real_powershell_leaves_the_store_that_the_emulation_leaves(
    name: str, session: Session, tmp_path: Path, record_property: Any
) -> None:
    held = postures(HOSTS.index(name))
    both = Both(session, tmp_path, name)
    written = sum(len(both.bring(posture, outbound).operations) for posture, outbound in held)
    assert written > 0
    assert both.ours() > 0
    assert both.bring(*held[-1]).operations == []
    both.remove()
    assert both.ours() == 0
    record_property("steps", both.steps)


def test_a_difference_of_one_property_is_noticed(session: Session, tmp_path: Path) -> None:
    both = Both(session, tmp_path, HOSTS[0])
    both.bring("guard", "off")
    both.emulated.rules[-1].remote_addresses = "203.0.113.99/255.255.255.255"
    with pytest.raises(AssertionError):
        both.remove()
