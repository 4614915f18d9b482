# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that are wanted and stores that were read, in few words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from windows.fake.bringing import CONTROLLER, HOST, WINRM, Brought, act, look
from windows.fake.host import Host
from windows.fake.store import Faults, Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import exchange
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.asked import Asked
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.baseline import SVCHOST
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.rule import (
    NAMES,
    NUMBERS,
    PREFIX,
    FirewallRule,
    Traffic,
    same_path,
)
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import Store as Read
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.texts import read_addresses, read_ports
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.wanted import Wanted
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart

NOT_WRITTEN = ("Name", "Grouping", "Enabled", "Direction", "Action")


def rule(
    name: str = "app.web/in/1",
    ports: str = "80",
    peers: str = "*",
    component: str = "app",
    protocol: str = "tcp",
    program: str = "",
    service: str = "",
    **traffic: Any,
) -> FirewallRule:
    """A permission of ours, inbound unless `direction` says otherwise."""
    direction = traffic.pop("direction", "in")
    asked = "local_ports" if direction == "in" else "remote_ports"
    enabled, description = traffic.pop("enabled", True), traffic.pop("description", "why")
    return FirewallRule(
        f"{NAMES}{name}",
        f"{PREFIX}{component}",
        Traffic(
            direction=direction,
            protocol=NUMBERS[protocol],
            remote=read_addresses(peers),
            program=same_path(program),
            service=service.lower(),
            **{asked: read_ports(ports), **traffic},
        ),
        description,
        program,
        service,
        enabled,
    )


def wanted(*rules: FirewallRule, guarded: bool | Iterable[FirewallRule] = False) -> dict[str, Wanted]:
    """By component, each rule in the one that its group says."""
    own = rules if guarded is True else tuple(guarded or ())
    found: dict[str, Wanted] = {}
    for one in rules:
        name = one.group.removeprefix(PREFIX)
        before = found.get(name, Wanted())
        names = before.guarded | ({one.name} if one in own else set())
        found[name] = Wanted((*before.rules, one), names)
    return found


def asked(
    wanted_: dict[str, Wanted] | None = None, posture: str = "guard", outbound: str = "off", **more: Any
) -> Asked:
    """As over WinRM, from a controller that is known; postures are put as the plan has them."""
    part = HostPart("host", posture=posture, outbound=outbound)
    words = {name: getattr(part, name) for name in ("verdicts", "directions", "refuses", "watches")}
    return Asked(wanted_ or {}, **{"ports": (WINRM,), **words, **more})


def read_it(store: Store, host: Host = HOST, **arguments: Any) -> Read:
    given = {**exchange.removal_arguments(), "programs": [SVCHOST], **arguments}
    return look(store, given, host)


def apply(store: Store, what: Asked, host: Host = HOST, faults: Faults | None = None) -> Brought:
    """One run; the faults are those of the write."""
    found = read_it(store, host, domain=what.strict_out)
    decision = decide(found, what)
    store.faults = faults or Faults()
    try:
        return act(store, found, decision, host, True)
    finally:
        store.faults = Faults()


def foreign(**properties: Any) -> dict[str, Any]:
    """A rule of somebody else, by the names that the model's file has."""
    return {"Name": "theirs", "Enabled": True, "Direction": 1, "Action": 1, "Protocol": 6, **properties}


__all__ = ["CONTROLLER", "HOST", "WINRM", "apply", "asked", "foreign", "read_it", "rule", "wanted"]
