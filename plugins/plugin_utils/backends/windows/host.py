# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a Windows host itself stands against a plan: policies, profiles, programs and services. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .rule import PROFILES, FirewallRule
from .store import POLICY_KEYS, Store

_POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall"
_MODIFY_STATES = {
    1: "Windows says that a policy overrides the local settings (LocalPolicyModifyState 1)",
    2: "Windows says that all inbound traffic is blocked (LocalPolicyModifyState 2)",
}


def policies(store: Store, *, refuses: bool, strict: bool, strict_out: bool) -> list[str]:
    """Group policies that make our rules or settings void; each text names the profile and the policy."""
    found = [text for bit in store.current for text in _of_profile(store, bit, refuses, strict, strict_out)]
    if not found and store.modify_state in _MODIFY_STATES and not (store.modify_state == 2 and _all_blocked(store)):
        profiles = ", ".join(PROFILES[bit] for bit in store.current)
        found.append(f"profile {profiles}: {_MODIFY_STATES[store.modify_state]}")
    return found


def _of_profile(store: Store, bit: int, refuses: bool, strict: bool, strict_out: bool) -> Iterator[str]:
    """In the registry, 1 is block and 0 is allow; COM has it the other way round."""
    policy = store.policy.get(bit, {})
    cases = (
        ("AllowLocalPolicyMerge", 0, True, "makes Windows ignore all local rules"),
        ("DoNotAllowExceptions", 1, True, "blocks all inbound traffic, whatever is permitted"),
        ("EnableFirewall", 0, refuses, "keeps the firewall off, so nothing can be refused"),
        ("DefaultInboundAction", 0, strict, "lets in what no rule names, so strict cannot hold"),
        ("DefaultOutboundAction", 0, strict_out, "lets out what no rule names, so outbound strict cannot hold"),
    )
    for name, value, matters, what in cases:
        if matters and policy.get(name) == value:
            path = _POLICY + "\\" + POLICY_KEYS[bit]
            yield f"profile {PROFILES[bit]}: the group policy {path}, {name} = {value}, {what}"


def _all_blocked(store: Store) -> bool:
    return any(store.settings[bit, "BlockAllInboundTraffic"] for bit in store.current)


def all_blocked(store: Store) -> list[str]:
    return [PROFILES[bit] for bit in store.current if store.settings[bit, "BlockAllInboundTraffic"]]


def unfiltered(store: Store) -> Iterator[str]:
    for bit in store.current:
        if store.excluded.get(bit):
            names = ", ".join(store.excluded[bit])
            yield f"profile {PROFILES[bit]} leaves the interfaces {names} unfiltered, so nothing is refused there"


def wide_open(store: Store) -> Iterator[str]:
    """For who adds permissions only: that they decide nothing."""
    for bit in store.current:
        if not store.settings[bit, "FirewallEnabled"]:
            yield f"profile {PROFILES[bit]} is off, so everything is let in"
        elif store.settings[bit, "DefaultInboundAction"]:
            yield f"profile {PROFILES[bit]} lets in what no rule names"


def unknown_variables(store: Store) -> Iterator[str]:
    """Paths in which a variable stayed as it was: such a rule would match nothing."""
    for asked, found in sorted(store.programs.items()):
        if "%" in found.path:
            yield asked


def missing(rules: Iterable[FirewallRule], store: Store) -> Iterator[tuple[str, str]]:
    """Programs and services that the host does not have: the rule, and what is missing."""
    for rule in rules:
        found = store.programs.get(rule.program)
        if found is not None and not found.exists and rule.program.lower() != "system":
            yield rule.name, f"the program {found.path}"
        if rule.service and rule.service.lower() in store.services_missing:
            yield rule.name, f"the service {rule.service}"
