# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units come, change and go with the table, also if a run is killed, fails or is taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kernel.helpers.host import ONE, TWO, Host, fake_nft
from kernel.helpers.processes import killed_at, settled, told, until
from kernel.helpers.service_manager import ServiceManager

from ansible_collections.portbook.firewall.plugins.module_utils.linux import units as boot
from ansible_collections.portbook.firewall.plugins.module_utils.nftables import after_flush
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.units import UNIT

RESTORE: dict[str, Any] = {"settings": {"restore_after_flush": True}}
PLAIN: dict[str, Any] = {"settings": {"restore_after_flush": False}}
# More than any run has.
STEPS = range(44)


@pytest.fixture
def manager(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> ServiceManager:
    return ServiceManager(tmp_path, host, monkeypatch)


def whole(host: Host, manager: ServiceManager) -> tuple[Any, ...]:
    return host.all(), manager.all()


def test_units_come_and_go_with_the_variable(host: Host, manager: ServiceManager) -> None:
    host.apply(ONE, **PLAIN)
    plain = whole(host, manager)
    assert sorted(plain[1]) == [
        "nftables.service.d/portbook.conf",
        UNIT,
        "started",
        f"sysinit.target.wants/{UNIT}",
    ]
    host.apply(ONE, **RESTORE)
    assert manager.all()["started"] == after_flush.UNIT
    assert not host.apply(ONE, **RESTORE).changed
    host.apply(ONE, **PLAIN)
    assert whole(host, manager) == plain
    host.apply({"one": {}})
    assert whole(host, manager) == (("", {}), {"started": ""})


@pytest.mark.parametrize("what", ["disable", "stop"])
def test_a_unit_that_somebody_switched_off_is_switched_on(host: Host, manager: ServiceManager, what: str) -> None:
    host.apply(ONE, **RESTORE)
    before = whole(host, manager)
    boot._systemctl(what, after_flush.UNIT)
    assert whole(host, manager) != before
    assert host.apply(ONE, check=True, **RESTORE).changed
    host.apply(ONE, **RESTORE)
    assert whole(host, manager) == before


def test_the_link_of_a_unit_whose_file_somebody_deleted_goes_with_the_table(
    host: Host, manager: ServiceManager
) -> None:
    host.apply(ONE, **PLAIN)
    (manager.units / UNIT).unlink()
    host.apply({"one": {}})
    assert whole(host, manager) == (("", {}), {"started": ""})


def test_a_table_whose_memory_is_lost_goes_with_its_units(host: Host, manager: ServiceManager) -> None:
    host.apply(ONE, **RESTORE)
    (host.folder / "state.json").unlink()
    assert host.apply({}, replace_all=True, removes=True).changed
    assert whole(host, manager) == (("", {}), {"started": ""})


@pytest.mark.parametrize("first", [True, False])
def test_a_change_that_is_taken_back_takes_its_units_back(host: Host, manager: ServiceManager, first: bool) -> None:
    if not first:
        host.apply(ONE, **PLAIN)
    before = whole(host, manager)
    host.apply(TWO, hold=0.4, token="t", **RESTORE)
    assert after_flush.UNIT in manager.all()["started"]
    assert until(lambda: settled(host))
    assert until(lambda: whole(host, manager) == before), whole(host, manager)


@pytest.mark.parametrize("slices", [TWO, {"one": {}}], ids=["change", "removal"])
def test_a_change_that_fails_leaves_the_units_as_they_were(
    host: Host, manager: ServiceManager, tmp_path: Path, slices: dict[str, Any]
) -> None:
    host.apply(ONE, **RESTORE)
    before = whole(host, manager)
    host.nft_path = fake_nft(tmp_path, '[ "$1" = "-f" ] && { echo "Error: no" >&2; exit 1; }')
    assert "nft refuses the ruleset: Error: no" in told(lambda: host.apply(slices, **PLAIN))
    assert whole(host, manager) == before


@pytest.mark.parametrize("step", STEPS)
def test_an_apply_that_is_killed_is_repaired_by_the_next(
    host: Host, manager: ServiceManager, tmp_path: Path, step: int
) -> None:
    if killed_at(step, tmp_path, lambda: host.apply(TWO, **RESTORE)):
        assert step < STEPS[-1]
        host.apply(TWO, **RESTORE)
    assert sorted(host.files()) == ["restore.sh", "state.json", "table.nft"]
    assert len(manager.all()) == 6
    assert manager.all()["started"] == after_flush.UNIT
    assert not host.apply(TWO, **RESTORE).changed


@pytest.mark.parametrize("step", STEPS)
def test_a_removal_that_is_killed_is_repaired_by_the_next(
    host: Host, manager: ServiceManager, tmp_path: Path, step: int
) -> None:
    host.apply(ONE, **RESTORE)
    if killed_at(step, tmp_path, lambda: host.apply({"one": {}})):
        assert step < STEPS[-1]
        host.apply({"one": {}})
    assert whole(host, manager) == (("", {}), {"started": ""})
