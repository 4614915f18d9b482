# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs at a host, read, decided and written: nobody is locked out, and all that was disabled is given back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from golden.helpers.running import shipped_catalog
from windows.fake.bringing import CONTROLLER, HOST
from windows.fake.engine import foreign
from windows.fake.host import Host
from windows.fake.hresult import ACCESS_DENIED
from windows.fake.modules import Modules, Start
from windows.fake.plans import plain_rule
from windows.fake.store import Faults, Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.backend import WindowsHost
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart, Settings

STRICT = Settings(windows_foreign="disable", management=(CONTROLLER,))


class Runs:
    """`calls` are those of the last run."""

    def __init__(self, modules: Modules, transport: str = "winrm") -> None:
        self.modules, self.transport = modules, transport
        self.faults = Faults()
        self.calls: list[str] = []

    def bring(self, posture: str = "strict", ports: tuple[str, ...] = ()) -> dict[str, Any]:
        way_in = plain_rule(id="way-in", flow="way-in", component="", ports=ports) if ports else None
        return self._host().bring(HostPart("host", posture=posture, settings=STRICT, way_in=way_in), None, {}, list)

    def remove(self) -> dict[str, Any]:
        return self._host().remove(None)

    def _host(self) -> WindowsHost:
        self.calls.clear()
        return WindowsHost("host", self._run, 5986, self.transport, check=False, diff=False, catalog=shipped_catalog)

    def _run(self, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(module.rpartition(".")[2])
        if self.calls[-1] == "windows_read":
            return self.modules.read(**arguments)
        return self.modules.write(faults=self.faults, **arguments)


def off(modules: Modules) -> list[str]:
    return sorted(str(one.name) for one in modules.store.rules if not one.enabled)


# -- nobody is locked out (F2, W1) --------------------------------------------------------------------
CAME_BY: dict[str, tuple[int, Host]] = {
    "winrm": (5985, replace(HOST, listeners=(("winrm", 5985),), connections=((5985, CONTROLLER),))),
    "psrp": (5985, replace(HOST, listeners=(("winrm", 5985),), connections=((5985, CONTROLLER),))),
    "ssh": (2222, replace(HOST, listeners=(("ssh", 2222),), ssh_connection=f"{CONTROLLER} 50000 192.0.2.10 2222")),
}
EVERY_WAY = pytest.mark.parametrize("transport", CAME_BY)


@EVERY_WAY
def test_management_access_that_is_said_to_have_another_port_is_refused_and_nothing_is_written(
    transport: str, start: Start
) -> None:
    port, came = CAME_BY[transport]
    host = start(Store.sample(101), came)
    before = host.content()
    runs = Runs(host, transport)
    done = runs.bring(ports=("5986",))
    assert f"({CONTROLLER} to tcp {port}) would not be allowed again" in done["msg"]
    assert (runs.calls, host.content()) == (["windows_read"], before)


@EVERY_WAY
def test_what_the_controller_believes_of_the_port_does_not_count(transport: str, start: Start) -> None:
    port, came = CAME_BY[transport]
    host = start(Store.sample(101), came)
    assert not Runs(host, transport).bring().get("failed")
    (way,) = [one for one in host.store.rules if one.name == "portbook/way-in/in/1"]
    assert (way.local_ports, way.remote_addresses) == (str(port), f"{CONTROLLER}/255.255.255.255")


@EVERY_WAY
def test_a_host_on_which_no_connection_is_seen_is_refused_with_management_or_without(
    transport: str, start: Start
) -> None:
    host = start(Store.sample(101), replace(CAME_BY[transport][1], connections=(), ssh_connection=""))
    assert "the controller's address is not known" in Runs(host, transport).bring()["msg"]


# -- all that was disabled is given back (F3) ----------------------------------------------------------
def test_after_a_change_of_language_a_run_changes_nothing_and_removal_gives_all_back(start: Start) -> None:
    host = start(Store.sample(400), CAME_BY["winrm"][1])
    before = host.content()["Rules"]
    runs = Runs(host)
    disabled = runs.bring()["disabled"]
    assert len(disabled) > 60
    host.store.resources = {raw: f"auf Deutsch: {text}" for raw, text in host.store.resources.items()}
    assert (runs.bring()["changed"], runs.calls) == (False, ["windows_read"])
    assert len(runs.remove()["enabled"]) == len(disabled)
    assert host.content()["Rules"] == before


def test_rules_that_are_not_found_are_named_in_every_run_and_the_connection_is_not_cut(start: Start) -> None:
    """Somebody edited the rules that had let the controller in."""
    remote = foreign(Name="Remote management", LocalPorts="5985", Description="as it was")
    host = start(Store.of(remote, foreign(Name="theirs", LocalPorts="81")), CAME_BY["winrm"][1])
    runs = Runs(host)
    runs.bring()
    host.change("Remote management", description="edited")
    for _run in range(2):
        assert any("are not found: 'Remote management'" in one for one in runs.bring()["warnings"])
    removed = runs.remove()
    assert "would not be allowed again: no rule lets it in" in removed["msg"]
    assert any("are not found: 'Remote management'" in one for one in removed["warnings"])
    host.change("Remote management", enabled=True)
    assert not runs.remove().get("failed")
    assert off(host) == ["portbook/memory/not-found/1"]


# -- one rule that may not be disabled (N1) ------------------------------------------------------------
def test_strict_holds_where_one_rule_may_not_be_disabled(start: Start) -> None:
    """It stopped the whole host, and the rights of the user were said to be the reason."""
    host = start(Store.of(foreign(Name="fixed"), foreign(Name="theirs", LocalPorts="81")), CAME_BY["winrm"][1])
    runs = Runs(host)
    runs.faults = Faults(fail_match="put.Enabled .*fixed", fail_hresult=ACCESS_DENIED)
    done = runs.bring()
    assert (done.get("failed"), done["changed"], done["disabled"]) == (None, True, ["theirs"])
    again = runs.bring()
    assert (again["changed"], runs.calls) == (False, ["windows_read"])
    for one in (done, again):
        assert any("not strict: Windows refuses to disable 1 permission: fixed" in text for text in one["warnings"])
    runs.faults = Faults()
    host.store.rules[0].local_ports = "5985"
    runs.remove()
    assert off(host) == []


# -- what somebody does meanwhile (N2) -----------------------------------------------------------------
def test_a_profile_that_is_switched_off_meanwhile_stops_the_write(start: Start) -> None:
    host = start(Store.sample(101), CAME_BY["winrm"][1])
    runs = Runs(host)
    read = host.read

    def switched_off(*args: Any, **arguments: Any) -> dict[str, Any]:
        answer = read(*args, **arguments)
        host.store.profile(4, enabled=False)
        return answer

    host.read = switched_off  # type: ignore[method-assign]
    done = runs.bring()
    assert done["failed"]
    assert "run it again" in done["msg"].lower()
    assert not [one for one in host.store.rules if str(one.name).startswith("portbook")]
