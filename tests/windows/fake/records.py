# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rule as our modules put it on the wire, its id, and the fingerprint of those that are ours."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from windows.fake import values
from windows.fake.com import FwPolicy2, FwRule
from windows.fake.hresult import ComError

Record = dict[str, Any]

WRITABLE = (
    *("Name", "Grouping", "Description", "ApplicationName", "serviceName"),
    *("Protocol", "LocalPorts", "RemotePorts", "IcmpTypesAndCodes", "LocalAddresses", "RemoteAddresses"),
    *("Direction", "Action", "Profiles", "InterfaceTypes", "Interfaces", "EdgeTraversalOptions", "SecureFlags"),
    *("LocalAppPackageId", "LocalUserOwner", "LocalUserAuthorizedList", "RemoteUserAuthorizedList"),
    *("RemoteMachineAuthorizedList", "Enabled"),
)
"""In the order of writing: Protocol before ports and ICMP types, Enabled last."""
NUMBERS = frozenset({"Protocol", "Direction", "Action", "Profiles", "EdgeTraversalOptions", "SecureFlags"})
LISTED = frozenset({"LocalAddresses", "RemoteAddresses"})
PORTS = frozenset({"LocalPorts", "RemotePorts"})
RESOLVED = frozenset({"Name", "Description"})
NEVER_NULL = NUMBERS | {"Name", "LocalAddresses", "RemoteAddresses", "InterfaceTypes", "Enabled"}
"""A text that was not set is null, and so is what could not be read: of these only the latter."""
SETTINGS = ("FirewallEnabled", "DefaultInboundAction", "DefaultOutboundAction", "BlockAllInboundTraffic")
ALWAYS = ("Name", "Grouping", "Enabled", "Direction", "Action")
BRIEF = (*ALWAYS, "LocalAppPackageId")
DEFAULTS: Record = {
    "Protocol": values.ANY_PROTOCOL,
    "LocalAddresses": "*",
    "RemoteAddresses": "*",
    "InterfaceTypes": "All",
    "Interfaces": [],
    "Profiles": values.ALL_PROFILES,
    "EdgeTraversalOptions": 0,
    "SecureFlags": 0,
}
"""What stands for itself when it is left out; of all other properties the empty text."""
UNIT, RECORD, GROUP = "\x1f", "\x1e", "\x1d"


def on_wire(name: str, value: Any) -> Any:
    """No nulls: an absent text is an empty one, an absent list an empty list."""
    if name == "Interfaces":
        return list(value or [])
    if name == "Enabled" or name in NUMBERS:
        return value
    return (value or "").rstrip(",") if name in PORTS else value or ""


def utf16(text: str) -> bytes:
    """The order of .NET's ordinal comparison."""
    return text.encode("utf-16-be", "surrogatepass")


def line(record: Record) -> str:
    """All but Enabled. The order of addresses is Windows' own, so it does not count; nor do the name and the
    description of what Windows itself made, which are told in the language of who asks."""
    of_windows = record["Grouping"].startswith("@")
    parts = []
    for name in WRITABLE[:-1]:
        if of_windows and name in RESOLVED:
            continue
        value = record[name]
        if name in LISTED:
            value = UNIT.join(sorted(value.split(","), key=utf16))
        elif name == "Interfaces":
            value = UNIT.join(sorted(value, key=utf16))
        parts.append(f"{name}={value}")
    return RECORD.join(parts)


def digest(lines: list[str]) -> str:
    joined = GROUP.join(sorted(lines, key=utf16))
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(eq=False)
class Entry:
    record: Record
    owned: bool
    rule: FwRule
    line: str = ""
    """Empty of one that was read in brief."""
    id: str = ""
    lacks: list[str] = field(default_factory=list)

    def read(self, names: Collection[str]) -> None:
        for name in names:
            if name in self.record:
                continue
            try:
                value = self.rule.get(name)
            except ComError:
                value = None
                self.lacks.append(name)
            needed = name in NEVER_NULL or (name in PORTS and self.record.get("Protocol") in values.PORTS)
            if value is None and needed and name not in self.lacks:
                self.lacks.append(name)
            self.record[name] = on_wire(name, value)

    def read_whole(self) -> None:
        self.read(WRITABLE)
        self.record = {name: self.record[name] for name in WRITABLE}
        self.line = line(self.record)


