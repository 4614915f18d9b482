# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every variable that the collection reads: its name, where it may stand, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..catalog.model import Component
from .settings import CONFIRM_TIMEOUT

Scope = Literal["all", "host", "play"]
"""Of all hosts alike, of each host, or of the playbook that is run."""
POSTURES = ("guard", "open", "strict", "watch")
OUTBOUND = ("off", "open", "guard", "strict")
PLATFORM_OF = {"windows": "windows", "firewalld": "linux", "nftables": "linux"}
"""Each backend."""
BACKENDS = ("auto", *PLATFORM_OF, "none")
SUFFIXED = ("portbook_peers", "portbook_flows", "portbook_allow", "portbook_management")


@dataclass(frozen=True)
class Variable:
    name: str
    kind: str
    scope: Scope
    meaning: str
    default: object = None
    choices: tuple[str, ...] = ()
    component: str | None = None
    key: str = ""
    """Of a component's variable: the feature, port or program that it sets."""


_GLOBAL = (
    Variable(
        "portbook_components",
        "components",
        "host",
        "Additional components of the host, besides those of its groups. A party (a component without a role) gives "
        "the host rules only if it is listed here.",
        [],
    ),
    Variable(
        "portbook_groups",
        "groups",
        "all",
        "Your own names of inventory groups: a dictionary of component and list of groups. They replace the group "
        "with the component's name.",
        {},
    ),
    Variable(
        "portbook_realm",
        "realm",
        "host",
        "The installation or site that the host belongs to, or a list of them. Rules are created only between hosts "
        "with a realm in common.",
        "main",
    ),
    Variable(
        "portbook_addresses",
        "addresses",
        "host",
        "Addresses that other hosts use to connect to this host. Default: ansible_host if it is an address, else "
        "ansible_host or the inventory name, resolved on the controller.",
    ),
    Variable(
        "portbook_addresses_from",
        "choice",
        "all",
        "Source of the addresses of hosts without portbook_addresses. facts needs gathered or cached facts.",
        "inventory",
        ("inventory", "facts"),
    ),
    Variable(
        "portbook_peers",
        "peers",
        "host",
        "Peers that are not in the inventory, by component: a list of addresses, networks, names or dictionaries (keys "
        "addresses, realms, port, version, features), the word any, or an empty list. Any suffix is allowed.",
        {},
    ),
    Variable(
        "portbook_allow",
        "allow",
        "host",
        "Rules in addition to those of the catalogue: a list of dictionaries with name, direction, protocol, ports, "
        "peers, why, owner, ticket, expires. Any suffix is allowed.",
        [],
    ),
    Variable(
        "portbook_backend",
        "choice",
        "host",
        "Firewall backend. auto chooses it on the host. With none, the rules are planned but not applied.",
        "auto",
        BACKENDS,
    ),
    Variable(
        "portbook_posture",
        "choice",
        "host",
        "Policy for inbound traffic: open only allows planned flows, guard also restricts the products' own ports to "
        "their peers, strict refuses everything that is not allowed, watch counts and logs what guard would refuse.",
        "guard",
        POSTURES,
    ),
    Variable(
        "portbook_outbound",
        "choice",
        "host",
        "Policy for outbound traffic: off does nothing, open only allows planned flows, guard restricts the products' "
        "own ports to their peers, strict refuses everything that is not allowed.",
        "off",
        OUTBOUND,
    ),
    Variable(
        "portbook_flows",
        "flows",
        "host",
        "Changes to single flows, by flow id: state, ports, peers, guard, log, owner, ticket, expires. Set it on the "
        "responder, the host to which the flow connects. Any suffix is allowed.",
        {},
    ),
    Variable("portbook_catalogs", "paths", "all", "Your own catalogue files, or folders of them.", []),
    Variable(
        "portbook_evidence",
        "choice",
        "all",
        "strict creates no rule for what is obsolete or superfluous according to the evidence.",
        "documented",
        ("documented", "strict"),
    ),
    Variable(
        "portbook_management",
        "networks",
        "host",
        "Addresses that can always connect to the management port (SSH or WinRM), such as your controllers. Any "
        "suffix is allowed.",
        [],
    ),
    Variable(
        "portbook_management_ports",
        "ports",
        "host",
        "Management ports (SSH or WinRM), if they differ from the port of Ansible's connection.",
    ),
    Variable(
        "portbook_trusted_interfaces",
        "names",
        "host",
        "Interfaces on which nothing is refused. Default: bridges of containers, recognised by their names.",
    ),
    Variable(
        "portbook_foreign",
        "choice",
        "host",
        "What to do if unmanaged rules refuse a planned flow: auto fails if a documented flow is certainly blocked and "
        "warns if this is not certain.",
        "auto",
        ("auto", "fail", "warn"),
    ),
    Variable("portbook_refuse", "choice", "host", "Action for refused packets.", "drop", ("drop", "reject")),
    Variable(
        "portbook_log",
        "choice",
        "host",
        "Logging, at a limited rate: off, refused packets, or all (also the first packet of each permitted "
        "connection).",
        "off",
        ("off", "refused", "all"),
    ),
    Variable("portbook_cut", "bool", "host", "Whether open connections of a removed peer are closed at once.", True),
    Variable(
        "portbook_windows_engine",
        "choice",
        "host",
        "Modules that change Windows Firewall: native uses this collection's own modules, community those of other "
        "collections, which support less.",
        "native",
        ("native", "community"),
    ),
    Variable(
        "portbook_windows_policy",
        "choice",
        "host",
        "What to do if a group policy overrides the rules on a Windows host.",
        "fail",
        ("fail", "warn"),
    ),
    Variable(
        "portbook_windows_foreign",
        "choice",
        "host",
        "Unmanaged rules on a Windows host that allow more than the posture does: report names them, disable disables "
        "them and enables them again when portbook is removed.",
        "report",
        ("report", "disable"),
    ),
    Variable(
        "portbook_windows_app_rules",
        "choice",
        "host",
        "Rules of packages (Store apps, for which Windows creates rules for each user) that allow more than the "
        "posture does: as_others treats them like other unmanaged rules; leave does not change them, and strict then "
        "warns that it is not fully effective.",
        "as_others",
        ("as_others", "leave"),
    ),
    Variable(
        "portbook_windows_profiles",
        "choice",
        "host",
        "Network profiles of a Windows host that are managed. in_use manages the active ones; a profile that is off "
        "stays off, and what cannot be enforced there is reported. all switches on and manages all three; it first "
        "reports what unmanaged rules then begin to refuse.",
        "in_use",
        ("in_use", "all"),
    ),
    Variable(
        "portbook_restore_after_flush",
        "bool",
        "host",
        "Whether a systemd service on a Linux host loads the table again within a second after it was flushed or "
        "deleted by hand. Otherwise the next run restores it.",
        False,
    ),
    Variable(
        "portbook_migrate",
        "bool",
        "host",
        "Whether a Linux host whose rules were applied by another backend is moved to the chosen one, without a moment "
        "without rules. Otherwise this is an error, and nothing is changed.",
        False,
    ),
    Variable(
        "portbook_confirm_timeout",
        "seconds",
        "host",
        "Seconds (5 to 3600) that a Linux host waits for a new connection to confirm a change that refuses something, "
        "before it restores the previous rules. Hosts with slow logins need more.",
        CONFIRM_TIMEOUT,
    ),
    Variable(
        "portbook_mark",
        "mark",
        "host",
        "Packet mark for planned traffic on a Linux host, as value/mask, or as a value that is also the mask (0x10). "
        "A ruleset of your own that drops by default then needs only one rule that accepts the mark.",
    ),
    Variable(
        "portbook_unsupported",
        "choice",
        "all",
        "What to do with hosts whose backend is not supported yet.",
        "warn",
        ("warn", "fail"),
    ),
    Variable(
        "portbook_plan_file",
        "path",
        "all",
        "Path of the plan file. portbook.firewall.plan writes it, as JSON, or as a text for reviewers if the name "
        "ends in .md. portbook.firewall.site applies exactly the plan of a JSON file, or fails.",
    ),
    Variable(
        "portbook_show",
        "any",
        "play",
        "What portbook.firewall.summary and the playbooks of the collection show: every rule or host (full), a table "
        "(summary), only hosts that were changed, refused or not applied (changes), or nothing (none). Default: full "
        "up to 20 hosts, summary for more.",
    ),
    Variable(
        "portbook_hosts",
        "any",
        "play",
        "Hosts of the collection's playbooks, like hosts of a play.",
        "all",
    ),
    Variable(
        "portbook_serial",
        "any",
        "play",
        "Number of hosts that the collection's playbooks handle at a time, like serial of a play.",
        "100%",
    ),
    Variable(
        "portbook_compare",
        "bool",
        "all",
        "Whether portbook.firewall.plan also reads the hosts and reports what applying the plan would change. It "
        "changes nothing, and names hosts that cannot be reached. Set it for one run, with -e.",
        False,
    ),
    Variable(
        "portbook_shrink",
        "bool",
        "all",
        "Whether a run may remove what an incomplete inventory would remove: all rules of a host, the rules of a "
        "component without hosts, or most peers of a restricted port. Set it for one run, with -e.",
        False,
    ),
)
GLOBAL: Mapping[str, Variable] = {variable.name: variable for variable in _GLOBAL}


