# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model of the store does what the recorded cases say, and a model that does not is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from windows.fake import com, rule, state, values
from windows.fake.hresult import Crashed
from windows.fake.replay import CASES, differing, document
from windows.fake.store import Store

BOOK = document()
HERE = Path(__file__).parent
EXCEPTIONS: dict[str, str] = json.loads((HERE / "exceptions.json").read_text("utf-8"))
"""Guesses of the reference that this model does not share: the case's name and the reason."""
ORIGINAL = HERE.parents[2] / "shared" / "windows" / "cases.json"


@pytest.mark.parametrize("sure", ["yes", "written"])
def test_what_was_seen_or_written_is_done_by_the_model(sure: str) -> None:
    assert differing(BOOK, {sure}) == {}


def test_what_the_reference_guesses_is_done_too_but_for_the_exceptions() -> None:
    assert set(differing(BOOK, {"guess"})) == set(EXCEPTIONS)
    assert all(EXCEPTIONS.values())


def test_every_case_is_replayed() -> None:
    assert len(BOOK["cases"]) == len({case["name"] for case in BOOK["cases"]}) == 1658


@pytest.mark.skipif(not ORIGINAL.exists(), reason="the reference is not beside this checkout")
def test_the_cases_are_the_reference_s() -> None:
    assert CASES.read_bytes() == ORIGINAL.read_bytes()


# ------------------------------------------------------------------ mutants
Patch = Callable[[pytest.MonkeyPatch], None]


def swap(owner: object, name: str, new: Any) -> Patch:
    return lambda patch: patch.setattr(owner, name, new)


def convert(name: str, function: Callable[[Any], Any]) -> Patch:
    field = rule._CONVERT[name][0]
    return lambda patch: patch.setitem(rule._CONVERT, name, (field, function))


def read(name: str, function: Callable[..., Any]) -> Patch:
    return lambda patch: patch.setitem(rule.GET, name, function)


def set_protocol(one: rule.Rule, value: Any) -> None:
    one.protocol = values.integer(value)


def remove_all(self: com.FwRules, name: Any) -> None:
    while (found := self._find(values.given(name))) is not None:
        self._state.take_out(found.id)


def every_rule(self: com.FwRules) -> list[rule.Rule]:
    return list(self._state.rules)


def stored_order(written: str | None, _stored: bool = False) -> str:
    return UNCHANGED(written, False)


UNCHANGED = values.addresses

MUTANTS: dict[str, Patch] = {
    "addresses are kept as they were given": swap(values, "addresses", lambda text, _stored=False: text or "*"),
    "a stored rule keeps the order of its addresses": swap(values, "addresses", stored_order),
    "puts on a stored rule are not kept": swap(com.FwRule, "_keep", lambda *_given: None),
    "an added object is not live": swap(com.FwRules, "_hold", lambda *_given: None),
    "the protocol is not checked against the ports": swap(rule, "_protocol", set_protocol),
    "the service accepts every rule": swap(rule, "commit", lambda _rule: None),
    "removing takes every rule of the name": swap(com.FwRules, "remove", remove_all),
    "adding a rule again makes a second one": swap(state.State, "take_out", lambda *_given: None),
    "a null text is an empty one": swap(com.FwRule, "put_null", lambda self, name: self.put(name, None)),
    "rules of group policy are shown": swap(com.FwRules, "_visible", every_rule),
    "variables in programs are not expanded": swap(state.State, "expand", lambda _self, raw: raw),
    "names of built-in rules are not resolved": swap(state.State, "resolve", lambda _self, raw: raw),
    "a denied write passes": swap(state.State, "before_write", lambda *_given: None),
    "the stopped service answers": swap(state.State, "check_service", lambda _self: None),
    "true is 1 as a number": swap(values, "integer", lambda value: int(value or 0)),
    "an empty program clears it": convert("ApplicationName", values.maybe),
    "ports that are not set read as null": read("LocalPorts", lambda one, _around: one.local_ports),
    "every edge option is edge traversal": read("EdgeTraversal", lambda one, _around: one.edge_options != 0),
    "any profile mask is accepted": convert("Profiles", values.integer),
    "interface types keep their order": convert("InterfaceTypes", lambda value: values.text(value) or "All"),
    "ICMP types are accepted for TCP": swap(values, "ICMP", frozenset({1, 6, 17, 58})),
    "ports beyond 65535 are kept": swap(values, "ports", lambda written, *_more: written or None),
    "a group is switched in other profiles too": swap(
        com.FwPolicy2, "_in_group", lambda _self, one, _mask, group: one.grouping == group
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_model_is_noticed_in_which(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[mutant](monkeypatch)
    assert any(notices(case) for case in BOOK["cases"])


def notices(case: dict[str, Any]) -> bool:
    try:
        return bool(differing({**BOOK, "cases": [case]}))
    except (TypeError, ValueError, AttributeError, LookupError):
        return True


# ------------------------------------------------------------------ the sample and the file
def test_a_sample_has_as_many_rules_as_asked() -> None:
    assert [len(Store.sample(number).rules) for number in (101, 400, 1000)] == [101, 400, 1000]


def test_a_stored_store_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store.sample(120).profile(2, enabled=False, excluded_interfaces=("Wi-Fi",))
    store.policy = {"PublicProfile": {"AllowLocalPolicyMerge": 0}}
    store.save(tmp_path / "store.json")
    again = Store.load(tmp_path / "store.json")
    assert again.to_json() == store.to_json()
    assert again.rules == store.rules
    assert again.copy().to_json() == store.to_json()


def remove_and_crash(path: Path) -> None:
    with Store.kept(path) as store:
        store.with_faults(crash_write=frozenset({2}))
        store.firewall().rules.remove("Backup agent")
        store.firewall().rules.remove("Duplicate name")


def test_what_was_written_before_a_crash_stays_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    Store.sample(101).save(path)
    with pytest.raises(Crashed):
        remove_and_crash(path)
    assert len(Store.load(path).rules) == 100


def test_reads_and_writes_are_counted() -> None:
    store = Store.sample(101)
    firewall = store.firewall()
    for one in firewall.rules:
        one.get("Name")
    # One for the object, one for its rules, and two for each rule that is not a group policy's.
    assert store.store_reads == 2 + 2 * 99
    firewall.rules.item("Backup agent").put("Enabled", False)
    assert store.counts["write put.Enabled"] == store.store_writes == 1
