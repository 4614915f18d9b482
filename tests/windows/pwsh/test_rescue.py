# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that docs/windows.md has for the console of a host that cannot be reached, on the fake of the store."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from golden.test_truth_table import Scenario
from pages import CHECKOUT, commands
from windows.fake.store import Store
from windows.fake.truth_table import sited, windows_hosts
from windows.fake.worlds import REMOTE_MANAGEMENT, add

PAGE = CHECKOUT / "docs" / "windows.md"
HOST = windows_hosts(Scenario("on"))[0]
WINRM = REMOTE_MANAGEMENT["Grouping"]
ALLOW = 1
# As Windows has them: a group is a pattern, and a rule is changed in the store.
CMDLETS = """
$ErrorActionPreference = 'Stop'
function Get-NetFirewallRule {
    param([string[]]$Group)
    foreach ($rule in (New-Object -ComObject HNetCfg.FwPolicy2).Rules) {
        if ($Group | Where-Object { $rule.Grouping -like $_ }) { $rule }
    }
}
filter Disable-NetFirewallRule { $_.Enabled = $false }
filter Enable-NetFirewallRule { $_.Enabled = $true }
"""


def test_nothing_of_the_collection_is_in_force_and_winrm_is_reached_again(interpreter: Path, tmp_path: Path) -> None:
    store, file = Store.sample(101), tmp_path / "store.json"
    add(store, REMOTE_MANAGEMENT)
    sited(Scenario("on"), "off").bring(store, HOST, posture="strict", windows_foreign="disable")
    for rule in store.rules:
        if rule.grouping == WINRM:
            rule.enabled = False
    store.save(file)
    held = [rule for rule in store.rules if str(rule.grouping).startswith("portbook") and rule.enabled]
    assert held
    assert ALLOW not in {profile.inbound for profile in store.profiles.values()}

    done = subprocess.run(
        [interpreter, "-NoProfile", "-NonInteractive", "-Command", CMDLETS + commands(PAGE, "rescue")],
        env={**os.environ, "FAKEFW_STORE": str(file)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    rescued = Store.load(file)
    assert not [rule for rule in rescued.rules if str(rule.grouping).startswith("portbook") and rule.enabled]
    assert {rule.enabled for rule in rescued.rules if rule.grouping == WINRM} == {True}
    assert {profile.inbound for profile in rescued.profiles.values()} == {ALLOW}
    assert len(rescued.rules) == len(store.rules)
