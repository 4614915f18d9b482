# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test here runs in a network namespace of its own; the machine's rules are out of its reach."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel.helpers.host import Host
from kernel.helpers.namespaces import Namespace, why_not
from kernel.helpers.wire import Wire

from ansible_collections.portbook.firewall.plugins.module_utils.linux import local as host_local
from ansible_collections.portbook.firewall.plugins.module_utils.linux import units as boot

os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


# xdist's thread holds no lock that a child needs.
QUIET = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(QUIET)


@pytest.fixture(scope="session")
def namespaces() -> None:
    lacking = [program for program in ("nft", "ip") if shutil.which(program) is None]
    reason = f"{', '.join(lacking)} missing: apt-get install nftables iproute2" if lacking else why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture(autouse=True)
def own_network(namespaces: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Namespace]:
    # Units are the machine's, and so is the way in: neither is a namespace's.
    monkeypatch.setattr(boot, "has_systemd", lambda: False)
    monkeypatch.setattr(host_local, "way_in", lambda: None)
    namespace = Namespace()
    try:
        with namespace.inside():
            yield namespace
    finally:
        namespace.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire.make()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "portbook")
