# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of a host that are cut off, of another version or not what they should be are told as such."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from golden.helpers.running import shipped_catalog
from hypothesis import given
from hypothesis import strategies as st
from windows.fake.bringing import HOST
from windows.fake.emulated import KILLED, read
from windows.fake.engine import foreign
from windows.fake.host import policy_text
from windows.fake.store import Store

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.contract import Unreachable
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import exchange
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.backend import WindowsHost
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import Store as Read
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import (
    WrongAnswer,
    meaning_of_failure,
    policy_rule,
    store_of,
)
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.host_part import HostPart

ANSWER = read(Store.of(foreign(), foreign(Name="off", Enabled=False)), exchange.removal_arguments(), HOST)


def answer(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(ANSWER), **changes}


def wrong(given_: dict[str, Any]) -> str:
    with pytest.raises(WrongAnswer) as caught:
        store_of(given_)
    return str(caught.value)


def test_a_whole_answer_is_a_store() -> None:
    store = store_of(answer())
    assert [one.rule.name for one in store.foreign] == ["theirs", "off"]
    assert (store.current, store.modify_state, store.owned) == ((4,), 0, [])


@pytest.mark.parametrize("format_", [None, 0, 1, "2"])
def test_another_version_is_named(format_: Any) -> None:
    assert "two versions of the collection are installed" in wrong(answer(format=format_))


@pytest.mark.parametrize("key", ["rules", "unreadable", "profiles", "current_profiles", "modify_state", "fingerprint"])
def test_what_lacks_is_named(key: str) -> None:
    left = answer()
    del left[key]
    assert f"lacks {key}" in wrong(left)
    assert "cut off" in wrong(left)


OPTIONAL = ["policy", "policy_rules", "products", "services_missing", "programs", "listeners", "connections", "domain"]


@pytest.mark.parametrize("key", OPTIONAL)
def test_what_need_not_be_reported_may_lack(key: str) -> None:
    left = answer()
    left.pop(key, None)
    store_of(left)
    store_of(answer(**{key: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"profiles": []},
        {"profiles": "none"},
        {"profiles": [{"profile": 1}]},
        {"current_profiles": 0},
        {"current_profiles": None},
        {"rules": None},
        {"rules": ["text"]},
        {"rules": [{"id": "1"}]},
        {"rules": [{**ANSWER["rules"][0], "Direction": 3}]},
        {"rules": [{**ANSWER["rules"][0], "Action": "allow"}]},
        {"rules": [{**ANSWER["rules"][0], "Protocol": "tcp"}]},
        {"connections": [1]},
        {"programs": {"a": "b"}},
        {"policy": [1]},
    ],
)
def test_what_is_not_what_it_should_be_cannot_be_read(changes: dict[str, Any]) -> None:
    assert "cannot be read" in wrong(answer(**changes))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(ANSWER)), JSON)
def test_no_answer_is_a_crash(key: str, value: Any) -> None:
    with suppress(WrongAnswer):
        assert isinstance(store_of(answer(**{key: value})), Read)


@given(st.integers(0, len(json.dumps(ANSWER["rules"][0]))), JSON)
def test_no_rule_is_a_crash(number: int, value: Any) -> None:
    record = deepcopy(ANSWER["rules"][0])
    record[sorted(record)[number % len(record)]] = value
    with suppress(WrongAnswer):
        store_of(answer(rules=[record]))


@pytest.mark.parametrize(
    ("number", "meaning"),
    [
        ("0x80070005", "must be an administrator"),
        ("0x800706D9", "start it"),
        ("0x800706d9", "start it"),
        ("0x80040154", "has no Windows Firewall"),
        ("0x800706BA", "RPC server unavailable"),
    ],
)
def test_an_error_number_is_reported_with_what_it_means(number: str, meaning: str) -> None:
    assert meaning in meaning_of_failure(f"reading the firewall failed: it said {number}")


def test_an_error_without_a_meaning_is_reported_as_it_is() -> None:
    assert meaning_of_failure("Something else (0x80004005)") == "Something else (0x80004005)"


