# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session host has rules of packages by user, ten thousand and more: what they cost on the fake, whose own share
is in the figures. The processor's time counts, since other programs may be at work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from windows.fake.bringing import HOST
from windows.fake.engine import asked
from windows.fake.host import to_file
from windows.fake.rule import Rule
from windows.fake.store import Store
from windows.pwsh.session import CROSS, Session

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows import exchange
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.decide import decide
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.removal import decide_removal
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.windows.store import store_of

RULES = 10_000
APPS = 40
SECONDS = 45.0
"""For the first reading, a third of it on a computer that has nothing else to do."""
TIMES = 5
"""As long as the first reading a write may take. It takes two to three times as long; its first form took nine times as
long."""
MIB = 400.0
"""WinRM lets a shell of an older server have 1,024."""

pytestmark = pytest.mark.skipif(not CROSS, reason="takes a minute: `make test-all` has it")


def session_host() -> Store:
    store = Store.sample(400)
    names = [f"@{{Some.App{app}_1.0_x64__abc?ms-resource://Some.App{app}/Resources/Name}}" for app in range(APPS)]
    for number in range(RULES - len(store.rules)):
        user, app, direction = number // (2 * APPS), number // 2 % APPS, 1 + number % 2
        name = names[app]
        store.rules.append(
            Rule(
                id=f"{{APP-{number}}}",
                name=name,
                description=name,
                grouping=name,
                direction=direction,
                enabled=True,
                profiles=7,
                local_app_package_id=f"S-1-15-2-{app}-1234567890-1234567890",
                local_user_owner=f"S-1-5-21-1-2-3-{1000 + user}",
            )
        )
    return store


class Measured:
    """Each module in a PowerShell of its own, as Ansible starts it."""

    def __init__(self, interpreter: Path, folder: Path, note: Any) -> None:
        self._interpreter, self._folder, self._note = interpreter, folder, note
        self._first = 0.0

    def run(self, what: str, module: str, store: Store, arguments: dict[str, Any]) -> dict[str, Any]:
        store.save(self._folder / "store.json")
        session = Session(self._interpreter, self._folder)
        before = session.seconds()
        answer = session.run(module, self._folder / "store.json", arguments, host=to_file(HOST, store), nosave="1")
        seconds, most = session.seconds() - before, session.most_memory()
        session.end()
        self._note(what, f"{seconds:.1f} s, {most:.0f} MiB")
        assert not answer.get("failed"), answer["msg"]
        assert seconds <= (TIMES * self._first or SECONDS), (what, seconds)
        self._first = self._first or seconds
        assert most <= MIB, (what, most)
        return answer


def test_strict_on_a_session_host_is_a_matter_of_seconds(
    interpreter: Path, tmp_path: Path, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def note(what: str, text: str) -> None:
        record_property(what, text)
        with capsys.disabled():
            print(f"\n{what}: {text}")

    store, measured = session_host(), Measured(interpreter, tmp_path, note)
    found = store_of(measured.run("read", "windows_read", store, exchange.removal_arguments()))
    held = asked(posture="strict", outbound="strict", others="disable", management=("198.51.100.200",))
    decision = decide(found, held)
    assert decision.errors == []
    arguments = exchange.write_arguments(found, decision)
    note("disabled", f"{len(decision.disabled)} rules, {len(str(arguments)) / 1e6:.1f} MB")
    done = measured.run("write", "windows_write", store, arguments)
    assert done["done"] >= len(decision.disabled) > RULES * 0.9
    # The fake kept nothing, for it would write its file at each of them.
    disabled = set(decision.disabled)
    after = Store()
    after.rules = [replace(one, enabled=one.enabled and store.resolve(one.name) not in disabled) for one in store.rules]
    after.resources = store.resources
    for one in decision.operations:
        if one["op"] == "create":
            after.firewall().rules.add(made(after, one["rule"]))
    found = store_of(measured.run("read once disabled", "windows_read", after, exchange.removal_arguments()))
    removal = decide_removal(found, None)
    arguments = exchange.write_arguments(found, removal)
    note("enabled", f"{len(removal.enabled)} rules, {len(str(arguments)) / 1e6:.1f} MB")
    assert len(removal.enabled) == len(decision.disabled)
    measured.run("remove", "windows_write", after, arguments)


def made(store: Store, record: dict[str, Any]) -> Any:
    rule = store.firewall().new_rule()
    for name, value in record.items():
        rule.put(name, value)
    return rule