@dataclass(frozen=True)
class Owner:
    """Whose a rule is: ours by its group, or by its name for one that somebody moved to another group."""

    prefix: str
    names: str = ""

    def by_group(self, grouping: str) -> bool:
        return grouping.startswith(self.prefix)

    def owns(self, record: Record) -> bool:
        by_name = bool(self.names) and record["Name"].startswith(self.names)
        return self.by_group(record["Grouping"]) or by_name


@dataclass(frozen=True)
class Survey:
    profiles: list[Record]
    entries: list[Entry]
    fingerprint: str
    unreadable: list[Record]

    def by_id(self) -> dict[str, Entry]:
        return {entry.id: entry for entry in self.entries if entry.id}


def profile(firewall: FwPolicy2, bit: int) -> Record:
    one: Record = {"profile": bit} | {setting: firewall.profile(setting, bit) for setting in SETTINGS}
    one["ExcludedInterfaces"] = firewall.profile("ExcludedInterfaces", bit) or []
    return one


def survey(firewall: FwPolicy2, owner: Owner, wanted: Collection[str] | None = None, whole: str = "") -> Survey:
    """In one pass, each property once. Of foreign rules those of the wanted names, with those of Windows that may be
    alike but for their names; or all, and where there is a pattern `whole`, those that are disabled in brief unless a
    description of ours has it."""
    settings = [profile(firewall, bit) for bit in (1, 2, 4)]
    entries, needed = [], not whole
    for rule in firewall.rules:
        entry = Entry({}, False, rule)
        entry.read(WRITABLE[:2])
        entry.owned = owner.owns(entry.record)
        if wanted is None:
            entry.read(("Enabled",))
        if entry.owned or (wanted is None and entry.record["Enabled"]):
            entry.read_whole()
        if entry.owned and re.search(whole, entry.record["Description"]):
            needed = True
        entries.append(entry)
    if wanted is None:
        for entry in entries:
            if not entry.line and needed:
                entry.read_whole()
            elif not entry.line:
                entry.read(BRIEF)
    else:
        groups = {entry.record["Grouping"] for entry in entries if entry.record["Name"] in wanted}
        for entry in entries:
            alike = entry.record["Grouping"].startswith("@") and entry.record["Grouping"] in groups
            if not entry.owned and (alike or entry.record["Name"] in wanted):
                entry.read_whole()
        entries = [entry for entry in entries if entry.line]
    unreadable = [
        {
            "name": entry.record["Name"],
            "grouping": entry.record["Grouping"],
            "owned": entry.owned,
            "properties": sorted(entry.lacks, key=WRITABLE.index),
        }
        for entry in entries
        if entry.lacks
    ]
    entries = [entry for entry in entries if not entry.lacks]
    give_ids([entry for entry in entries if entry.line])
    owned_lines = [entry.line + RECORD + str(entry.record["Enabled"]) for entry in entries if entry.owned]
    return Survey(settings, entries, digest(owned_lines), unreadable)


def give_ids(entries: list[Entry]) -> None:
    """Of what all properties but Enabled say; the enabled ones of those alike come first."""
    alike: dict[str, list[Entry]] = {}
    for entry in entries:
        alike.setdefault(digest([entry.line]), []).append(entry)
    for identifier, same in alike.items():
        same.sort(key=lambda entry: not entry.record["Enabled"])
        for number, entry in enumerate(same, 1):
            entry.id = identifier if number == 1 else f"{identifier}#{number}"


def wire_record(entry: Entry) -> Record:
    head: Record = {"id": entry.id, "owned": entry.owned} if entry.id else {"owned": entry.owned}
    if entry.owned:
        return head | {name: entry.record[name] for name in WRITABLE}
    head |= {name: entry.record[name] for name in ALWAYS}
    package = entry.record.get("LocalAppPackageId")
    if not entry.record["Enabled"] and (package or not entry.line):
        return head | {"brief": True} | ({"LocalAppPackageId": package} if package else {})
    return head | {name: value for name, value in entry.record.items() if value != DEFAULTS.get(name, "")}


def free_rule(firewall: FwPolicy2, record: Record) -> FwRule:
    """An object not yet in the store; what the record lacks keeps Windows' default."""
    rule = firewall.new_rule()
    for name in WRITABLE:
        value = record.get(name)
        # An empty text cannot be written to some properties, and is the default of all.
        if value is None or value == "" or (name == "Interfaces" and not value):
            continue
        rule.put(name, value)
    return rule