def test_a_failed_write_says_what_became_of_the_host() -> None:
    assert "the host is as it was" in exchange.failed_write({"msg": "no", "undone": True})
    assert "name: denied" in exchange.failed_write({"msg": "no", "undone": False, "not_undone": ["name: denied"]})
    assert exchange.failed_write({"msg": "no", "undone": None}) == "no"
    assert "returned no message" in exchange.failed_write({})


def test_a_write_that_was_ended_may_be_half_done() -> None:
    assert "may be half done: run again; the next run repairs that" in exchange.failed_write(KILLED)


def test_a_connection_that_is_lost_in_a_write_says_so_too() -> None:
    def run(module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if module.endswith("windows_read"):
            return read(Store(), arguments, HOST)
        raise Unreachable("the host did not answer")

    host = WindowsHost("host", run, 5986, "winrm", check=False, diff=False, catalog=shipped_catalog)
    with pytest.raises(Unreachable, match=r"did not answer.* may be half done: run again; the next run repairs that"):
        host.bring(HostPart("host", posture="strict"), None, {}, list)


def test_a_rule_that_may_not_be_changed_is_not_the_fault_of_the_rights() -> None:
    denied = {"msg": "operation 3 (disable theirs) failed: denied (0x80070005)", "undone": True}
    assert "must be an administrator" in exchange.failed_write({**denied, "done": 0})
    assert "must be an administrator" not in exchange.failed_write({**denied, "done": 2})


def test_a_profile_that_changed_during_the_run_and_a_leftover_are_reported() -> None:
    store = store_of(answer())
    assert exchange.after_write(store, {"current_profiles": 4}) == []
    told = exchange.after_write(store, {"current_profiles": 1, "leftover": ["portbook/a/in/1: denied"]})
    assert "the next run tries again" in told[0]
    assert "(public to domain): run it again" in told[1]


# -- rules of group policies --------------------------------------------------------------------------
def test_a_rule_of_a_policy_is_read_like_any_other() -> None:
    ends = "LPort=80|LPort2_10=90-99|RA4=192.0.2.0/24|RA6=fe80::/64"
    one = policy_rule(f"v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|{ends}|Name=No|")
    assert one is not None
    assert (one.name, one.traffic.action, one.traffic.direction, one.traffic.protocol) == ("No", "block", "in", 6)
    assert one.traffic.local_ports.spans.items == ((80, 80), (90, 99))
    assert not one.traffic.remote.every
    assert one.traffic.others == ()


def test_a_rule_of_a_policy_that_is_off_counts_for_nothing() -> None:
    assert policy_rule("v2.30|Action=Block|Active=FALSE|Dir=In|Name=No|") is None
    assert policy_rule("") is None


def test_a_condition_that_is_not_known_makes_it_unlike_any_of_the_collection() -> None:
    one = policy_rule("v2.30|Action=Allow|Active=TRUE|Dir=Out|App=%SystemRoot%\\a.exe|Svc=x|LUAuth=D:|Name=Yes|")
    assert one is not None
    assert one.traffic.others == (("SecureFlags", "LUAuth"),)


def test_who_gets_by_blocks_by_ipsec_is_unlike_any_of_the_collection() -> None:
    """Such a permission holds against guards, for those who are authenticated."""
    given_ = {"Name": "theirs", "Enabled": True, "SecureFlags": 4, "RemoteMachineAuthorizedList": "O:LSD:(A;;CC;;;BA)"}
    (rule_,) = Store.of({**given_, "Source": "gpo"}).rules
    one = policy_rule(policy_text(rule_))
    assert one is not None
    assert (one.traffic.action, one.traffic.others) == ("allow", (("SecureFlags", "RMauth,Security"),))


@given(st.text(max_size=60), st.text("v2.30|Action=BlockTRUEDirInPort0123456789-,", max_size=80))
def test_no_text_of_a_policy_is_a_crash(any_text: str, near: str) -> None:
    for text in (any_text, near, f"v2.30|Active=TRUE|{any_text}", f"v2.30|Active=TRUE|{near}"):
        policy_rule(text)
