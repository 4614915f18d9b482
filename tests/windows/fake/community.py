# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What community.windows.win_firewall_rule and ansible.windows.win_firewall do to a store, to stand beside ours.

Written from their behaviour, with the calls that they make: of every rule its name, for each task again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from windows.fake.com import FwPolicy2, FwRule
from windows.fake.emulated import Result, failed
from windows.fake.hresult import ComError
from windows.fake.store import Store
from windows.fake.values import ALL_PROFILES

COMPARED = {
    "Description": "description",
    "Direction": "direction",
    "Action": "action",
    "ApplicationName": "program",
    "Grouping": "group",
    "ServiceName": "service",
    "Enabled": "enabled",
    "Profiles": "profiles",
    "LocalAddresses": "localip",
    "RemoteAddresses": "remoteip",
    "LocalPorts": "localport",
    "RemotePorts": "remoteport",
    "Protocol": "protocol",
    "InterfaceTypes": "interfacetypes",
    "EdgeTraversalOptions": "edge",
    "SecureFlags": "security",
    "IcmpTypesAndCodes": "icmp_type_code",
}
"""Properties in the order in which they are compared, each if its argument was given."""
CHOICES = {
    "direction": ("in", "out"),
    "action": ("allow", "block"),
    "edge": ("no", "yes", "deferapp", "deferuser"),
    "security": ("notrequired", "authnoencap", "authenticate", "authdynenc", "authenc"),
    "state": ("present", "absent"),
}
PROFILES = {"domain": 1, "private": 2, "public": 4}
KINDS = {"wireless": "Wireless", "lan": "Lan", "ras": "RemoteAccess"}
LISTS = ("profiles", "interfacetypes", "icmp_type_code")
ALIASES = {"enable": "enabled", "profile": "profiles"}
Args = dict[str, Any]


class Refused(Exception):
    """What the module throws itself."""


# ------------------------------------------------------------------ arguments
def arguments(given: Args) -> Args:
    args = {ALIASES.get(name, name): value for name, value in given.items() if value is not None}
    for name, value in args.items():
        if name in LISTS:
            every = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
            args[name] = [str(one).strip() for one in every]
        elif name == "enabled":
            args[name] = value if isinstance(value, bool) else str(value).lower() in ("yes", "true", "on", "1", "y")
        else:
            args[name] = str(value)
    args.setdefault("state", "present")
    for name, choices in CHOICES.items():
        if name in args and args[name].lower() not in choices:
            allowed = ",".join(choices)
            raise Refused(f"Get-AnsibleParam: Argument {name} needs to be one of {allowed} but was {args[name]}.")
    if "icmp_type_code" in args:
        args["icmp_type_code"] = ",".join(args["icmp_type_code"])
    return args


def protocol(written: str) -> int:
    if re.fullmatch(r"\s*[+-]?[0-9]*\s*", written):
        return int(written.strip() or 0)
    for start, number in (("tcp", 6), ("udp", 17), ("icmpv4", 1), ("icmpv6", 58)):
        word = written.lower()
        if word == start or (start.startswith("icmp") and word.startswith(start)):
            return number
    raise Refused(f"Unknown protocol '{written}'.")


def profiles(written: list[str]) -> int:
    total = 0
    for one in dict.fromkeys(written):
        if one.lower() not in PROFILES:
            raise Refused(f"Unknown profile '{one}'.")
        total += PROFILES[one.lower()]
    return ALL_PROFILES if total == 7 else total


def kinds(written: list[str]) -> str:
    for one in written:
        if one.lower() not in KINDS:
            raise Refused(f"Unknown interface type '{one}'.")
    return ",".join(KINDS[one.lower()] for one in dict.fromkeys(written))


CONVERT: dict[str, Callable[[Any], Any]] = {
    "protocol": protocol,
    "direction": lambda word: {"in": 1, "out": 2}[word.lower()],
    "action": lambda word: {"block": 0, "allow": 1}[word.lower()],
    "profiles": profiles,
    "interfacetypes": kinds,
    "edge": lambda word: CHOICES["edge"].index(word.lower()),
    "security": lambda word: CHOICES["security"].index(word.lower()),
}
WRITTEN = (
    *("description", "group", "program", "service", "protocol", "localport", "remoteport", "localip", "remoteip"),
    *("icmp_type_code", "direction", "action", "profiles", "interfacetypes", "edge", "security"),
)
PROPERTY = {argument: name for name, argument in COMPARED.items()}
ANY_WORDS = frozenset(
    {"program", "service", "protocol", "localport", "remoteport", "localip", "remoteip", "icmp_type_code"}
)
NONE_WORDS = {"edge": "no", "security": "notrequired"}


def new_rule(firewall: FwPolicy2, args: Args, store: Store) -> FwRule:
    rule = firewall.new_rule()
    if args.get("name"):
        rule.put("Name", args["name"])
    rule.put("Enabled", args.get("enabled", True))
    for name in WRITTEN:
        value = args.get(name)
        word = value.lower() if isinstance(value, str) else value
        if value is None or (name in ANY_WORDS and word == "any") or word == NONE_WORDS.get(name, 0):
            continue
        if name == "interfacetypes" and [one.lower() for one in value] == ["any"]:
            continue
        if name == "program":
            value = store.expand(value)
        rule.put(PROPERTY[name], CONVERT.get(name, lambda same: same)(value))
    return rule


# ------------------------------------------------------------------ win_firewall_rule
def same(one: Any, other: Any) -> bool:
    """PowerShell's comparison: texts without case."""
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    return bool(one == other)


def same_addresses(one: str, other: str) -> bool:
    return Counter(one.lower().split(",")) == Counter(other.lower().split(","))


