# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed leaves the old table or the new one, and the next run brings all in order."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import pytest
from kernel.helpers.host import ONE, TWO, Host
from kernel.helpers.namespaces import Namespace
from kernel.helpers.processes import killed_at, settled, until

# More than any run has; beyond its end there is nothing to kill.
STEPS = range(22)
_HELD_FOR = 0.3


def _in_order(host: Host) -> None:
    """Of the new slices, and with nothing left behind."""
    host.apply(TWO)
    assert host.all() == _of_a_host_without_a_past()
    assert not host.apply(TWO).changed


@cache
def _of_a_host_without_a_past() -> tuple[str, dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder, Namespace().inside():
        host = Host(Path(folder) / "portbook")
        host.apply(TWO)
        return host.all()


@pytest.mark.parametrize("step", STEPS)
def test_a_change_that_is_killed_is_whole_or_not_at_all(host: Host, step: int) -> None:
    host.apply(TWO)
    new = host.table()
    host.apply(ONE)
    old = host.table()
    if not killed_at(step, host.folder, lambda: host.apply(TWO)):
        return
    assert host.table() in (old, new)
    _in_order(host)


@pytest.mark.parametrize("step", STEPS)
def test_a_held_change_that_is_killed_is_taken_back(host: Host, step: int) -> None:
    host.apply(ONE)
    before = host.all()
    if not killed_at(step, host.folder, lambda: host.apply(TWO, hold=_HELD_FOR, token="t")):
        return
    assert until(lambda: settled(host))
    assert host.table() == before[0]
    assert {name: host.files()[name] for name in before[1]} == before[1]
    _in_order(host)


@pytest.mark.parametrize("step", STEPS)
def test_a_first_apply_that_is_killed(host: Host, step: int) -> None:
    if not killed_at(step, host.folder, lambda: host.apply(TWO)):
        return
    _in_order(host)


@pytest.mark.more
@pytest.mark.parametrize("step", STEPS)
def test_a_removal_that_is_killed(host: Host, step: int) -> None:
    host.apply(ONE)
    old = host.table()
    if not killed_at(step, host.folder, lambda: host.apply({"one": {}})):
        return
    assert host.table() in (old, "")
    host.apply({"one": {}})
    assert host.all() == ("", {})


@pytest.mark.parametrize("step", range(8))
def test_a_confirmation_that_is_killed(host: Host, step: int) -> None:
    host.apply(TWO)
    new = host.table()
    host.apply(ONE)
    old = host.table()
    host.apply(TWO, hold=_HELD_FOR, token="t")
    if not killed_at(step, host.folder, lambda: host.confirm("t")):
        assert step > 3
        assert host.confirm("t")
    assert until(lambda: settled(host))
    assert host.table() in (old, new)
    host.apply(TWO)
    assert (host.table(), sorted(host.files())) == (new, ["state.json", "table.nft"])
    assert not host.apply(TWO).changed
    assert not host.notes.exists()


@pytest.mark.parametrize("hold", [0.0, _HELD_FOR])
def test_all_steps_were_killed(host: Host, hold: float) -> None:
    host.apply(ONE)
    assert not killed_at(STEPS[-1], host.folder, lambda: host.apply(TWO, hold=hold, token="t"))
    assert until(lambda: settled(host))
