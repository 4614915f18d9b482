# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store holds, what is injected into it, and the counts of what was read and written."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from windows.fake import rule as rules
from windows.fake.hresult import ACCESS_DENIED, CALL_FAILED, FAILED, NO_ENDPOINT, ComError, Crashed
from windows.fake.rule import Rule
from windows.fake.sample import sample_rules


@dataclass
class Profile:
    enabled: bool = True
    block_all: bool = False
    notifications_disabled: bool = True
    no_unicast_responses: bool = False
    inbound: int = 0
    outbound: int = 1
    excluded_interfaces: tuple[str, ...] | None = None


PROFILE_KEYS = {
    "enabled": "Enabled",
    "block_all": "BlockAll",
    "notifications_disabled": "NotificationsDisabled",
    "no_unicast_responses": "NoUnicastResponses",
    "inbound": "In",
    "outbound": "Out",
    "excluded_interfaces": "ExcludedInterfaces",
}

ENVIRONMENT = {
    "SystemRoot": "C:\\Windows",
    "windir": "C:\\Windows",
    "SystemDrive": "C:",
    "ProgramFiles": "C:\\Program Files",
    "ProgramFiles(x86)": "C:\\Program Files (x86)",
    "ProgramData": "C:\\ProgramData",
}
INTERFACES = ("Ethernet", "Ethernet 2", "Wi-Fi", "Loopback Pseudo-Interface 1")


@dataclass(frozen=True)
class Faults:
    deny: bool = False
    """Every write is refused: no administrator."""
    fail_write: frozenset[int] = frozenset()
    """These writes of a process fail, counted from 1."""
    fail_match: str = ""
    """So do those whose "verb id name" has this pattern in it."""
    fail_hresult: int = FAILED
    crash_write: frozenset[int] = frozenset()
    """The process is killed at this write."""
    service_stopped: bool = False
    gpo_visible: bool = False
    shuffle: bool = False
    fail_after: frozenset[int] = frozenset()
    """These writes are made, and throw all the same: the answer was lost."""
    fail_read: str = ""
    """Reading a rule's property fails where "property name" has this pattern in it."""
    null_read: str = ""
    """So it gives null, which is what PowerShell makes of that."""
    item_blind: str = ""
    """Names that are not found, though they are there."""
    change_at: int = 0
    """Before this write somebody else puts another store in place, that of the file `change_to`."""
    change_to: str = ""
    keyword_comma: bool = False
    """A port keyword that stands alone reads back as `RPC,`."""

    def to_environment(self) -> dict[str, str]:
        """What `of_environment` reads, in small letters and without FAKEFW_."""
        texts = {
            "fail_match": self.fail_match,
            "fail_hresult": f"{self.fail_hresult:x}",
            "fail_read": self.fail_read,
            "null_read": self.null_read,
            "item_blind": self.item_blind,
            "change_at": str(self.change_at or ""),
            "change_to": self.change_to,
        }
        for name in ("fail_write", "fail_after", "crash_write"):
            texts[name] = ",".join(map(str, sorted(getattr(self, name))))
        for name in ("deny", "service_stopped", "gpo_visible", "shuffle", "keyword_comma"):
            texts[name] = "1" if getattr(self, name) else ""
        return {name: text for name, text in texts.items() if text}

    @classmethod
    def of_environment(cls, given: Mapping[str, str | None]) -> Faults:
        """By the names of environment variables: DENY, FAIL_WRITE ..., with or without FAKEFW_ before them."""
        known = {name.removeprefix("FAKEFW_"): value for name, value in given.items() if value}

        def on(name: str) -> bool:
            return known.get(name, "0") != "0"

        def numbers(name: str) -> frozenset[int]:
            return frozenset(int(number) for number in known.get(name, "").split(",") if number)

        return cls(
            deny=known.get("DENY") == "1",
            fail_write=numbers("FAIL_WRITE"),
            fail_match=known.get("FAIL_MATCH", ""),
            fail_hresult=int(known.get("FAIL_HRESULT", f"{FAILED:x}"), 16),
            crash_write=numbers("CRASH_WRITE"),
            service_stopped=on("SERVICE_STOPPED"),
            gpo_visible=on("GPO_VISIBLE"),
            fail_after=numbers("FAIL_AFTER"),
            fail_read=known.get("FAIL_READ", ""),
            null_read=known.get("NULL_READ", ""),
            item_blind=known.get("ITEM_BLIND", ""),
            change_at=int(known.get("CHANGE_AT", "0")),
            change_to=known.get("CHANGE_TO", ""),
            shuffle=on("SHUFFLE"),
            keyword_comma=on("KEYWORD_COMMA"),
        )


def three_profiles() -> dict[int, Profile]:
    return {1: Profile(), 2: Profile(), 4: Profile()}


