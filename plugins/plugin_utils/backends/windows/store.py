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

FORMAT = 1
_KEYS = ("rules", "profiles", "current_profiles", "modify_state", "fingerprint")
SETTINGS = ("FirewallEnabled", "DefaultInboundAction", "DefaultOutboundAction", "BlockAllInboundTraffic")
POLICY_KEYS: Mapping[int, str] = {1: "DomainProfile", 2: "StandardProfile", 4: "PublicProfile"}
_MEANINGS = (
    ("0x80070005", "access is denied: Ansible's user must be an administrator of the host, with an elevated token"),
    ("0x800706D9", "the service Windows Defender Firewall (mpssvc) does not run: start it, it must not be disabled"),
    ("0x80040154", "the host has no Windows Firewall (HNetCfg.FwPolicy2 is not registered)"),
    ("0x800706BA", "the firewall service did not answer (RPC server unavailable): look at mpssvc and RpcSs"),
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
class Store:
    rules: tuple[StoredRule, ...]
    settings: Mapping[tuple[int, str], int]
    """By profile and name of the setting."""
    excluded: Mapping[int, tuple[str, ...]]
    """Interfaces that a profile leaves unfiltered."""
    current: tuple[int, ...]
    modify_state: int
    fingerprint: str
    policy: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    policy_rules: tuple[FirewallRule, ...] = ()
    products: tuple[str, ...] = ()
    services_missing: frozenset[str] = frozenset()
    programs: Mapping[str, FoundProgram] = field(default_factory=dict)
    connected: tuple[str, ...] = ()
    """Addresses that are connected to the port that Ansible came in by."""
    ssh_port: int | None = None
    """Of sshd as the host has it; the controller's may be another one, or an alias of its configuration."""
    domain: Domain = Domain()

    @property
    def owned(self) -> list[StoredRule]:
        return [one for one in self.rules if one.owned]

    @property
    def foreign(self) -> list[StoredRule]:
        return [one for one in self.rules if not one.owned]


def store_of(answer: Mapping[str, Any]) -> Store:
    if answer.get("format") != FORMAT:
        raise WrongAnswer(
            f"has format {answer.get('format')!r} and not {FORMAT}: two versions of the collection meet. "
            "Look which one the controller finds first in its collections path"
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
    return Store(
        rules=tuple(stored(record) for record in answer["rules"]),
        settings={(bit, name): int(one[name]) for bit, one in profiles.items() for name in SETTINGS},
        excluded={bit: tuple(one.get("ExcludedInterfaces") or ()) for bit, one in profiles.items()},
        current=current,
        modify_state=int(answer["modify_state"]),
        fingerprint=str(answer["fingerprint"]),
        policy={
            bit: {str(name): int(value) for name, value in (answer.get("policy") or {}).get(key, {}).items()}
            for bit, key in POLICY_KEYS.items()
        },
        policy_rules=tuple(filter(None, (policy_rule(str(text)) for text in answer.get("policy_rules") or ()))),
        products=tuple(str(one) for one in answer.get("products") or ()),
        services_missing=frozenset(str(one).lower() for one in answer.get("services_missing") or ()),
        programs={
            str(asked): FoundProgram(str(found["path"]), bool(found["exists"]))
            for asked, found in (answer.get("programs") or {}).items()
        },
        connected=_connected(answer),
        ssh_port=_ssh_port(answer),
        domain=Domain(
            bool(domain.get("member")),
            str(domain.get("name") or ""),
            tuple(filter(is_host, map(str, domain.get("addresses") or ()))),
        ),
    )


def _connected(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """sshd says who came; of WinRM's sessions the connections are known, and not which of them is ours."""
    by_ssh = str(answer.get("ssh_connection") or "").split()
    if by_ssh:
        return (by_ssh[0],) if is_host(by_ssh[0]) else ()
    found = dict.fromkeys(str(address) for _port, address in answer.get("connections") or ())
    return tuple(address for address in found if is_host(address))


def _ssh_port(answer: Mapping[str, Any]) -> int | None:
    by_ssh = str(answer.get("ssh_connection") or "").split()
    return int(by_ssh[3]) if len(by_ssh) == 4 and by_ssh[3].isdigit() else None


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
