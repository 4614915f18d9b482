# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host remembers is used as it is, or is not readable; there is nothing in between."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.portbook.firewall.plugins.module_utils import difference
from ansible_collections.portbook.firewall.plugins.module_utils.linux import remembered, shown, slices
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import Local, Settings
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import HostState, StateError
from ansible_collections.portbook.firewall.plugins.module_utils.nftables.ruleset import ruleset
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory import entries

RULE = {
    "id": "one/0",
    "flow": "one.a",
    "direction": "in",
    "protocol": "tcp",
    "peers": "s",
    "cast": "unicast",
    "refusal": "guard",
    "log": False,
    "spans": [[514, 514]],
    "source_spans": [],
    "container_spans": [],
}
WHOLE: dict[str, Any] = {
    "format": 2,
    "backend": "nftables",
    "slices": {"one": {"rules": [RULE], "sets": {"s": ["192.0.2.1", "192.0.2.0/24", "2001:db8::/64", "::1"]}}},
    "settings": {
        "verdicts": {"in": "refuse", "out": "accept"},
        "directions": ["in"],
        "refuse": "drop",
        "log": "off",
        "cut": True,
        "foreign": "auto",
        "trusted_interfaces": None,
        "management": ["192.0.2.0/29"],
        "management_ports": [22],
        "restore_after_flush": False,
        "mark": [16, 48],
        "of a later version": {"x": [1]},
    },
    "way_in": ["192.0.2.3"],
    "digest": "d",
    "token": "t",
    "applied": {"text": "a", "kernel": "b"},
}
_OLD_RULE = {name: value for name, value in RULE.items() if name != "refusal"}
OLD = {
    **{name: value for name, value in WHOLE.items() if name != "backend"},
    "format": 1,
    "slices": {"one": {**WHOLE["slices"]["one"], "rules": [{**_OLD_RULE, "guarded": True, "watched": False}]}},
    "settings": {
        **{name: value for name, value in WHOLE["settings"].items() if name not in ("verdicts", "directions")},
        **{"posture": "strict", "outbound": "off"},
    },
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["", "x", "any"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [here] if here else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for key, one in inner for place in places(one, (*here, key))]


def with_(place: tuple[Any, ...], value: Any, whole: dict[str, Any] | None = None) -> dict[str, Any]:
    changed = deepcopy(WHOLE if whole is None else whole)
    at = changed
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return changed


def without(place: tuple[Any, ...]) -> dict[str, Any]:
    changed = deepcopy(WHOLE)
    at = changed
    for key in place[:-1]:
        at = at[key]
    del at[place[-1]]
    return changed


def used(state: dict[str, Any]) -> None:
    """As a run does."""
    permissions = slices.permissions(slices.united(state["slices"], {}, False))
    ruleset(permissions, Settings.of(state["settings"]), Local())
    slices.difference(state["slices"], {})
    settings = Settings.of(state["settings"])
    shown_as = shown.view(state["slices"], settings, state["settings"], state["way_in"], settings.management_ports)
    difference.sections(difference.View(), shown_as)
    json.dumps(state).encode()
    [str(one) for one in state["way_in"]]
    state["applied"].get("text")


def test_what_we_write_is_readable() -> None:
    assert remembered.fault(WHOLE) == ""
    assert remembered.fault({"format": 2}) == ""


def test_protocols_are_those_that_a_plan_may_name() -> None:
    assert remembered.PROTOCOLS == entries.PROTOCOLS


OTHER_TYPES = [None, 0, 1.5, True, "what\n", "\ud800", [], [None], {}, {"x": 1}, [[1]]]
_FREE = ("format", "of a later version")


@pytest.mark.parametrize("place", [one for one in places(WHOLE) if not set(one) & set(_FREE)], ids=str)
def test_every_place_is_looked_at(place: tuple[Any, ...]) -> None:
    faults = [remembered.fault(with_(place, value)) for value in OTHER_TYPES]
    assert sum(map(bool, faults)) >= len(OTHER_TYPES) - 3
    assert all("what it has to be" in one or "addresses" in one or "not a valid part" in one for one in faults if one)


@pytest.mark.parametrize("key", [key for key in RULE if key != "log"])
def test_a_rule_lacks_nothing(key: str) -> None:
    assert remembered.fault(without(("slices", "one", "rules", 0, key)))


@pytest.mark.parametrize(
    "address",
    ["192.0.2.256", "192.0.2", "192.0.2.1/33", "01.2.3.4", "fe80::1%eth0", "::1/129", "x", "", "::g", "1.2.3.4\n", "1"],
)
def test_an_address_is_one(address: str) -> None:
    assert remembered.fault(with_(("way_in",), [address]))
    assert remembered.fault(with_(("slices", "one", "sets", "s"), ["192.0.2.1", address]))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(places(WHOLE)), ANYTHING)
