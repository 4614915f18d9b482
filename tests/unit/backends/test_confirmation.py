# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A held change is confirmed over a new connection, and one that fails is tried again while the host waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pages import CHECKOUT, printed

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends import linux
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.contract import Unreachable
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.linux import Linux

CONFIRMED, WAITS_NO_LONGER = {"confirmed": True}, {"confirmed": False}
HELD = 30
BACKEND = Linux("nftables", {})


class Clock:
    """Time passes where somebody waits, and with every attempt."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Target:
    """With answers in place of a host; each attempt takes its time."""

    host, transport, platform, port, check, diff, verbosity = "siem", "ssh", "linux", 22, False, False, 0

    def __init__(self, clock: Clock, answer: Callable[[int], dict[str, Any]], takes: float) -> None:
        self._clock, self._answer, self._takes = clock, answer, takes
        self.connections = 0
        self.started: list[float] = []
        self.alone: list[bool] = []

    def reconnect(self, alone: bool = False) -> None:
        self.connections += 1
        self.alone.append(alone)

    def note(self, text: str) -> None:
        assert text.startswith("siem: not confirmed yet: ")

    def run(self, module: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        assert module == "portbook.firewall.nftables"
        assert arguments == {"state": "confirm", "token": "t"}
        assert self.connections == len(self.started) + 1, "each attempt is a new connection"
        self.started.append(self._clock.now - 1000)
        self._clock.now += self._takes
        return self._answer(len(self.started))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(linux, "time", made)
    return made


def fails(text: str = "Connection refused") -> dict[str, Any]:
    raise Unreachable(text)


def test_one_that_succeeds_is_all(clock: Clock) -> None:
    target = Target(clock, lambda _number: CONFIRMED, 1)
    assert BACKEND.confirm("t", target, 0.3, HELD) == {"held": False}
    assert target.started == [0]


@pytest.mark.parametrize("failing", [fails, lambda: {"failed": True, "msg": "another run holds the firewall"}])
def test_a_hiccup_is_tried_again(clock: Clock, failing: Callable[[], dict[str, Any]]) -> None:
    target = Target(clock, lambda number: CONFIRMED if number == 3 else failing(), 0.5)
    assert BACKEND.confirm("t", target, 0.3, HELD) == {"held": False}
    assert target.started == [0, 1.5, 3]


@pytest.mark.parametrize("takes", [0.1, 4, 10])
@pytest.mark.parametrize("seconds", [0.2, 5])
def test_what_never_succeeds_is_reported_shortly_before_the_host_acts(
    clock: Clock, takes: float, seconds: float
) -> None:
    """`seconds` is how long the host had been holding when it answered."""
    target = Target(clock, lambda _number: fails(), takes)
    done = BACKEND.confirm("t", target, seconds, HELD)
    assert done["failed"]
    assert "was not confirmed over a new connection" in done["msg"]
    assert ": Connection refused. The last login and confirmation took " in done["msg"]
    assert len(target.started) > 1
    assert HELD - seconds - takes - 5 < target.started[-1] <= HELD - seconds - 3


def test_it_is_reported_in_the_words_of_the_page(clock: Clock) -> None:
    done = BACKEND.confirm("t", Target(clock, lambda _number: fails(), 3.1), 0.2, 60)
    assert done["msg"] == printed(CHECKOUT / "docs" / "way-back.md", "not confirmed").words


def test_a_host_that_no_longer_waits_is_not_asked_again(clock: Clock) -> None:
    target = Target(clock, lambda _number: WAITS_NO_LONGER, 1)
    assert BACKEND.confirm("t", target, 0.3, HELD)["msg"].partition(". ")[0].endswith("it no longer waits")
    assert target.started == [0]


def test_why_the_host_does_not_confirm_is_said(clock: Clock) -> None:
    target = Target(clock, lambda _number: {"confirmed": False, "why_not": "the kernel holds another table"}, 1)
    done = BACKEND.confirm("t", target, 0.3, HELD)
    assert done["failed"]
    assert "so the host takes it back within 30 s: the kernel holds another table. " in done["msg"]
    assert target.started == [0]


def test_there_is_one_attempt_however_long_the_change_took(clock: Clock) -> None:
    target = Target(clock, lambda _number: CONFIRMED, 1)
    assert BACKEND.confirm("t", target, 40, HELD) == {"held": False}


def test_what_the_login_took_is_said_with_the_variable_that_gives_it_time(clock: Clock) -> None:
    done = BACKEND.confirm("t", Target(clock, lambda _number: WAITS_NO_LONGER, 26), 0.3, HELD)
    assert "The last login and confirmation took 26.0 s" in done["msg"]
    assert "set portbook_confirm_timeout (now 30) higher" in done["msg"]


def test_a_connection_that_is_not_new_is_tried_again_over_one_that_is_shared_with_nobody(clock: Clock) -> None:
    old = {"confirmed": False, "why_not": "was open before the rules were loaded", "old_connection": True}
    target = Target(clock, lambda number: CONFIRMED if number == 2 else old, 1)
    assert BACKEND.confirm("t", target, 0.3, HELD) == {"held": False}
    assert target.alone == [False, True]


def test_a_connection_that_is_never_new_confirms_nothing(clock: Clock) -> None:
    old = {"confirmed": False, "why_not": "was open before the rules were loaded", "old_connection": True}
    target = Target(clock, lambda _number: old, 1)
    assert "was open before the rules were loaded" in BACKEND.confirm("t", target, 0.3, HELD)["msg"]
    assert target.alone == [False, True]
