# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows host answered, as types; and what it means when it answered with an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...net.addresses import is_host
from .rule import FirewallRule, StoredRule, stored

FORMAT = 2
_KEYS = ("rules", "unreadable", "profiles", "current_profiles", "modify_state", "fingerprint")
SETTINGS = ("FirewallEnabled", "DefaultInboundAction", "DefaultOutboundAction", "BlockAllInboundTraffic")
POLICY_KEYS: Mapping[int, str] = {1: "DomainProfile", 2: "PrivateProfile", 4: "PublicProfile"}
_OLD_KEYS: Mapping[int, str] = {2: "StandardProfile"}
"""What counts only where the present name says nothing."""
# The weaker one first.
_POLICIES: Mapping[str, str] = {
    "mdm": r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm",
    "group": r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall",
}
_DECIDED: Mapping[str, tuple[str, Mapping[int, int]]] = {
    "EnableFirewall": ("FirewallEnabled", {0: 0, 1: 1}),
    # In the registry, 1 is block and 0 is allow; COM has it the other way round.
    "DefaultInboundAction": ("DefaultInboundAction", {0: 1, 1: 0}),
    "DefaultOutboundAction": ("DefaultOutboundAction", {0: 1, 1: 0}),
    # On wins here, whoever says so.
    "DoNotAllowExceptions": ("BlockAllInboundTraffic", {1: 1}),
}
_FILTERS = 2
"""The category of products that filter; the others are boot time, stealth and connection security."""
_MEANINGS = (
    ("0x80070005", "access is denied: Ansible's user must be an administrator of the host, with an elevated token"),
    ("0x800706D9", "the service Windows Defender Firewall (mpssvc) does not run: start it, it must not be disabled"),
    ("0x80040154", "the host has no Windows Firewall (HNetCfg.FwPolicy2 is not registered)"),
    ("0x800706BA", "the firewall service did not answer (RPC server unavailable): check the services mpssvc and RpcSs"),
)


class WrongAnswer(ValueError):
    """What the read module answered is not what it should."""


@dataclass(frozen=True)
class FoundProgram:
    path: str
    exists: bool


@dataclass(frozen=True)
class Domain:
    member: bool = False
    name: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unreadable:
    """A rule of which Windows did not give all properties: what it permits or refuses is not known."""

    name: str
    group: str
    owned: bool
    properties: tuple[str, ...]


@dataclass(frozen=True)
class Listener:
    """What lets operators in: `kind` is winrm or ssh."""

    kind: str
    port: int


@dataclass(frozen=True)
class Connection:
    local: str
    local_port: int
    remote: str
    remote_port: int


@dataclass(frozen=True)
class Store:
    rules: tuple[StoredRule, ...]
    settings: Mapping[tuple[int, str], int]
    """By profile and name of the setting."""
    excluded: Mapping[int, tuple[str, ...]]
    """Interfaces that a profile leaves unfiltered."""
    current: tuple[int, ...]
    modify_state: int
    fingerprint: str
    unreadable: tuple[Unreadable, ...] = ()
    policy: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    """By profile, what group policy and MDM say in the registry's words; group policy wins."""
    policy_keys: Mapping[tuple[int, str], str] = field(default_factory=dict)
    """By profile and name, the registry key from which the policy's value is."""
    policy_rules: tuple[FirewallRule, ...] = ()
    products: tuple[str, ...] = ()
    """Names of those that filter."""
    services_missing: frozenset[str] = frozenset()
    programs: Mapping[str, FoundProgram] = field(default_factory=dict)
    listeners: tuple[Listener, ...] = ()
    connections: tuple[Connection, ...] = ()
    way_in: Connection | None = None
    """The connection that Ansible uses, if it came by ssh: sshd says which one it is. WinRM does not."""
    domain: Domain = Domain()

    @property
    def effective(self) -> Mapping[tuple[int, str], int]:
        """The settings by which Windows acts: a policy wins over what the host itself has."""
        found = dict(self.settings)
        for bit, policy in self.policy.items():
            for name, (setting, values) in _DECIDED.items():
                if policy.get(name) in values:
                    found[bit, setting] = values[policy[name]]
        return found

    @property
    def governed(self) -> frozenset[tuple[int, str]]:
        """Settings that a policy decides, whatever the host itself has."""
        return frozenset(
            (bit, setting)
            for bit, policy in self.policy.items()
            for name, (setting, values) in _DECIDED.items()
            if policy.get(name) in values
        )

    @property
    def owned(self) -> list[StoredRule]:
        return [one for one in self.rules if one.owned]

    @property
    def foreign(self) -> list[StoredRule]:
        return [one for one in self.rules if not one.owned]


