# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible.windows.dsc3 with Microsoft.Windows/FirewallRuleList does to a store: rules by their names, one property
after another, and none that is not named."""

from __future__ import annotations

from typing import Any

from windows.fake.com import FwRule
from windows.fake.emulated import Result, failed
from windows.fake.hresult import NOT_FOUND, ComError
from windows.fake.store import Store

# In the order in which the resource puts them.
PROPERTIES = {
    "protocol": "Protocol",
    "description": "Description",
    "applicationName": "ApplicationName",
    "serviceName": "serviceName",
    "localPorts": "LocalPorts",
    "remotePorts": "RemotePorts",
    "localAddresses": "LocalAddresses",
    "remoteAddresses": "RemoteAddresses",
    "direction": "Direction",
    "action": "Action",
    "enabled": "Enabled",
    "profiles": "Profiles",
    "grouping": "Grouping",
}
WORDS: dict[str, Any] = {"Inbound": 1, "Outbound": 2, "Allow": 1, "Block": 0}


def dsc3(store: Store, args: dict[str, Any], check_mode: bool = False) -> Result:
    store.new_process()
    [resource] = args["config"]["resources"]
    if resource["type"] != "Microsoft.Windows/FirewallRuleList":
        return failed({}, f"no resource {resource['type']}")
    changed = False
    try:
        for wanted in resource["properties"]["rules"]:
            changed |= bring(store, wanted, check_mode)
    except ComError as error:
        return failed({}, f"Resource error (ExitCode=2): {error}")
    return {"changed": changed, "rc": 0}


def bring(store: Store, wanted: dict[str, Any], check_mode: bool) -> bool:
    firewall, name = store.firewall(), wanted["name"]
    found = item(store, name)
    if wanted.get("_exist") is False:
        if found is not None and not check_mode:
            firewall.rules.remove(name)
        return found is not None
    rule = found or firewall.new_rule()
    changed = found is None
    if found is None:
        rule.put("Name", name)
    for key, to in PROPERTIES.items():
        if key not in wanted:
            continue
        value = 0x7FFFFFFF if key == "profiles" else WORDS.get(wanted[key], wanted[key])
        if rule.get(to) != value:
            changed = True
            if not check_mode:
                rule.put(to, value)
    if found is None and not check_mode:
        firewall.rules.add(rule)
    return changed


def item(store: Store, name: str) -> FwRule | None:
    try:
        return store.firewall().rules.item(name)
    except ComError as error:
        if error.hresult == NOT_FOUND:
            return None
        raise