@dataclass(eq=False)
class State:
    rules: list[Rule] = field(default_factory=list)
    profiles: dict[int, Profile] = field(default_factory=three_profiles)
    current_profiles: int = 4
    modify_state: int = 0
    interfaces: list[str] = field(default_factory=lambda: list(INTERFACES))
    environment: dict[str, str] = field(default_factory=lambda: dict(ENVIRONMENT))
    resources: dict[str, str] = field(default_factory=dict)
    """What `@file,-n` names say."""
    policy: dict[str, dict[str, int]] = field(default_factory=dict)
    """Group policy's settings as the registry has them: {"PublicProfile": {"EnableFirewall": 1}, ...}."""
    mdm: dict[str, dict[str, int]] = field(default_factory=dict)
    """The same of device management (Intune)."""
    faults: Faults = Faults()
    counts: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    """Of the process that runs now."""
    random: random.Random = field(default_factory=lambda: random.Random(1))

    # ---------------------------------------------------------------- what the objects need
    @property
    def keyword_comma(self) -> bool:
        return self.faults.keyword_comma

    def resolve(self, raw: str | None) -> str | None:
        return self.resources.get(raw, raw) if raw is not None and raw.startswith("@") else raw

    def expand(self, raw: str | None) -> str | None:
        if raw is None or "%" not in raw:
            return raw
        known = {name.lower(): value for name, value in self.environment.items()}
        return re.sub("%([^%]+)%", lambda found: known.get(found[1].lower(), found[0]), raw)

    def place(self, identifier: str) -> int | None:
        return next((at for at, rule in enumerate(self.rules) if rule.id == identifier), None)

    def take_out(self, identifier: str) -> None:
        self.rules = [rule for rule in self.rules if rule.id != identifier]

    def restore(self) -> None:
        self.rules, _resources = sample_rules(400)
        self.profiles = three_profiles()

    def check_service(self) -> None:
        if self.faults.service_stopped:
            raise ComError(NO_ENDPOINT)

    def read(self, what: str) -> None:
        self.counts[f"read {what}"] += 1

    def before_write(self, what: str, target: str) -> None:
        """Every write passes here before it changes anything."""
        self.writes += 1
        self.counts[f"write {what}"] += 1
        if self.writes == self.faults.change_at:
            self.fill(json.loads(Path(self.faults.change_to).read_text("utf-8")))
        if self.faults.deny:
            raise ComError(ACCESS_DENIED)
        if self.writes in self.faults.crash_write:
            raise Crashed(f"killed at write {self.writes}: {what} {target}")
        matched = self.faults.fail_match and re.search(self.faults.fail_match, f"{what} {target}")
        if matched or self.writes in self.faults.fail_write:
            raise ComError(self.faults.fail_hresult)

    def after_write(self) -> None:
        if self.writes in self.faults.fail_after:
            raise ComError(CALL_FAILED)

    # ---------------------------------------------------------------- what tests ask
    def new_process(self, faults: Faults | None = None) -> None:
        """Each module runs in a process of its own, and injected faults count its writes."""
        self.writes = 0
        if faults is not None:
            self.faults = faults

    def with_faults(self, **given: Any) -> None:
        self.faults = replace(Faults(), **given)

    @property
    def store_reads(self) -> int:
        """Property reads that reach the store: those of an object not yet added stay in its process."""
        free = ("read new.", "read put on a new rule")
        return sum(n for what, n in self.counts.items() if what.startswith("read ") and not what.startswith(free))

    @property
    def store_writes(self) -> int:
        return sum(n for what, n in self.counts.items() if what.startswith("write "))

    def reset_counts(self) -> None:
        self.counts.clear()

    # ---------------------------------------------------------------- as a file
    def to_json(self) -> dict[str, Any]:
        return {
            "CurrentProfiles": self.current_profiles,
            "ModifyState": self.modify_state,
            "Profiles": {
                str(bit): {key: getattr(profile, name) for name, key in PROFILE_KEYS.items()}
                for bit, profile in self.profiles.items()
            },
            "Interfaces": self.interfaces,
            "Environment": self.environment,
            "Resources": self.resources,
            "Policy": self.policy,
            "Mdm": self.mdm,
            "Rules": [rules.to_json(rule) for rule in self.rules],
        }

    def fill(self, given: Mapping[str, Any]) -> None:
        self.current_profiles = given.get("CurrentProfiles", self.current_profiles)
        self.modify_state = given.get("ModifyState", self.modify_state)
        for bit, profile in given.get("Profiles", {}).items():
            found = {name: profile[key] for name, key in PROFILE_KEYS.items() if key in profile}
            if found.get("excluded_interfaces") is not None:
                found["excluded_interfaces"] = tuple(found["excluded_interfaces"])
            self.profiles[int(bit)] = Profile(**found)
        self.interfaces = list(given.get("Interfaces", self.interfaces))
        self.environment = dict(given.get("Environment", self.environment))
        self.resources = dict(given.get("Resources", self.resources))
        self.policy = {key: dict(value) for key, value in given.get("Policy", self.policy).items()}
        self.mdm = {key: dict(value) for key, value in given.get("Mdm", self.mdm).items()}
        self.rules = [rules.from_json(rule) for rule in given.get("Rules", [])]
