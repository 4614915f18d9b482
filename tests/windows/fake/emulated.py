# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our two Windows modules in Python, over the model: the same calls in the same order, the same results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from windows.fake.com import FwPolicy2, FwRule
from windows.fake.host import Host, both_ends, policy_texts, product
from windows.fake.hresult import ACCESS_DENIED, NOT_FOUND, ComError
from windows.fake.records import (
    SETTINGS,
    WRITABLE,
    Entry,
    Owner,
    Record,
    Survey,
    free_rule,
    profile,
    survey,
    wire_record,
)
from windows.fake.store import Store

Result = dict[str, Any]
Operation = dict[str, Any]

CHOICES: dict[str, tuple[Any, ...]] = {
    "op": ("create", "change", "delete", "disable", "enable", "profile"),
    "profile": (1, 2, 4),
    "setting": SETTINGS,
    "value": (0, 1),
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
        found = survey(firewall, owner_of(args), whole=args.get("whole") or "")
        result: Result = {
            "changed": False,
            "format": 2,
            "rules": [wire_record(entry) for entry in found.entries],
            "unreadable": found.unreadable,
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
    asked_services = args.get("services") or []
    missing = [name for name in asked_services if name.lower() not in (services or ())]
    programs = {path: store.expand(path) or "" for path in args.get("programs") or []}
    domain = {
        "name": host.domain_name,
        "member": host.member,
        "addresses": list(host.domain_addresses),
    }
    return {
        "policy": {
            "group": {key: dict(settings) for key, settings in store.policy.items()},
            "mdm": {key: dict(settings) for key, settings in store.mdm.items()},
        },
        "policy_rules": policy_texts(host, store),
        "products": [product(one) for one in host.products],
        "services_missing": None if asked_services and services is None else missing,
        "programs": {path: {"path": to, "exists": to.lower() in existing} for path, to in programs.items()},
        "ssh_connection": host.ssh_connection,
        "listeners": [list(one) for one in host.listeners],
        "connections": [both_ends(one) for one in dict.fromkeys(host.connections)],
        "domain": domain if args.get("domain") else {},
        "sockets": [dict(one) for one in host.sockets] if args.get("sockets") else [],
        "powershell": host.powershell,
        "os": host.os,
    }


# ------------------------------------------------------------------ writing
@dataclass
class Step:
    """One write and its way back, put down before it is made: one that throws may have been made all the same."""

    what: str
    on: FwRule | int
    was: Any
    about: str
    stays: bool = False
    sure: bool = False


def remove(firewall: FwPolicy2, rule: FwRule, names: str, sure: bool) -> None:
    """Remove takes the first rule of a name, maybe somebody else's: so under a name of its own, that is still ours;
    off before, since it may not be found by that. One that was never added is not found either."""
    name = f"{names}doomed-{uuid4().hex}"
    if rule.get("Enabled"):
        rule.put("Enabled", False)
    rule.put("Name", name)
    fault = ""
    for _wait in range(3):
        try:
            firewall.rules.item(name)
            firewall.rules.remove(name)
        except ComError as error:
            if error.hresult != NOT_FOUND:
                raise
            if not sure:
                return
            fault = told(error)
        else:
            return
    raise ModuleError(f"it is off, but does not go: it is not found by its name {name} ({fault})")


@dataclass
class Write:
    firewall: FwPolicy2
    owner: Owner
    check: bool
    found: Survey
    result: Result
    undo: list[Step] = field(default_factory=list)
    doomed: list[Entry] = field(default_factory=list)
    about: str = ""

    def __post_init__(self) -> None:
        self.known = self.found.by_id()

    def judge(self, operation: Operation) -> None:
        """What can be told before anything is written."""
        kind = operation["op"]
        if kind in ("create", "change"):
            record = operation.get("rule") or {"": None}
            unknown = [name for name in record if name not in WRITABLE]
            if unknown:
                raise ModuleError(f"unknown property '{unknown[0]}'")
            if not self.owner.by_group(record.get("Grouping") or ""):
                raise ModuleError("Grouping lacks the prefix")
        if kind in ("create", "profile"):
            return
        entry = self.known.get(operation.get("id") or "")
        if entry is None:
            id_, named = operation.get("id") or "", operation.get("name") or ""
            raise ModuleError(f"no rule has the id {id_} any more: '{named}' was changed or removed. Run it again")
        if kind == "disable" and not entry.owned and not entry.record["Enabled"]:
            # What somebody else did must not be taken for ours, which is undone one day.
            raise ModuleError(f"'{entry.record['Name']}' was disabled by somebody. Run it again")
        if kind in ("change", "delete"):
            if not entry.owned or entry in self.doomed:
                raise ModuleError(f"the rule '{entry.record['Name']}' is not of this collection, or named twice")
            self.doomed.append(entry)

    # ---------------------------------------------------------------- operations
    def do(self, operation: Operation) -> None:
        kind = operation["op"]
        if kind in ("create", "change"):
            self.about = operation["rule"].get("Name", "")
            rule = free_rule(self.firewall, operation["rule"])
            self.step("Add", rule, {"Add": 0}, 1, operation["rule"].get("Name", ""), bool(operation.get("stays")))
        if kind == "profile":
            bit = operation["profile"]
            values = next(one for one in self.found.profiles if one["profile"] == bit)
            self.step(operation["setting"], bit, values, operation["value"], f"profile {bit}")
        elif kind != "create":
            entry = self.known[operation["id"]]
            may_stay = bool(operation.get("may_stay"))
            self.step(
                "Enabled", entry.rule, entry.record, int(kind == "enable"), entry.record["Name"], may_stay=may_stay
            )
        if kind == "delete":
            self.result["changed"] = True

    def step(
        self,
        what: str,
        on: FwRule | int,
        values: Record,
        to: int,
        about: str,
        stays: bool = False,
        may_stay: bool = False,
    ) -> None:
        self.about = about
        was = values[what]
        if int(was) == to:
            return
        self.result["changed"] = True
        values[what] = to
        if self.check:
            return
        step = Step(what, on, was, about, stays)
        self.undo.append(step)
        try:
            self.set(step, to)
        except ComError as error:
            refused = isinstance(on, FwRule) and error.hresult == ACCESS_DENIED and on.get("Enabled") == was
            if not (may_stay and refused):
                raise
            self.undo.pop()
            self.result["stays"].append(about)
        else:
            step.sure = True

    def set(self, step: Step, value: int) -> None:
        if isinstance(step.on, int):
            flag = step.what in ("FirewallEnabled", "BlockAllInboundTraffic")
            self.firewall.set_profile(step.what, step.on, bool(value) if flag else value)
        elif step.what == "Add":
            self.firewall.rules.add(step.on)
        else:
            step.on.put("Enabled", bool(value))

    # ---------------------------------------------------------------- the end
    def take_back(self) -> None:
        left: list[str] = []
        for step in reversed(self.undo):
            if step.stays and left:
                continue
            try:
                self.back(step)
            except (ComError, ModuleError) as error:
                left.append(f"{step.what} {step.about}: {told(error)}")
        self.result |= {"changed": bool(left), "undone": not left, "not_undone": left, "stays": []}
        self.doomed.clear()

    def back(self, step: Step) -> None:
        if isinstance(step.on, FwRule) and step.what == "Add":
            remove(self.firewall, step.on, self.owner.names, step.sure)
            return
        now = step.on.get("Enabled") if isinstance(step.on, FwRule) else profile(self.firewall, step.on)[step.what]
        if step.sure or now != step.was:
            self.set(step, int(step.was))

    def finish(self) -> None:
        """Nothing is undone from here on: a rule that cannot be removed stays disabled and is named."""
        for entry in self.doomed:
            try:
                remove(self.firewall, entry.rule, self.owner.names, True)
            except (ComError, ModuleError) as error:
                self.result["leftover"].append(f"{entry.record['Name']}: {told(error)}")
        try:
            self.result["fingerprint"] = survey(self.firewall, self.owner, ()).fingerprint
        except ComError:
            self.result["fingerprint"] = ""


def ill_formed(args: dict[str, Any]) -> str | None:
    """What the argument specification refuses."""
    missing = [name for name in ("expect", "operations", "prefix") if args.get(name) is None]
    if missing:
        return f"missing required arguments: {', '.join(missing)}"
    for operation in args["operations"]:
        if operation.get("op") is None:
            return "missing required arguments: op found in operations"
        for name, choices in CHOICES.items():
            given = operation.get(name)
            if given is not None and given not in choices:
                allowed = ", ".join(str(one) for one in choices)
                return f"value of {name} must be one of: {allowed}. Got no match for: {given} found in operations"
        absent = [name for name in ("profile", "setting", "value") if operation.get(name) is None]
        if operation["op"] == "profile" and absent:
            return f"op is profile but all of the following are missing: {', '.join(absent)} found in operations"
    return None


def one_by_one(operations: list[Operation]) -> list[Operation]:
    """Of rules of others thousands are named at once, each time a name and the ids of all that have it."""
    found = []
    for one in operations:
        if one.get("rules") is None:
            found.append(one)
        for name, *ids in one.get("rules") or ():
            found += [{"op": one["op"], "id": id_, "name": name, "may_stay": one.get("may_stay")} for id_ in ids]
    return found


def as_it_was_read(found: Survey, given: Record) -> None:
    now = next(one for one in found.profiles if one["profile"] == given["profile"])
    name = {1: "domain", 2: "private", 4: "public"}[now["profile"]]
    for key, value in given.items():
        if int(now[key]) != int(value):
            raise ModuleError(
                f"the settings of profile {name} are not the ones that were read "
                f"({key} {int(value)}, now {int(now[key])}). Run it again"
            )


def look(firewall: FwPolicy2, owner: Owner, operations: list[Operation]) -> Survey:
    """Foreign rules are read by the names that operations give, or all if one names an unknown id alone."""
    touching = [one for one in operations if one["op"] in ("disable", "enable")]
    found = survey(firewall, owner, frozenset(one["name"] for one in touching if one.get("name")))
    known = found.by_id()
    if any(not one.get("name") and one.get("id") not in known for one in touching):
        return survey(firewall, owner)
    return found


def write(store: Store, args: dict[str, Any], check_mode: bool = False, host: Host | None = None) -> Result:
    """windows_write."""
    store.new_process()
    wrong = ill_formed(args)
    if wrong:
        return failed({}, wrong)
    result: Result = {"changed": False, "done": 0, "undone": None, "not_undone": [], "leftover": [], "stays": []}
    owner, operations = owner_of(args), one_by_one(args["operations"])
    about = "reading the firewall failed"
    try:
        firewall = store.firewall()
        result["current_profiles"] = firewall.get("CurrentProfileTypes")
        found = look(firewall, owner, operations)
        result["fingerprint"] = found.fingerprint
        about = "nothing was changed"
        if found.fingerprint != args["expect"]:
            raise ModuleError("the owned rules are not the ones that were read. Run it again")
        for one in args.get("expect_profiles") or ():
            as_it_was_read(found, one)
        run = Write(firewall, owner, check_mode, found, result)
        for operation in operations:
            about = f"nothing was changed, since {operation['op']} is refused"
            run.judge(operation)
    except (ComError, ModuleError) as error:
        return failed(result, f"{about}: {told(error)}")
    fault = ""
    for operation in operations:
        try:
            run.do(operation)
        except ComError as error:
            fault = f"operation {result['done'] + 1} ({operation['op']} {run.about}) failed: {told(error)}"
            run.take_back()
            break
        result["done"] += 1
    if not check_mode:
        run.finish()
    return failed(result, fault) if fault else result