def store_of(answer: Mapping[str, Any]) -> Store:
    if answer.get("format") != FORMAT:
        raise WrongAnswer(
            f"has format {answer.get('format')!r} and not {FORMAT}: two versions of the collection are "
            "installed. Check which one the controller finds first in its collections path"
        )
    lacking = [key for key in _KEYS if key not in answer]
    if lacking:
        raise WrongAnswer(f"lacks {', '.join(lacking)}: it was cut off on its way. Run it again, with -vvv if it stays")
    try:
        return _store(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WrongAnswer(f"cannot be read ({type(error).__name__}: {error})") from None


def _store(answer: Mapping[str, Any]) -> Store:
    profiles = {int(one["profile"]): one for one in answer["profiles"]}
    if set(profiles) != set(POLICY_KEYS):
        raise ValueError(f"profiles {sorted(profiles)}")
    current = tuple(bit for bit in POLICY_KEYS if int(answer["current_profiles"]) & bit)
    if not current:
        raise ValueError(f"current_profiles is {answer['current_profiles']}")
    domain = answer.get("domain") or {}
    policy, policy_keys = _policy(answer.get("policy") or {})
    texts = [str(text) for kind in _POLICIES for text in (answer.get("policy_rules") or {}).get(kind) or ()]
    return Store(
        rules=tuple(stored(record) for record in answer["rules"]),
        settings={(bit, name): int(one[name]) for bit, one in profiles.items() for name in SETTINGS},
        excluded={bit: tuple(one.get("ExcludedInterfaces") or ()) for bit, one in profiles.items()},
        current=current,
        modify_state=int(answer["modify_state"]),
        fingerprint=str(answer["fingerprint"]),
        unreadable=tuple(
            Unreadable(str(one["name"]), str(one["grouping"]), bool(one["owned"]), tuple(map(str, one["properties"])))
            for one in answer["unreadable"]
        ),
        policy=policy,
        policy_keys=policy_keys,
        policy_rules=tuple(filter(None, map(policy_rule, texts))),
        products=tuple(str(one["name"]) for one in answer.get("products") or () if _filters(one.get("categories"))),
        services_missing=frozenset(str(one).lower() for one in answer.get("services_missing") or ()),
        programs={
            str(asked): FoundProgram(str(found["path"]), bool(found["exists"]))
            for asked, found in (answer.get("programs") or {}).items()
        },
        listeners=tuple(Listener(str(kind), int(port)) for kind, port in answer.get("listeners") or ()),
        connections=tuple(
            Connection(str(local), int(local_port), str(remote), int(remote_port))
            for local, local_port, remote, remote_port in answer.get("connections") or ()
            if is_host(str(local)) and is_host(str(remote))
        ),
        way_in=_by_ssh(str(answer.get("ssh_connection") or "")),
        domain=Domain(
            bool(domain.get("member")),
            str(domain.get("name") or ""),
            tuple(filter(is_host, map(str, domain.get("addresses") or ()))),
        ),
    )


def _policy(given: Mapping[str, Any]) -> tuple[dict[int, dict[str, int]], dict[tuple[int, str], str]]:
    values: dict[int, dict[str, int]] = {bit: {} for bit in POLICY_KEYS}
    keys: dict[tuple[int, str], str] = {}
    for kind, root in _POLICIES.items():
        for bit, present in POLICY_KEYS.items():
            for key in filter(None, (_OLD_KEYS.get(bit), present)):
                for name, value in ((given.get(kind) or {}).get(key) or {}).items():
                    values[bit][str(name)] = int(value)
                    keys[bit, str(name)] = f"{root}\\{key}"
    return values, keys


def _filters(categories: Any) -> bool:
    """One that does not say what it does may filter, too."""
    return not categories or _FILTERS in categories


def _by_ssh(text: str) -> Connection | None:
    """The environment variable of sshd: the client's address and port, and its own."""
    parts = text.split()
    if len(parts) != 4 or not (is_host(parts[0]) and is_host(parts[2]) and parts[1].isdigit() and parts[3].isdigit()):
        return None
    return Connection(parts[2], int(parts[3]), parts[0], int(parts[1]))


def policy_rule(text: str) -> FirewallRule | None:
    """A rule of a group policy, written like v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=80|.
    None if it is off. What cannot be expressed as one of our rules counts as a condition of its own."""
    fields: dict[str, list[str]] = {}
    for part in text.split("|")[1:]:
        key, equal, value = part.partition("=")
        if equal:
            fields.setdefault(key, []).append(value)

    def first(key: str) -> str:
        return fields.get(key, [""])[0]

    if first("Active").upper() != "TRUE":
        return None
    known = {"Action", "Active", "Dir", "Protocol", "Name", "Desc", "EmbedCtxt", "App", "Svc", "Profile"}
    known |= {"LPort", "LPort2_10", "RPort", "RPort2_10", "LA4", "LA6", "RA4", "RA6"}
    profiles = {"Domain": 1, "Private": 2, "Public": 4}
    record = {
        "id": "",
        "owned": False,
        "Name": first("Name"),
        "Grouping": first("EmbedCtxt"),
        "Description": "",
        "Enabled": True,
        "Direction": 1 if first("Dir").lower() == "in" else 2,
        "Action": 1 if first("Action").lower() in ("allow", "bypass") else 0,
        "Protocol": int(first("Protocol")) if re.fullmatch(r"\d{1,3}", first("Protocol")) else 256,
        "LocalPorts": ",".join([*fields.get("LPort", []), *fields.get("LPort2_10", [])]),
        "RemotePorts": ",".join([*fields.get("RPort", []), *fields.get("RPort2_10", [])]),
        "LocalAddresses": ",".join([*fields.get("LA4", []), *fields.get("LA6", [])]),
        "RemoteAddresses": ",".join([*fields.get("RA4", []), *fields.get("RA6", [])]),
        "ApplicationName": first("App"),
        "serviceName": first("Svc"),
        "Profiles": sum({profiles.get(one, 0) for one in fields.get("Profile", [])}) or 7,
        "SecureFlags": ",".join(sorted(set(fields) - known)) or 0,
    }
    return stored(record).rule


def meaning_of_failure(message: str) -> str:
    """The module's message, with what the error number means where an operator can do something about it."""
    for number, meaning in _MEANINGS:
        if number.lower() in message.lower():
            return f"{meaning} ({message})"
    return message