@dataclass
class RuleTask:
    store: Store
    args: Args
    check: bool
    diff: bool
    result: Result

    def run(self) -> None:
        firewall = self.store.firewall()
        name, group = self.args.get("name"), self.args.get("group")
        existing = [
            rule
            for rule in firewall.rules
            if (same(rule.get("Name"), name) if name else same(rule.get("Grouping"), group))
        ]
        wanted = new_rule(firewall, self.args, self.store)
        if self.args["state"].lower() == "absent":
            self.absent(firewall, existing)
        elif existing:
            self.update(existing, wanted)
        elif name:
            self.tell(f"+[{wanted.get('Name') if self.diff else ''}]")
            for prop in COMPARED if self.diff else ():
                self.tell(f"+{prop}='{shown(wanted.get(prop))}'")
            if not self.check:
                firewall.rules.add(wanted)
            self.result |= {"changed": True, "msg": f"Firewall rule '{name}' created."}

    def tell(self, line: str) -> None:
        if self.diff:
            self.result["diff"]["prepared"] += line + "\n"

    def absent(self, firewall: FwPolicy2, existing: list[FwRule]) -> None:
        name, group = self.args.get("name"), self.args.get("group")
        if not existing:
            none = f"Firewall rule '{name}' does not exist." if name else f"No firewall rules in group '{group}' exist."
            self.result["msg"] = none
            return
        names = []
        for rule in existing:
            names.append(rule.get("Name"))
            if self.diff:
                self.tell(f"-[{rule.get('Name')}]")
                for prop in COMPARED:
                    self.tell(f"-{prop}='{shown(rule.get(prop))}'")
            if not self.check:
                # Whichever rule of that name comes first, once for each.
                firewall.rules.remove(rule.get("Name"))
            self.result["changed"] = True
        joined = "', '".join(names)
        self.result["msg"] = f"Firewall rule(s) '{joined}' removed."

    def update(self, existing: list[FwRule], wanted: FwRule) -> None:
        changed: list[str] = []
        unchanged: list[str] = []
        for rule in existing:
            if self.diff:
                self.tell(f"[{rule.get('Name')}]")
            # Each is compared, whether another differs or not.
            differing = [self.bring(rule, wanted, prop) for prop, arg in COMPARED.items() if arg in self.args]
            (changed if any(differing) else unchanged).append(rule.get("Name"))
        self.result["changed"] = bool(changed)
        told = "' - unchanged '".join("', '".join(names) for names in (changed, unchanged))
        self.result["msg"] = f"Firewall rule(s) changed '{told}'"

    def bring(self, rule: FwRule, wanted: FwRule, prop: str) -> bool:
        if same(rule.get(prop), wanted.get(prop)):
            return False
        if prop.endswith("Addresses") and same_addresses(rule.get(prop), wanted.get(prop)):
            return False
        if self.diff:
            self.tell(f"-{prop}='{shown(rule.get(prop))}'")
            self.tell(f"+{prop}='{shown(wanted.get(prop))}'")
        if self.check:
            return True
        value = wanted.get(prop)
        if prop == "ApplicationName" and not value:
            rule.put_null(prop)
        else:
            rule.put(prop, value)
        return True


def shown(value: Any) -> str:
    return "" if value is None else str(value)


def win_firewall_rule(store: Store, given: Args, check_mode: bool = False, diff: bool = False) -> Result:
    store.new_process()
    result: Result = {"changed": False}
    try:
        args = arguments(given)
        if not args.get("name") and not args.get("group"):
            raise Refused("Either name or group must be specified")
        if diff:
            result["diff"] = {"prepared": ""}
        RuleTask(store, args, check_mode, diff, result).run()
    except (ComError, Refused) as error:
        return failed(result, str(error))
    return result


# ------------------------------------------------------------------ win_firewall
NAMES = {"Domain": 1, "Private": 2, "Public": 4}
ACTIONS = ("DefaultInboundAction", "inbound_action"), ("DefaultOutboundAction", "outbound_action")


def win_firewall(store: Store, given: Args, check_mode: bool = False, diff: bool = False) -> Result:
    """By the cmdlets of NetSecurity, which open the store anew each time."""
    store.new_process()
    if given.get("state") is None:
        return failed({}, "missing required arguments: state")
    asked = given.get("profiles") or list(NAMES)
    enable = given["state"] == "enabled"
    result: Result = {"changed": False, "restart_required": False, "profiles": asked, "state": given["state"]}
    for name, bit in NAMES.items():
        try:
            result |= one_profile(store, given, check_mode, name, bit, enable, name in asked, result)
        except ComError as error:
            told = "an error occurred when attempting to change firewall status for profile"
            return failed(result, f"{told} {name} {error}")
    return result


def one_profile(
    store: Store, given: Args, check: bool, name: str, bit: int, enable: bool, considered: bool, so_far: Result
) -> Result:
    firewall = store.firewall()
    on = firewall.profile("FirewallEnabled", bit)
    current = {setting: firewall.profile(setting, bit) for setting, _argument in ACTIONS}
    told = {"enabled": on, "considered": considered, "currentstate": int(on)}
    changed = so_far["changed"]

    def put(setting: str, value: Any) -> None:
        opened = store.firewall()
        if not check:
            opened.set_profile(setting, bit, value)

    if considered and on != enable:
        put("FirewallEnabled", enable)
        told["enabled"] = enable
        changed = True
    for setting, argument in ACTIONS if considered and enable else ():
        wanted = given.get(argument)
        if wanted is None or wanted == ("block", "allow")[current[setting]]:
            continue
        # What is not configured is Windows' default: inbound block, outbound allow.
        put(setting, int(wanted == "allow" if setting == "DefaultInboundAction" else wanted != "block"))
        changed = True
    return {name: told, "changed": changed}
