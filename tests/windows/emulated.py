# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our two Windows modules in Python, over the model: the same calls in the same order, the same results."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from windows.com import FwPolicy2, FwRule
from windows.host import Host, policy_text
from windows.hresult import NOT_FOUND, ComError, Crashed
from windows.records import WRITABLE, Entry, Owner, Record, Survey, free_rule, survey, wire_record
from windows.store import Faults, Store

Result = dict[str, Any]
Operation = dict[str, Any]

REQUIRED = {
    "create": ("rule",),
    "change": ("id", "rule"),
    "delete": ("id",),
    "disable": ("id",),
    "enable": ("id",),
    "profile": ("profile", "setting", "value"),
}
KILLED: Result = {
    "failed": True,
    "changed": False,
    "rc": 137,
    "module_stdout": "",
    "msg": "MODULE FAILURE: No start of json char found\nSee stdout/stderr for the exact error",
}
"""What Ansible says of a module that left no answer."""


class ModuleError(Exception):
    """What a module throws itself."""


def told(error: Exception) -> str:
    """With the HRESULT, if there is one, so that the controller can say what it means."""
    text = str(error)
    if isinstance(error, ComError) and error.code not in text:
        text += f" (0x{error.code})"
    return text


def failed(result: Result, msg: str) -> Result:
    return {"changed": False, **result, "failed": True, "msg": msg}


def owner_of(args: dict[str, Any]) -> Owner:
    return Owner(args["prefix"], args.get("names") or "")


# ------------------------------------------------------------------ reading
def read(store: Store, args: dict[str, Any], host: Host | None = None) -> Result:
    """windows_read."""
    host = host or Host()
    store.new_process()
    if "prefix" not in args:
        return failed({}, "missing required arguments: prefix")
    try:
        firewall = store.firewall()
        found = survey(firewall, owner_of(args), None)
        result: Result = {
            "changed": False,
            "format": 1,
            "rules": [wire_record(entry) for entry in found.entries],
            "profiles": found.profiles,
            "fingerprint": found.fingerprint,
            "current_profiles": firewall.get("CurrentProfileTypes"),
            "modify_state": firewall.get("LocalPolicyModifyState"),
        }
    except ComError as error:
        return failed({}, f"reading the firewall failed: {told(error)}")
    return result | surroundings(store, args, host)


def surroundings(store: Store, args: dict[str, Any], host: Host) -> Result:
    existing = {path.lower() for path in host.programs}
    services = None if host.services is None else {name.lower() for name in host.services}
    asked_services, asked_ports = args.get("services") or [], args.get("ports") or []
    programs = {path: store.expand(path) or "" for path in args.get("programs") or []}
    rules = host.policy_rules
    if rules is None:
        rules = tuple(policy_text(rule) for rule in store.rules if rule.of_policy)
    domain = {
        "name": host.domain_name,
        "member": host.member,
        "addresses": list(host.domain_addresses),
        "dns": list(host.dns),
    }
    return {
        "policy": {key: dict(settings) for key, settings in store.policy.items()},
        "policy_rules": list(rules),
        "products": list(host.products),
        "services_missing": None if services is None else [n for n in asked_services if n.lower() not in services],
        "programs": {path: {"path": to, "exists": to.lower() in existing} for path, to in programs.items()},
        "ssh_connection": host.ssh_connection,
        "connections": [[port, remote] for port, remote in dict.fromkeys(host.connections) if port in asked_ports],
        "domain": domain if args.get("domain") else {},
        "sockets": [dict(one) for one in host.sockets] if args.get("sockets") else [],
        "powershell": host.powershell,
        "os": host.os,
    }


# ------------------------------------------------------------------ writing
@dataclass
class Undo:
    """The way back of one write, recorded before it is made: so it looks whether there is anything to take back."""

    firewall: FwPolicy2
    what: str
    value: Any = None
    rule: FwRule | None = None
    bit: int = 0
    setting: str = ""

    def take(self) -> None:
        if self.what == "profile":
            if self.firewall.profile(self.setting, self.bit) != self.value:
                self.firewall.set_profile(self.setting, self.bit, self.value)
            return
        assert self.rule is not None
        if self.what == "enabled":
            if self.rule.get("Enabled") != self.value:
                self.rule.put("Enabled", self.value)
            return
        remove(self.firewall, self.rule, maybe_absent=True)


def remove(firewall: FwPolicy2, rule: FwRule, maybe_absent: bool = False) -> None:
    """Remove takes the first rule of a name, perhaps somebody else's: so under a name of its own."""
    name = f"doomed-{uuid4().hex}"
    rule.put("Name", name)
    if maybe_absent:
        try:
            firewall.rules.item(name)
        except ComError as error:
            if error.hresult == NOT_FOUND:
                return
            raise
    firewall.rules.remove(name)


