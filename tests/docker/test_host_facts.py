# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a machine with real Docker: the ports that it publishes, and that its rules are Docker's."""

from __future__ import annotations

from docker.containers import Docker
from lab.machine import Machine
from machine.helpers.facts import read
from machine.helpers.playbooks import Operator


def test_published_ports_say_which_container_answers(machine: Machine, operator: Operator) -> None:
    docker = Docker(machine)
    docker.compose("up", "-d")
    facts = read(operator)
    published = [one for one in facts["published"] if one["by"] == "docker"]
    listed = docker("ps", "--format", "{{.Ports}}")
    assert published
    for one in published:
        assert f":{one['ports']}->{one['to'].rpartition(':')[2]}/{one['protocol']}" in listed
    assert len(published) == len(
        {part.rpartition(":")[2] for part in listed.replace("\n", ", ").split(", ") if "->" in part}
    )
    assert ("docker", "active") in {(one["name"], one["active"]) for one in facts["services"]}
    assert "docker" in {one["owner"] for one in facts["unmanaged"]["rules"]}
    assert facts["not_read"] == {}
