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
        "Components of the host in addition to those whose group it is in. A host in a party's group gets "
        "rules of its own only if the party is named here.",
        [],
    ),
    Variable(
        "portbook_groups",
        "groups",
        "all",
        "Other names of inventory groups: component to a list of groups, which stand in for the group of "
        "the component's own name.",
        {},
    ),
    Variable(
        "portbook_realm",
        "realm",
        "host",
        "The installation, or a list of installations, that the host belongs to. Flows join only hosts that share one.",
        "main",
    ),
    Variable(
        "portbook_addresses",
        "addresses",
        "host",
        "Addresses by which other hosts connect to this host. Without it: ansible_host if that is an address, else "
        "ansible_host or the inventory name, resolved on the controller.",
    ),
    Variable(
        "portbook_addresses_from",
        "choice",
        "all",
        "Where addresses come from for hosts without portbook_addresses.",
        "inventory",
        ("inventory", "facts"),
    ),
    Variable(
        "portbook_peers",
        "peers",
        "host",
        "Peers that are not in the inventory: component to a list of addresses, networks, names or "
        "mappings with addresses, realms, port, version and features; or any; or an empty list. Any "
        "suffix is allowed.",
        {},
    ),
    Variable(
        "portbook_allow",
        "allow",
        "host",
        "What the host needs in addition to the port book: a list of name, direction, protocol, ports, peers, "
        "why, owner, ticket, expires. Any suffix is allowed.",
        [],
    ),
    Variable(
        "portbook_backend",
        "choice",
        "host",
        "What the rules are applied with. auto finds it out on the host; none plans and reports only.",
        "auto",
        BACKENDS,
    ),
    Variable("portbook_posture", "choice", "host", "How much inbound traffic is refused.", "guard", POSTURES),
    Variable("portbook_outbound", "choice", "host", "How much outbound traffic is refused.", "off", OUTBOUND),
    Variable(
        "portbook_flows",
        "flows",
        "host",
        "Changes to single flows by id: state, ports, peers, guard, log, owner, ticket, expires. On a "
        "host it speaks of flows whose responder the host is. Any suffix is allowed.",
        {},
    ),
    Variable("portbook_catalogs", "paths", "all", "More catalogue files, or folders of them, of your own.", []),
    Variable(
        "portbook_evidence",
        "choice",
        "all",
        "strict leaves out what the evidence calls obsolete or superfluous.",
        "documented",
        ("documented", "strict"),
    ),
    Variable(
        "portbook_management",
        "networks",
        "host",
        "Addresses that may always reach the port that Ansible uses. Any suffix is allowed.",
        [],
    ),
    Variable(
        "portbook_management_ports",
        "ports",
        "host",
        "The ports that Ansible uses, where they are not those of its connection.",
    ),
    Variable(
        "portbook_trusted_interfaces",
        "names",
        "host",
        "Interfaces whose traffic is never refused. Without it: bridges of containers, by their names.",
    ),
    Variable(
        "portbook_foreign",
        "choice",
        "host",
        "Rules of others that refuse what is permitted here: auto fails where a documented flow is surely "
        "lost and warns where that is unknown.",
        "auto",
        ("auto", "fail", "warn"),
    ),
    Variable("portbook_refuse", "choice", "host", "What happens to refused packets.", "drop", ("drop", "reject")),
    Variable(
        "portbook_log",
        "choice",
        "host",
        "Which packets are logged, at a limited rate: none, those refused, or also the first one of each permitted "
        "connection.",
        "off",
        ("off", "refused", "all"),
    ),
    Variable(
        "portbook_cut", "bool", "host", "Whether a peer that is taken out loses its open connections at once.", True
    ),
    Variable(
        "portbook_windows_engine",
        "choice",
        "host",
        "What Windows Firewall is written with: native are the collection's own modules, community those of "
        "other collections, which can do less.",
        "native",
        ("native", "community"),
    ),
    Variable(
        "portbook_windows_policy",
        "choice",
        "host",
        "Group policies that make the rules of a Windows host void.",
        "fail",
        ("fail", "warn"),
    ),
    Variable(
        "portbook_windows_foreign",
        "choice",
        "host",
        "Unmanaged rules on a Windows host that allow more than the posture does. disable disables them, remembers "
        "that, and enables them again when portbook is removed.",
        "report",
        ("report", "disable"),
    ),
    Variable(
        "portbook_windows_app_rules",
        "choice",
        "host",
        "Permissions of packages (apps of the Store, whose rules Windows makes for each user) that the posture has no "
        "room for: as_others treats them like all others, leave does not touch them, and strict then says that it is "
        "not strict.",
        "as_others",
        ("as_others", "leave"),
    ),
    Variable(
        "portbook_windows_profiles",
        "choice",
        "host",
        "Which network profiles of a Windows host are held. in_use are those of the networks that it is in; one that "
        "is off stays off, and what cannot be held there is reported. all switches on all three and holds them; what "
        "rules of others begin to refuse by that is reported first.",
        "in_use",
        ("in_use", "all"),
    ),
    Variable(
        "portbook_restore_after_flush",
        "bool",
        "host",
        "Whether a service on the host (Linux, systemd) loads the table again within a second after somebody has "
        "flushed or deleted it by hand. Without it, the next run does.",
        False,
    ),
    Variable(
        "portbook_migrate",
        "bool",
        "host",
        "Whether a Linux host whose rules are held by another backend than the one that it should have is taken to "
        "that one, with its rules in place all the time. Without it, that is an error and nothing is changed.",
        False,
    ),
    Variable(
        "portbook_confirm_timeout",
        "seconds",
        "host",
        "Seconds (5 to 3600) that a Linux host waits for a new connection to confirm a change that refuses something, "
        "before it takes the change back. A host whose logins are slow needs more.",
        CONFIRM_TIMEOUT,
    ),
    Variable(
        "portbook_mark",
        "mark",
        "host",
        "A packet mark, as value/mask or as a value that is its own mask (0x10), for what the plan permits on a Linux "
        "host. A ruleset of your own that drops by default then needs one rule that accepts the mark.",
    ),
    Variable(
        "portbook_unsupported",
        "choice",
        "all",
        "What happens with hosts whose backend cannot be applied yet.",
        "warn",
        ("warn", "fail"),
    ),
    Variable(
        "portbook_plan_file",
        "path",
        "all",
        "Where the plan is written: as JSON, which portbook.firewall.site applies exactly or refuses, or, if the name "
        "ends in .md, as a text for reviewers.",
    ),
    Variable(
        "portbook_show",
        "any",
        "play",
        "How much portbook.firewall.summary, and so the collection's playbooks, show: every rule or host (full), a "
        "table (summary), only hosts that were changed, refused or not applied (changes), nothing (none). Default: "
        "full up to 20 hosts, summary for more.",
    ),
    Variable(
        "portbook_hosts",
        "any",
        "play",
        "The hosts of the collection's playbooks, as in a play's own hosts.",
        "all",
    ),
    Variable(
        "portbook_serial",
        "any",
        "play",
        "How many hosts at a time the collection's playbooks apply the rules to, as in a play's own serial.",
        "100%",
    ),
    Variable(
        "portbook_compare",
        "bool",
        "all",
        "portbook.firewall.plan reads the hosts, too, and says of each what applying the plan would change. It changes "
        "nothing, and a host that cannot be reached is named. For one run, with -e.",
        False,
    ),
    Variable(
        "portbook_shrink",
        "bool",
        "all",
        "Lets hosts also lose what an inventory that lacks a part of the hosts would remove: all their rules, the "
        "rules of a component without hosts, most peers of a guarded port. For one run, with -e.",
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
            what += f" Without it: one above {component.port_variable(port.next_to)}."
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
            what += f" Full path of {program.file}; without it rules are not bound to the program."
        found.append(Variable(component.program_variable(key), "program", "host", what, program.path, (), name, key))
    found.append(
        Variable(
            f"{prefix}_posture", "choice", "host", "portbook_posture for this component alone.", None, POSTURES, name
        )
    )
    found.append(
        Variable(f"{prefix}_realm", "realm", "host", "portbook_realm for this component alone.", None, (), name)
    )
    return found


def _sentence(text: str) -> str:
    """Closed by a full stop; a name like iPXE keeps its small letter."""
    first = text[:1] if text[1:2].isupper() else text[:1].upper()
    return f"{first}{text[1:].rstrip('.')}."