def test_any_json_leads_to_a_state_or_to_unreadable(place: tuple[Any, ...], value: Any) -> None:
    changed = with_(place, value)
    if not remembered.fault(changed):
        used(changed)


@settings(max_examples=200, deadline=None)
@given(ANYTHING)
def test_any_file_leads_to_a_state_or_to_unreadable(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.mktemp("state")
    Path(folder / "state.json").write_text(json.dumps(value))
    state = HostState(str(folder), str(folder)).read()
    used(state)
    assert state["fault"]


@pytest.mark.parametrize(
    ("text", "unreadable"),
    [
        (None, False),
        ('{"format": 1}', False),
        ('{"format": 2}', False),
        ('{"format": 2, "fault": "none"}', False),
        ("", True),
        ("[]", True),
        ("{", True),
        ("[" * 99999, True),
        ("\0\0\0\0", True),
        ("\udcff", True),
        ('{"format": "1"}', True),
        ('{"format": true}', True),
        ('{"format": 1.0}', True),
        ('{"format": 0}', True),
        ('{"format": 1, "slices": []}', True),
        ('{"format": 2, "slices": []}', True),
    ],
)
def test_a_state_that_is_not_readable_is_distinguished_from_none(
    tmp_path: Path, text: str | None, unreadable: bool
) -> None:
    if text is not None:
        (tmp_path / "state.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    state = HostState(str(tmp_path), str(tmp_path))
    found = state.read()
    assert bool(found.pop("fault")) == unreadable
    assert found == {"format": 2, "slices": {}, "settings": {}, "way_in": [], "applied": {}}


def test_a_folder_in_place_of_the_state_is_not_readable(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    assert HostState(str(tmp_path), str(tmp_path)).read()["fault"]


def test_what_a_newer_version_remembers_is_not_called_unreadable(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"format": 3, "slices": []}')
    with pytest.raises(StateError, match="it was written by a newer version"):
        HostState(str(tmp_path), str(tmp_path)).read()


# -- an earlier format --------------------------------------------------------------------------------


def test_what_postures_said_is_said_in_verdicts() -> None:
    assert {**remembered.renewed(OLD), "backend": "nftables"} == WHOLE


@pytest.mark.parametrize(
    ("posture", "outbound", "verdicts", "directions"),
    [
        ("guard", "off", ("accept", "accept"), ["in"]),
        ("watch", "open", ("accept", "accept"), ["in", "out"]),
        ("strict", "guard", ("refuse", "accept"), ["in", "out"]),
        ("open", "strict", ("accept", "refuse"), ["in", "out"]),
    ],
)
def test_each_posture_has_its_verdict(
    posture: str, outbound: str, verdicts: tuple[str, str], directions: list[str]
) -> None:
    found = remembered.renewed({"format": 1, "settings": {"posture": posture, "outbound": outbound}})["settings"]
    assert found == {"verdicts": dict(zip(("in", "out"), verdicts, strict=True)), "directions": directions}


@pytest.mark.parametrize(
    ("guarded", "watched", "refusal"),
    [(False, False, "open"), (True, False, "guard"), (True, True, "watch"), (True, None, "guard")],
)
def test_each_rule_says_what_becomes_of_the_others(guarded: bool, watched: bool | None, refusal: str) -> None:
    rule = {**_OLD_RULE, "guarded": guarded, **({} if watched is None else {"watched": watched})}
    state = remembered.renewed({"format": 1, "slices": {"one": {"rules": [rule]}}})
    assert state["slices"]["one"]["rules"] == [{**_OLD_RULE, "refusal": refusal}]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(places(OLD)), ANYTHING)
def test_any_json_of_an_earlier_format_leads_to_a_state_or_to_unreadable(place: tuple[Any, ...], value: Any) -> None:
    changed = remembered.renewed(with_(place, value, OLD))
    if not remembered.fault(changed):
        used(changed)
