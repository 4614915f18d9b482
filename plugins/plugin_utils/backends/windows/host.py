# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a Windows host itself stands against a plan: policies, profiles, programs and services. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...problems import few
from . import foreign
from .asked import Asked
from .decision import Decision
from .rule import PROFILES, FirewallRule
from .store import Store

_OF_MDM = "\\Mdm\\"
_MODIFY_STATES = {
    1: "Windows says that a policy overrides the local settings (LocalPolicyModifyState 1)",
    2: "Windows says that all inbound traffic is blocked (LocalPolicyModifyState 2)",
}


def look(store: Store, asked: Asked, decision: Decision) -> None:
    """All that stands against the plan, as errors and warnings."""
    own = [rule for one in asked.wanted.values() for rule in one.rules]
    _look_at_policies(store, asked, own, decision)
    for path in unknown_variables(store):
        decision.error(f"the program {path} names a variable that the host does not have", "Give the whole path")
    for name, what in missing(own, store):
        decision.warnings.append(f"{name}: {what} is not on this host, so the rule matches nothing until it is")
    for wanted in asked.wanted.values():
        decision.warnings += wanted.notes
    for product in store.products:
        text = f"{product} is registered as a firewall of this host: Windows' own rules may not decide"
        if asked.refuses and asked.foreign == "fail":
            decision.error(text, "Remove it, or set portbook_foreign: warn")
        else:
            decision.warnings.append(text)
    if asked.watches:
        decision.warnings.append(
            "posture watch: Windows cannot count what it would refuse, so only permissions are added"
        )
    if asked.refuses:
        decision.warnings += unfiltered(store)


def _look_at_policies(store: Store, asked: Asked, own: list[FirewallRule], decision: Decision) -> None:
    found = policies(store, refuses=asked.refuses, strict=asked.strict, strict_out=asked.strict_out)
    # What is planned and not written, since everything may go out, is blocked by a block rule all the same.
    for one in foreign.policy_hindrances([*own, *asked.planned_out], store):
        if one.outcome == "lost":
            found.append(f"{one.where} refuses what {one.flow} permits")
        else:
            decision.foreign.append(one)
    for text in found:
        if asked.policy == "fail":
            decision.error(text, "Change the policy, or set portbook_windows_policy: warn")
        else:
            decision.warnings.append(text)
    decision.foreign += foreign.hindrances(asked.planned_out, store)
    profiles = [PROFILES[bit] for bit in store.current if _refuses_out(store, bit)]
    refused = _kept_in(asked.planned_out, store) if profiles else []
    if refused:
        decision.warnings.append(
            f"profile {', '.join(profiles)} refuses outbound traffic without a rule, so these flows are blocked: "
            f"{few(refused, 5)}. Set portbook_outbound: open, which permits them"
        )


def _refuses_out(store: Store, bit: int) -> bool:
    return bool(store.effective[bit, "FirewallEnabled"] and not store.effective[bit, "DefaultOutboundAction"])


def _kept_in(planned: Iterable[FirewallRule], store: Store) -> list[str]:
    local = [one.rule for one in store.rules if foreign.acts(one, store)]
    allows = [one.traffic for one in (*local, *store.policy_rules) if one.traffic.action == "allow"]
    return [rule.name for rule in planned if not any(foreign.meet(one, rule.traffic) for one in allows)]


def policies(store: Store, *, refuses: bool, strict: bool, strict_out: bool) -> list[str]:
    """Policies that make our rules or settings void; each text names the profile and the policy."""
    found = [text for bit in store.current for text in _of_profile(store, bit, refuses, strict, strict_out)]
    if not found and store.modify_state in _MODIFY_STATES and not (store.modify_state == 2 and _all_blocked(store)):
        profiles = ", ".join(PROFILES[bit] for bit in store.current)
        found.append(f"profile {profiles}: {_MODIFY_STATES[store.modify_state]}")
    return found


def _of_profile(store: Store, bit: int, refuses: bool, strict: bool, strict_out: bool) -> Iterator[str]:
    """In the registry's words: there 1 is block and 0 is allow."""
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
            path = store.policy_keys.get((bit, name), "")
            kind = "MDM policy" if _OF_MDM in path else "group policy"
            yield f"profile {PROFILES[bit]}: the {kind} {path}, {name} = {value}, {what}"


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
        if not store.effective[bit, "FirewallEnabled"]:
            yield f"profile {PROFILES[bit]} is off, so everything is let in"
        elif store.effective[bit, "DefaultInboundAction"]:
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