@dataclass
class Write:
    firewall: FwPolicy2
    owner: Owner
    check: bool
    found: Survey
    result: Result
    undo: list[Undo] = field(default_factory=list)
    doomed: list[FwRule] = field(default_factory=list)

    def target(self, operation: Operation) -> Entry:
        entry = self.found.by_id().get(operation["id"])
        if entry is None:
            raise ModuleError(f"no rule has the id {operation['id']}")
        if operation["op"] in ("change", "delete") and not entry.owned:
            raise ModuleError(f"the rule '{entry.record['Name']}' is not ours")
        return entry

    def judge(self, operation: Operation) -> None:
        """What can be told before anything is written."""
        if "id" in REQUIRED[operation["op"]]:
            self.target(operation)
        if "rule" in REQUIRED[operation["op"]]:
            unknown = [name for name in operation["rule"] if name not in WRITABLE]
            if unknown:
                raise ModuleError(f"unknown property '{unknown[0]}'")
            if not self.owner.by_group(operation["rule"].get("Grouping") or ""):
                raise ModuleError("Grouping lacks the prefix")

    # ---------------------------------------------------------------- operations
    def do(self, operation: Operation) -> None:
        kind = operation["op"]
        if kind == "profile":
            self.set_profile(operation)
            return
        if kind in ("create", "change"):
            self.add(operation["rule"])
        if kind != "create":
            self.switch(self.target(operation).rule, kind == "enable")
        if kind in ("change", "delete") and not self.check:
            self.doomed.append(self.target(operation).rule)
        if kind in ("create", "change", "delete"):
            self.result["changed"] = True

    def add(self, record: Record) -> None:
        rule = free_rule(self.firewall, record)
        if not self.check:
            self.undo.append(Undo(self.firewall, "added", rule=rule))
            self.firewall.rules.add(rule)

    def switch(self, rule: FwRule, value: bool) -> None:
        if rule.get("Enabled") == value:
            return
        self.result["changed"] = True
        if not self.check:
            self.undo.append(Undo(self.firewall, "enabled", not value, rule))
            rule.put("Enabled", value)

    def set_profile(self, operation: Operation) -> None:
        bit, setting, value = operation["profile"], operation["setting"], operation["value"]
        was = next(one for one in self.found.profiles if one["profile"] == bit)[setting]
        if int(was) == value:
            return
        self.result["changed"] = True
        if not self.check:
            self.undo.append(Undo(self.firewall, "profile", was, bit=bit, setting=setting))
            self.firewall.set_profile(setting, bit, bool(value) if isinstance(was, bool) else value)

    # ---------------------------------------------------------------- the end
    def take_back(self) -> None:
        left = []
        for step in reversed(self.undo):
            try:
                step.take()
            except ComError as error:
                left.append(f"{step.what}: {told(error)}")
        self.result |= {"changed": bool(left), "undone": not left, "not_undone": left}

    def finish(self) -> None:
        """Nothing is undone from here on: a rule that cannot be removed stays disabled and is named."""
        for rule in self.doomed:
            try:
                remove(self.firewall, rule)
            except ComError as error:
                self.result["leftover"].append(f"{rule.get('Name')}: {told(error)}")

    def look_again(self) -> None:
        try:
            self.result["fingerprint"] = survey(self.firewall, self.owner, ()).fingerprint
            self.result["current_profiles"] = self.firewall.get("CurrentProfileTypes")
        except ComError:
            # The writing is over; what it came to is not known.
            self.result["fingerprint"] = ""


def ill_formed(args: dict[str, Any]) -> str | None:
    """What the argument specification refuses."""
    missing = [name for name in ("expect", "operations", "prefix") if args.get(name) is None]
    if missing:
        return f"missing required arguments: {', '.join(missing)}"
    for operation in args["operations"]:
        kind = operation.get("op")
        if kind is None:
            return "missing required arguments: op found in operations"
        if kind not in REQUIRED:
            choices = ", ".join(REQUIRED)
            return f"value of op must be one of: {choices}. Got no match for: {kind} found in operations"
        absent = [name for name in REQUIRED[kind] if operation.get(name) is None]
        if absent:
            return f"op is {kind} but all of the following are missing: {', '.join(absent)} found in operations"
    return None


def look(firewall: FwPolicy2, owner: Owner, operations: list[Operation]) -> Survey:
    """Foreign rules are read by the names that operations give, or all if one names an unknown id alone."""
    touching = [one for one in operations if one["op"] in ("disable", "enable")]
    found = survey(firewall, owner, frozenset(one["name"] for one in touching if one.get("name")))
    known = found.by_id()
    if any(not one.get("name") and one["id"] not in known for one in touching):
        return survey(firewall, owner, None)
    return found


def write(store: Store, args: dict[str, Any], check_mode: bool = False, host: Host | None = None) -> Result:
    """windows_write."""
    store.new_process()
    wrong = ill_formed(args)
    if wrong:
        return failed({}, wrong)
    result: Result = {"changed": False, "done": 0, "undone": None, "not_undone": [], "leftover": []}
    owner, operations = owner_of(args), args["operations"]
    try:
        firewall = store.firewall()
        found = look(firewall, owner, operations)
        result |= {"fingerprint": found.fingerprint, "current_profiles": firewall.get("CurrentProfileTypes")}
    except ComError as error:
        return failed(result, f"reading the firewall failed: {told(error)}")
    if found.fingerprint != args["expect"]:
        return failed(result, "the owned rules are not the ones that were read: nothing was changed")
    run = Write(firewall, owner, check_mode, found, result)
    for number, operation in enumerate(operations, 1):
        try:
            run.judge(operation)
        except ModuleError as error:
            return failed(result, f"operation {number} ({operation['op']}): {error}: nothing was changed")
    for operation in operations:
        try:
            run.do(operation)
        except ComError as error:
            run.take_back()
            run.look_again()
            return failed(result, f"operation {result['done'] + 1} ({operation['op']}) failed: {told(error)}")
        result["done"] += 1
    run.finish()
    run.look_again()
    return result


# ------------------------------------------------------------------ for real playbook runs
MODULES = ("windows_read", "windows_write")


def execute(
    module: str,
    path: Path,
    args: dict[str, Any],
    check_mode: bool = False,
    host: Host | None = None,
    faults: Faults | None = None,
) -> Result:
    """One module against the store in a file, as `_execute_module` would have run it on the host."""
    with Store.kept(path) as store:
        store.faults = faults or Faults()
        try:
            if module.endswith("windows_read"):
                return read(store, args, host)
            return write(store, args, check_mode, host)
        except Crashed:
            return dict(KILLED)
