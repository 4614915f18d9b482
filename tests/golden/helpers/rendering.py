# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nft is given on a host, from the inventory on, with a host that is always the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from golden.helpers.running import Machine, computed, shipped_catalog

from ansible_collections.portbook.firewall.plugins.module_utils.linux import local as host_local
from ansible_collections.portbook.firewall.plugins.module_utils.linux import units as boot
from ansible_collections.portbook.firewall.plugins.module_utils.linux.apply import apply
from ansible_collections.portbook.firewall.plugins.module_utils.linux.request import Request
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import HostState
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.engine import Nftables
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.linux import host_settings, host_slices
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.file import parts
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart

WAY_IN = ("192.0.2.250", 22)


class Recorder:
    """In nft's place, on a host that has no rules yet."""

    path = "/usr/sbin/nft"

    def __init__(self) -> None:
        self.given = ""

    def table(self) -> None:
        return None

    def others(self, beside: object = ()) -> list[Any]:
        return []

    def check(self, text: str) -> None:
        self.given = text


def same_host(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(boot, "has_systemd", lambda: False)
    patch.setattr(host_local, "way_in", lambda: WAY_IN)
    patch.setattr(host_local, "container_bridges", lambda: ["docker0", "docker_gwbridge"])
    patch.setattr(host_local, "own_bridges", lambda: ["br0"])
    patch.setattr(host_local, "subnets", lambda: ["192.0.2.0/24", "2001:db8::/64"])
    patch.setattr(host_local, "resolvers", lambda: ["192.0.2.53"])
    patch.setattr(host_local, "time_servers", lambda: ["192.0.2.123"])


def request(machines: Iterable[Machine], variables: Mapping[str, Any], name: str) -> Request:
    """As the action plugin makes it."""
    outcome = computed(machines, variables)
    assert outcome.plan is not None, "\n".join(map(str, outcome.errors))
    catalog = shipped_catalog()
    networks = {one.digest: list(one.networks) for one in outcome.plan.peers.values()}
    part = HostPart.of(json.loads(dict(parts(outcome.plan, outcome.digest))[name]))
    return Request(
        slices=host_slices(part, None, catalog.numbers, networks.__getitem__),
        replace_all=True,
        settings=host_settings(part),
        transport="ssh",
        check=True,
    )


def given(asked: Request, folder: Path) -> str:
    recorder = Recorder()
    apply(HostState(str(folder), str(folder)), Nftables(recorder), asked)  # type: ignore[arg-type]
    return recorder.given
