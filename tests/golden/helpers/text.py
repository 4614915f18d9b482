# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as text: a line a rule, so that a reviewer reads a change of the output in a diff."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_VERDICT = re.compile(r"(obsolete|superfluous)((?: \([^)]*\))?):")
HEAD = """\
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by pytest tests/golden --update; read the difference before you commit it.
# host direction protocol ports | peers | cast | guard | flow | listener, program, service | confidence, doubts | rows
"""


def of_plan(data: Mapping[str, Any], warnings: Iterable[str] = ()) -> str:
    return HEAD + "".join(f"{line}\n" for line in lines(data, warnings))


def lines(data: Mapping[str, Any], warnings: Iterable[str] = ()) -> list[str]:
    found = [f"warning: {warning}" for warning in warnings]
    for name, host in data["hosts"].items():
        found += ["", f"# {name}: {', '.join(host['components'])} on {host['platform']}"]
        found += [f"{name} {_rule(rule, data['peers'])}" for rule in host["rules"]]
        found += [f"{name} not planned: {one['flow']}: {one['why']}" for one in host["not_planned"]]
    return found


def _rule(rule: Mapping[str, Any], sets: Mapping[str, list[str]]) -> str:
    ports = ",".join(rule["ports"]) or "-"
    source = f" from port {','.join(rule['source_ports'])}" if rule["source_ports"] else ""
    cast = f"{rule['cast']} {','.join(rule['group'])}" if rule["group"] else rule["cast"]
    doubts = [f"{verdict}{ports}" for verdict, ports in _VERDICT.findall(rule.get("doubt", ""))]
    cells = [
        f"{rule['direction']:<3} {rule['protocol']} {ports}{source}",
        _peers(rule, sets),
        cast,
        "guarded" if rule["guarded"] else "-",
        rule["flow"],
        _at_end(rule),
        ", ".join([rule["confidence"], *doubts]),
        " ".join(rule["rows"]) or "no row",
    ]
    return " | ".join(cells)


def _peers(rule: Mapping[str, Any], sets: Mapping[str, list[str]]) -> str:
    who = " ".join(rule["peer_components"])
    if rule["peers"] in sets:
        # Names of sets are opaque, and change with what else is in the plan.
        return f"{who}: {' '.join(sets[rule['peers']])}" if sets[rule["peers"]] else "nobody"
    return f"{rule['peers']} ({who})" if who else str(rule["peers"])


def _at_end(rule: Mapping[str, Any]) -> str:
    container = f" (container {','.join(rule['container_ports'])})" if rule["container_ports"] else ""
    found = [f"{rule['listener']}{container}"]
    found += [f"{key} {rule[key]}" for key in ("program", "service") if rule[key]]
    return ", ".join(found)
