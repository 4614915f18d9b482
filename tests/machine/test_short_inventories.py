# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories that lack hosts, over real ssh, on a machine with systemd."""

from __future__ import annotations

import json

import pytest
from lab.machine import Machine
from lab.network import PEER, STRANGER
from machine.helpers.playbooks import HOST, REMOVE, SITE, Operator
from machine.test_site import GUARDED, files

pytestmark = pytest.mark.once


def rename(operator: Operator) -> None:
    """The group that made the host a master has another name now."""
    path = operator.folder / "hosts.yml"
    path.write_text(path.read_text().replace("utmstack_master", "siem_servers"))


def test_a_short_inventory_is_refused_and_shrink_is_no_lock_out(machine: Machine, operator: Operator) -> None:
    operator.run().ok(changed=True)
    machine.listen(GUARDED)
    before = machine.table(), files(machine)
    rename(operator)
    foreseen, refused = operator.run(SITE, "--check").failed(), operator.run().failed()
    for run in (foreseen, refused):
        assert "With the inventory of this run (1 host) this host would lose all that it holds: " in run.words
        assert "(utmstack_master: " in run.words
        assert "-e portbook_shrink=true allows it for this run" in run.words
    assert (machine.table(), files(machine)) == before
    assert machine.reached([(PEER, GUARDED), (STRANGER, GUARDED)]) == {(PEER, GUARDED)}
    operator.run(portbook_shrink=True).ok(changed=True)
    assert (machine.table(), machine.succeeds("ls", "/var/lib/portbook")) == ("", False)
    assert machine.reaches(STRANGER, GUARDED)


def test_a_play_without_groups_as_ansible_pull_has_it_is_refused_and_remove_works(
    machine: Machine, operator: Operator
) -> None:
    operator.run().ok(changed=True)
    before = machine.table(), files(machine)
    host = json.loads((operator.folder / "hosts.yml").read_text())["all"]["children"]["utmstack_master"]["hosts"][HOST]
    assert host["ansible_host"] == machine.address
    (operator.folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": {HOST: host}}}))
    pulled = operator.folder / "pull.yml"
    pulled.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "roles": ["portbook.firewall.host"]}]))
    assert "would lose all that it holds" in operator.run(str(pulled)).failed().words
    assert (machine.table(), files(machine)) == before
    operator.run(REMOVE).ok(changed=True)
    assert machine.table() == ""