def of_component(component: Component) -> list[Variable]:
    """The variables that the catalogue gives a component."""
    prefix, name = component.prefix, component.name
    found = []
    if component.versions:
        found.append(
            Variable(
                f"{prefix}_version",
                "version",
                "host",
                f"Version of {component.title}.",
                component.default_version,
                component.versions,
                name,
            )
        )
    for key, feature in component.features.items():
        found.append(
            Variable(
                component.feature_variable(key), "bool", "host", _sentence(feature.what), feature.default, (), name, key
            )
        )
    for key, port in component.ports.items():
        what = _sentence(port.what)
        if port.next_to:
            what += f" Default: {component.port_variable(port.next_to)} plus one."
        found.append(
            Variable(
                component.port_variable(key),
                "ports",
                "host",
                what,
                port.default.written if port.default else None,
                (),
                name,
                key,
            )
        )
    for key, program in component.programs.items():
        what = _sentence(program.what)
        if program.path is None and program.file is not None:
            what += f" Full path of {program.file}. Without it, rules are not limited to the program."
        found.append(Variable(component.program_variable(key), "program", "host", what, program.path, (), name, key))
    found.append(
        Variable(
            f"{prefix}_posture",
            "choice",
            "host",
            "Overrides portbook_posture for this component.",
            None,
            POSTURES,
            name,
        )
    )
    found.append(
        Variable(f"{prefix}_realm", "realm", "host", "Overrides portbook_realm for this component.", None, (), name)
    )
    return found


def _sentence(text: str) -> str:
    """Closed by a full stop; a name like iPXE keeps its small letter."""
    first = text[:1] if text[1:2].isupper() else text[:1].upper()
    return f"{first}{text[1:].rstrip('.')}."
